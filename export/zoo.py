"""Published weights: where they come from, and how they become ONNX files in the user's cache."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.lock import only_one
from export.wheel import Member, Progress, Wheel, check, download, read_members
from realtime.cache import ENVIRONMENT_VARIABLE, model_dir
from realtime.errors import FetchError, PoseError, UsageError
from realtime.manifest import ImageInput, Manifest, TensorInfo, load_manifest, sha256_of

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


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where a set lies now, and whether it had to be made."""

    directory: Path
    new: bool


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


SETS: Mapping[str, ModelSet] = {models.name: models for models in (_blazepose(),)}


def find(name: str) -> ModelSet:
    """The set of this name. Raises UsageError for an unknown one."""
    if name not in SETS:
        raise UsageError(f"unknown model set {name!r}; known: {', '.join(SETS)}")
    return SETS[name]


def is_cached(models: ModelSet) -> bool:
    """Whether the cache holds the whole set, undamaged and as this version of the program makes it."""
    try:
        for network in models.networks:
            manifest = load_manifest(_manifest_path(model_dir(models.name), network))
            manifest.check_file()
            if manifest.origin != network.manifest.origin:
                return False
    except PoseError:
        return False
    return True


def fetch(
    name: str, wheel: Path | None = None, force: bool = False, progress: Progress = lambda done, total: None
) -> Fetched:
    """Put a set of models into the user's cache, complete or not at all.

    wheel: the published wheel, where the user has it; otherwise pip downloads it, and `progress` is told.
    force: make the models even where the cache holds them. Several processes may call this at once.
    Raises UsageError for an unknown name, FetchError naming the fix for everything that can go wrong.
    """
    models, target = find(name), model_dir(name)
    if not force and is_cached(models):
        return Fetched(target, new=False)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with only_one(target.parent / f".{name}.lock", f"fetching {name}"):
            if not force and is_cached(models):
                return Fetched(target, new=False)
            with _staging(target.parent / f".{name}.staging") as staging:
                if wheel is None:
                    source = download(models.wheel, staging, progress)
                else:
                    check(models.wheel, source := wheel)
                _build(models, source, staging / "new")
                _put_in_place(staging / "new", target, staging / "old")
    except OSError as error:
        raise _explained(error, target.parent) from error
    return Fetched(target, new=True)


def _manifest_path(directory: Path, network: Network) -> Path:
    return (directory / network.manifest.file).with_suffix(".json")


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """An empty folder of its own inside `folder`, gone afterwards with all that earlier runs left there."""
    _remove(folder)
    folder.mkdir()
    try:
        yield Path(tempfile.mkdtemp(dir=folder))
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _build(models: ModelSet, wheel: Path, folder: Path) -> None:
    """Write the ONNX files of a set and their manifests into a new folder."""
    # onnx takes a third of a second to import, which a cached set should not cost.
    from export.tflite import convert

    folder.mkdir()
    contents = read_members(wheel, [network.member for network in models.networks])
    for network, content in zip(models.networks, contents, strict=True):
        model = convert(content, network.outputs, network.manifest.name)
        path = folder / network.manifest.file
        path.write_bytes(model.SerializeToString(deterministic=True))
        manifest = replace(
            network.manifest,
            sha256=sha256_of(path),
            inputs=_tensors(model.graph.input),
            outputs=_tensors(model.graph.output),
        )
        _manifest_path(folder, network).write_text(manifest.to_json(), encoding="utf-8")


def _tensors(values: Iterable[Any]) -> dict[str, TensorInfo]:
    return {
        value.name: TensorInfo(tuple(size.dim_value for size in value.type.tensor_type.shape.dim))
        for value in values
    }


def _put_in_place(new: Path, target: Path, old: Path) -> None:
    """Swap a finished folder in; a folder cannot be renamed onto one that holds files."""
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)


def _explained(error: OSError, folder: Path) -> FetchError:
    elsewhere = f"set {ENVIRONMENT_VARIABLE} to a folder elsewhere"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FetchError(
            f"no space left for the models in {folder}: free about 100 MB there, or {elsewhere}"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FetchError(f"cannot write in {folder} ({error.strerror}): make it writable, or {elsewhere}")
    return FetchError(f"cannot store the models in {folder} ({error}): mend that, or {elsewhere}")

"""What networks are compared on: crops of the sample clip, and what lifters see of the person in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from realtime import sample
from realtime.decode import detector_decoder, estimator_decoder, follow_box
from realtime.engines.forms import Unit
from realtime.errors import ModelError
from realtime.lift import DEPTH, LAG, POSE, RAYS, ROOT_DEPTH, SCORE, UP
from realtime.manifest import ImageInput, Manifest
from realtime.preprocess import UnitMap, feeder
from realtime.types import Array, FloatArray, Frame, Region

_MM = np.float32(1e3)
_TURNS_DEG = (0, 15, -15)
_MIN_PRESENCE = 0.5
_LEVEL_UP = (0.0, -1.0, 0.0)
_COLD_LOGIT = np.float32(-100)
"""A heatmap of these has no heat to move a joint to: BlazePose's landmarks stay where the net puts them."""


class Runs(Protocol):
    """Whatever gives a network's outputs for its inputs: an engine, or a torch net in its place."""

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network said to a probe.

    tensors: by name, (K, ...) over the K runs. places: for each run the decoded points (P, D), in pixels
    of the network's input or in millimetres. smooth: the same before any step of the decoder that jumps
    (a threshold, a highest cell); () where there is no such form. counts: which runs show a person; what a
    net says of others means nothing.
    """

    tensors: Mapping[str, Array]
    places: tuple[FloatArray, ...]
    smooth: tuple[FloatArray, ...]
    counts: tuple[bool, ...]
    unit: Unit


class Probe(Protocol):
    """Fixed questions to a network."""

    @property
    def feeds(self) -> Sequence[Mapping[str, Array]]: ...

    def ask(self, network: Runs) -> Answer: ...


class ImageProbe:
    """Images for a detector or a 2D net. Places of a detector: corners of the best box and its region."""

    def __init__(self, manifest: Manifest, images: Sequence[Mapping[str, Array]]) -> None:
        assert manifest.image is not None
        self.feeds = images
        self._manifest = manifest
        self._spec = manifest.image

    def ask(self, network: Runs) -> Answer:
        """Run every image."""
        outputs = [_copied(network.infer(feed)) for feed in self.feeds]
        if self._manifest.role == "detector":
            boxes = tuple(self._box(out) for out in outputs)
            return Answer(_stacked(outputs), boxes, boxes, (True,) * len(boxes), "px")
        decoder, region = estimator_decoder(self._manifest), whole_input(self._spec)
        found = [decoder.keypoints(out, region)[0] for out in outputs]
        counts = tuple(person.presence > _MIN_PRESENCE for person in found)
        smooth: tuple[FloatArray, ...] = ()
        if self._manifest.decoder == "blazepose-landmark":
            cold = {"heatmap": np.full_like(outputs[0]["heatmap"], _COLD_LOGIT)}
            smooth = tuple(decoder.keypoints({**out, **cold}, region)[0].xy_px for out in outputs)
        return Answer(_stacked(outputs), tuple(p.xy_px for p in found), smooth, counts, "px")

    def _box(self, outputs: Mapping[str, Array]) -> FloatArray:
        unit_map = UnitMap.whole(self._spec.width, self._spec.height)
        boxes = detector_decoder(self._manifest).boxes(outputs, unit_map)
        if not len(boxes):
            return np.zeros((0, 2), np.float32)
        return np.concatenate([boxes.xyxy_px[0].reshape(2, 2), boxes.regions[0].corners_px()])


class StepProbe:
    """People followed over T frames by a lifter, whose state is carried from each to the next.

    frames: each of its inputs but the state (T, N, ...). Places: the joints round the pelvis, and where
    the net says it, the pelvis's depth.
    """

    def __init__(self, manifest: Manifest, frames: Mapping[str, FloatArray]) -> None:
        length, self._people = frames[RAYS].shape[:2]
        self.feeds = [{name: values[t] for name, values in frames.items()} for t in range(length)]
        self._state = manifest.state

    def ask(self, network: Runs) -> Answer:
        """Step through every frame, from a fresh state."""
        state: dict[str, Array] = {
            s.input: np.zeros((self._people, *s.shape), np.float32) for s in self._state
        }
        outputs = []
        for feed in self.feeds:
            outputs.append(out := _copied(network.infer({**feed, **state})))
            state = {s.input: out[s.output] for s in self._state}
        places = tuple(self._places_mm(out) for out in outputs)
        return Answer(_stacked(outputs), places, places, (True,) * len(places), "mm")

    def _places_mm(self, outputs: Mapping[str, Array]) -> FloatArray:
        places = outputs[POSE].reshape(-1, 3)
        if ROOT_DEPTH in outputs:
            depth = np.zeros((self._people, 3), np.float32)
            depth[:, 2] = outputs[ROOT_DEPTH]
            places = np.concatenate([places, depth])
        return places * _MM


def probe_for(manifest: Manifest, count: int) -> Probe:
    """Questions for a model: `count` images of the sample clip, or that many of its frames.

    Raises ModelError for a lifter of another interface than this project's.
    """
    if manifest.role == "lifter":
        return StepProbe(manifest, sample_steps(manifest, count))
    return ImageProbe(manifest, list(sample_images(manifest, count)))


def sample_steps(manifest: Manifest, frames: int) -> dict[str, FloatArray]:
    """What a lifter is given of the sample clip's first frames, each input but the state (T, N, ...).

    The sample's person at its place; mirrored, without depth; and as 2D nets see people, some pixels off
    with some joints missing; and again, until there is someone for every lag. Raises ModelError for a
    lifter that takes or gives something else than this project's do.
    """
    truth, camera = sample.load_truth(), sample.camera()
    exact_px, z_m = truth["keypoints_px"][:frames], truth["pose_m"][:frames, :, 2]
    mirrored_px = np.array([camera.width - 1, 0], np.float32) + exact_px * np.array([-1, 1], np.float32)
    rng = np.random.default_rng(0)
    rough_px = exact_px + rng.normal(0, 3, exact_px.shape)
    people_px = np.stack([exact_px, mirrored_px, rough_px], axis=1).astype(np.float32)
    score = np.ones(people_px.shape[:3], np.float32)
    score[:, 2] = rng.uniform(0.2, 1, score[:, 2].shape) * (rng.random(score[:, 2].shape) < 0.9)
    behind = z_m / z_m[:, :1] - 1
    rough = behind + rng.normal(0, 0.02, behind.shape)
    depth = np.stack([behind, np.zeros_like(behind), rough], axis=1).astype(np.float32)
    up = np.zeros((*depth.shape[:2], 3), np.float32)
    up[:, 0] = _LEVEL_UP
    return lifter_frames(manifest, camera.rays(people_px), score, depth, up)


def lifter_frames(
    manifest: Manifest, rays: FloatArray, score: FloatArray, depth: FloatArray, up: FloatArray
) -> dict[str, FloatArray]:
    """The inputs a lifter names, without its state, of N people over T frames.

    rays: (T, N, 17, 2). score, depth: (T, N, 17). up: (T, N, 3). Of a lifter with a choice of lags each
    person asks for another; where there are more lags than people, people come repeatedly. Raises ModelError
    for a lifter of another interface than this project's.
    """
    given = {RAYS: rays, SCORE: score, DEPTH: depth, UP: up}
    taken = manifest.inputs.keys() - {s.input for s in manifest.state}
    if not {RAYS, SCORE} <= taken <= {*given, LAG} or POSE not in manifest.outputs:
        raise ModelError(f"{manifest.name} takes no rays and scores: it cannot be compared as a lifter")
    people = np.arange(max(rays.shape[1], len(manifest.lags)))
    if manifest.lags:
        asked = np.eye(len(manifest.lags), dtype=np.float32)[people % len(manifest.lags)]
        given[LAG] = np.repeat(asked[None], len(rays), axis=0)
    shown = people % rays.shape[1]
    return {name: given[name] if name == LAG else given[name][:, shown] for name in given if name in taken}


def sample_images(manifest: Manifest, count: int) -> Iterator[Mapping[str, Array]]:
    """Frames of the sample clip as a detector or a 2D net is given them, spread over the clip.

    A 2D net gets the person's square, some of them turned by 15 degrees either way.
    """
    assert manifest.image is not None
    feed, aspect = feeder(manifest.image), manifest.image.aspect
    points_px: FloatArray = sample.load_truth()["keypoints_px"]
    picked = set(np.linspace(0, len(points_px) - 1, count).round().astype(int).tolist())
    for k, frame in enumerate(f for f in _frames() if f.index in picked):
        if manifest.role == "detector":
            yield _copied(feed.whole(frame)[0])
            continue
        joints_px = points_px[frame.index]
        box = follow_box(joints_px, np.ones(len(joints_px), np.float32), aspect, Region(0, 0, 1, 0))
        angle = np.deg2rad(_TURNS_DEG[k % len(_TURNS_DEG)])
        region = Region(box.cx_px, box.cy_px, box.size_px, float(angle))
        yield _copied(feed.crop(frame, UnitMap.of_region(region, aspect)))


def whole_input(spec: ImageInput) -> Region:
    """The region that makes a decoder answer in pixels of the network's input."""
    return Region((spec.width - 1) / 2, (spec.height - 1) / 2, max(spec.width, spec.height), 0.0)


def _frames() -> Iterator[Frame]:
    capture = cv2.VideoCapture(str(sample.clip_path()))
    try:
        for index in range(len(sample.load_truth()["keypoints_px"])):
            read, image = capture.read()
            if not read:
                raise ModelError("the sample clip ends early: install the program again")
            yield Frame(np.asarray(image, np.uint8), index, 0, 0.0)
    finally:
        capture.release()


def _copied(outputs: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.array(value) for name, value in outputs.items()}


def _stacked(outputs: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.stack([out[name] for out in outputs]) for name in outputs[0]}

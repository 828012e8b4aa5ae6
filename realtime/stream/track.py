"""Who is where: regions that follow people from frame to frame, and the detector only when needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realtime.decode import Around, detector_decoder, estimator_decoder, iou, square_around
from realtime.engines.base import Engine
from realtime.errors import ManifestError
from realtime.manifest import Manifest
from realtime.preprocess import UnitMap, feeder
from realtime.types import Boxes, FloatArray, Frame, Keypoints2D, Region


class Detector:
    """A person detector: manifest, engine, and the code that feeds and reads it.

    Raises ManifestError when the manifest does not fit the engine's network.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        assert manifest.image is not None
        _check_fits(manifest, engine)
        self._engine = engine
        self._feeder = feeder(manifest.image)
        self._decoder = detector_decoder(manifest)

    def detect(self, frame: Frame, around: Around = square_around) -> Boxes:
        """People in a frame, best first. around: makes regions where the net gives boxes alone."""
        feeds, unit_map = self._feeder.whole(frame)
        return self._decoder.boxes(self._engine.infer(feeds), unit_map, around)


class Estimator:
    """A 2D keypoint net: manifest, engine, and the code that feeds and reads it.

    Raises ManifestError when the manifest does not fit the engine's network.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        assert manifest.image is not None
        _check_fits(manifest, engine)
        self._engine = engine
        self._aspect = manifest.image.aspect
        self._feeder = feeder(manifest.image)
        self._decoder = estimator_decoder(manifest)

    def around(self, box_px: FloatArray) -> Region:
        """The region to look at for a person whose box is all that is known."""
        return self._decoder.around(box_px)

    def estimate(self, frame: Frame, region: Region) -> tuple[Keypoints2D, Region]:
        """The joints of the person in a region, and the region to look at in the next frame."""
        feeds = self._feeder.crop(frame, UnitMap.of_region(region, self._aspect))
        return self._decoder.keypoints(self._engine.infer(feeds), region)


def _check_fits(manifest: Manifest, engine: Engine) -> None:
    """Raise ManifestError where the manifest names tensors, shapes or types the network does not have."""
    for side, stated, specs in (
        ("input", manifest.inputs, engine.inputs),
        ("output", manifest.outputs, engine.outputs),
    ):
        for name, info in stated.items():
            if name not in specs:
                raise ManifestError(
                    f"{manifest.name}: the network has no {side} {name!r}, only {', '.join(specs)}: "
                    "mend its manifest"
                )
            spec = specs[name]
            fits = len(spec.shape) == len(info.shape) and all(
                b is None or a in (-1, b) for a, b in zip(info.shape, spec.shape, strict=True)
            )
            if not fits or (side == "input" and spec.dtype != info.dtype):
                raise ManifestError(
                    f"{manifest.name}: {side} {name!r} is {spec} in the network, not {info.dtype} "
                    f"{info.shape}: mend its manifest"
                )
    if missing := engine.inputs.keys() - manifest.inputs.keys():
        raise ManifestError(
            f"{manifest.name}: nothing feeds the network's input {', '.join(sorted(missing))}"
        )


@dataclass(slots=True)
class Track:
    """One person over time. missed: frames since they were last seen; 0 while they are in view."""

    id: int
    region: Region
    keypoints: Keypoints2D
    box_px: FloatArray
    missed: int = 0


class Tracker:
    """Follows up to `people` people through a stream.

    A person in view is found from their last joints alone. The detector runs when someone was just lost
    or nobody is in view, and every `search_every` frames while there is room for more people.
    """

    _MIN_PRESENCE = 0.5
    _SAME_PERSON_IOU = 0.4
    _SLID_TOGETHER_IOU = 0.7
    _BACK_AGAIN_IOU = 0.2
    _FORGET_AFTER = 15

    def __init__(
        self, detector: Detector, estimator: Estimator, people: int = 1, search_every: int = 10
    ) -> None:
        self._detector = detector
        self._estimator = estimator
        self._people = people
        self._search_every = search_every
        self._tracks: list[Track] = []
        self._next_id = 0
        self._frames_since_search = search_every

    def update(self, frame: Frame, lap: Callable[[str], None]) -> tuple[list[Track], list[int]]:
        """Advance by one frame; returns the people in view, and the ids given up for good.

        lap: called with "estimate" or "detect" as each piece of work ends.
        """
        lost_one = False
        for track in self._in_view():
            lost_one |= not self._follow(track, frame)
        lap("estimate")
        self._frames_since_search += 1
        if self._search_is_due(lost_one):
            self._frames_since_search = 0
            boxes = self._detector.detect(frame, self._estimator.around)
            lap("detect")
            self._take_in(boxes, frame)
            lap("estimate")
        return self._in_view(), self._age()

    def _in_view(self) -> list[Track]:
        return [track for track in self._tracks if track.missed == 0]

    def _search_is_due(self, lost_one: bool) -> bool:
        seen = len(self._in_view())
        if lost_one or seen == 0:
            return True
        return seen < self._people and self._frames_since_search >= self._search_every

    def _follow(self, track: Track, frame: Frame) -> bool:
        keypoints, region = self._estimator.estimate(frame, track.region)
        if keypoints.presence < self._MIN_PRESENCE or not _touches(region, frame):
            track.missed = 1
            return False
        box_px = _box_of(keypoints)
        others = [t.box_px for t in self._in_view() if t is not track and t.id < track.id]
        if others and iou(box_px, np.stack(others)).max() > self._SLID_TOGETHER_IOU:
            track.missed = 1  # two regions slid onto one person: the older track keeps them
            return False
        track.keypoints, track.region, track.box_px = keypoints, region, box_px
        return True

    def _take_in(self, boxes: Boxes, frame: Frame) -> None:
        for region in boxes.regions:
            if len(self._in_view()) >= self._people:
                return
            keypoints, following = self._estimator.estimate(frame, region)
            if keypoints.presence < self._MIN_PRESENCE or not _touches(following, frame):
                continue
            box_px = _box_of(keypoints)
            seen = self._in_view()
            if seen and iou(box_px, np.stack([t.box_px for t in seen])).max() > self._SAME_PERSON_IOU:
                continue
            track = self._lost_track_at(box_px)
            if track is None:
                track = Track(self._next_id, following, keypoints, box_px)
                self._next_id += 1
                self._tracks.append(track)
            track.keypoints, track.region, track.box_px, track.missed = keypoints, following, box_px, 0

    def _lost_track_at(self, box_px: FloatArray) -> Track | None:
        lost = [t for t in self._tracks if t.missed > 0]
        if not lost:
            return None
        overlap = iou(box_px, np.stack([t.box_px for t in lost]))
        best = int(overlap.argmax())
        return lost[best] if overlap[best] > self._BACK_AGAIN_IOU else None

    def _age(self) -> list[int]:
        for track in self._tracks:
            track.missed += track.missed > 0
        gone = [track.id for track in self._tracks if track.missed > self._FORGET_AFTER]
        self._tracks = [track for track in self._tracks if track.id not in gone]
        return gone


def _touches(region: Region, frame: Frame) -> bool:
    """Whether a region's centre is near enough to the image, and its size sane, to look there again."""
    margin = region.size_px / 2
    return bool(
        8.0 < region.size_px < 8.0 * max(frame.width, frame.height)
        and -margin < region.cx_px < frame.width + margin
        and -margin < region.cy_px < frame.height + margin
    )


def _box_of(keypoints: Keypoints2D) -> FloatArray:
    return np.concatenate([keypoints.xy_px.min(axis=0), keypoints.xy_px.max(axis=0)])

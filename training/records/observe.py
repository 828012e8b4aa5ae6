"""What the 2D nets say of a rendered clip, frame by frame as they run live, beside the truth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from realtime.engines.base import Engine
from realtime.engines.open import Choice, open_engine
from realtime.models import catalogue
from realtime.skeleton import H36M17, JointMap, joint_map
from realtime.stream.networks import Detector, Estimator
from realtime.stream.track import Tracker
from realtime.types import Array, FloatArray, Frame, ImageArray, Keypoints2D
from training.dataset.dataset import Clip
from training.records.store import Records, joined
from training.render.annotation import ClipAnnotation, FrameAnnotation

BOUND = 0.35
"""A detection further from a person's joints than this share of their box's longer side is not of them."""
_FEWEST_JOINTS = 3
_NEAR_M, _FAR_M = 2.0, 6.0
_WHOLE = 0.95
_NOBODY = 1e3
_PELVIS = H36M17.index("pelvis")


class Follower(Protocol):
    """Follows people through one clip."""

    def follow(self, frame: Frame) -> list[Keypoints2D]:
        """The joints of the people in view in the next frame."""


class Nets(Protocol):
    """2D nets that are open. name: which. joint_map: from their joints to the 17."""

    name: str
    joint_map: JointMap

    def follower(self, people: int) -> Follower:
        """A new follower of at most so many people."""

    def close(self) -> None: ...


class LiveNets:
    """The detector and the 2D net of the live pipeline, on one thread. Raises as opening them does."""

    def __init__(self, models: str = catalogue.BLAZEPOSE, engine: Choice = "auto") -> None:
        detector, estimator = catalogue.image_models(models)
        self._engines: list[Engine] = []
        try:
            for manifest in (detector, estimator):
                self._engines.append(open_engine(manifest.check_file(), engine, 1, manifest.role))
        except BaseException:
            self.close()
            raise
        self._detector = Detector(detector, self._engines[0])
        self._estimator = Estimator(estimator, self._engines[1])
        self.name = estimator.name
        self.joint_map = joint_map(estimator.skeleton)

    def follower(self, people: int) -> Follower:
        """A tracker that has seen nothing yet."""
        return _TrackerFollower(Tracker(self._detector, self._estimator, people, bridge_s=0.0))

    def close(self) -> None:
        """Free the engines."""
        for engine in self._engines:
            engine.close()


class _TrackerFollower:
    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def follow(self, frame: Frame) -> list[Keypoints2D]:
        tracks, _ = self._tracker.update(frame, lambda stage: None)
        return [track.keypoints for track in tracks]


@dataclass(slots=True)
class Tally:
    """Counts over frames. frames: pictures; seen: a person in a picture, of those found by the nets.

    near: seen from 2 to 6 m away with at least 95 % of the person shown; near_found: of those found.
    strays: detections that belong to nobody.
    """

    frames: int = 0
    seen: int = 0
    found: int = 0
    near: int = 0
    near_found: int = 0
    strays: int = 0

    def add(self, more: Tally) -> None:
        """Add the counts of another."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(more, field.name))

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"found {_share(self.found, self.seen)} of {self.seen} people in {self.frames} frames; "
            f"{_share(self.near_found, self.near)} of the {self.near} at 2 to 6 m that are shown whole; "
            f"{self.strays} detections of nobody"
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed of a clip. records: one clip a person. render_ns, nets_ns: what the run spent."""

    records: Records
    tally: Tally
    render_ns: int
    nets_ns: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """One frame. N people; zeros, and NaN depth, for those not found."""

    points_px: FloatArray
    score: FloatArray
    depth_px: FloatArray
    found: Array
    strays: int


def observe(clip: Clip, nets: Nets) -> Observed:
    """Render a clip and run the nets over its frames as they come."""
    follower = nets.follower(len(clip.takes))
    truths: list[FrameAnnotation] = []
    seen: list[_Seen] = []
    nets_ns, started_ns = 0, time.perf_counter_ns()
    for index, (image, truth) in enumerate(clip.render()):
        before_ns = time.perf_counter_ns()
        tracks = follower.follow(_frame(image, index, clip.fps))
        seen.append(_assigned(tracks, truth, nets.joint_map))
        truths.append(truth)
        nets_ns += time.perf_counter_ns() - before_ns
    annotation = clip.annotation(truths)
    render_ns = time.perf_counter_ns() - started_ns - nets_ns
    found = np.stack([frame.found for frame in seen])
    tally = _tally(annotation, found, sum(frame.strays for frame in seen))
    return Observed(_records(clip, annotation, seen, nets.name), tally, render_ns, nets_ns)


def _frame(image: ImageArray, index: int, fps: float) -> Frame:
    return Frame(image, index, captured_ns=round(index / fps * 1e9), media_s=index / fps)


def _assigned(detected: list[Keypoints2D], truth: FrameAnnotation, mapping: JointMap) -> _Seen:
    """Give each detection to the person it fits best, at most one each."""
    people = len(truth.pose_m)
    points_px = np.zeros((people, len(H36M17), 2), np.float32)
    score = np.zeros((people, len(H36M17)), np.float32)
    depth_px = np.full((people, len(H36M17)), np.nan, np.float32)
    found = np.zeros(people, bool)
    detected_px = [mapping.points(keypoints.xy_px) for keypoints in detected]
    for number, person in assignment(detected_px, truth):
        keypoints = detected[number]
        points_px[person] = detected_px[number]
        score[person] = mapping.scores(keypoints.score)
        depth_px[person] = mapping.points(keypoints.depth_px[:, None])[:, 0]
        found[person] = True
    return _Seen(points_px, score, depth_px, found, len(detected) - int(found.sum()))


def assignment(detected_px: list[FloatArray], truth: FrameAnnotation) -> Iterator[tuple[int, int]]:
    """Pairs (detection, person), one to one, of joints (17, 2) each and the truth they are of.

    The cost of a pair is the mean distance from the person's visible joints, of which there must be three, as
    a share of the longer side of their box; pairs over `BOUND` are not made, and of the rest the most, and
    among those the ones of least cost in sum.
    """
    people = len(truth.pose_m)
    if not detected_px or not people:
        return
    cost = np.full((len(detected_px), people), _NOBODY)
    for person in range(people):
        visible = truth.visible[person]
        sides_px = truth.box_px[person, 2:] - truth.box_px[person, :2]
        size_px = float(sides_px.max())
        if visible.sum() < _FEWEST_JOINTS or size_px <= 0:
            continue
        exact_px = truth.keypoints_px[person, visible]
        for track, points_px in enumerate(detected_px):
            share = float(np.linalg.norm(points_px[visible] - exact_px, axis=1).mean()) / size_px
            if share <= BOUND:
                cost[track, person] = share
    for track, person in zip(*linear_sum_assignment(cost), strict=True):
        if cost[track, person] <= BOUND:
            yield int(track), int(person)


def _tally(annotation: ClipAnnotation, found: Array, strays: int) -> Tally:
    """found: (T, P)."""
    distance_m = np.linalg.norm(annotation.pose_m[..., _PELVIS, :], axis=-1)
    near = (distance_m >= _NEAR_M) & (distance_m <= _FAR_M) & (annotation.shown >= _WHOLE)
    seen = annotation.shown > 0
    return Tally(
        frames=annotation.frames,
        seen=int(seen.sum()),
        found=int((found & seen).sum()),
        near=int(near.sum()),
        near_found=int((near & found).sum()),
        strays=strays,
    )


def _records(clip: Clip, annotation: ClipAnnotation, seen: list[_Seen], net: str) -> Records:
    """One clip of records a person."""
    one = np.ones(1, np.float32)
    return joined(
        [
            Records(
                seen_px=np.stack([frame.points_px[person] for frame in seen]),
                score=np.stack([frame.score[person] for frame in seen]),
                depth_px=np.stack([frame.depth_px[person] for frame in seen]),
                found=np.stack([frame.found[person] for frame in seen]),
                pose_m=annotation.pose_m[:, person].astype(np.float32),
                visible=annotation.visible[:, person].astype(bool),
                lengths=np.array([annotation.frames], np.int32),
                height_m=annotation.height_m[person] * one,
                up=np.asarray(annotation.up, np.float32)[None],
                floor_m=np.float32(annotation.floor_m) * one,
                fps=np.float32(annotation.fps) * one,
                cameras=(annotation.intrinsics,),
                name=(clip.takes[person],),
                subject=(clip.subjects[person],),
                net=net,
            )
            for person in range(annotation.people)
        ]
    )

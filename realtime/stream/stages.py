"""One frame's way from image to absolute 3D people. Knows nothing of threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from realtime.camera import Intrinsics
from realtime.lift import BodyScale, LiftedPerson, Lifter, fit_root
from realtime.skeleton import JointMap
from realtime.stream.ledger import Stopwatch
from realtime.stream.smooth import OneEuro
from realtime.stream.track import Track, Tracker
from realtime.types import FloatArray, Frame, Person, Pose3D, Result

_ROOT_MIN_CUTOFF_HZ = 1.5
_ROOT_BETA = 3.0


class Perception(Protocol):
    """Turns frames into results, in order, on one thread."""

    def process(self, frame: Frame) -> Result: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _PersonState:
    """What is kept of one track besides the lifter's state."""

    root: OneEuro
    scale: BodyScale | None


class PosePerception:
    """Detect, track, estimate, lift and place: the whole path for every person in a frame.

    stature_m: the people's body height, or None when it is not known. close: frees what it was given.
    """

    def __init__(
        self,
        tracker: Tracker,
        joint_map: JointMap,
        lifter: Lifter,
        intrinsics: Intrinsics,
        stature_m: float | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.intrinsics = intrinsics
        self._tracker = tracker
        self._map = joint_map
        self._lifter = lifter
        self._stature_m = stature_m
        self._clock = clock
        self._close = close
        self._states: dict[int, _PersonState] = {}

    def process(self, frame: Frame) -> Result:
        """Everything about one frame."""
        watch = Stopwatch(frame.captured_ns, self._clock())
        tracks, gone = self._tracker.update(frame, lambda stage: watch.lap(stage, self._clock()))
        for person in gone:
            self._lifter.drop(person)
            self._states.pop(person, None)
        people = self._lift(tracks, frame)
        watch.lap("lift", self._clock())
        return Result(frame, people, watch.age_ms())

    def close(self) -> None:
        """Free the engines."""
        self._close()

    def _lift(self, tracks: list[Track], frame: Frame) -> tuple[Person, ...]:
        if not tracks:
            return ()
        points_px = np.stack([self._map.points(t.keypoints.xy_px) for t in tracks])
        score = np.stack([self._map.scores(t.keypoints.score) for t in tracks])
        score *= _inside(points_px, frame)
        rays = self.intrinsics.rays(points_px)
        lifted = self._lifter.step(rays, score, [t.id for t in tracks])
        keypoints_px = np.concatenate([points_px, score[..., None]], axis=2)
        return tuple(
            Person(
                track.id,
                track.box_px,
                keypoints_px[n],
                self._place(track.id, lifted.person(n), rays[n], score[n], frame.media_s),
                track.keypoints.presence,
            )
            for n, track in enumerate(tracks)
        )

    def _place(
        self, person: int, lifted: LiftedPerson, rays: FloatArray, score: FloatArray, time_s: float
    ) -> Pose3D:
        """Size a lifted pose, and put its root where its rays and depth say, calmly."""
        state = self._state(person)
        scale = state.scale.update(lifted.relative_m) if state.scale else 1.0
        relative_m, sigma_m = lifted.relative_m * np.float32(scale), lifted.root_sigma_m * scale
        root_m = fit_root(relative_m, rays, score, lifted.root_depth_m * scale, sigma_m)
        return Pose3D(relative_m, state.root.update(root_m, time_s), sigma_m)

    def _state(self, person: int) -> _PersonState:
        if person not in self._states:
            scale = BodyScale(self._stature_m) if self._stature_m else None
            self._states[person] = _PersonState(OneEuro(_ROOT_MIN_CUTOFF_HZ, _ROOT_BETA), scale)
        return self._states[person]


def _inside(points_px: FloatArray, frame: Frame) -> FloatArray:
    """1 where a point lies in the image (a tenth of its size beyond the rim included), else 0.

    A net places joints it cannot see far outside; the lifter does better without them.
    """
    size = np.array([frame.width, frame.height], np.float32)
    margin = 0.1 * size
    return np.asarray(((points_px > -margin) & (points_px < size + margin)).all(axis=-1), np.float32)

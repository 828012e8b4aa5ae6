"""One frame's way from image to absolute 3D people. Knows nothing of threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from realtime.camera import Intrinsics
from realtime.lift import BodyScale, LiftedPerson, Lifter, near_image, place
from realtime.skeleton import H36M17, JointMap
from realtime.stream.lag import Answered, DelayedLifter, Seen
from realtime.stream.ledger import TOTAL, Stopwatch
from realtime.stream.smooth import OneEuro
from realtime.stream.track import Track, Tracker
from realtime.types import FloatArray, Frame, Person, Pose3D, Result

_PELVIS = H36M17.index("pelvis")
_ROOT_MIN_CUTOFF_HZ = 1.5
_ROOT_BETA = 3.0


class Perception(Protocol):
    """Turns frames into results, each once and in order, on one thread.

    process: takes the next frame; gives what is known now, which may be of earlier frames, or nothing yet.
    finish: gives what still waits for frames to come when none will. close: frees what is held.
    """

    def process(self, frame: Frame) -> Sequence[Result]: ...

    def finish(self) -> Sequence[Result]: ...

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
        self._lifter = DelayedLifter(lifter)
        self._stature_m = stature_m
        self._clock = clock
        self._close = close
        self._states: dict[int, _PersonState] = {}

    @property
    def delay(self) -> int:
        """Frames that must follow one before its result comes; below 0, frames its poses lie ahead."""
        return self._lifter.delay

    def process(self, frame: Frame) -> Sequence[Result]:
        """Everything about the frame `delay` frames before this one; nothing while the first ones wait."""
        watch = Stopwatch(frame.captured_ns, self._clock())
        tracks, gone = self._tracker.update(frame, lambda stage: watch.lap(stage, self._clock()))
        begun_ns = self._clock()
        self._lifter.leave(gone)
        answered = self._lifter.lift(self._see(tracks, frame, watch.age_ms()))
        results = [] if answered is None else [self._result(answered, begun_ns)]
        for person in self._lifter.dismiss():
            self._states.pop(person, None)
        return results

    def finish(self) -> Sequence[Result]:
        """The last frames: their people's answers come from steps without a joint in view."""
        results, begun_ns = [], self._clock()
        for answered in self._lifter.flush():
            results.append(self._result(answered, begun_ns))
            begun_ns = self._clock()
        return results

    def close(self) -> None:
        """Free the engines."""
        self._close()

    def _see(self, tracks: list[Track], frame: Frame, age_ms: Mapping[str, float]) -> Seen:
        seen = [self._map.points(t.keypoints.xy_px) for t in tracks]
        points_px = np.stack(seen) if seen else np.zeros((0, len(H36M17), 2), np.float32)
        score = np.array([self._map.scores(t.keypoints.score) for t in tracks], np.float32)
        score = score.reshape(points_px.shape[:2]) * near_image(points_px, frame.width, frame.height)
        depth = np.array([self._depth(t.keypoints.depth_px) for t in tracks], np.float32)
        return Seen(
            frame,
            tuple(t.id for t in tracks),
            tuple(t.keypoints.presence for t in tracks),
            np.array([t.box_px for t in tracks], np.float32).reshape(-1, 4),
            np.concatenate([points_px, score[..., None]], axis=2),
            self.intrinsics.rays(points_px),
            depth.reshape(score.shape),
            age_ms,
        )

    def _depth(self, depth_px: FloatArray) -> FloatArray:
        """A 2D net's depth (J,) as the lifter's (17,): behind the pelvis, in the unit of rays; 0 for none."""
        if not np.isfinite(depth_px).all():
            return np.zeros(len(H36M17), np.float32)
        depth_px = self._map.points(depth_px[:, None])[:, 0]
        focal_px = (self.intrinsics.fx + self.intrinsics.fy) / 2
        return np.asarray((depth_px - depth_px[_PELVIS]) / focal_px, np.float32)

    def _result(self, answered: Answered, begun_ns: int) -> Result:
        seen = answered.seen
        people = tuple(
            Person(
                person,
                seen.box_px[n],
                seen.keypoints_px[n],
                self._pose(person, answered.people[n], seen.rays[n], seen.score[n], seen.frame.media_s),
                seen.presence[n],
            )
            for n, person in enumerate(seen.ids)
        )
        done_ns = self._clock()
        lift_ms, total_ms = (done_ns - begun_ns) / 1e6, (done_ns - seen.frame.captured_ns) / 1e6
        return Result(seen.frame, people, {**seen.age_ms, "lift": lift_ms, TOTAL: total_ms})

    def _pose(
        self, person: int, lifted: LiftedPerson, rays: FloatArray, score: FloatArray, time_s: float
    ) -> Pose3D:
        """Size a lifted pose, and put its root where its rays and depth say, calmly."""
        state = self._state(person)
        scale = state.scale.update(lifted.relative_m) if state.scale else None
        root_m, sigma_m = place(lifted, rays, score, scale)
        relative_m = lifted.relative_m if scale is None else lifted.relative_m * np.float32(scale)
        return Pose3D(relative_m, state.root.update(root_m, time_s), sigma_m, lifted.confidence)

    def _state(self, person: int) -> _PersonState:
        if person not in self._states:
            scale = BodyScale(self._stature_m) if self._stature_m else None
            self._states[person] = _PersonState(OneEuro(_ROOT_MIN_CUTOFF_HZ, _ROOT_BETA), scale)
        return self._states[person]

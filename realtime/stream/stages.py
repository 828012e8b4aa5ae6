"""One frame's way from image to absolute 3D people. Knows nothing of threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from realtime.camera import Intrinsics
from realtime.finite import all_finite
from realtime.level import level_of
from realtime.lift import Lifter, near_image
from realtime.skeleton import H36M17, JointMap
from realtime.stream.bodies import Bodies
from realtime.stream.lag import Answered, DelayedLifter, Seen
from realtime.stream.ledger import WAIT, Stopwatch
from realtime.stream.line_watch import LineSource, PlayedLines
from realtime.types import FloatArray, Frame, Keypoints2D, Person, Result

_PELVIS = H36M17.index("pelvis")


class Perception(Protocol):
    """Turns frames into results, each once and in order, on one thread.

    process: takes the next frame; gives what is known now, which may be of earlier frames, or nothing yet.
    finish: gives what still waits for frames to come when none will. close: frees what is held.
    """

    def process(self, frame: Frame) -> Sequence[Result]: ...

    def finish(self) -> Sequence[Result]: ...

    def close(self) -> None: ...


class Tracked(Protocol):
    """A person in view: who, where (4,), and their joints as the 2D net gave them."""

    @property
    def id(self) -> int: ...

    @property
    def box_px(self) -> FloatArray: ...

    @property
    def keypoints(self) -> Keypoints2D: ...


class Follower(Protocol):
    """Follows people from frame to frame.

    update: who is in view, and the ids given up for good; `lap` is called as each stage ends.
    hint: is told where people were found to be in space.
    """

    def update(self, frame: Frame, lap: Callable[[str], None]) -> tuple[Sequence[Tracked], Sequence[int]]: ...

    def hint(self, results: Sequence[Result], intrinsics: Intrinsics) -> None: ...


class PosePerception:
    """Detect, track, estimate, lift and place: the whole path for every person in a frame.

    bodies: what becomes of poses once they are lifted. close: frees what it was given. on_device: gives what
    each stage's network took by its device's own clock since it was last asked. lines: says now and then what
    straight lines the picture has, which tell how the camera is tilted.
    """

    def __init__(
        self,
        tracker: Follower,
        joint_map: JointMap,
        lifter: Lifter,
        intrinsics: Intrinsics,
        bodies: Bodies | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
        close: Callable[[], None] = lambda: None,
        on_device: Callable[[], Mapping[str, float]] = dict,
        lines: LineSource | None = None,
    ) -> None:
        self.intrinsics = intrinsics
        self._tracker = tracker
        self._map = joint_map
        self._lifter = DelayedLifter(lifter)
        self.bodies = bodies or Bodies()
        """What becomes of poses; may be exchanged between frames."""
        self._clock = clock
        self._close = close
        self._on_device = on_device
        self.lines = lines or PlayedLines({})
        """What is asked for straight lines; may be exchanged between frames."""

    @property
    def delay(self) -> int:
        """Frames that must follow one before its result comes; below 0, frames its poses lie ahead."""
        return self._lifter.delay

    def process(self, frame: Frame) -> Sequence[Result]:
        """Everything about the frame `delay` frames before this one; nothing while the first ones wait."""
        watch = Stopwatch(frame.captured_ns, self._clock(), frame.ready_ns)
        tracks, gone = self._tracker.update(frame, lambda stage: watch.lap(stage, self._clock()))
        begun_ns = self._clock()
        self._lifter.leave(gone)
        answered = self._lifter.lift(self._see(tracks, frame, watch))
        watch.device_ms = self._on_device()
        results = [] if answered is None else [self._result(answered, begun_ns)]
        self._tracker.hint(results, self.intrinsics)
        for person in self._lifter.dismiss():
            self.bodies.forget(person)
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
        self.lines.close()
        self._close()

    def _look_at_room(self, frame: Frame, boxes_px: FloatArray) -> None:
        """Take in how the camera is tilted, where the picture's lines are known by now."""
        lines_px = self.lines.update(frame, boxes_px)
        level = None if lines_px is None else level_of(lines_px, self.intrinsics)
        if level is not None:
            self.bodies.see_level(level)

    def _see(self, tracks: Sequence[Tracked], frame: Frame, watch: Stopwatch) -> Seen:
        keypoints_px = np.empty((len(tracks), len(H36M17), 3), np.float32)
        depth = np.empty(keypoints_px.shape[:2], np.float32)
        for n, track in enumerate(tracks):
            keypoints_px[n, :, :2] = self._map.points(track.keypoints.xy_px)
            keypoints_px[n, :, 2] = self._map.scores(track.keypoints.score)
            depth[n] = self._depth(track.keypoints.depth_px)
        boxes_px = np.array([t.box_px for t in tracks], np.float32).reshape(-1, 4)
        self._look_at_room(frame, boxes_px)
        points_px = keypoints_px[..., :2]
        keypoints_px[..., 2] *= near_image(points_px, frame.width, frame.height)
        return Seen(
            frame,
            tuple(t.id for t in tracks),
            tuple(t.keypoints.presence for t in tracks),
            boxes_px,
            keypoints_px,
            self.intrinsics.rays(points_px),
            depth,
            watch,
            self.bodies.told_up,
        )

    def _depth(self, depth_px: FloatArray) -> FloatArray:
        """A 2D net's depth (J,) as the lifter's (17,): behind the pelvis, in the unit of rays; 0 for none."""
        if not all_finite(depth_px):
            return np.zeros(len(H36M17), np.float32)
        depth_px = self._map.points(depth_px[:, None])[:, 0]
        focal_px = (self.intrinsics.fx + self.intrinsics.fy) / 2
        return np.asarray((depth_px - depth_px[_PELVIS]) / focal_px, np.float32)

    def _result(self, answered: Answered, begun_ns: int) -> Result:
        seen = answered.seen
        seen.watch.lap(WAIT, begun_ns)
        # A lifter that gave no numbers says nothing of this person in this frame.
        there = [n for n in range(len(seen.ids)) if all_finite(answered.people[n].relative_m)]
        ids, lifted = [seen.ids[n] for n in there], [answered.people[n] for n in there]
        rays, score = seen.rays, seen.score
        if len(there) < len(seen.ids):
            rays, score = rays[there], score[there]
        poses = self.bodies.update(ids, lifted, rays, score, seen.frame.media_s)
        people = tuple(
            Person(person, seen.box_px[n], seen.keypoints_px[n], pose, seen.presence[n])
            for person, n, pose in zip(ids, there, poses, strict=True)
        )
        seen.watch.lap("lift", self._clock())
        return Result(
            seen.frame,
            people,
            seen.watch.age_ms(),
            smoothing_lag_ms=self.bodies.lag_ms,
            floor=self.bodies.floor,
            up=self.bodies.up,
            device_ms=seen.watch.device_ms,
        )

"""Where a person will be next: constant velocity, in the image and, where it is known, in space."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from realtime.types import FloatArray

_TRUNK = H36M17.indices("l_shoulder", "r_shoulder", "l_hip", "r_hip")
_PELVIS = H36M17.index("pelvis")
_VELOCITY_MEMORY_S = 0.25
_DOUBTFUL_MEMORY_S = 1.0
"""While a person is partly hidden their joints are less to be trusted, so velocity changes slowly."""
_SIZE_MEMORY_S = 0.4
_PARTLY_SEEN = 0.5
"""How much a moment in which a person was seen in part counts of one in which they were not seen."""
_LONGEST_UNSURE_S = 1.0
_LEAST_DEPTH_M = 0.3
_SPACE_AFTER_S = 0.5
"""Before, the image says more than distances that one camera has to guess (`benchmarks/identities.py`)."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A person as expected. points_px: (17, 2). size_px: see `size_of`. strayed_px: how far off, about."""

    points_px: FloatArray
    size_px: float
    strayed_px: float


class BodyMotion:
    """One person's place, velocity and size in the image, from joints (17, 2) as they are seen.

    Source: an alpha-beta filter that mostly takes the measured place as it is (Kalata 1984), by elapsed time.
    """

    _STRAY_A_SECOND = 0.35
    _STRAY_OF_WAY = 1.0

    def __init__(self, points_px: FloatArray, time_s: float) -> None:
        self._points_px = points_px
        self._centre_px = centre_of(points_px)
        self._velocity_px = (0.0, 0.0)
        self._size_px = size_of(points_px)
        self._time_s = self._sure_s = time_s

    @property
    def size_px(self) -> float:
        """The person's size in the image, smoothed: see `size_of`."""
        return self._size_px

    def see(self, points_px: FloatArray, time_s: float, doubtful: bool, trust: float = 1.0) -> None:
        """Take in where they are now.

        doubtful: they are partly hidden. trust: the share gone of the way from where they should be to there.
        """
        elapsed_s = time_s - self._time_s
        centre = centre_of(points_px)
        if trust < 1 and elapsed_s > 0:
            off = [
                (1 - trust) * (last + v * elapsed_s - now)
                for last, v, now in zip(self._centre_px, self._velocity_px, centre, strict=True)
            ]
            points_px = points_px + np.array(off, np.float32)
            centre = centre[0] + off[0], centre[1] + off[1]
        if elapsed_s > 0:
            gain = _gain(elapsed_s, _DOUBTFUL_MEMORY_S if doubtful else _VELOCITY_MEMORY_S)
            (x, y), (last_x, last_y), (vx, vy) = centre, self._centre_px, self._velocity_px
            vx += gain * ((x - last_x) / elapsed_s - vx)
            vy += gain * ((y - last_y) / elapsed_s - vy)
            self._velocity_px = vx, vy
            self._size_px += _gain(elapsed_s, _SIZE_MEMORY_S) * (size_of(points_px) - self._size_px)
        self._points_px, self._centre_px, self._time_s = points_px, centre, time_s
        if not doubtful:
            self._sure_s = time_s

    def foresee(self, time_s: float, root: RootMotion | None = None) -> Foreseen:
        """Where they should be at a time; by their motion in space where that is known."""
        elapsed_s = max(time_s - self._time_s, 0.0)
        way_px, growth = (self._velocity_px[0] * elapsed_s, self._velocity_px[1] * elapsed_s), 1.0
        points = self._points_px
        if root is not None and elapsed_s > _SPACE_AFTER_S and (ahead := root.way(self._time_s, time_s)):
            way_px, growth = ahead
            points = points[_PELVIS] + np.float32(growth) * (points - points[_PELVIS])
        points = points + np.array(way_px, np.float32)
        size_px = self._size_px * growth
        unsure_s = elapsed_s + _PARTLY_SEEN * min(self._time_s - self._sure_s, _LONGEST_UNSURE_S)
        speed_px = math.hypot(*way_px) / max(elapsed_s, 1e-6)
        strayed = (self._STRAY_A_SECOND * size_px + self._STRAY_OF_WAY * speed_px) * unsure_s
        return Foreseen(points, size_px, strayed if elapsed_s else 0.0)

    def shift_px(self, time_s: float, root: RootMotion | None = None) -> tuple[float, float]:
        """How far (x, y) they should have moved at a time since they were last seen."""
        x, y = centre_of(self.foresee(time_s, root).points_px)
        return x - self._centre_px[0], y - self._centre_px[1]


class RootMotion:
    """One person's pelvis in space, camera space, metres, and its velocity."""

    _MEMORY_S = 0.6

    def __init__(self, intrinsics: Intrinsics) -> None:
        self._intrinsics = intrinsics
        self._root_m: list[float] | None = None
        self._velocity_m = [0.0, 0.0, 0.0]
        self._time_s = 0.0

    def see(self, root_m: FloatArray, time_s: float) -> None:
        """Take in where the pelvis (3,) was at a time."""
        elapsed_s, last_m = time_s - self._time_s, self._root_m
        self._root_m, self._time_s = root_m.tolist(), time_s
        if last_m is not None and elapsed_s > 0:
            gain = _gain(elapsed_s, self._MEMORY_S)
            axes = zip(self._velocity_m, self._root_m, last_m, strict=True)
            self._velocity_m = [v + gain * ((now - last) / elapsed_s - v) for v, now, last in axes]

    def way(self, from_s: float, to_s: float) -> tuple[tuple[float, float], float] | None:
        """The pixels (x, y) the pelvis moves between two times, and how much larger it comes out."""
        if self._root_m is None:
            return None
        axes = list(zip(self._root_m, self._velocity_m, strict=True))
        places = [[at + v * (t - self._time_s) for at, v in axes] for t in (from_s, to_s)]
        if min(place[2] for place in places) < _LEAST_DEPTH_M:
            return None
        (start_x, start_y), (end_x, end_y) = self._intrinsics.project(np.array(places)).tolist()
        return (end_x - start_x, end_y - start_y), places[0][2] / places[1][2]


def size_of(points_px: FloatArray) -> float:
    """How large a person (17, 2) is in the image: the root of their box's area, at least 1 px."""
    left, top, right, bottom = _extent(points_px)
    width, height = right - left, bottom - top
    return float(max(math.sqrt(width * height), 0.35 * height, 1.0))


def box_round(points_px: FloatArray) -> FloatArray:
    """The box (4,) x0, y0, x1, y1 round points (N, 2)."""
    return np.array(_extent(points_px), np.float32)


def _extent(points_px: FloatArray) -> tuple[float, float, float, float]:
    xs, ys = points_px.T.tolist()
    return min(xs), min(ys), max(xs), max(ys)


def centre_of(points_px: FloatArray) -> tuple[float, float]:
    """The middle (x, y) of the trunk of a person (17, 2)."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points_px[_TRUNK].tolist()
    return (ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4


def _gain(elapsed_s: float, memory_s: float) -> float:
    return 1 - math.exp(-elapsed_s / memory_s)

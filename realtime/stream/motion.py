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

    Source: an alpha-beta filter that takes the measured place as it is (Kalata 1984), by elapsed time.
    """

    _STRAY_A_SECOND = 0.35
    _STRAY_OF_WAY = 1.0

    def __init__(self, points_px: FloatArray, time_s: float) -> None:
        self._points_px = points_px
        self._centre_px = _centre(points_px)
        self._velocity_px = np.zeros(2, np.float32)
        self._size_px = size_of(points_px)
        self._time_s = self._sure_s = time_s

    @property
    def size_px(self) -> float:
        """The person's size in the image, smoothed: see `size_of`."""
        return self._size_px

    def see(self, points_px: FloatArray, time_s: float, doubtful: bool) -> None:
        """Take in where they are now. doubtful: they are partly hidden."""
        elapsed_s = time_s - self._time_s
        centre = _centre(points_px)
        if elapsed_s > 0:
            measured = (centre - self._centre_px) / np.float32(elapsed_s)
            memory_s = _DOUBTFUL_MEMORY_S if doubtful else _VELOCITY_MEMORY_S
            self._velocity_px = self._velocity_px + _gain(elapsed_s, memory_s) * (
                measured - self._velocity_px
            )
            self._size_px += float(_gain(elapsed_s, _SIZE_MEMORY_S)) * (size_of(points_px) - self._size_px)
        self._points_px, self._centre_px, self._time_s = points_px, centre, time_s
        if not doubtful:
            self._sure_s = time_s

    def foresee(self, time_s: float, root: RootMotion | None = None) -> Foreseen:
        """Where they should be at a time; by their motion in space where that is known."""
        elapsed_s = max(time_s - self._time_s, 0.0)
        anchor_px, way_px, growth = self._centre_px, self._velocity_px * np.float32(elapsed_s), 1.0
        if root is not None and elapsed_s > _SPACE_AFTER_S and (ahead := root.way(self._time_s, time_s)):
            anchor_px, (way_px, growth) = self._points_px[_PELVIS], ahead
        points = anchor_px + way_px + np.float32(growth) * (self._points_px - anchor_px)
        size_px = self._size_px * growth
        unsure_s = elapsed_s + _PARTLY_SEEN * min(self._time_s - self._sure_s, _LONGEST_UNSURE_S)
        speed_px = math.hypot(*way_px) / max(elapsed_s, 1e-6)
        strayed = (self._STRAY_A_SECOND * size_px + self._STRAY_OF_WAY * speed_px) * unsure_s
        return Foreseen(np.asarray(points, np.float32), size_px, strayed if elapsed_s else 0.0)

    def shift_px(self, time_s: float, root: RootMotion | None = None) -> tuple[float, float]:
        """How far (x, y) they should have moved at a time since they were last seen."""
        moved = _centre(self.foresee(time_s, root).points_px) - self._centre_px
        return float(moved[0]), float(moved[1])


class RootMotion:
    """One person's pelvis in space, camera space, metres, and its velocity."""

    _MEMORY_S = 0.6

    def __init__(self, intrinsics: Intrinsics) -> None:
        self._intrinsics = intrinsics
        self._root_m: FloatArray | None = None
        self._velocity_m = np.zeros(3, np.float32)
        self._time_s = 0.0

    def see(self, root_m: FloatArray, time_s: float) -> None:
        """Take in where the pelvis (3,) was at a time."""
        elapsed_s = time_s - self._time_s
        if self._root_m is not None and elapsed_s > 0:
            measured = (root_m - self._root_m) / np.float32(elapsed_s)
            self._velocity_m = self._velocity_m + _gain(elapsed_s, self._MEMORY_S) * (
                measured - self._velocity_m
            )
        self._root_m, self._time_s = root_m, time_s

    def way(self, from_s: float, to_s: float) -> tuple[FloatArray, float] | None:
        """The pixels (2,) the pelvis moves between two times, and how much larger it comes out."""
        if self._root_m is None:
            return None
        places = [self._root_m + self._velocity_m * np.float32(t - self._time_s) for t in (from_s, to_s)]
        if min(place[2] for place in places) < _LEAST_DEPTH_M:
            return None
        start_px, end_px = self._intrinsics.project(np.stack(places))
        return np.asarray(end_px - start_px, np.float32), float(places[0][2] / places[1][2])


def size_of(points_px: FloatArray) -> float:
    """How large a person (17, 2) is in the image: the root of their box's area, at least 1 px."""
    width, height = np.ptp(points_px, axis=0)
    return max(math.sqrt(float(width * height)), 0.35 * float(height), 1.0)


def _centre(points_px: FloatArray) -> FloatArray:
    return np.asarray(points_px[_TRUNK].mean(axis=0), np.float32)


def _gain(elapsed_s: float, memory_s: float) -> np.float32:
    return np.float32(1 - math.exp(-elapsed_s / memory_s))

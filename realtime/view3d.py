"""Looking at people from outside: an orbit camera, and how it follows them.

The world is the real camera's space: metres, x right, y down, z forward. The canvas: pixels, x right,
y down, (0, 0) its top-left corner. N people.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.skeleton import H36M17
from realtime.types import FloatArray

IntArray = npt.NDArray[np.signedinteger[Any]]
Size = tuple[float, float]
"""Width and height of a canvas, in pixels."""

PRESETS: Mapping[str, tuple[float, float]] = {
    "front": (0.0, 0.0),
    "side": (90.0, 0.0),
    "top": (0.0, 90.0),
    "three-quarter": (40.0, 20.0),
    "follow": (25.0, 12.0),
}
"""Named viewpoints as (azimuth, elevation) in degrees. `front` looks the way the real camera does; `follow`
stays close to the people, wherever they are from the camera."""

FOV_DEG = 40.0

_NEAR_M = 0.2
_ANKLES = H36M17.indices("l_ankle", "r_ankle")


@dataclass(frozen=True, slots=True)
class OrbitCamera:
    """A pinhole that looks at a target from a distance, the world's down kept down.

    azimuth_deg: 0 looks along +z, 90 stands at +x and looks along -x. elevation_deg: 90 looks straight
    down, +z up on the canvas. fov_deg: across the shorter side of the canvas.
    """

    target_m: tuple[float, float, float] = (0.0, 0.0, 3.0)
    azimuth_deg: float = PRESETS["three-quarter"][0]
    elevation_deg: float = PRESETS["three-quarter"][1]
    distance_m: float = 5.0
    fov_deg: float = FOV_DEG

    @property
    def view_from_world(self) -> FloatArray:
        """(3, 3) rotation; its rows are the view's right, down and forward axes in the world."""
        a, e = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        right = (math.cos(a), 0.0, math.sin(a))
        down = (math.sin(a) * math.sin(e), math.cos(e), -math.cos(a) * math.sin(e))
        forward = (-math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e))
        return np.array([right, down, forward], np.float32)

    @property
    def eye_m(self) -> FloatArray:
        """(3,) where the view is taken from."""
        away = self.view_from_world[2] * np.float32(self.distance_m)
        return np.asarray(np.array(self.target_m, np.float32) - away, np.float32)

    def focal_px(self, size: Size) -> float:
        """Focal length on a canvas of this size."""
        return min(size) / 2 / math.tan(math.radians(self.fov_deg) / 2)

    def to_view(self, points_m: FloatArray) -> FloatArray:
        """World points (..., 3) as metres right of, below and in front of the eye."""
        turned = (points_m - np.array(self.target_m, np.float32)) @ self.view_from_world.T
        turned[..., 2] += self.distance_m
        return np.asarray(turned, np.float32)

    def project(self, points_m: FloatArray, size: Size) -> FloatArray:
        """Canvas pixels (..., 2) of world points (..., 3); NaN for those not in front of the eye."""
        return self._on_canvas(self.to_view(points_m), size)

    def segments(self, segments_m: FloatArray, size: Size) -> tuple[FloatArray, FloatArray, IntArray]:
        """Canvas ends (K, 2, 2), mean depths (K,) in metres, and indices (K,) of world segments (S, 2, 3).

        What lies behind the eye is cut off; a segment wholly behind it, or not finite, is left out.
        """
        view = self.to_view(segments_m)
        with np.errstate(invalid="ignore"):
            kept = np.flatnonzero((view[:, :, 2].max(axis=1) > _NEAR_M) & np.isfinite(view).all(axis=(1, 2)))
        view = view[kept]
        behind = view[:, :, 2] < _NEAR_M
        for end in (0, 1):
            rows = np.flatnonzero(behind[:, end])
            a, b = view[rows, end], view[rows, 1 - end]
            share = (_NEAR_M - a[:, 2:]) / (b[:, 2:] - a[:, 2:])
            view[rows, end] = a + (b - a) * share
        return self._on_canvas(view, size), view[:, :, 2].mean(axis=1), kept

    def _on_canvas(self, view: FloatArray, size: Size) -> FloatArray:
        with np.errstate(invalid="ignore"):
            depth = np.where(view[..., 2:] > _NEAR_M * 0.99, view[..., 2:], np.nan)
        centre = np.array([size[0] / 2, size[1] / 2], np.float32)
        return np.asarray(view[..., :2] * (self.focal_px(size) / depth) + centre, np.float32)


class Follower:
    """Keeps people and the way to the camera in view, and the floor under their feet, without jumps.

    The floor's height is that of the lowest ankle of the last seconds.
    """

    _MEMORY_S = 2.0
    _FLOOR_TAU_S = 0.3
    _OUT_TAU_S = 0.2
    _IN_TAU_S = 1.0
    _REACH_M = 3.0
    _FILL = 0.84

    def __init__(self) -> None:
        self.floor_m = 0.9
        self.level: FloatArray = np.eye(3, dtype=np.float32)
        """(3, 3) how the world is turned from camera space, so that its floor is level."""
        self._ankles: deque[tuple[float, float]] = deque()
        self._seen_s: float | None = None
        self._box_m = np.array([[-0.4, -0.8, 2.8], [0.4, 0.9, 3.2]], np.float32)
        self._azimuth_deg, self._elevation_deg = PRESETS["three-quarter"]
        self._zoom = 1.0
        self._close = False

    def camera(self, size: Size) -> OrbitCamera:
        """The view to paint now on a canvas of this size: as near as lets everything be seen."""
        centre = self._box_m.mean(axis=0)
        turn = OrbitCamera((0.0, 0.0, 0.0), self._azimuth_deg, self._elevation_deg).view_from_world
        points = self._must_show() @ turn.T
        # For x: |x - eye x| <= slope (z - eye z) for all points, both sides tight; for y the same.
        eye = np.empty(3)
        limits = []
        for axis in (0, 1):
            slope = self._FILL * math.tan(math.radians(FOV_DEG / 2)) * size[axis] / min(size)
            high = float((points[:, axis] - slope * points[:, 2]).max())
            low = float((-points[:, axis] - slope * points[:, 2]).max())
            eye[axis] = (high - low) / 2
            limits.append(-(high + low) / 2 / slope)
        middle = float((turn @ centre)[2])
        target = turn.T @ np.array([eye[0], eye[1], middle], np.float32)
        if self._zoom > 1:
            target = centre + (target - centre) / self._zoom
        distance_m = (middle - min(limits)) / self._zoom
        x, y, z = (float(v) for v in target)
        return OrbitCamera((x, y, z), self._azimuth_deg, self._elevation_deg, distance_m)

    def orbit(self, right_deg: float, up_deg: float) -> None:
        """Walk around the target; up stops overhead and a little below the floor."""
        self._azimuth_deg = (self._azimuth_deg + right_deg + 180) % 360 - 180
        self._elevation_deg = min(max(self._elevation_deg + up_deg, -20.0), 90.0)

    def zoom(self, factor: float) -> None:
        """Come closer by a factor (above 1) or go away (below 1), within limits."""
        self._zoom = min(max(self._zoom * factor, 0.3), 5.0)

    def preset(self, name: str) -> None:
        """Take a viewpoint of PRESETS, at the distance that fits."""
        self._azimuth_deg, self._elevation_deg = PRESETS[name]
        self._zoom = 1.0
        self._close = name == "follow"

    def update(self, poses_m: FloatArray, now_s: float) -> None:
        """Move towards the people (N, 17, 3) seen at `now_s`, on any clock; without any, stay."""
        poses_m = poses_m[np.isfinite(poses_m).all(axis=(1, 2))]
        if not len(poses_m):
            return
        passed_s = math.inf if self._seen_s is None else now_s - self._seen_s
        if not 0 <= passed_s < self._MEMORY_S:
            self._ankles.clear()
        passed_s = max(passed_s, 0.0)
        self._seen_s = now_s
        self._ankles.append((now_s, float(poses_m[:, _ANKLES, 1].max())))
        while now_s - self._ankles[0][0] > self._MEMORY_S:
            self._ankles.popleft()
        # A quantile: one wild frame must not hold the floor down.
        heights_m = sorted(y for _, y in self._ankles)
        lowest_m = heights_m[round(0.9 * (len(heights_m) - 1))]
        self.floor_m += (lowest_m - self.floor_m) * (1 - math.exp(-passed_s / self._FLOOR_TAU_S))
        points = poses_m.reshape(-1, 3)
        box_m = np.stack([points.min(axis=0), points.max(axis=0)])
        # Sides move out fast, so that nobody leaves the view, and back in slowly, so that it stays calm.
        out = np.stack([box_m[0] < self._box_m[0], box_m[1] > self._box_m[1]])
        share = 1 - np.exp(-passed_s / np.where(out, self._OUT_TAU_S, self._IN_TAU_S))
        self._box_m = (self._box_m + (box_m - self._box_m) * share).astype(np.float32)

    def _must_show(self) -> FloatArray:
        """(K, 3) world points: the corners of the people's box and, unless close, the way to the camera."""
        low, high = self._box_m
        corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
        if self._close:
            return np.array(corners, np.float32)
        centre = self._box_m.mean(axis=0)
        way_m = max(float(np.linalg.norm(centre)), 1e-3)
        # All of the way while people are near; less and less of it, or they would shrink to nothing.
        reach_m = self._REACH_M * min(1.0, self._REACH_M / way_m)
        x, y, z = centre * max(0.0, 1 - reach_m / way_m)
        return np.array([*corners, (x, y, z), (x, self.floor_m, z)], np.float32)

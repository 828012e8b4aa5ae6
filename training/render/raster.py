"""Drawing triangles on the CPU: which triangle each pixel sees, where on it, and how far away.

Scan conversion of all rows of all triangles at once, then a depth test; both sides of a triangle are drawn.
Pixels as everywhere: the centre of the top-left pixel at (0, 0). Depth and shares are perspective-correct.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realtime.camera import Intrinsics
from realtime.types import Array, FloatArray
from training.people.makehuman import IntArray

IndexArray = npt.NDArray[np.intp]

_NEAR_M = 0.05


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A camera in the world. camera_from_world: (3, 3). position_m: (3,)."""

    intrinsics: Intrinsics
    camera_from_world: FloatArray
    position_m: FloatArray

    def camera_m(self, world_m: FloatArray) -> FloatArray:
        """World points (..., 3) in camera space."""
        return ((world_m - self.position_m) @ self.camera_from_world.T).astype(np.float32)

    def scaled_to(self, width: int, height: int) -> Viewpoint:
        """The same camera at another resolution of the same aspect."""
        return Viewpoint(self.intrinsics.scaled_to(width, height), self.camera_from_world, self.position_m)


def look_at(intrinsics: Intrinsics, position_m: FloatArray, target_m: FloatArray) -> Viewpoint:
    """A level camera at `position_m` that looks at `target_m`, neither straight up nor straight down."""
    forward = target_m - position_m
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    rows = np.stack([right, np.cross(forward, right), forward])
    return Viewpoint(intrinsics, rows.astype(np.float32), np.asarray(position_m, np.float32))


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the covered pixels of an image see, in no particular order.

    pixel: (N,) row * width + column. triangle: (N,). shares: (N, 3) of the triangle's corners. depth_m: (N,).
    """

    width: int
    height: int
    pixel: IndexArray
    triangle: IndexArray
    shares: FloatArray
    depth_m: FloatArray

    def sample(self, values: Array, triangles: IntArray) -> FloatArray:
        """(N, D) vertex values (V, D) interpolated at the covered pixels."""
        corners = values[triangles[self.triangle]]
        return np.asarray(np.einsum("nk,nkd->nd", self.shares, corners), np.float32)

    def image(self, values: Array, empty: Array | float) -> Array:
        """(H, W, ...) image of values (N, ...) at the covered pixels, `empty` elsewhere."""
        out = np.empty((self.height * self.width, *values.shape[1:]), values.dtype)
        out[:] = empty
        out[self.pixel] = values
        return out.reshape(self.height, self.width, *values.shape[1:])


def triangulate(quads: IntArray) -> IntArray:
    """(T, 3) triangles of quads (F, 4); a quad that repeats its last corner gives one."""
    halves = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return np.asarray(halves[halves[:, 1] != halves[:, 2]])


def draw(camera_m: FloatArray, triangles: IntArray, intrinsics: Intrinsics) -> Coverage:
    """Draw triangles (T, 3) of camera-space points (V, 3).

    A triangle with a corner nearer than 5 cm to the camera's plane is left out: keep people in front of it.
    """
    width, height = intrinsics.width, intrinsics.height
    points_px = intrinsics.project(camera_m).astype(np.float64)
    near = camera_m[:, 2] > _NEAR_M
    kept = np.flatnonzero(near[triangles].all(axis=1))
    corners = points_px[triangles[kept]]
    row_of, y = _rows(corners, height)
    x_low, x_high = _crossings(corners[row_of], y)
    first = np.maximum(np.ceil(x_low), 0).astype(np.intp)
    counts = np.maximum(np.minimum(np.floor(x_high), width - 1).astype(np.intp) - first + 1, 0)
    piece, step = _runs(counts)
    x, y, owner = (first[piece] + step), y[piece], row_of[piece]
    inverse = 1.0 / camera_m[triangles[kept], 2].astype(np.float64)
    weighted = _shares(corners[owner], x.astype(np.float64), y) * inverse[owner]
    nearness = weighted.sum(axis=1)
    pixel = y.astype(np.intp) * width + x
    best = _nearest(pixel, nearness, width * height)
    return Coverage(
        width, height, pixel[best], kept[owner[best]],
        (weighted[best] / nearness[best, None]).astype(np.float32),
        (1.0 / nearness[best]).astype(np.float32),
    )  # fmt: skip


def _runs(counts: IndexArray) -> tuple[IndexArray, IndexArray]:
    """For runs of these lengths laid end to end: the run each element is of, and its place in it."""
    owner = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - starts[owner]


def _rows(corners: Array, height: int) -> tuple[IndexArray, Array]:
    """The pixel rows each triangle (T, 3, 2) crosses: its number and the row, one entry a pair."""
    low, high = corners[..., 1].min(axis=1), corners[..., 1].max(axis=1)
    first = np.clip(np.ceil(low), 0, height).astype(np.intp)
    counts = np.maximum(np.clip(np.floor(high), -1, height - 1).astype(np.intp) - first + 1, 0)
    owner, step = _runs(counts)
    return owner, (first[owner] + step).astype(np.float64)


def _crossings(corners: Array, y: Array) -> tuple[Array, Array]:
    """Where the rows y (N,) enter and leave the triangles (N, 3, 2); an edge owns its lower end."""
    low, high = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        (xa, ya), (xb, yb) = corners[:, a].T, corners[:, b].T
        crossed = (np.minimum(ya, yb) <= y) & (y < np.maximum(ya, yb))
        rise = np.where(crossed, yb - ya, 1.0)
        x = xa + (y - ya) / rise * (xb - xa)
        low = np.where(crossed, np.minimum(low, x), low)
        high = np.where(crossed, np.maximum(high, x), high)
    empty = ~np.isfinite(low)
    return np.where(empty, 0.0, low), np.where(empty, -1.0, high)


def _shares(corners: Array, x: Array, y: Array) -> Array:
    """(N, 3) barycentric shares of points (x, y) in triangles (N, 3, 2)."""
    (x0, y0), (x1, y1), (x2, y2) = (corners[:, k].T for k in range(3))
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    safe = np.where(np.abs(area) > 1e-12, area, 1.0)
    second = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / safe
    third = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / safe
    return np.asarray(np.clip(np.stack([1 - second - third, second, third], axis=1), 0.0, 1.0))


def _nearest(pixel: IndexArray, nearness: Array, size: int) -> IndexArray:
    """The entry with the greatest nearness at each pixel that has any."""
    order = np.argsort(nearness, kind="stable")
    front = np.full(size, -1, np.intp)
    front[pixel[order]] = order
    return front[front >= 0]

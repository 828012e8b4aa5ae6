"""Which squares of an image people change: only those are drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np

from realtime.types import Array, FloatArray
from training.render.lens import Viewpoint
from training.render.meshes import Posed
from training.render.views import NEAR_M

SQUARE_PX = 8
_SHADE_REACH_M = 0.6


class Squares:
    """The squares (R, C) of one view of a place.

    where: (H, W, 4) the place at each pixel, in the world, and 0 where there is none.
    """

    def __init__(self, view: Viewpoint, where: FloatArray) -> None:
        self._view = view
        height, width = where.shape[:2]
        self._limits = np.array([width, height]) - 0.5
        rows, columns = (
            np.minimum(np.arange(SQUARE_PX // 2, side + SQUARE_PX // 2, SQUARE_PX), side - 1)
            for side in (height, width)
        )
        self._coarse = where[np.ix_(rows, columns)]

    def all(self) -> Array:
        """(R, C) bool: every square."""
        return np.ones(self._coarse.shape[:2], bool)

    def middles_px(self, which: Array) -> FloatArray:
        """(N, 2) middles of some squares (R, C), none outside the image: OpenGL draws no such point."""
        rows, columns = np.nonzero(which)
        middles = (np.stack([columns, rows], axis=1) + 0.5) * SQUARE_PX
        return np.asarray(np.minimum(middles, self._limits), np.float32)

    def touched(self, people: Sequence[Posed], light: FloatArray) -> Array:
        """(R, C) bool: the squares that a shadow may touch. light: (4, 4) transpose of clip_from_world."""
        place = self._coarse[..., :3]
        seen = place @ light[:3, :3] + light[3, :3]
        touched = np.zeros(seen.shape[:2], bool)
        for posed in people:
            corners = _corners(posed.points_m) @ light[:3, :3] + light[3, :3]
            first, last = corners.min(axis=0), corners.max(axis=0)
            touched |= ((seen >= first) & (seen <= [last[0], last[1], 1.0])).all(axis=-1)
            if len(posed.shades_m):
                low = posed.shades_m.min(axis=0) - _SHADE_REACH_M
                high = posed.shades_m.max(axis=0) + _SHADE_REACH_M
                touched |= ((place > low) & (place < high)).all(axis=-1)
        touched &= self._coarse[..., 3] > 0
        grown = cv2.dilate(touched.astype(np.uint8), np.ones((3, 3), np.uint8))
        return np.asarray(grown, bool)

    def covered(self, people: Sequence[Posed]) -> Array:
        """(R, C) bool: the squares of the image that people may cover."""
        covered = np.zeros(self._coarse.shape[:2], bool)
        for posed in people:
            corners = self._view.camera_m(_corners(posed.points_m))
            if corners[:, 2].min() < NEAR_M:
                return np.ones_like(covered)
            at = self._view.intrinsics.project(corners) / SQUARE_PX
            x0, y0 = (max(int(np.floor(value)) - 1, 0) for value in at.min(axis=0))
            x1, y1 = (max(int(np.ceil(value)) + 1, 0) for value in at.max(axis=0))
            covered[y0:y1, x0:x1] = True
        return covered


def _corners(points_m: FloatArray) -> FloatArray:
    """(8, 3) corners of the box around points."""
    low, high = points_m.min(axis=0), points_m.max(axis=0)
    return np.array(list(product(*zip(low, high, strict=True))), np.float32)

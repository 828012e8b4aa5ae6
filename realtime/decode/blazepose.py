"""BlazePose: a detector whose keypoints give turned regions, and a landmark net that gives the next one."""

from __future__ import annotations

import math

import numpy as np

from realtime.decode.geometry import sigmoid, upright_region, weighted_nms
from realtime.decode.reading import Around, Outputs, square_around
from realtime.preprocess import UnitMap
from realtime.types import Array, Boxes, FloatArray, Keypoints2D, Region

_REGION_SCALE = 2.5
"""Twice the hip-to-rim distance of BlazePose's body circle, and a quarter more for margin."""


class BlazePoseDetector:
    """The BlazePose person detector: 2,254 fixed anchors, a box and four keypoints each.

    Outputs `boxes` (1, 2254, 12) and `scores` (1, 2254, 1). Keypoint 0 is the middle of the hips and
    keypoint 1 lies on the circle round the whole body; they give the region.
    Source: Bazarevsky et al., BlazePose (2020), section 2.2, and the model's published options.
    """

    _LAYERS = ((28, 2), (14, 2), (7, 6))
    _SIZE = 224.0

    def __init__(self, min_score: float = 0.5, min_iou: float = 0.3) -> None:
        self._min_score = min_score
        self._min_logit = math.log(min_score / (1 - min_score))
        self._min_iou = min_iou
        self._anchors = np.concatenate([self._grid(n, repeats) for n, repeats in self._LAYERS])

    @staticmethod
    def _grid(cells: int, repeats: int) -> FloatArray:
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        return np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0)

    def boxes(self, outputs: Outputs, unit_map: UnitMap, around: Around = square_around) -> Boxes:
        """People in the image, best first. The regions come from the keypoints: the box is the face's."""
        logits = outputs["scores"].reshape(-1)
        chosen = np.flatnonzero(logits >= self._min_logit)
        raw = np.asarray(outputs["boxes"].reshape(-1, 12)[chosen] / self._SIZE, np.float32)
        anchors = self._anchors[chosen]
        points = raw.reshape(-1, 6, 2).copy()
        half = points[:, 1] / 2
        points += anchors[:, None]
        points[:, 1] = points[:, 0] + half
        points[:, 0] -= half
        kept, score = weighted_nms(points.reshape(-1, 12), sigmoid(logits[chosen]), self._min_iou)
        points_px = unit_map.to_px(kept.reshape(-1, 6, 2))
        regions = tuple(upright_region(p[2], p[3], _REGION_SCALE) for p in points_px)
        return Boxes(points_px[:, :2].reshape(-1, 4), score, regions)


class BlazePoseLandmark:
    """The BlazePose landmark net: 33 joints and two that place the next region.

    Outputs `landmarks` (1, 195): 39 times x, y, z in input pixels, visibility and presence logits;
    `presence` (1, 1), a probability; `heatmap` (1, 64, 64, 39), logits that refine x and y.
    Source: Bazarevsky et al., BlazePose (2020), sections 2.3 and 2.4, and the published model card.
    """

    vital = ("landmarks", "presence")
    """Heat that is no number refines nothing, so that the largest output need not be read whole."""
    _SIZE = 256.0
    _JOINTS = 33
    _READ = 35
    _WINDOW = 7
    _MIN_HEAT = 0.5

    def __init__(self) -> None:
        reach = self._WINDOW // 2
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
        self._offsets = np.stack([x, y], axis=1)
        self._moments = np.stack([np.ones_like(x), x, y], axis=1).astype(np.float32)
        self._heat = _HeatGrid(0, 0, 0, self._offsets)

    def around(self, box_px: FloatArray) -> Region:
        """The square round a box."""
        return square_around(box_px)

    def keypoints(self, outputs: Outputs, region: Region) -> tuple[Keypoints2D, Region]:
        """The 33 joints in image pixels, and the region for the next frame."""
        table = outputs["landmarks"].reshape(-1, 5)[: self._READ]
        unit = self._refine(np.asarray(table[:, :2] / self._SIZE, np.float32), outputs["heatmap"][0])
        unit_map = UnitMap.of_region(region)
        points_px = unit_map.to_px(unit)
        joints = table[: self._JOINTS]
        score = sigmoid(np.minimum(joints[:, 3], joints[:, 4]))
        depth_px = joints[:, 2] * np.float32(unit_map.scale_px / self._SIZE)
        keypoints = Keypoints2D(
            points_px[: self._JOINTS], score, depth_px, float(outputs["presence"].reshape(()))
        )
        centre, rim = points_px[self._JOINTS], points_px[self._JOINTS + 1]
        return keypoints, upright_region(centre, rim, _REGION_SCALE)

    def _refine(self, unit: FloatArray, heatmap: FloatArray) -> FloatArray:
        """Move each point (N, 2) to the centroid of the heat round it, where there is enough of it."""
        if self._heat.shape != heatmap.shape:
            height, width, channels = heatmap.shape
            self._heat = _HeatGrid(height, width, channels, self._offsets)
        grid = self._heat
        cells = (unit * grid.size).astype(np.int64)
        places = grid.around(cells)
        if grid.inner(cells):
            heat = sigmoid(heatmap.reshape(-1).take(places))
        else:
            within = grid.within(cells)
            heat = sigmoid(heatmap.reshape(-1).take(np.where(within, places, 0))) * within
        moments = heat @ self._moments
        centroid = cells + moments[:, 1:] / np.maximum(moments[:, :1], np.float32(1e-9))
        sure = np.maximum.reduce(heat, axis=1, keepdims=True) >= self._MIN_HEAT
        return np.where(sure, centroid / grid.size, unit).astype(np.float32)


class _HeatGrid:
    """Where the cells of heatmaps (H, W, channels) of one shape lie in memory, a channel for each point.

    offsets: (window, 2) of the cells round one, x and y.
    """

    def __init__(self, height: int, width: int, channels: int, offsets: Array) -> None:
        self.shape = height, width, channels
        self.size = np.array([width, height], np.float32)
        self._cells, self._offsets = np.array([width, height]), offsets
        self._reach = int(offsets.max())
        self._strides = np.array([channels, width * channels])
        self._window = offsets @ self._strides
        self._channels = np.arange(channels)

    def around(self, cells: Array) -> Array:
        """(N, window) flat places of the cells round each of (N, 2)."""
        first = cells.dot(self._strides) + self._channels[: len(cells)]
        return np.asarray(first[:, None] + self._window)

    def inner(self, cells: Array) -> bool:
        """Whether all cells round each of (N, 2) lie in the map."""
        least, most = np.minimum.reduce(cells, axis=None), np.maximum.reduce(cells, axis=None)
        return bool(least >= self._reach and most < min(self.shape[:2]) - self._reach)

    def within(self, cells: Array) -> Array:
        """(N, window) whether each cell round each of (N, 2) lies in the map; none for one outside."""
        near = cells[:, None, :] + self._offsets
        within = ((near >= 0) & (near < self._cells)).all(axis=2)
        return np.asarray(within & ((cells >= 0) & (cells < self._cells)).all(axis=1, keepdims=True))

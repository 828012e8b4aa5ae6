"""From network outputs to boxes and keypoints: anchors, suppression, heatmaps. The only place.

Each decoder is named by a manifest's `decoder`. Unit coordinates run from 0 to 1 across the network's
input; `realtime.preprocess.UnitMap` takes them to pixels.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from realtime.errors import ManifestError
from realtime.manifest import Manifest
from realtime.preprocess import UnitMap
from realtime.types import Array, Boxes, FloatArray, Keypoints2D, Region

Outputs = Mapping[str, Array]


class DetectorDecoder(Protocol):
    """Reads a person detector."""

    def boxes(self, outputs: Outputs, unit_map: UnitMap) -> Boxes: ...


class EstimatorDecoder(Protocol):
    """Reads a 2D keypoint net: the keypoints, and where to look for this person in the next frame."""

    def keypoints(self, outputs: Outputs, region: Region) -> tuple[Keypoints2D, Region]: ...


def sigmoid(x: Array) -> Array:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, np.float32))), np.float32)


def iou(box: FloatArray, boxes: FloatArray) -> FloatArray:
    """Intersection over union of one box (4,) with boxes (N, 4), each x0, y0, x1, y1."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.asarray(overlap / np.maximum(area - overlap, 1e-12), np.float32)


def weighted_nms(values: FloatArray, score: FloatArray, min_iou: float) -> tuple[FloatArray, FloatArray]:
    """Non-maximum suppression that averages what it suppresses, weighted by score.

    values: (N, 4 + K), a box then anything else in the same coordinates; score: (N,). Gives (M, 4 + K)
    and (M,), best first. Source: Bazarevsky et al., BlazeFace (2019), section 5.
    """
    order = np.argsort(-score, kind="stable")
    values, score = values[order], score[order]
    kept_values, kept_scores = [], []
    while len(score):
        same = iou(values[0, :4], values[:, :4]) >= min_iou
        same[0] = True
        weight = score[same, None]
        kept_values.append((values[same] * weight).sum(axis=0) / weight.sum())
        kept_scores.append(score[0])
        values, score = values[~same], score[~same]
    empty = np.zeros((0, values.shape[1]), np.float32)
    return (np.stack(kept_values) if kept_values else empty), np.array(kept_scores, np.float32)


def upright_region(centre_px: FloatArray, top_px: FloatArray, scale: float) -> Region:
    """The region that turns the line from centre to top upright and spans `scale` times its length."""
    dx, dy = (float(v) for v in top_px - centre_px)
    return Region(float(centre_px[0]), float(centre_px[1]), scale * math.hypot(dx, dy), math.atan2(dx, -dy))


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

    def boxes(self, outputs: Outputs, unit_map: UnitMap) -> Boxes:
        """People in the image, best first."""
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

    _SIZE = 256.0
    _JOINTS = 33
    _WINDOW = 7
    _MIN_HEAT = 0.5

    def __init__(self) -> None:
        reach = self._WINDOW // 2
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        self._offsets = np.stack([x.ravel(), y.ravel()], axis=1)

    def keypoints(self, outputs: Outputs, region: Region) -> tuple[Keypoints2D, Region]:
        """The 33 joints in image pixels, and the region for the next frame."""
        table = outputs["landmarks"].reshape(-1, 5)
        unit = self._refine(np.asarray(table[:, :2] / self._SIZE, np.float32), outputs["heatmap"][0])
        unit_map = UnitMap.of_region(region)
        points_px = unit_map.to_px(unit)
        score = sigmoid(table[:, 3:5].min(axis=1))[: self._JOINTS]
        depth_px = table[: self._JOINTS, 2] * np.float32(unit_map.scale_px / self._SIZE)
        keypoints = Keypoints2D(
            points_px[: self._JOINTS], score, depth_px, float(outputs["presence"].reshape(()))
        )
        centre, rim = points_px[self._JOINTS], points_px[self._JOINTS + 1]
        return keypoints, upright_region(centre, rim, _REGION_SCALE)

    def _refine(self, unit: FloatArray, heatmap: FloatArray) -> FloatArray:
        """Move each joint to the centroid of the heat round it, where there is enough of it."""
        height, width, joints = heatmap.shape
        size = np.array([width, height])
        cells = (unit * size).astype(np.int64)[:, None, :] + self._offsets
        inside = ((cells >= 0) & (cells < size)).all(axis=2)
        inside &= ((cells[:, self._WINDOW**2 // 2] >= 0) & (cells[:, self._WINDOW**2 // 2] < size)).all(
            axis=1, keepdims=True
        )
        safe = np.clip(cells, 0, size - 1)
        heat = sigmoid(heatmap[safe[..., 1], safe[..., 0], np.arange(joints)[:, None]]) * inside
        total = heat.sum(axis=1, keepdims=True)
        centroid = (heat[..., None] * cells).sum(axis=1) / np.maximum(total, 1e-9) / size
        sure = heat.max(axis=1, keepdims=True) >= self._MIN_HEAT
        return np.where(sure, centroid, unit).astype(np.float32)


def follow_box(points_px: FloatArray, score: FloatArray, aspect: float, region: Region) -> Region:
    """Where to look next for a person whose joints are (J, 2) with scores (J,): their box and a quarter.

    For nets that say nothing of it themselves. With too few joints to go by, the region stays.
    """
    seen = points_px[score > _MIN_JOINT_SCORE]
    if len(seen) < _MIN_JOINTS:
        return region
    low, high = seen.min(axis=0), seen.max(axis=0)
    width, height = (float(v) for v in high - low)
    across = width / min(1.0, aspect), height / min(1.0, 1 / aspect)
    x, y = (float(v) for v in (low + high) / 2)
    return Region(x, y, 1.25 * max(*across, 1.0), 0.0)


_MIN_JOINT_SCORE = 0.3
_MIN_JOINTS = 4


class TopDown(abc.ABC):
    """A 2D net that gives each joint a place in the crop and a score; the subclass says how.

    The person counts as present to the degree of their better half of joints.
    """

    def __init__(self, manifest: Manifest) -> None:
        assert manifest.image is not None
        self._aspect = manifest.image.width / manifest.image.height

    @abc.abstractmethod
    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """Unit coordinates (J, 2) and scores (J,)."""

    def keypoints(self, outputs: Outputs, region: Region) -> tuple[Keypoints2D, Region]:
        """The joints in image pixels, and the region for the next frame."""
        unit, score = self.unit(outputs)
        score = np.clip(score, 0, 1).astype(np.float32)
        points_px = UnitMap.of_region(region, self._aspect).to_px(unit)
        presence = float(np.median(np.sort(score)[len(score) // 2 :]))
        depth_px = np.full(len(score), np.nan, np.float32)
        following = follow_box(points_px, score, self._aspect, region)
        return Keypoints2D(points_px, score, depth_px, presence), following


class SimCC(TopDown):
    """Two one-dimensional distributions a joint: outputs `simcc_x` (1, J, A) and `simcc_y` (1, J, B).

    Source: Li et al., SimCC (2022); RTMPose (2023) uses it.
    """

    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """The highest bin in each direction; the less sure of the two is the score."""
        axes = [outputs[name][0] for name in ("simcc_x", "simcc_y")]
        places = [(axis.argmax(axis=1) + 0.5) / axis.shape[1] for axis in axes]
        score = np.minimum(*(axis.max(axis=1) for axis in axes))
        return np.stack(places, axis=1).astype(np.float32), score.astype(np.float32)


class Heatmap(TopDown):
    """One map a joint: output `heatmap` (1, J, H, W). The peak, moved a quarter towards its higher side.

    Source: Newell et al., Stacked Hourglass Networks (2016), section 4.1.
    """

    def unit(self, outputs: Outputs) -> tuple[FloatArray, FloatArray]:
        """The peaks and their heights."""
        maps = outputs["heatmap"][0]
        joints, height, width = maps.shape
        flat = maps.reshape(joints, -1)
        best = flat.argmax(axis=1)
        rows, columns, every = best // width, best % width, np.arange(joints)
        right, left = np.minimum(columns + 1, width - 1), np.maximum(columns - 1, 0)
        below, above = np.minimum(rows + 1, height - 1), np.maximum(rows - 1, 0)
        x = columns + 0.25 * np.sign(maps[every, rows, right] - maps[every, rows, left])
        y = rows + 0.25 * np.sign(maps[every, below, columns] - maps[every, above, columns])
        unit = np.stack([(x + 0.5) / width, (y + 0.5) / height], axis=1)
        return unit.astype(np.float32), flat.max(axis=1).astype(np.float32)


def detector_decoder(manifest: Manifest) -> DetectorDecoder:
    """The decoder a detector's manifest names. Raises ManifestError when there is none of that name."""
    if manifest.decoder == "blazepose-detector":
        return BlazePoseDetector()
    raise ManifestError(f"{manifest.name}: unknown detector decoder {manifest.decoder!r}")


def estimator_decoder(manifest: Manifest) -> EstimatorDecoder:
    """The decoder an estimator's manifest names. Raises ManifestError when there is none of that name."""
    if manifest.decoder == "blazepose-landmark":
        return BlazePoseLandmark()
    if manifest.decoder == "simcc":
        return SimCC(manifest)
    if manifest.decoder == "heatmap":
        return Heatmap(manifest)
    raise ManifestError(f"{manifest.name}: unknown estimator decoder {manifest.decoder!r}")

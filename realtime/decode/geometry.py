"""Boxes and regions: overlap, suppression, and where to look for a person."""

from __future__ import annotations

import math

import numpy as np

from realtime.types import Array, FloatArray, Region

_HALF = np.array(0.5, np.float32)


def sigmoid(x: Array) -> Array:
    """The logistic function of an array, without overflow; float32."""
    out = np.asarray(np.multiply(x, _HALF, dtype=np.float32))
    np.tanh(out, out=out)
    out *= _HALF
    out += _HALF
    return out


def iou(box: FloatArray, boxes: FloatArray) -> FloatArray:
    """Intersection over union of one box (4,) with boxes (N, 4), each x0, y0, x1, y1."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.asarray(overlap / np.maximum(area - overlap, 1e-12), np.float32)


_MOST_BOXES = 100


def weighted_nms(values: FloatArray, score: FloatArray, min_iou: float) -> tuple[FloatArray, FloatArray]:
    """Non-maximum suppression that averages what it suppresses, weighted by score.

    values: (N, 4 + K), a box then anything else in the same coordinates; score: (N,). Gives (M, 4 + K)
    and (M,), best first, 100 at most. Source: Bazarevsky et al., BlazeFace (2019), section 5.
    """
    order = np.argsort(-score, kind="stable")
    values, score = values[order], score[order]
    kept_values: list[Array] = []
    kept_scores: list[float] = []
    while len(score) and len(kept_scores) < _MOST_BOXES:
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
    (x, y), (dx, dy) = centre_px.tolist(), (top_px - centre_px).tolist()
    return Region(x, y, scale * math.hypot(dx, dy), math.atan2(dx, -dy))


def suppress(boxes: FloatArray, score: FloatArray, max_iou: float) -> list[int]:
    """Greedy non-maximum suppression: which of the boxes (N, 4) stay, best first. score: (N,).

    A box goes when it overlaps a better one by more than `max_iou`.
    """
    order = np.argsort(-score, kind="stable")
    kept = []
    while len(order):
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        order = rest[iou(boxes[best], boxes[rest]) <= max_iou]
    return kept


def region_of_box(box_px: FloatArray, aspect: float, padding: float) -> Region:
    """The upright region whose part of this aspect holds a box (4,), `padding` times its size.

    Source: the top-down convention of Xiao et al., Simple Baselines (2018), where padding is 1.25.
    """
    width, height = (float(v) for v in box_px[2:] - box_px[:2])
    x, y = (float(v) for v in (box_px[2:] + box_px[:2]) / 2)
    across = width / min(1.0, aspect), height / min(1.0, 1 / aspect)
    return Region(x, y, padding * max(*across, 1.0), 0.0)


def follow_box(
    points_px: FloatArray,
    score: FloatArray,
    aspect: float,
    region: Region,
    padding: float = 1.25,
    min_score: float = 0.3,
) -> Region:
    """Where to look next for a person whose joints are (J, 2) with scores (J,): the box round those seen.

    For nets that say nothing of it themselves. With too few joints to go by, the region stays.
    """
    seen = points_px[score > min_score]
    if len(seen) < _MIN_JOINTS:
        return region
    return region_of_box(np.concatenate([seen.min(axis=0), seen.max(axis=0)]), aspect, padding)


_MIN_JOINTS = 4

"""How wrong image nets are: average precision of boxes, PCKh and pixels of joints, millimetres of poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime.camera import Intrinsics
from realtime.decode.geometry import iou
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.images.samples import LEAST_SHOWN
from training.lifters.metrics import mpjpe_mm

CROWN = 2.0
"""The segment from neck to crown over that from neck to head.

The head of the 17 joints is the middle of the ears, some 6.4 % of the stature above the neck; MPII's is the
top of the head, twice as far. `pckh` counts by the shorter segment, `pckh_crown` by the usual longer one.
"""
_PELVIS = H36M17.index("pelvis")

Found = tuple[FloatArray, FloatArray]
"""Boxes (N, 4) and scores (N,) that a detector gives for one image, in whatever units the truth has."""


def average_precision(
    found: Sequence[Found], boxes: Sequence[FloatArray], shown: Sequence[FloatArray], min_iou: float = 0.5
) -> float:
    """Area under precision over recall in [0, 1], of people of whom at least LEAST_SHOWN can be seen.

    A detection that fits one of the others counts as neither. boxes: (G, 4) an image; shown: (G,), 0 for no
    box. Everything is ordered by score over all images; precision is made monotonic. Source: PASCAL VOC
    2010's development kit, section 3.4.1. NaN where there is nobody.
    """
    scores: list[float] = []
    right: list[bool] = []
    people = 0
    for (at, score), truth, seen in zip(found, boxes, shown, strict=True):
        wanted, unclear = truth[seen >= LEAST_SHOWN], truth[(seen > 0) & (seen < LEAST_SHOWN)]
        people += len(wanted)
        free = np.ones(len(wanted), bool)
        for index in np.argsort(-score, kind="stable"):
            overlap = iou(at[index], wanted) * free if len(wanted) else np.zeros(1)
            hit = bool(overlap.max() >= min_iou)
            if hit:
                free[int(overlap.argmax())] = False
            elif len(unclear) and iou(at[index], unclear).max() >= min_iou:
                continue
            scores.append(float(score[index]))
            right.append(hit)
    if not people:
        return float("nan")
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(right, float)[order])
    recall, precision = hits / people, hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def joint_measures(
    points: FloatArray, truth: FloatArray, counted: Array, head: FloatArray
) -> dict[str, float]:
    """PCKh at 0.5 by both segments, and the mean distance, of joints that count.

    points, truth: (N, 17, 2). counted: (N, 17) bool. head: (N,) neck to head seen side on, in the same units.
    """
    away = np.linalg.norm(points.astype(np.float64) - truth, axis=-1)
    limit = 0.5 * head[:, None]
    if not counted.any():
        return {"pckh": float("nan"), "pckh_crown": float("nan"), "distance": float("nan")}
    return {
        "pckh": float((away <= limit)[counted].mean()),
        "pckh_crown": float((away <= CROWN * limit)[counted].mean()),
        "distance": float(away[counted].mean()),
    }


def back_projected(
    points_px: FloatArray, depth_m: FloatArray, root_m: FloatArray, cameras: Sequence[Intrinsics]
) -> FloatArray:
    """(N, 17, 3) root-relative poses of image pixels (N, 17, 2) and depths behind the pelvis (N, 17).

    root_m: (N,) true depths of the pelvis, which an image net does not know; each by its own camera.
    """
    out = np.zeros((len(points_px), len(H36M17), 3), np.float32)
    for camera in set(cameras):
        of = np.array([i for i, other in enumerate(cameras) if other == camera])
        depth = np.maximum(root_m[of, None] + depth_m[of], 0.1)
        out[of] = camera.unproject(points_px[of], depth)
    return out - out[:, [_PELVIS]]


def pose_error_mm(pose_m: FloatArray, truth_m: FloatArray) -> FloatArray:
    """(N,) mean joint error of root-relative poses against camera-space truth, as lifters are measured."""
    return np.asarray(mpjpe_mm(pose_m, truth_m - truth_m[:, [_PELVIS]]), np.float32)

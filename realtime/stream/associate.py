"""Who is who: how well sightings fit the people expected, and the best assignment of one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import lap
import numpy as np

from realtime.skeleton import H36M17
from realtime.stream.motion import Foreseen
from realtime.types import Array, FloatArray

_SIGMAS: Mapping[str, float] = {
    "hip": 0.107, "knee": 0.087, "ankle": 0.089, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "pelvis": 0.107, "spine": 0.093, "thorax": 0.079, "neck": 0.057, "head": 0.035,
}  # fmt: skip
"""How far people who mark joints differ, as a share of the person's size. COCO's; the trunk's by its ends."""
_TWO_SIGMA = np.array([2 * _SIGMAS[joint.split("_")[-1]] for joint in H36M17.joints], np.float32)
_SEGMENT_OF_BOX = 0.53
"""A person's area over that of the box round them: COCO's `area` against its boxes."""
_LEAST_WEIGHT = 0.1


def similarity(
    expected: Sequence[Foreseen], points_px: FloatArray, score: FloatArray, strayed: bool = True
) -> FloatArray:
    """(T, S) how well sightings (S, 17, 2) with scores (S, 17) lie on people expected, from 0 to 1.

    Object keypoint similarity (COCO), each joint weighted by its score, over the size of the one expected.
    strayed: allow for how far each may be from where they are expected.
    """
    if not expected or not len(points_px):
        return np.zeros((len(expected), len(points_px)), np.float32)
    places = np.stack([f.points_px for f in expected])
    size = np.array([f.size_px for f in expected], np.float32)[:, None] * np.sqrt(_SEGMENT_OF_BOX)
    stray = np.array([f.strayed_px if strayed else 0.0 for f in expected], np.float32)[:, None]
    variance = (size * _TWO_SIGMA) ** 2 + stray**2
    distance2 = ((places[:, None] - points_px[None]) ** 2).sum(axis=-1)
    weight = np.maximum(score, _LEAST_WEIGHT)[None]
    fit = np.exp(-distance2 / (2 * variance[:, None]))
    return np.asarray((fit * weight).sum(axis=-1) / weight.sum(axis=-1), np.float32)


def assign(cost: Array, limit: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost, one to one; a pair dearer than `limit` is left apart.

    cost: (T, S), NaN or infinity where a pair cannot be. Source: Jonker and Volgenant (1987), in `lap`.
    """
    if not cost.size:
        return []
    finite = np.where(np.isfinite(cost), cost, 2 * limit + 1).astype(np.float64)
    _, column_of, _ = lap.lapjv(finite, extend_cost=True, cost_limit=limit)
    return [(row, int(column)) for row, column in enumerate(column_of) if column >= 0]

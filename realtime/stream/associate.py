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
_SEGMENT_OF_BOX = 0.53
"""A person's area over that of the box round them: COCO's `area` against its boxes."""
_SPREAD = np.array(
    [2 * _SEGMENT_OF_BOX * (2 * _SIGMAS[joint.split("_")[-1]]) ** 2 for joint in H36M17.joints], np.float32
)
"""(17,) twice the variance of each joint's place, in squares of the person's size."""
_LEAST_WEIGHT = np.float32(0.1)
_BOTH = np.ones(2, np.float32)


def similarity(
    expected: Sequence[Foreseen], points_px: FloatArray, score: FloatArray, strayed: bool = True
) -> FloatArray:
    """(T, S) how well sightings (S, 17, 2) with scores (S, 17) lie on people expected, from 0 to 1.

    Object keypoint similarity (COCO), each joint weighted by its score, over the size of the one expected.
    strayed: allow for how far each may be from where they are expected.
    """
    if not expected or not len(points_px):
        return np.zeros((len(expected), len(points_px)), np.float32)
    squares = np.array(
        [(f.size_px**2, 2 * f.strayed_px**2 if strayed else 0.0) for f in expected], np.float32
    )
    spread = squares[:, :1] * _SPREAD + squares[:, 1:]
    off = np.array([f.points_px for f in expected])[:, None] - points_px
    off *= off
    fit = np.exp(off.dot(_BOTH) / -spread[:, None])
    weight = np.maximum(score, _LEAST_WEIGHT)
    fit *= weight
    return np.asarray(np.add.reduce(fit, axis=-1) / np.add.reduce(weight, axis=-1), np.float32)


def assign(cost: Array, limit: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost, one to one; a pair dearer than `limit` is left apart.

    cost: (T, S), NaN or infinity where a pair cannot be. Source: Jonker and Volgenant (1987), in `lap`.
    """
    if not cost.size:
        return []
    finite = np.where(np.isfinite(cost), cost, 2 * limit + 1).astype(np.float64)
    _, column_of, _ = lap.lapjv(finite, extend_cost=True, cost_limit=limit)
    return [(row, int(column)) for row, column in enumerate(column_of) if column >= 0]

"""How a 2D net's own depth of each joint differs from the truth: an affine map and correlated noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.records.store import Records

LEAST_FRAMES = 1000
_JOINTS = len(H36M17)
_PELVIS = H36M17.index("pelvis")
_RIDGE = 1e-3
_STEADY = 1e-6
_NEAREST_M = 0.8


@dataclass(frozen=True, slots=True)
class DepthModel:
    """Depths behind the pelvis, as shares of the person's size, as the net sees them: A true + b + noise.

    matrix: (17, 17) A. offset: (17,) b. factor: (17, 17) lower triangular, noise is factor @ white noise.
    correlation: of the noise from one frame to the next.
    """

    matrix: Array
    offset: Array
    factor: Array
    correlation: float

    def draw(self, rng: np.random.Generator, true_share: FloatArray) -> FloatArray:
        """What the net might have said of true depths (..., T, 17), as shares of the stature; pelvis 0."""
        white = rng.standard_normal(true_share.shape)
        fresh = np.sqrt(1 - self.correlation**2)
        for t in range(1, true_share.shape[-2]):
            white[..., t, :] = self.correlation * white[..., t - 1, :] + fresh * white[..., t, :]
        seen = self.mean(true_share) + white @ self.factor.T
        seen[..., _PELVIS] = 0.0
        return np.asarray(seen, np.float32)

    def mean(self, true_share: FloatArray) -> Array:
        """What the net says of true depths (..., 17) in the mean."""
        return np.asarray(true_share @ self.matrix.T + self.offset)

    def node(self) -> dict[str, Any]:
        """What a file holds of it."""
        return {
            "matrix": self.matrix.tolist(), "offset": self.offset.tolist(), "factor": self.factor.tolist(),
            "correlation": self.correlation,
        }  # fmt: skip


def from_node(node: Mapping[str, Any]) -> DepthModel:
    """The model a file holds. Raises ValueError or KeyError for anything else."""
    matrix, offset, factor = (np.array(node[key], float) for key in ("matrix", "offset", "factor"))
    square = (_JOINTS, _JOINTS)
    if (matrix.shape, offset.shape, factor.shape) != (square, (_JOINTS,), square):
        raise ValueError("the depth model must be of 17 joints")
    return DepthModel(matrix, offset, factor, float(node["correlation"]))


def true_shares(pose_m: FloatArray, height_m: Array) -> FloatArray:
    """Depths behind the pelvis (..., 17) of poses (..., 17, 3), as shares of the statures (...)."""
    behind = pose_m[..., 2] - pose_m[..., _PELVIS : _PELVIS + 1, 2]
    return np.asarray(behind / np.asarray(height_m)[..., None], np.float32)


def fit_depth(records: Records) -> DepthModel | None:
    """The depth model of the net behind these records; None where it gives no depth.

    Least squares on the frames found with the pelvis beyond 0.8 m, the noise being what it leaves.
    """
    seen = (records.depth_px - records.depth_px[:, [_PELVIS]]) / records.sizes_px[:, None]
    used = np.isfinite(seen).all(axis=1) & records.found & (records.pose_m[:, _PELVIS, 2] > _NEAREST_M)
    if used.sum() < LEAST_FRAMES:
        return None
    true = true_shares(records.pose_m, records.height_m[records.clip_of]).astype(np.float64)
    design = np.concatenate([true[used], np.ones((used.sum(), 1))], axis=1)
    normal = design.T @ design + _RIDGE * used.sum() * np.diag([1e-2] * _JOINTS + [0.0])
    solution = np.linalg.solve(normal, design.T @ seen[used])
    noise = np.zeros(seen.shape)
    noise[used] = seen[used] - design @ solution
    pair = used[1:] & used[:-1] & (records.clip_of[1:] == records.clip_of[:-1])
    now, after = noise[:-1][pair], noise[1:][pair]
    correlation = float((now * after).sum() / max((now * now).sum(), _STEADY))
    covariance = noise[used].T @ noise[used] / used.sum() + _STEADY * np.eye(_JOINTS)
    return DepthModel(
        solution[:-1].T, solution[-1], np.linalg.cholesky(covariance), float(np.clip(correlation, 0.0, 0.99))
    )

"""How wrong poses are: small pure functions over poses (T, 17, 3) of one take, in metres.

Poses are root-relative unless said otherwise; means are over the 16 joints that are not the root, as a
root at zero would only flatter. Results are in millimetres, per frame: (T,), or (T - k,) for the k-th
difference in time. Definitions follow Human3.6M's protocols (Ionescu et al. 2014; Martinez et al. 2017)
and MPI-INF-3DHP (Mehta et al. 2017).
"""

from __future__ import annotations

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

PCK_MM = 150.0
AUC_STEP_MM = 5.0
_OTHERS = [i for i, joint in enumerate(H36M17.joints) if joint != "pelvis"]
_BONES = np.array([H36M17.indices(*bone) for bone in H36M17.bones])


def joint_errors_mm(pose_m: FloatArray, truth_m: FloatArray) -> Array:
    """Distance of each joint but the root from the truth, (T, 16)."""
    gap = (pose_m.astype(np.float64) - truth_m)[:, _OTHERS]
    return np.asarray(1000.0 * np.linalg.norm(gap, axis=-1))


def mpjpe_mm(pose_m: FloatArray, truth_m: FloatArray) -> Array:
    """Mean joint error, (T,)."""
    return np.asarray(joint_errors_mm(pose_m, truth_m).mean(axis=1))


def n_mpjpe_mm(pose_m: FloatArray, truth_m: FloatArray) -> Array:
    """Mean joint error after each frame's best scale (least squares about the root), (T,)."""
    pose, truth = pose_m.astype(np.float64), truth_m.astype(np.float64)
    scale = (pose * truth).sum(axis=(1, 2)) / np.maximum((pose * pose).sum(axis=(1, 2)), 1e-12)
    return mpjpe_mm(np.asarray(pose * scale[:, None, None]), truth_m)


def pa_mpjpe_mm(pose_m: FloatArray, truth_m: FloatArray) -> Array:
    """Mean joint error after each frame's best rotation, translation and scale of all 17 joints, (T,)."""
    return mpjpe_mm(procrustes(pose_m, truth_m), truth_m)


def procrustes(pose_m: FloatArray, truth_m: FloatArray) -> Array:
    """Each pose (T, J, 3) moved, turned (never mirrored) and scaled onto its truth, least squares."""
    pose, truth = pose_m.astype(np.float64), truth_m.astype(np.float64)
    pose_mean, truth_mean = pose.mean(axis=1, keepdims=True), truth.mean(axis=1, keepdims=True)
    pose, truth = pose - pose_mean, truth - truth_mean
    u, stretch, vt = np.linalg.svd(truth.transpose(0, 2, 1) @ pose)
    sign = np.ones_like(stretch)
    sign[:, 2] = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    rotation = (u * sign[:, None]) @ vt
    scale = (stretch * sign).sum(axis=1) / np.maximum((pose * pose).sum(axis=(1, 2)), 1e-12)
    return np.asarray(scale[:, None, None] * (pose @ rotation.transpose(0, 2, 1)) + truth_mean)


def root_error_mm(root_m: FloatArray, truth_m: FloatArray) -> Array:
    """Distance of the pelvis (T, 3) in camera space from the truth, (T,)."""
    return np.asarray(1000.0 * np.linalg.norm(root_m.astype(np.float64) - truth_m, axis=-1))


def velocity_error_mm(pose_m: FloatArray, truth_m: FloatArray) -> Array:
    """Mean error of the joints' steps, mm a frame, (T - 1,)."""
    return mpjpe_mm(_change(pose_m, 1), _change(truth_m, 1))


def acceleration_error_mm(pose_m: FloatArray, truth_m: FloatArray) -> Array:
    """Mean error of the joints' second differences, mm a frame squared, (T - 2,)."""
    return mpjpe_mm(_change(pose_m, 2), _change(truth_m, 2))


def depth_bias_percent(root_m: FloatArray, truth_m: FloatArray) -> Array:
    """How much too far the pelvis (T, 3) lies along the optical axis, percent of its true depth, (T,)."""
    truth = truth_m[:, 2].astype(np.float64)
    return np.asarray(100.0 * (root_m[:, 2] - truth) / truth)


def bone_variation_percent(pose_m: FloatArray) -> float:
    """How much bones change their length within a take: std over mean, the median of the 16 bones.

    0 for fewer than two frames.
    """
    if len(pose_m) < 2:
        return 0.0
    pose = pose_m.astype(np.float64)
    length = np.linalg.norm(pose[:, _BONES[:, 0]] - pose[:, _BONES[:, 1]], axis=-1)
    return float(np.median(100.0 * length.std(axis=0) / np.maximum(length.mean(axis=0), 1e-9)))


def _change(pose_m: FloatArray, order: int) -> Array:
    return np.asarray(np.diff(pose_m.astype(np.float64), n=order, axis=0))


def pck(errors_mm: Array, threshold_mm: float = PCK_MM) -> float:
    """Percentage of joint errors below a threshold; 0 for no errors at all."""
    return float(100.0 * np.mean(errors_mm < threshold_mm)) if errors_mm.size else 0.0


def auc(errors_mm: Array, limit_mm: float = PCK_MM) -> float:
    """Mean of `pck` over thresholds from 0 to a limit, every 5 mm, in percent."""
    thresholds = np.arange(0.0, limit_mm + AUC_STEP_MM / 2, AUC_STEP_MM)
    return float(np.mean([pck(errors_mm, t) for t in thresholds]))

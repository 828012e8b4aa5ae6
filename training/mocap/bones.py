"""Poses of 17 joints as vectors along their bones, and the body's axes."""

from __future__ import annotations

import numpy as np

from realtime.bones import CHILD, PARENT
from realtime.skeleton import H36M17
from realtime.types import FloatArray
from training.mocap.rotations import unit


def vectors_of(joints_m: FloatArray) -> FloatArray:
    """Bone vectors (..., 16, 3) of joints (..., 17, 3), in the order of `H36M17.bones`, parents first."""
    return np.asarray(joints_m[..., CHILD, :] - joints_m[..., PARENT, :])


def assemble(root_m: FloatArray, bones_m: FloatArray) -> FloatArray:
    """Joints (..., 17, 3) from the pelvis (..., 3) and bone vectors (..., 16, 3)."""
    joints = np.empty((*bones_m.shape[:-2], len(H36M17), 3), np.float32)
    joints[..., H36M17.index("pelvis"), :] = root_m
    for bone, (child, parent) in enumerate(zip(CHILD, PARENT, strict=True)):
        joints[..., child, :] = joints[..., parent, :] + bones_m[..., bone, :]
    return joints


def torso_axes(joints_m: FloatArray) -> FloatArray:
    """(..., 3, 3) whose columns are the torso's axes: to its left, up, and forward; from (..., 17, 3)."""
    left, right, thorax, pelvis = (
        joints_m[..., H36M17.index(j), :].astype(np.float64)
        for j in ("l_shoulder", "r_shoulder", "thorax", "pelvis")
    )
    across = unit(left - right)
    forward = unit(np.cross(across, thorax - pelvis))
    return np.stack([across, np.cross(forward, across), forward], axis=-1).astype(np.float32)

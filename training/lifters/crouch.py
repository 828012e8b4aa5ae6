"""Squats and seats: postures the motion lacks, made from those it has by folding the legs.

A hip hinge: thighs turn forward, shanks back under them, the trunk leans to keep its balance, and the pelvis
sinks until the lower ankle is where it was. All about the person's own left axis, laid level.
"""

from __future__ import annotations

import math

import numpy as np

from realtime.bones import bone_of
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.mocap.rotations import axis_angle, unit

_THIGHS = {side: bone_of(f"{side}_knee") for side in "lr"}
_SHANKS = {side: bone_of(f"{side}_ankle") for side in "lr"}
_TRUNK = [
    bone_of(j)
    for j in H36M17.joints
    if j.endswith(("spine", "thorax", "neck", "head", "shoulder", "elbow", "wrist"))
]
_SEATED_SHARE = 0.4
_PERIODS_S = (1.2, 5.0)
_FPS = 30.0


def depths(rng: np.random.Generator, clips: int, frames: int) -> tuple[FloatArray, Array]:
    """How far folded each frame is, (clips, frames) in [0, 1], and which clips sit, (clips,) bool.

    Who squats goes down and up; who sits stays down.
    """
    period = rng.uniform(*_PERIODS_S, (clips, 1)) * _FPS
    phase = rng.uniform(0, 2 * math.pi, (clips, 1)) + 2 * math.pi * np.arange(frames) / period
    squat = 0.5 * (1 - np.cos(phase)) * rng.uniform(0.4, 1.0, (clips, 1))
    seated = rng.random(clips) < _SEATED_SHARE
    return np.where(seated[:, None], 1.0, squat).astype(np.float32), seated


def crouched(
    rng: np.random.Generator, vectors_m: FloatArray, across: FloatArray, fold: FloatArray, seated: Array
) -> FloatArray:
    """Bone vectors (B, T, 16, 3), y up, with the legs folded and the trunk leaning.

    across: (B, T, 3) to the person's left. fold: (B, T) in [0, 1].
    """
    out = vectors_m.copy()
    left = unit(across * np.array([1.0, 0.0, 1.0]))
    clips = len(fold)

    def angle(low_deg: float, high_deg: float, low_seated: float, high_seated: float) -> Array:
        standing = rng.uniform(low_deg, high_deg, clips)
        drawn = np.where(seated, rng.uniform(low_seated, high_seated, clips), standing)
        return np.asarray(np.radians(drawn)[:, None] * fold)

    thigh, shank, lean = angle(60, 115, 65, 100), angle(10, 40, -25, 25), angle(10, 50, -20, 25)
    spread = angle(0, 35, -5, 30)
    upright = np.broadcast_to([0.0, 1.0, 0.0], left.shape)
    for side, sign in (("l", 1.0), ("r", -1.0)):
        outwards = axis_angle(upright, sign * spread)
        # About the axis to the left, a positive turn swings what hangs down to the back.
        for bone, turn in ((_THIGHS[side], -thigh), (_SHANKS[side], shank)):
            turned = outwards @ axis_angle(left, turn)
            out[:, :, bone] = np.einsum("btij,btj->bti", turned, out[:, :, bone])
    tilt = axis_angle(left, lean)
    out[:, :, _TRUNK] = np.einsum("btij,btkj->btki", tilt, out[:, :, _TRUNK])
    return out


def over_the_feet(root_m: FloatArray, before_m: FloatArray, after_m: FloatArray) -> FloatArray:
    """Pelvis paths (B, T, 3) moved so that the lower ankle stays at its height and the feet where they were.

    before_m, after_m: (B, T, 17, 3) joints about the same pelvis, upright and folded.
    """
    ankles = H36M17.indices("l_ankle", "r_ankle")
    before, after = before_m[:, :, ankles], after_m[:, :, ankles]
    shift = before.mean(axis=2) - after.mean(axis=2)
    shift[..., 1] = before[..., 1].min(axis=2) - after[..., 1].min(axis=2)
    return np.asarray(root_m + shift, np.float32)

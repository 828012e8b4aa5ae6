"""The pose a skeleton is set up in, against which its turns mean something on another body.

That is the zero pose where the person stands upright in it with straight limbs (ASF, CMU's BVH, Mixamo), else
the first frame where it is a T-pose put before the motion. Some tools write neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.mocap.anatomy import Anatomy
from training.mocap.rotations import Float64Array, unit
from training.mocap.skeleton import SourceMotion, move

_MAX_LEAN = np.cos(np.radians(35))
_MAX_BEND = np.cos(np.radians(25))
_MAX_T_POSE_DROP = np.sin(np.radians(25))

_APART_M = 0.05
"""How far bones jump, on average, from a T-pose put before a motion to the motion."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A pose upright with straight limbs. turns: (B, 3, 3) from the zero pose. heads_m: (B, 3)."""

    turns: Float64Array
    heads_m: Float64Array


def find_reference(motion: SourceMotion, anatomy: Anatomy) -> tuple[Reference | None, int]:
    """The pose, if the file has one, and the first frame that is motion and not a T-pose before it."""
    zero = np.broadcast_to(np.eye(3), (1, len(motion.skeleton.names), 3, 3))
    heads_m = move(motion.skeleton, zero, motion.skeleton.offsets_m[None], motion.fps).heads_m[0]
    first_m = motion.heads_m[0]
    t_pose = _stands(first_m, anatomy) and _arms_level(first_m, anatomy)
    apart = len(motion) > 1 and np.linalg.norm(motion.heads_m[1] - first_m, axis=1).mean() > _APART_M
    first = int(t_pose and apart)
    if _stands(heads_m, anatomy):
        return Reference(zero[0], heads_m), first
    return (Reference(motion.turns[0], first_m) if t_pose else None), first


def _stands(heads_m: Float64Array, anatomy: Anatomy) -> bool:
    """Whether one pose (B, 3) is upright with straight legs and arms."""
    limbs = anatomy.limbs
    straight, upright = [], [unit(heads_m[anatomy.head] - heads_m[anatomy.hips])[1]]
    for side in "lr":
        for chain in (("thigh", "shank", "foot"), ("upper_arm", "forearm", "hand")):
            upper, middle, lower = (heads_m[limbs[f"{side}_{bone}"]] for bone in chain)
            straight.append(float(unit(middle - upper) @ unit(lower - middle)))
        thigh, foot = (heads_m[limbs[f"{side}_{bone}"]] for bone in ("thigh", "foot"))
        upright.append(-unit(foot - thigh)[1])
    return bool(min(straight) > _MAX_BEND and min(upright) > _MAX_LEAN)


def _arms_level(heads_m: Float64Array, anatomy: Anatomy) -> bool:
    arms = [
        unit(heads_m[anatomy.limbs[f"{s}_hand"]] - heads_m[anatomy.limbs[f"{s}_upper_arm"]]) for s in "lr"
    ]
    level = max(abs(float(arm[1])) for arm in arms) < _MAX_T_POSE_DROP
    return level and bool(arms[0] @ arms[1] < -_MAX_LEAN)

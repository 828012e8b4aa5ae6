"""The bones of the skeleton as tables that networks multiply with, in the order of `H36M17.bones`."""

from __future__ import annotations

import torch
from torch import Tensor

from realtime.skeleton import H36M17

BONES = len(H36M17.bones)
CHILDREN = [H36M17.index(child) for child, _ in H36M17.bones]
PARENTS = [H36M17.index(parent) for _, parent in H36M17.bones]


def bones_of(pose: Tensor) -> Tensor:
    """Bone vectors (..., 16, 3), child less parent, of joints (..., 17, 3)."""
    bones: Tensor = pose[..., CHILDREN, :] - pose[..., PARENTS, :]
    return bones


def bone_paths() -> Tensor:
    """(17, 16): 1 where a bone lies on the way from the pelvis to a joint."""
    paths = torch.zeros(len(H36M17), BONES)
    for bone, (child, parent) in enumerate(zip(CHILDREN, PARENTS, strict=True)):
        paths[child] = paths[parent]
        paths[child, bone] = 1.0
    return paths


def bone_ends() -> Tensor:
    """(16, 17): 1 at a bone's child and -1 at its parent."""
    ends = torch.zeros(BONES, len(H36M17))
    for bone, (child, parent) in enumerate(zip(CHILDREN, PARENTS, strict=True)):
        ends[bone, child], ends[bone, parent] = 1.0, -1.0
    return ends

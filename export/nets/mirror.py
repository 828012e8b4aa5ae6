"""A person's mirror image: left and right change places, and x its sign.

Who is mirrored moves as truly as they did, so what a network says of the mirror image, mirrored back, is a
second opinion of its own. Tables are square and multiply from the right; each is its own inverse.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from export.nets.bones import BONES, CHILDREN
from export.nets.geometry import JOINTS
from realtime.skeleton import H36M17

_JOINTS = [int(joint) for joint in H36M17.mirror]
_BONES = [CHILDREN.index(_JOINTS[child]) for child in CHILDREN]


def mirrored_table(blocks: Sequence[Tensor]) -> Tensor:
    """One table for vectors whose parts have these, in their order."""
    table: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return table


def joints_table(signs: Sequence[float]) -> Tensor:
    """Of numbers by joint (17 * C,), with the sign of each of the C numbers of a joint."""
    return torch.kron(_swap(_JOINTS, JOINTS), torch.diag(torch.tensor(signs)))


def bones_table(signs: Sequence[float]) -> Tensor:
    """Of numbers by bone (16 * C,), with the sign of each of the C numbers of a bone."""
    return torch.kron(_swap(_BONES, BONES), torch.diag(torch.tensor(signs)))


def _swap(index: Sequence[int], count: int) -> Tensor:
    table = torch.zeros(count, count)
    table[list(index), range(count)] = 1.0
    return table

"""A pose as the directions and lengths of its bones, and back.

Bones are in the order of `realtime.skeleton.H36M17.bones`, 16 of them.
"""

from __future__ import annotations

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

CHILD: Array = np.array([H36M17.index(child) for child, _ in H36M17.bones], np.intp)
"""(16,) the joint each bone ends in."""
PARENT: Array = np.array([H36M17.index(parent) for _, parent in H36M17.bones], np.intp)
"""(16,) the joint each bone starts at."""
_NAMES = [child for child, _ in H36M17.bones]
MIRROR: Array = np.array([_NAMES.index(H36M17.joints[H36M17.mirror[j]]) for j in CHILD], np.intp)
"""(16,) the same bone of the other side."""
_SHORTEST_M = np.float32(1e-6)


def bone_of(joint: str) -> int:
    """The position of the bone that ends in a joint. Raises ValueError for one where none does."""
    return _NAMES.index(joint)


def _chains() -> FloatArray:
    """(17, 16) ones where a bone lies between the pelvis and a joint."""
    chains = np.zeros((len(H36M17), len(CHILD)), np.float32)
    for bone, (child, parent) in enumerate(zip(CHILD, PARENT, strict=True)):
        chains[child] = chains[parent]
        chains[child, bone] = 1.0
    return chains


CHAINS = _chains()
_STEPS = np.zeros((len(CHILD), len(H36M17)), np.float32)
_STEPS[np.arange(len(CHILD)), CHILD] = 1.0
_STEPS[np.arange(len(CHILD)), PARENT] -= 1.0
_ONES = np.ones(3, np.float32)
CARRIED: FloatArray = CHAINS.sum(axis=0)
"""(16,) joints that move with a bone."""


def lengths(rows: FloatArray) -> FloatArray:
    """Euclidean lengths (...) of vectors (..., 3). On few rows many times faster than `np.linalg.norm`."""
    # Here and below `dot`, which on so few numbers takes half of what `@` does.
    return np.asarray(np.sqrt((rows * rows).dot(_ONES)), np.float32)


def take_apart(relative_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit directions (16, 3) and lengths (16,) of a pose's bones (17, 3); (0, 0, 0) for one of no length."""
    bones = _STEPS.dot(relative_m)
    length_m = lengths(bones)
    return np.asarray(bones / np.maximum(length_m, _SHORTEST_M)[:, None], np.float32), length_m


def put_together(direction: FloatArray, length_m: FloatArray) -> FloatArray:
    """The pose (17, 3), pelvis at the origin, that has these bones: `take_apart` undone."""
    return np.asarray(CHAINS.dot(direction * length_m[:, None]))

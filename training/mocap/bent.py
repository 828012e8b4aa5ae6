"""Postures the motion lacks: trunk, head, arms and legs held some degrees otherwise, all clip long.

Those who walk hold themselves much alike. A net that has seen no others takes it that everybody does: it sets
a boxer upright. So parts of the body are turned about axes that go with it, each by an angle of its own.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from realtime.bones import bone_of
from realtime.skeleton import H36M17
from realtime.types import FloatArray
from training.mocap.bones import assemble, torso_axes, vectors_of
from training.mocap.rotations import axis_angle, unit

_UPPER = ("neck", "head", "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist")

_PARTS: Final[tuple[tuple[tuple[str, ...], tuple[float, float, float]], ...]] = (
    (("spine", "thorax", *_UPPER), (15.0, 8.0, 6.0)),
    (_UPPER, (10.0, 8.0, 5.0)),
    (("neck", "head"), (10.0, 10.0, 6.0)),
    (("l_elbow", "l_wrist"), (18.0, 18.0, 18.0)),
    (("r_elbow", "r_wrist"), (18.0, 18.0, 18.0)),
    (("l_knee", "l_ankle"), (10.0, 6.0, 8.0)),
    (("r_knee", "r_ankle"), (10.0, 6.0, 8.0)),
)
"""Bones that turn together, by the joints at their far ends, and how far: standard deviations in degrees
about the axes to the left, up and forward."""
_MOST_SPREADS = 2.0


def bent(rng: np.random.Generator, vectors_m: FloatArray, axes: FloatArray) -> FloatArray:
    """Bone vectors (B, T, 16, 3) with the parts of each clip's body turned; lengths stay.

    axes: (B, T, 3, 3) whose columns are the body's axes: to its left, up, forward. Each part is turned about
    them by one rotation a clip, outer parts on top of the inner ones that carry them.
    """
    local = vectors_m @ axes
    for joints, spreads_deg in _PARTS:
        bones = [bone_of(joint) for joint in joints]
        drawn = np.clip(rng.normal(size=(len(vectors_m), 3)), -_MOST_SPREADS, _MOST_SPREADS)
        angles = np.radians(drawn * spreads_deg)
        turn = axis_angle(unit(angles), np.linalg.norm(angles, axis=-1))
        local[:, :, bones] = np.einsum("bij,btkj->btki", turn, local[:, :, bones])
    return np.asarray(local @ axes.swapaxes(-1, -2), np.float32)


def held_otherwise(rng: np.random.Generator, joints_m: FloatArray) -> FloatArray:
    """A motion's joints (T, 17, 3) with the body's parts turned as `bent` does, the pelvis where it was."""
    vectors_m = bent(rng, vectors_of(joints_m)[None], torso_axes(joints_m)[None])[0]
    return assemble(joints_m[:, H36M17.index("pelvis")], vectors_m)

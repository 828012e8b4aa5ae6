"""How large somebody is, from feet that stand on a floor that is known."""

from __future__ import annotations

import math

from realtime.feet import dot
from realtime.floor import Stance
from realtime.size import SizeWitness
from realtime.skeleton import H36M17
from realtime.types import FloatArray, Floor

_ANKLES = H36M17.indices("l_ankle", "r_ankle")
_OWN_M, _SHARED_M = 0.03, 0.05
"""How far the ankle of a foot that stands lies off its place over the floor: frame by frame, and always.
Measured on validation subjects, as what follows."""
_ANKLE_M = 0.1
"""How high ankles that stand are over the floor as lifters have them; truly 0.09."""
_SEEN = 0.5
_LEAST_REACH_M = 0.2
"""A camera no higher over the ankles than this sees the floor on edge."""


def look_at_feet(witness: SizeWitness, stance: Stance, score: FloatArray, floor: Floor) -> None:
    """Let each foot that stands tell the size: who is taken for too small is too near, and over the floor.

    stance: as placed with the witness's factor. score: (17,) of the joints as they were seen.
    """
    reach_m = floor.camera_height_m - _ANKLE_M
    if reach_m < _LEAST_REACH_M or not stance.elapsed_s or not any(stance.planted):
        return
    up = floor.up.tolist()
    for joint, ankle_m, stands in zip(_ANKLES, stance.ankles_m, stance.planted, strict=True):
        below_m = -dot(up, ankle_m)
        if not stands or below_m < _LEAST_REACH_M or score[joint] < _SEEN:
            continue
        shared_m = math.hypot(_SHARED_M, floor.sigma_at_m(math.hypot(*ankle_m)))
        log_scale = math.log(witness.factor * reach_m / below_m)
        witness.look(log_scale, _OWN_M / reach_m, shared_m / reach_m, stance.elapsed_s)

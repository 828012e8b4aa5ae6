"""What joints cannot do: knees and elbows bend one way, thighs, trunk and neck stay within their cones.

Everything here works on bones' unit directions (16, 3), as in `realtime.bones`. Poses within the limits come
out as they went in; beyond them a direction is led back, ever more firmly, up to `_SOFT_DEG` past its limit.
The answer follows the directions without a jump: what is so far off that it could as well be turned back
either way is left as it is.

The limits are the 0.1 and 99.9 percentiles of the motion data (50,182 frames of CMU's mocap), a few degrees
wider.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from realtime.bones import bone_of
from realtime.feet import Point, dot
from realtime.types import FloatArray

_SOFT_DEG = 5.0
_CONE_FADES_DEG = (150.0, 175.0)
_HINGE_FADES_DEG = (60.0, 120.0)
_TURNED_OVER = 0.05
_THIGH_FORWARD_DEG = 45.0
_LEFT_HIP, _RIGHT_HIP, _SPINE = bone_of("l_hip"), bone_of("r_hip"), bone_of("spine")


class _Cone(NamedTuple):
    """A bone stays within an angle of another bone; of the thighs' axis where `other` is -1."""

    bone: int
    other: int
    widest_deg: float


class _Hinge(NamedTuple):
    """A bone bends in the plane of the one before it: backwards (knees, sense 1) or forwards (elbows, -1)."""

    bone: int
    other: int
    sense: float
    widest_deg: float


_CONES = (
    _Cone(bone_of("thorax"), _SPINE, 55.0),
    _Cone(bone_of("neck"), bone_of("thorax"), 55.0),
    _Cone(bone_of("head"), bone_of("neck"), 55.0),
    _Cone(bone_of("l_knee"), -1, 100.0),
    _Cone(bone_of("r_knee"), -1, 100.0),
    _Cone(bone_of("l_ankle"), bone_of("l_knee"), 150.0),
    _Cone(bone_of("r_ankle"), bone_of("r_knee"), 150.0),
    _Cone(bone_of("l_wrist"), bone_of("l_elbow"), 150.0),
    _Cone(bone_of("r_wrist"), bone_of("r_elbow"), 150.0),
)
_HINGES = (
    _Hinge(bone_of("l_ankle"), bone_of("l_knee"), 1.0, 5.0),
    _Hinge(bone_of("r_ankle"), bone_of("r_knee"), 1.0, 5.0),
    _Hinge(bone_of("l_wrist"), bone_of("l_elbow"), -1.0, 15.0),
    _Hinge(bone_of("r_wrist"), bone_of("r_elbow"), -1.0, 15.0),
)
_PAIR_COS = [(c.bone, c.other, math.cos(math.radians(c.widest_deg))) for c in _CONES if c.other >= 0]
_THIGH_COS = [(c.bone, math.cos(math.radians(c.widest_deg))) for c in _CONES if c.other < 0]
_HINGE_SIN = [(h.bone, h.other, h.sense, math.sin(math.radians(h.widest_deg))) for h in _HINGES]
_TILT_COS, _TILT_SIN = math.cos(math.radians(_THIGH_FORWARD_DEG)), math.sin(math.radians(_THIGH_FORWARD_DEG))


def within_limits(direction: FloatArray) -> FloatArray:
    """The bones' directions (16, 3), led back to what joints can do; itself where they all can."""
    rows = direction.tolist()
    frame = _pelvis_frame(rows)
    if frame is None or _all_within(rows, *frame):
        return direction
    down, forward = np.array(frame, np.float32)
    thigh_axis = np.float32(_TILT_COS) * down + np.float32(_TILT_SIN) * forward
    direction = direction.copy()
    for cone in _CONES:
        axis = direction[cone.other] if cone.other >= 0 else thigh_axis
        direction[cone.bone] = _in_cone(direction[cone.bone], axis, cone.widest_deg)
    for hinge in _HINGES:
        upper = direction[hinge.other]
        front = np.float32(hinge.sense) * _front(upper, down, forward)
        # Of a limb that points up along the trunk nobody can say where its front is.
        share = min(1.0, max(0.0, (1 + float(upper @ down)) / _TURNED_OVER - 1))
        direction[hinge.bone] = _bent_back(direction[hinge.bone], upper, front, hinge.widest_deg, share)
    return direction


def _all_within(rows: list[list[float]], down: Point, forward: Point) -> bool:
    """Whether nothing is beyond its limit, as in nearly every frame: in plain numbers, so it costs little."""
    for bone, other, least in _PAIR_COS:
        if dot(rows[bone], rows[other]) < least:
            return False
    for bone, least in _THIGH_COS:
        if _TILT_COS * dot(rows[bone], down) + _TILT_SIN * dot(rows[bone], forward) < least:
            return False
    for bone, other, sense, most in _HINGE_SIN:
        lower, upper = rows[bone], rows[other]
        # `_front` times the bone, without making it.
        share = dot(upper, forward) / max(1 + dot(upper, down), _TURNED_OVER)
        if sense * (dot(lower, forward) - share * (dot(lower, down) + dot(lower, upper))) > most:
            return False
    return True


def _pelvis_frame(rows: list[list[float]]) -> tuple[Point, Point] | None:
    """The way down the trunk, and forward; None where hips and spine give no frame."""
    left, right, (sx, sy, sz) = rows[_LEFT_HIP], rows[_RIGHT_HIP], rows[_SPINE]
    lx, ly, lz = left[0] - right[0], left[1] - right[1], left[2] - right[2]
    length = math.sqrt(lx * lx + ly * ly + lz * lz)
    if length < 1e-3:
        return None
    lx, ly, lz = lx / length, ly / length, lz / length
    along = sx * lx + sy * ly + sz * lz
    dx, dy, dz = along * lx - sx, along * ly - sy, along * lz - sz
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    if length < 1e-3:
        return None
    dx, dy, dz = dx / length, dy / length, dz / length
    # Left x up, where up is -down.
    forward = (lz * dy - ly * dz, lx * dz - lz * dx, ly * dx - lx * dy)
    return (dx, dy, dz), forward


def _front(upper: FloatArray, down: FloatArray, forward: FloatArray) -> FloatArray:
    """The pelvis's forward (3,), turned as the upper bone is turned from hanging down.

    Rodrigues' rotation by what takes `down` to the upper bone the shortest way.
    """
    share = float(upper @ forward) / max(1 + float(upper @ down), _TURNED_OVER)
    return np.asarray(forward - np.float32(share) * (down + upper))


def _in_cone(direction: FloatArray, axis: FloatArray, widest_deg: float) -> FloatArray:
    cosine = float(direction @ axis)
    angle = math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))
    allowed = _soft(angle, widest_deg, _CONE_FADES_DEG)
    if allowed == angle:
        return direction
    aside = direction - np.float32(cosine) * axis
    aside /= np.float32(max(math.sqrt(float(aside @ aside)), 1e-6))
    allowed = math.radians(allowed)
    return np.asarray(np.float32(math.cos(allowed)) * axis + np.float32(math.sin(allowed)) * aside)


def _bent_back(
    direction: FloatArray, upper: FloatArray, front: FloatArray, widest_deg: float, share: float
) -> FloatArray:
    """A lower bone turned, about the hinge's axis, out of where a joint does not bend; a share of it."""
    ahead, along = float(direction @ front), float(direction @ upper)
    angle = math.degrees(math.atan2(ahead, along))
    allowed = angle + share * (_soft(angle, widest_deg, _HINGE_FADES_DEG) - angle)
    if allowed == angle:
        return direction
    reach, allowed = math.hypot(ahead, along), math.radians(allowed)
    more_along = np.float32(reach * math.cos(allowed) - along)
    more_ahead = np.float32(reach * math.sin(allowed) - ahead)
    return np.asarray(direction + more_along * upper + more_ahead * front)


def _soft(angle_deg: float, widest_deg: float, fades_deg: tuple[float, float]) -> float:
    """An angle led back to just past the widest one; less and less so from one fading angle to the other."""
    if angle_deg <= widest_deg or angle_deg >= fades_deg[1]:
        return angle_deg
    allowed = widest_deg + _SOFT_DEG * (1 - math.exp((widest_deg - angle_deg) / _SOFT_DEG))
    low = max(fades_deg[0], widest_deg)
    share = min(1.0, (fades_deg[1] - angle_deg) / (fades_deg[1] - low))
    return angle_deg + share * (allowed - angle_deg)

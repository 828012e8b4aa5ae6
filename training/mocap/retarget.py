"""From 17 joints to a body's poses: made to fit the body, turned into bone turns, put on the floor.

Series are (T, 17, 3), metres, y up.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import FloatArray
from training.mocap.contact import on_floor
from training.mocap.fit import Fit, Turns
from training.mocap.rotations import Float64Array, axis_angle, smooth, unit
from training.people.body import Body, Pose

_UP = np.array([0.0, 1.0, 0.0])
_FLOOR_PERCENTILE = 5
_HEAD = ("neck", "head")
_TRUNK = ("spine", "thorax", *_HEAD, "l_shoulder", "r_shoulder")
_GROUND_SMOOTHING_FRAMES = 1.5
_COVER_WEIGHTS = np.array([1, 2, 3, 2, 1]) / 9


def fit_motion(body: Body, joints_m: FloatArray) -> FloatArray:
    """(T, 17, 3) motion made to fit the body: as long in the legs, on its floor, as upright as it at rest.

    The floor is where the lower ankle rests most of the time. Where motion data puts its hips, shoulders and
    head differs by subject; the lean that this leaves in upright frames is taken out.
    """
    rest = body.joints(body.rest_pose())
    scale = _leg_length(rest[None]) / _leg_length(joints_m)
    ankles = joints_m[:, H36M17.indices("l_ankle", "r_ankle"), 1].min(axis=1)
    floor = float(np.percentile(ankles, _FLOOR_PERCENTILE))
    rest_ankle = float(rest[H36M17.indices("l_ankle", "r_ankle"), 1].mean())
    moved = (joints_m - np.array([0, floor, 0], np.float32)) * scale
    moved = moved.astype(np.float64) + rest_ankle * _UP
    trunk = _straighten(moved, rest, ("l_hip", "r_hip"), ("l_shoulder", "r_shoulder"), _TRUNK)
    head = _straighten(trunk, rest, ("l_shoulder", "r_shoulder"), ("head",), _HEAD)
    return head.astype(np.float32)


def _straighten(
    joints: Float64Array,
    rest: FloatArray,
    base: tuple[str, ...],
    top: tuple[str, ...],
    moving: tuple[str, ...],
) -> Float64Array:
    """Tip the `moving` joints about the middle of `base` so that upright frames lean as the body at rest.

    The lean is that of the line from the middle of `base` to the middle of `top`. Arms keep their directions.
    """
    pivot = joints[:, H36M17.indices(*base)].mean(axis=1)
    side = unit((joints[:, H36M17.index("l_hip")] - joints[:, H36M17.index("r_hip")]) * [1, 0, 1])
    height = joints[:, H36M17.index("pelvis"), 1]
    seen = _lean(joints[:, H36M17.indices(*top)].mean(axis=1) - pivot, side)[height >= np.median(height)]
    line = rest[H36M17.indices(*top)].mean(axis=0) - rest[H36M17.indices(*base)].mean(axis=0)
    wanted = np.arctan2(line[2], line[1])
    turn = axis_angle(side, np.full(len(joints), wanted - np.median(seen)))
    out = joints.copy()
    for name in moving:
        joint = H36M17.index(name)
        out[:, joint] = pivot + (turn @ (joints[:, joint] - pivot)[..., None])[..., 0]
        if name.endswith("shoulder"):
            arm = H36M17.indices(f"{name[0]}_elbow", f"{name[0]}_wrist")
            out[:, arm] += (out[:, joint] - joints[:, joint])[:, None]
    return out


def _lean(direction: Float64Array, side: Float64Array) -> Float64Array:
    """(T,) angles by which directions (T, 3) tip forward of upright, seen along the person's left (T, 3)."""
    forward = np.cross(side, _UP)
    return np.asarray(np.arctan2((direction * forward).sum(axis=1), direction[:, 1]))


def retarget(body: Body, joints_m: FloatArray, fps: float, known: Turns = MappingProxyType({})) -> Pose:
    """The body's pose in each frame of a motion of its own size (see `fit_motion`).

    `known` turns are taken as they are, but for thighs and shanks: these reach for the ankles, and keep of
    the known ones the axis the knee bends about.
    """
    fit = Fit(body, joints_m.astype(np.float64), fps, known)
    fit.torso()
    for side in ("Left", "Right"):
        fit.arm(side)
    roots = fit.pelvis()
    for side in ("Left", "Right"):
        fit.leg(side, roots)
    world = fit.filled().astype(np.float32)
    return Pose(body.local_rotations(world), roots.astype(np.float32))


def ground(body: Body, pose: Pose, soles_m: FloatArray, weights: FloatArray, fps: float = 30.0) -> Pose:
    """The pose raised or lowered so that the feet are on y = 0 where the motion has them on its floor.

    soles_m: (N, 3) points at rest, with weights (N, B). In frames on the floor (see `on_floor`) the lowest
    point comes to y = 0; in between the shift passes from that before to that after, so jumps and climbs keep
    their heights. The shift is smooth, so points may be some millimetres below the floor: see `clear`.
    """
    low = _lowest(body, pose, soles_m, weights)
    down = np.flatnonzero(on_floor(low, fps))
    shift = np.interp(np.arange(len(low)), down, -low[down])
    return _raised(pose, smooth(shift[:, None], _GROUND_SMOOTHING_FRAMES)[:, 0])


def clear(body: Body, pose: Pose, soles_m: FloatArray, weights: FloatArray) -> Pose:
    """The pose raised, over a few frames, where a point (see `ground`) is below y = 0."""
    return _raised(pose, _cover(-_lowest(body, pose, soles_m, weights)))


def _lowest(body: Body, pose: Pose, soles_m: FloatArray, weights: FloatArray) -> Float64Array:
    """(T,) the height of the lowest point in each frame."""
    used = np.flatnonzero(weights.any(axis=0))
    rows = body.transforms(pose)[:, used, 1, :].reshape(len(pose.root_m), -1)
    ones = np.ones((len(soles_m), 1), np.float32)
    columns = weights[:, used, None] * np.concatenate([soles_m, ones], axis=1)[:, None]
    heights = rows @ columns.reshape(len(soles_m), -1).T
    return np.asarray(heights.min(axis=1), np.float64)


def _raised(pose: Pose, height_m: Float64Array) -> Pose:
    return Pose(pose.rotations, (pose.root_m + height_m[:, None] * _UP).astype(np.float32))


def _cover(depth_m: Float64Array) -> Float64Array:
    """A series (T,) nowhere less than a given one, nor than 0, that rises and falls over a few frames."""
    reach = len(_COVER_WEIGHTS) // 2
    padded = np.pad(np.maximum(depth_m, 0), 2 * reach, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, len(_COVER_WEIGHTS)).max(axis=1)
    return np.convolve(highest, _COVER_WEIGHTS, mode="valid")


def _leg_length(joints_m: FloatArray) -> float:
    length = 0.0
    for side in "lr":
        hip, knee, ankle = (joints_m[:, H36M17.index(f"{side}_{j}")] for j in ("hip", "knee", "ankle"))
        length += float(np.median(np.linalg.norm(knee - hip, axis=-1)))
        length += float(np.median(np.linalg.norm(ankle - knee, axis=-1)))
    return length

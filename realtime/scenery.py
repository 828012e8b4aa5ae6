"""What stands around people in the 3D view: floor, ruler, the real camera, its axes. Metres, no painting.

The world is the real camera's space (x right, y down, z forward), turned so that the floor is level where
it is known. S pieces.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from realtime.types import FloatArray, Person
from realtime.view3d import Follower, OrbitCamera

GRID_STEP_M = 1.0

_GRID_RADIUS_M = 4.5
_FRUSTUM_M = 0.35
_LONGEST_RULER_M = 30
_AXIS_M = 0.3
_PELVIS = H36M17.index("pelvis")


def grid(camera: OrbitCamera, floor_m: float) -> tuple[FloatArray, FloatArray]:
    """Sides of squares fixed in the world, and strengths that fade away from the camera's target."""
    x, _, z = camera.target_m
    corner = np.array([round(x / GRID_STEP_M) * GRID_STEP_M, 0.0, round(z / GRID_STEP_M) * GRID_STEP_M])
    middle = (_GRID_MIDDLES_M + (corner[[0, 2]] - (x, z))).astype(np.float32)
    far = (middle * middle).sum(axis=1) / _GRID_RADIUS_M**2
    near = far < 1
    pieces = _GRID_M[near] + corner.astype(np.float32)
    pieces[..., 1] = floor_m
    return pieces, 1 - far[near]


def _squares() -> FloatArray:
    """(S, 2, 3) the sides of the squares about the origin, further than any is shown."""
    reach = math.ceil(_GRID_RADIUS_M / GRID_STEP_M)
    steps = np.arange(-reach, reach + 1, dtype=np.float32) * GRID_STEP_M
    x, z = (axis.ravel() for axis in np.meshgrid(steps, steps))
    start = np.stack([x, np.zeros_like(x), z], axis=-1)
    sides = np.array([[GRID_STEP_M, 0, 0], [0, 0, GRID_STEP_M]], np.float32)
    return np.stack([np.stack([start, start + side], axis=1) for side in sides]).reshape(-1, 2, 3)


_GRID_M: FloatArray = _squares()
_GRID_MIDDLES_M: FloatArray = _GRID_M.mean(axis=1)[:, [0, 2]]


def level_from_camera(up: FloatArray | None) -> FloatArray:
    """(3, 3) the smallest turn that takes the world's up (3,) to where y falls; none if it is not known."""
    if up is None:
        return np.eye(3, dtype=np.float32)
    down, wanted = -up.astype(np.float64), np.array([0.0, 1.0, 0.0])
    axis, cosine = np.cross(down, wanted), float(down @ wanted)
    if cosine < -0.99:  # upside down: any level axis serves, and no person stands so
        return np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + cosine), np.float32)


def shown_level(people: tuple[Person, ...], up: FloatArray | None, follower: Follower) -> tuple[Person, ...]:
    """People in a space that is level, which the follower is told; as they are where up (3,) is not known."""
    follower.level = level_from_camera(up)
    return people if up is None else tuple(levelled(person, follower.level) for person in people)


def levelled(person: Person, level: FloatArray) -> Person:
    """The same person in a turned space."""
    pose = person.pose
    relative_m, root_m = pose.relative_m @ level.T, np.asarray(level @ pose.root_m, np.float32)
    turned = replace(pose, relative_m=relative_m, root_m=root_m)
    return replace(person, pose=turned)


def frustum(intrinsics: Intrinsics | None, floor_m: float, level: FloatArray) -> FloatArray:
    """The real camera at the world's origin with a mark on its upper side; last, the line to the floor.

    level: how the world is turned from camera space.
    """
    if intrinsics is None:
        return np.zeros((0, 2, 3), np.float32)
    k, d = intrinsics, _FRUSTUM_M
    left, right = -(k.cx + 0.5) / k.fx * d, (k.width - 0.5 - k.cx) / k.fx * d
    top, bottom = -(k.cy + 0.5) / k.fy * d, (k.height - 0.5 - k.cy) / k.fy * d
    corners = [(left, top, d), (right, top, d), (right, bottom, d), (left, bottom, d)]
    apex = ((left + right) / 2, top - (right - left) / 4, d)
    origin = (0.0, 0.0, 0.0)
    pairs = [(origin, corner) for corner in corners]
    pairs += [(corners[i], corners[(i + 1) % 4]) for i in range(4)]
    pairs += [(corners[0], apex), (apex, corners[1]), (origin, (0.0, floor_m, 0.0))]
    ends = np.array(pairs, np.float32)
    ends[:-1] = ends[:-1] @ level.T
    return ends


def axes(level: FloatArray) -> FloatArray:
    """(3, 2, 3) the camera's own x (right), y (down) and z (forward), from its place in a turned world."""
    return np.stack([np.zeros((3, 3)), level.T * _AXIS_M], axis=1).astype(np.float32)


def shown_metres(poses_m: FloatArray) -> range:
    """The whole metres that the ruler shows: past the farthest person."""
    depths_m = poses_m[:, _PELVIS, 2]
    farthest_m = float(depths_m[np.isfinite(depths_m)].max(initial=1.5))
    return range(1, min(math.ceil(farthest_m + 0.5), _LONGEST_RULER_M) + 1)


def ruler(metres: range, floor_m: float) -> FloatArray:
    """A line on the floor straight ahead of the real camera, with a tick every metre."""
    ticks = [((-0.06, floor_m, z), (0.06, floor_m, z)) for z in metres]
    return np.array([((0.0, floor_m, 0.0), (0.0, floor_m, metres[-1])), *ticks], np.float32)

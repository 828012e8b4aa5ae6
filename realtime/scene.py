"""What the 3D view shows, as strokes on a canvas: floor, camera, ruler, shadows, people. No painting here.

The world is the real camera's space: metres, x right, y down, z forward. The canvas: pixels, x right,
y down, (0, 0) its top-left corner. N people, S strokes.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from realtime.types import FloatArray, Person
from realtime.view3d import Follower, IntArray, OrbitCamera, Size

GRID_STEP_M = 1.0

_GRID_RADIUS_M = 4.5
_BONE_M = 0.04
_JOINT_M = 0.06
_OVER_HEAD_M = 0.2
_FRUSTUM_M = 0.35
_LONGEST_RULER_M = 30


class Side(enum.IntEnum):
    """Which side of the body a stroke belongs to, or that it is no body."""

    MIDDLE = 0
    LEFT = 1
    RIGHT = 2
    SCENE = 3


def _side(joint: str) -> Side:
    return {"l_": Side.LEFT, "r_": Side.RIGHT}.get(joint[:2], Side.MIDDLE)


BONES: IntArray = np.array([H36M17.indices(*bone) for bone in H36M17.bones], np.intp)
# A body is its bones, then its joints: dots, lines from each joint to itself.
_BODY: IntArray = np.concatenate([BONES, np.repeat(np.arange(len(H36M17))[:, None], 2, axis=1)])
BODY_SIDE: IntArray = np.array(
    [_side(child) for child, _ in H36M17.bones] + [_side(joint) for joint in H36M17.joints], np.int8
)
_BODY_M: FloatArray = np.repeat([_BONE_M, _JOINT_M], [len(BONES), len(H36M17)]).astype(np.float32)
_HEAD = H36M17.index("head")
_PELVIS = H36M17.index("pelvis")


@dataclass(frozen=True, slots=True)
class Strokes:
    """Lines with round ends, in the order to paint them; a dot is a line of no length.

    ends_px: (S, 2, 2). side: (S,) Side. person: (S,) position in the list of people, -1 for none.
    width_px: (S,). strength: (S,) in [0, 1], how far the colour stands out from what is behind it.
    """

    ends_px: FloatArray
    side: IntArray
    person: IntArray
    width_px: FloatArray
    strength: FloatArray

    def __len__(self) -> int:
        return len(self.side)

    def __getitem__(self, which: Any) -> Strokes:
        """The strokes a numpy index picks."""
        parts = (self.ends_px, self.side, self.person, self.width_px, self.strength)
        return Strokes(*(part[which] for part in parts))

    @classmethod
    def of_scene(cls, ends_px: FloatArray, width_px: FloatArray, strength: FloatArray) -> Strokes:
        """Strokes that belong to nobody."""
        count = len(ends_px)
        side, nobody = np.full(count, Side.SCENE, np.int8), np.full(count, -1, np.intp)
        return cls(ends_px, side, nobody, width_px, strength)


@dataclass(frozen=True, slots=True)
class Label:
    """Words at a place on the canvas. person: position in the list of people, -1 for none."""

    x_px: float
    y_px: float
    text: str
    person: int = -1


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the 3D view paints, in the order of the fields."""

    shadows: Strokes
    floor: Strokes
    ruler: Strokes
    camera: Strokes
    numbers: list[Label]
    people: Strokes
    names: list[Label]


def body_ends(points: FloatArray) -> FloatArray:
    """The ends (N, 33, 2, D) of the bones, then of the joints, of people's points (N, 17, D)."""
    return points[:, _BODY]


def absolute_poses_m(people: Sequence[Person]) -> FloatArray:
    """(N, 17, 3) joints of all people in camera space, metres."""
    if not people:
        return np.zeros((0, len(H36M17), 3), np.float32)
    return np.stack([person.pose.absolute_m for person in people])


def scene(follower: Follower, people: Sequence[Person], intrinsics: Intrinsics | None, size: Size) -> Scene:
    """The view that `follower` has now. intrinsics: of the real camera; it is left out without them."""
    camera, floor_m = follower.camera(size), follower.floor_m
    poses_m = absolute_poses_m(people)
    metres = _metres(poses_m)
    grid_m, grid_strength = _grid(camera, floor_m)
    frustum_m = _frustum(intrinsics, floor_m)
    bodies_m = body_ends(poses_m).reshape(-1, 2, 3)
    parts = (_shadows(poses_m, floor_m), grid_m, _ruler(metres, floor_m), frustum_m, bodies_m)
    # One projection for everything: on small arrays the calls cost more than the arithmetic.
    ends_px, depth_m, kept = camera.segments(np.concatenate(parts), size)
    starts = np.cumsum([0, *map(len, parts)])
    at = np.searchsorted(kept, starts)
    cut = [slice(a, b) for a, b in pairwise(at.tolist())]
    local = [kept[piece] - start for piece, start in zip(cut, starts[:-1], strict=True)]
    px_per_m = camera.focal_px(size) / depth_m
    one = np.ones(len(kept), np.float32)
    shadow_px = np.clip(2 * _BONE_M * px_per_m[cut[0]], 2, min(size) / 20).astype(np.float32)
    frustum_strength = np.where(local[3] == len(frustum_m) - 1, 0.45, 1.0).astype(np.float32)
    return Scene(
        shadows=Strokes.of_scene(ends_px[cut[0]], shadow_px, one[cut[0]]),
        floor=Strokes.of_scene(ends_px[cut[1]], one[cut[1]], grid_strength[local[1]]),
        ruler=Strokes.of_scene(ends_px[cut[2]], one[cut[2]], one[cut[2]]),
        camera=Strokes.of_scene(ends_px[cut[3]], one[cut[3]], frustum_strength),
        numbers=_numbers(camera, metres, floor_m, size),
        people=_bodies(ends_px[cut[4]], depth_m[cut[4]], local[4], camera.focal_px(size), min(size) / 30),
        names=_names(camera, poses_m, [person.id for person in people], size),
    )


def _bodies(
    ends_px: FloatArray, depth_m: FloatArray, which: IntArray, focal_px: float, thickest_px: float
) -> Strokes:
    """Bones and joints, farthest first, thicker and stronger when nearer."""
    thick_m = _BODY_M[which % len(_BODY)]
    width_px = np.clip(thick_m * focal_px / depth_m, 1.5, thickest_px).astype(np.float32)
    strength = np.ones(len(which), np.float32)
    if len(which):
        span_m = max(float(depth_m.max() - depth_m.min()), 1.0)
        strength = (1.0 - 0.4 * (depth_m - depth_m.min()) / span_m).astype(np.float32)
    strokes = Strokes(ends_px, BODY_SIDE[which % len(_BODY)], which // len(_BODY), width_px, strength)
    # A joint counts as a little nearer, so that it is painted over the bones that end in it.
    return strokes[np.argsort(np.where(thick_m == _JOINT_M, _BONE_M, 0.0) - depth_m, kind="stable")]


def _shadows(poses_m: FloatArray, floor_m: float) -> FloatArray:
    flat = poses_m[:, BONES].reshape(-1, 2, 3)
    flat[..., 1] = floor_m
    return flat


def _grid(camera: OrbitCamera, floor_m: float) -> tuple[FloatArray, FloatArray]:
    """Sides of squares fixed in the world, and strengths that fade away from the camera's target."""
    centre = np.array(camera.target_m, np.float32)[[0, 2]]
    reach = math.ceil(_GRID_RADIUS_M / GRID_STEP_M)
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    lines = (np.round(centre / GRID_STEP_M)[:, None] + steps) * GRID_STEP_M
    x, z = (axis.ravel() for axis in np.meshgrid(lines[0], lines[1]))
    start = np.stack([x, np.full_like(x, floor_m), z], axis=-1)
    sides = np.array([[GRID_STEP_M, 0, 0], [0, 0, GRID_STEP_M]], np.float32)
    pieces = np.stack([np.stack([start, start + side], axis=1) for side in sides]).reshape(-1, 2, 3)
    far = np.linalg.norm(pieces.mean(axis=1)[:, [0, 2]] - centre, axis=1) / _GRID_RADIUS_M
    return pieces[far < 1], 1 - far[far < 1] ** 2


def _frustum(intrinsics: Intrinsics | None, floor_m: float) -> FloatArray:
    """The real camera at the world's origin with a mark on its upper side; last, the line to the floor."""
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
    return np.array(pairs, np.float32)


def _metres(poses_m: FloatArray) -> range:
    """The whole metres that the ruler shows: past the farthest person."""
    depths_m = poses_m[:, _PELVIS, 2]
    farthest_m = float(depths_m[np.isfinite(depths_m)].max(initial=1.5))
    return range(1, min(math.ceil(farthest_m + 0.5), _LONGEST_RULER_M) + 1)


def _ruler(metres: range, floor_m: float) -> FloatArray:
    """A line on the floor straight ahead of the real camera, with a tick every metre."""
    ticks = [((-0.06, floor_m, z), (0.06, floor_m, z)) for z in metres]
    return np.array([((0.0, floor_m, 0.0), (0.0, floor_m, metres[-1])), *ticks], np.float32)


def _numbers(camera: OrbitCamera, metres: range, floor_m: float, size: Size) -> list[Label]:
    at_px = camera.project(np.array([(0.16, floor_m, z) for z in metres], np.float32), size)
    labels = [Label(float(x), float(y), f"{z} m") for z, (x, y) in zip(metres, at_px, strict=True)]
    return [label for label in labels if _inside(label, size)]


def _names(camera: OrbitCamera, poses_m: FloatArray, ids: Sequence[int], size: Size) -> list[Label]:
    """The ids of people, each over a head; none for one person alone."""
    if len(ids) < 2:
        return []
    over_m = poses_m[:, _HEAD] - np.array([0.0, _OVER_HEAD_M, 0.0], np.float32)
    places = zip(ids, camera.project(over_m, size), strict=True)
    labels = [Label(float(x), float(y), f"#{name}", who) for who, (name, (x, y)) in enumerate(places)]
    return [label for label in labels if _inside(label, size)]


def _inside(label: Label, size: Size) -> bool:
    return 0 <= label.x_px < size[0] and 0 <= label.y_px < size[1]

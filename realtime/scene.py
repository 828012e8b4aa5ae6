"""What the 3D view shows, as strokes on a canvas: floor, camera, ruler, shadows, people. No painting here.

The world is the real camera's space: metres, x right, y down, z forward. The canvas: pixels, x right,
y down, (0, 0) its top-left corner. N people, S strokes.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from realtime.camera import Intrinsics
from realtime.scenery import axes, frustum, grid, ruler, shown_metres
from realtime.skeleton import H36M17
from realtime.trails import LEFT_HAND, PELVIS, Way
from realtime.types import FloatArray, Person
from realtime.view3d import Follower, IntArray, OrbitCamera, Size

_BONE_M = 0.042
_JOINT_M = 0.058
_JOINT_NEARER_M = 0.1
_OVER_HEAD_M = 0.2
_FAINTEST = 0.5
_FARTHEST_FADE = 0.15


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
    axes: Strokes
    trails: Strokes
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


def certainty(person: Person) -> FloatArray:
    """(17,) how sure each joint is, in [0, 1]: what the lifter says, else the 2D net."""
    sure = person.pose.confidence if person.pose.confidence is not None else person.keypoints_px[:, 2]
    return np.asarray(np.clip(np.nan_to_num(sure), 0, 1), np.float32)


def body_strength(people: Sequence[Person]) -> FloatArray:
    """(N, 33) how far each bone and joint stands out: as sure as its less sure end, 0 to be hidden."""
    if not people:
        return np.zeros((0, len(_BODY)), np.float32)
    sure = np.stack([certainty(person) for person in people])
    least: FloatArray = sure[:, _BODY].min(axis=2)
    return np.where(least > 0, _FAINTEST + (1 - _FAINTEST) * least, 0).astype(np.float32)


def scene(
    follower: Follower,
    people: Sequence[Person],
    intrinsics: Intrinsics | None,
    size: Size,
    way: Way | None = None,
) -> Scene:
    """The view that `follower` has now.

    intrinsics: of the real camera; it is left out without them. way: the trails to show.
    """
    camera, floor_m = follower.camera(size), follower.floor_m
    poses_m = absolute_poses_m(people)
    metres = shown_metres(poses_m)
    grid_m, grid_strength = grid(camera, floor_m)
    frustum_m = frustum(intrinsics, floor_m, follower.level)
    axes_m = axes(follower.level) if intrinsics is not None else np.zeros((0, 2, 3), np.float32)
    trails_m = way.segments_m if way is not None else np.zeros((0, 2, 3), np.float32)
    bodies_m = body_ends(poses_m).reshape(-1, 2, 3)
    parts = (
        _shadows(poses_m, floor_m),
        grid_m,
        ruler(metres, floor_m),
        frustum_m,
        axes_m,
        trails_m,
        bodies_m,
    )
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
        axes=Strokes.of_scene(ends_px[cut[4]], one[cut[4]] * 2, one[cut[4]]),
        trails=_trails(ends_px[cut[5]], way, local[5], [person.id for person in people]),
        numbers=_numbers(camera, metres, floor_m, size)
        + (_letters(camera, axes_m, size) if len(axes_m) else []),
        people=_bodies(ends_px[cut[6]], depth_m[cut[6]], local[6], _looks(camera, size, people)),
        names=_names(camera, poses_m, [person.id for person in people], size),
    )


@dataclass(frozen=True, slots=True)
class _Looks:
    """What bodies are painted by: the view's focal length, the thickest stroke, strengths (N, 33)."""

    focal_px: float
    thickest_px: float
    strength: FloatArray


def _looks(camera: OrbitCamera, size: Size, people: Sequence[Person]) -> _Looks:
    return _Looks(camera.focal_px(size), min(size) / 30, body_strength(people))


def _bodies(ends_px: FloatArray, depth_m: FloatArray, which: IntArray, looks: _Looks) -> Strokes:
    """Bones and joints, farthest first, thicker and stronger when nearer, fainter when unsure."""
    thick_m = _BODY_M[which % len(_BODY)]
    width_px = np.clip(thick_m * looks.focal_px / depth_m, 1.5, looks.thickest_px).astype(np.float32)
    strength = np.ones(len(which), np.float32)
    if len(which):
        span_m = max(float(depth_m.max() - depth_m.min()), 1.0)
        near = (1.0 - _FARTHEST_FADE * (depth_m - depth_m.min()) / span_m).astype(np.float32)
        strength = near * looks.strength.ravel()[which]
    strokes = Strokes(ends_px, BODY_SIDE[which % len(_BODY)], which // len(_BODY), width_px, strength)
    # A joint counts as nearer, so that it is painted over the bones that end in it, whose middle may be
    # nearer than their end.
    order = np.argsort(np.where(thick_m == _JOINT_M, _JOINT_NEARER_M, 0.0) - depth_m, kind="stable")
    return strokes[order[strength[order] > 0]]


def _trails(ends_px: FloatArray, way: Way | None, which: IntArray, ids: Sequence[int]) -> Strokes:
    """Ways as strokes; of those who are not in view any more nobody's."""
    if way is None:
        return Strokes.of_scene(ends_px, *(np.zeros(0, np.float32),) * 2)
    place = way.place[which]
    side = np.select([place == PELVIS, place == LEFT_HAND], [Side.MIDDLE, Side.LEFT], Side.RIGHT)
    position = {identity: n for n, identity in enumerate(ids)}
    who = np.array([position.get(int(identity), -1) for identity in way.person[which]], np.intp)
    width_px = np.where(place == PELVIS, 3.0, 2.0).astype(np.float32)
    return Strokes(ends_px, side.astype(np.int8), who, width_px, way.strength[which] * np.float32(0.7))


def _shadows(poses_m: FloatArray, floor_m: float) -> FloatArray:
    flat = poses_m[:, BONES].reshape(-1, 2, 3)
    flat[..., 1] = floor_m
    return flat


def _letters(camera: OrbitCamera, axes_m: FloatArray, size: Size) -> list[Label]:
    at_px = camera.project(axes_m[:, 1] * np.float32(1.25), size)
    labels = [Label(float(x) - 3, float(y) + 4, letter) for letter, (x, y) in zip("xyz", at_px, strict=True)]
    return [label for label in labels if _inside(label, size)]


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

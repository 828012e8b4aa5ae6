"""Where people and cameras go: paths that do not collide, and cameras that look at them from anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from realtime.types import FloatArray
from training.mocap.rotations import axis_angle
from training.people.body import Pose
from training.render.lens import Lens, Viewpoint, look_at

FOV_DEG = (35.0, 90.0)
DISTANCE_M = (1.0, 8.0)
HEIGHT_M = (0.25, 1.4, 2.6)
"""Lowest, most common and highest camera."""
_ASPECTS = (16 / 9, 4 / 3, 4 / 3, 1.0, 3 / 4, 9 / 16)
_CLEAR_M = 0.55
_NEAREST_M, _STATURE_M = 0.35, 1.7
_WHOLE_CLIPS = 0.75
_SHOWN = {True: (0.93, 1.0), False: (0.30, 0.80)}
"""How much of the first person, least and most, a camera shows that has all of them, and one that has not."""
_CLOSE_M = (0.7, 4.0)
_LARGE_CLIPS, _LARGE, _SMALL = 0.85, 0.25, 0.08
"""How often people are at least how large: their size against the image's shorter side."""
_TRIES = 60
_DISTORTED = 0.5
_UP = np.array([0.0, 1.0, 0.0])


def turned(pose: Pose, angle_rad: float, by_m: FloatArray) -> Pose:
    """A motion (T) turned about the world's y axis, then moved on the floor by (x, z)."""
    turn = axis_angle(_UP, angle_rad)
    rotations = pose.rotations.copy()
    rotations[..., 0, :, :] = turn @ rotations[..., 0, :, :]
    root = pose.root_m @ turn.T + np.array([by_m[0], 0.0, by_m[1]])
    return Pose(rotations.astype(np.float32), root.astype(np.float32))


def draw_positions(rng: np.random.Generator, paths_m: Sequence[FloatArray]) -> list[FloatArray]:
    """For each path (T, 3) a shift (x, z) such that no two people come too near at any time."""
    shifts = [np.zeros(2)]
    for number in range(1, len(paths_m)):
        best, best_gap = np.zeros(2), -1.0
        for attempt in range(_TRIES):
            reach = 0.6 + (1.8 + 0.1 * attempt) * rng.random()
            angle = rng.uniform(-np.pi, np.pi)
            shift = reach * np.array([np.cos(angle), np.sin(angle)])
            moved = _flat(paths_m[number]) + shift
            gap = min(
                float(np.linalg.norm(moved - _flat(paths_m[n]) - shifts[n], axis=1).min())
                for n in range(number)
            )
            if gap > best_gap:
                best, best_gap = shift, gap
            if gap > _CLEAR_M:
                break
        shifts.append(best)
    return [np.asarray(shift, np.float32) for shift in shifts]


def _flat(path_m: FloatArray) -> FloatArray:
    return path_m[:, [0, 2]]


def draw_camera(rng: np.random.Generator, joints_m: FloatArray, long_side_px: tuple[int, int]) -> Viewpoint:
    """A camera that looks at people (T, P, 17, 3): most often at the whole of one, at times at a part.

    Draws until one shows enough of the first person and nobody stands in it; failing that, the best.
    """
    whole = bool(rng.random() < _WHOLE_CLIPS)
    least, most = _SHOWN[whole]
    size = _LARGE if rng.random() < _LARGE_CLIPS else _SMALL
    best: Viewpoint | None = None
    best_merit = -np.inf
    for _ in range(_TRIES):
        lens = _draw_lens(rng, long_side_px)
        view = _draw_view(rng, joints_m[:, 0].reshape(-1, 3), lens, DISTANCE_M if whole else _CLOSE_M)
        shown = _shown(view, joints_m[:, 0])
        room_m = float(view.camera_m(joints_m)[..., 2].min())
        merit = min(shown - least, 0.0) + min(most - shown, 0.0) + 2 * min(room_m - _NEAREST_M, 0.0)
        merit += min(_size(view, joints_m[:, 0]) - size, 0.0)
        if merit > best_merit:
            best, best_merit = view, merit
        if merit >= 0:
            break
    assert best is not None
    return replace(best, intrinsics=_distorted(rng, best.intrinsics))


def _draw_lens(rng: np.random.Generator, long_side_px: tuple[int, int]) -> Intrinsics:
    long_side = int(rng.integers(long_side_px[0], long_side_px[1] + 1)) // 2 * 2
    aspect = float(rng.choice(_ASPECTS))
    short = round(long_side * min(aspect, 1 / aspect) / 2) * 2
    width, height = (long_side, short) if aspect >= 1 else (short, long_side)
    lens = Intrinsics.from_fov(float(rng.uniform(*FOV_DEG)), width, height)
    offset = rng.normal(0, 0.01, 2) * long_side
    return replace(lens, cx=lens.cx + float(offset[0]), cy=lens.cy + float(offset[1]), source="calibrated")


def _draw_view(
    rng: np.random.Generator, path_m: FloatArray, lens: Intrinsics, distance_m: tuple[float, float]
) -> Viewpoint:
    """A camera somewhere around a person's path (N, 3) that has them somewhere in its image."""
    middle = path_m.mean(axis=0)
    distance = math.exp(rng.uniform(math.log(distance_m[0]), math.log(distance_m[1])))
    height = float(rng.triangular(*HEIGHT_M))
    position = np.array([middle[0], height, middle[2] + distance])
    across = np.array([lens.width / lens.fx, lens.height / lens.fy]) / 2
    aim = rng.uniform(-0.45, 0.45, 2) * across * distance
    target = middle + np.array([aim[0], aim[1], 0.0])
    rolled = rng.normal(0, 1.5) if rng.random() < 0.6 else rng.uniform(-14, 14)
    return look_at(lens, position, target, math.radians(float(rolled)))


def _shown(view: Viewpoint, joints_m: FloatArray) -> float:
    camera_m = view.camera_m(joints_m)
    at = view.intrinsics.project(camera_m)
    size = np.array([view.intrinsics.width, view.intrinsics.height])
    return float(((at > 0) & (at < size - 1)).all(axis=-1).mean())


def _size(view: Viewpoint, joints_m: FloatArray) -> float:
    """How long a standing person (T, 17, 3) would be at the farthest, as a share of the shorter side."""
    farthest_m = float(view.camera_m(joints_m[:, 0])[:, 2].max())
    lens = view.intrinsics
    return _STATURE_M * lens.fy / max(farthest_m, 0.1) / min(lens.width, lens.height)


def _distorted(rng: np.random.Generator, lens: Intrinsics) -> Intrinsics:
    """The lens with some distortion, as strong at the corners of a wide one as of a narrow one."""
    if rng.random() > _DISTORTED:
        return lens
    corner2 = ((lens.width / lens.fx) ** 2 + (lens.height / lens.fy) ** 2) / 4
    k1 = float(rng.uniform(-0.18, 0.06) / corner2)
    k2 = float(-0.3 * k1 / corner2 * rng.random())
    p1, p2 = (float(value) for value in rng.normal(0, 0.001, 2))
    bent = replace(lens, distortion=(k1, k2, p1, p2, 0.0))
    try:
        Lens(bent)
    except UsageError:
        return lens
    return bent

"""What OpenGL draws of people, from what the software painter paints them by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime.camera import Intrinsics
from realtime.scene import Side, absolute_poses_m, body_strength
from realtime.scenery import axes, frustum, grid, ruler, shown_metres
from realtime.strokes import Rgb
from realtime.trails import LEFT_HAND, PELVIS, Way
from realtime.types import Array, FloatArray, Person
from realtime.ui.gl_scene import Lines, Shot
from realtime.ui.theme import Theme
from realtime.view3d import Follower, Size

_TRAIL_STRENGTH = 0.7


def shot_of(
    follower: Follower,
    people: Sequence[Person],
    intrinsics: Intrinsics | None,
    way: Way | None,
    size: Size,
    theme: Theme,
) -> Shot:
    """The view that `follower` has now on a canvas of this size, in whole pixels."""
    camera, floor_m = follower.camera(size), follower.floor_m
    poses_m = absolute_poses_m(people)
    grid_m, fade = grid(camera, floor_m)
    lines = [
        Lines(grid_m, theme.grid, 1.0, fade),
        _even(ruler(shown_metres(poses_m), floor_m), theme.muted, 1.0),
        _even(frustum(intrinsics, floor_m, follower.level), theme.muted, 1.2),
    ]
    if intrinsics is not None:
        lines.append(_even(axes(follower.level), theme.text, 1.5))
    if way is not None:
        lines.append(_trails(way, {person.id for person in people}, theme))
    return Shot(
        camera,
        (round(size[0]), round(size[1])),
        1.0,
        floor_m,
        poses_m,
        tuple(person.id for person in people),
        body_strength(people),
        tuple(lines),
        theme,
    )


def _even(ends_m: FloatArray, rgb: Rgb, width_px: float) -> Lines:
    return Lines(ends_m, rgb, width_px, np.ones(len(ends_m), np.float32))


def _trails(way: Way, present: set[int], theme: Theme) -> Lines:
    rows = zip(way.place.tolist(), way.person.tolist(), strict=True)
    colours: list[Rgb] = []
    for place, person in rows:
        side = Side.MIDDLE if place == PELVIS else Side.LEFT if place == LEFT_HAND else Side.RIGHT
        colours.append(theme.body(side, person) if person in present else theme.muted)
    rgb: Array = np.array(colours, np.float32).reshape(-1, 3)
    width_px = np.where(way.place == PELVIS, 3.0, 2.0).astype(np.float32)
    return Lines(way.segments_m, rgb, width_px, way.strength * np.float32(_TRAIL_STRENGTH))

"""Simple shapes as surfaces: panels, boxes, cylinders, prisms, ellipsoids and curved sheets.

World: metres, y up. Triangles run counter-clockwise seen from outside, and normals point outwards. Patterns
run along faces in metres: x across and y up a face or around a cylinder, boards along the longer side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from realtime.types import Array, FloatArray
from training.people.makehuman import IntArray
from training.places.surface import Finish, Surface, joined

Vector = Sequence[float] | Array
Outline = Sequence[tuple[float, float]] | Array

_OFF_SEAM_M = 0.25
"""Patterns start this far into their first repeat, so that a small face shows no joint at its edge."""
# Outward normal, and the directions across and up, of a box's faces.
_FACES = {
    "right": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "left": ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    "top": ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
    "bottom": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "front": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "back": ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
}
_QUAD = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
_AXES = np.array(list(_FACES.values()), np.float64)
_CORNERS = (_AXES[:, :1] + (2 * _QUAD - 1) @ _AXES[:, 1:]) / 2


def panel(corner_m: Vector, across_m: Vector, up_m: Vector, finish: Finish) -> Surface:
    """A flat rectangle from one corner along two sides; it faces across x up."""
    corner, across, up = (np.asarray(v, np.float64) for v in (corner_m, across_m, up_m))
    points = corner + _QUAD @ np.stack([across, up])
    wide, tall = np.linalg.norm(across), np.linalg.norm(up)
    place = _QUAD * [wide, tall] + _OFF_SEAM_M
    if finish.pattern == "planks" and wide > tall:
        place = place[:, ::-1]
    normal = np.cross(across, up)
    normals = np.broadcast_to(normal / np.linalg.norm(normal), (4, 3))
    return _surface(points, normals, place, np.array([[0, 1, 2], [0, 2, 3]]), finish)


def box(
    centre_m: Vector, size_m: Vector, finish: Finish, turn_rad: float = 0.0, without: Sequence[str] = ()
) -> Surface:
    """A box of this size (along x, y, z), turned about the vertical through its centre.

    without: faces left out, of right, left, top, bottom, front (z) and back.
    """
    size = np.asarray(size_m, np.float64)
    kept = [number for number, name in enumerate(_FACES) if name not in without]
    sides = np.abs(_AXES[kept, 1:]) @ size
    place = _QUAD * sides[:, None] + _OFF_SEAM_M
    if finish.pattern == "planks":
        lying = sides[:, 0] > sides[:, 1]
        place[lying] = place[lying][..., ::-1]
    triangles = (4 * np.arange(len(kept))[:, None, None] + [[0, 1, 2], [0, 2, 3]]).reshape(-1, 3)
    solid = _surface(
        (_CORNERS[kept] * size).reshape(-1, 3), np.repeat(_AXES[kept, 0], 4, axis=0),
        place.reshape(-1, 2), triangles, finish,
    )  # fmt: skip
    return moved(solid, centre_m, turn_rad)


def cylinder(
    base_m: Vector,
    radius_m: float,
    height_m: float,
    finish: Finish,
    top_radius_m: float | None = None,
    axis: str = "y",
    sides: int = 12,
) -> Surface:
    """A cylinder, or a cone cut off, with its ends. base_m: the centre of one end; axis: where it goes."""
    top = radius_m if top_radius_m is None else top_radius_m
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    wall = np.concatenate([ring * radius_m, ring * top + [0, height_m, 0]])
    lean = np.array([0, (radius_m - top) / height_m, 0])
    slopes = (ring + lean) / np.linalg.norm(ring + lean, axis=1, keepdims=True)
    round_m = angle * max(radius_m, top)
    place = np.concatenate([np.stack([round_m, np.full_like(angle, y)], axis=1) for y in (0.0, height_m)])
    parts = [
        _surface(
            wall,
            np.concatenate([slopes, slopes]),
            place + _OFF_SEAM_M,
            _whole(wall, _strip(2, sides + 1)),
            finish,
        )
    ]
    for radius, y, facing in ((radius_m, 0.0, -1), (top, height_m, 1)):
        if radius > 0:
            disc = ring[:-1] * radius + [0, y, 0]
            fan = np.stack([np.zeros(sides - 2), np.arange(1, sides - 1), np.arange(2, sides)], axis=1)
            normals = np.broadcast_to([0.0, facing, 0.0], disc.shape)
            parts.append(_surface(disc, normals, disc[:, [0, 2]], fan[:, ::facing], finish))
    return moved(_turned_to(together(parts), axis), base_m)


def prism(outline_m: Outline, depth_m: float, finish: Finish) -> Surface:
    """An outline (K, 2) in x and y, counter-clockwise, as thick as depth_m about z = 0.

    Every corner of the outline is in sight of the mean of its corners.
    """
    outline = np.asarray(outline_m, np.float64)
    count, half = len(outline), depth_m / 2
    parts = []
    for number in range(count):
        a, b = outline[number], outline[(number + 1) % count]
        parts.append(panel((*a, half), (0, 0, -depth_m), (*(b - a), 0.0), finish))
    hub = np.concatenate([outline.mean(axis=0, keepdims=True), outline])
    fan = np.array([[0, 1 + n, 1 + (n + 1) % count] for n in range(count)])
    for z, facing in ((half, 1), (-half, -1)):
        points = np.concatenate([hub, np.full((count + 1, 1), z)], axis=1)
        normals = np.broadcast_to([0.0, 0.0, facing], points.shape)
        parts.append(_surface(points, normals, hub + _OFF_SEAM_M, fan[:, ::facing], finish))
    return together(parts)


def ellipsoid(centre_m: Vector, radii_m: Vector, finish: Finish, sides: int = 10, rings: int = 6) -> Surface:
    """An ellipsoid with half axes along x, y and z."""
    radii = np.asarray(radii_m, np.float64)
    around, up = np.meshgrid(
        np.linspace(0, 2 * np.pi, sides + 1), np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    )
    unit = np.stack([np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)], axis=-1)
    unit = unit.reshape(-1, 3)
    normals = unit / radii
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    girth = float(radii[[0, 2]].mean())
    place = np.stack([around.ravel() * girth, up.ravel() * radii[1]], axis=1)
    triangles = _whole(unit, _strip(rings + 1, sides + 1))
    return moved(_surface(unit * radii, normals, place, triangles, finish), centre_m)


def sheet(points_m: Array, finish: Finish) -> Surface:
    """A curved sheet through a grid of points (R, C, 3), smooth all over; it faces columns x rows."""
    rows, columns = points_m.shape[:2]
    points = np.asarray(points_m, np.float64)
    along = np.linalg.norm(np.diff(points, axis=1), axis=2).mean(axis=0)
    up = np.linalg.norm(np.diff(points, axis=0), axis=2).mean(axis=1)
    x, y = (np.concatenate([[0.0], np.cumsum(steps)]) for steps in (along, up))
    place = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    triangles = _strip(rows, columns)
    flat = points.reshape(-1, 3)
    return _surface(flat, _smooth(flat, triangles), place, triangles, finish)


def moved(surface: Surface, by_m: Vector, turn_rad: float = 0.0) -> Surface:
    """A surface turned about the vertical through the origin (z towards x), then shifted."""
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    points = surface.points_m @ turn.T + np.asarray(by_m, np.float64)
    normals = surface.normals @ turn.T
    return replace(surface, points_m=points.astype(np.float32), normals=normals.astype(np.float32))


def together(surfaces: Sequence[Surface]) -> Surface:
    """One mesh of several, that names each finish once."""
    whole = joined(surfaces)
    numbers: dict[Finish, int] = {}
    own = np.array([numbers.setdefault(finish, len(numbers)) for finish in whole.finishes], np.int32)
    return replace(whole, finish=own[whole.finish], finishes=tuple(numbers))


def _surface(points: Array, normals: Array, place: Array, triangles: Array, finish: Finish) -> Surface:
    depth = points.sum(axis=1, keepdims=True) + 0.37 * points[:, :1]
    return Surface(
        points_m=np.asarray(points, np.float32),
        normals=np.asarray(normals, np.float32),
        place_m=np.concatenate([place, depth], axis=1).astype(np.float32),
        triangles=np.asarray(triangles, np.int32),
        finish=np.zeros(len(points), np.int32),
        finishes=(finish,),
    )


def _whole(points: Array, triangles: IntArray) -> IntArray:
    """The triangles that have an area: at a pole or a cone's tip half of them have none."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    kept = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12
    return np.asarray(triangles[kept], np.int32)


def _strip(rows: int, columns: int) -> IntArray:
    """Triangles of a grid of points, row by row, that face columns x rows."""
    at = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1].ravel(), at[:-1, 1:].ravel(), at[1:, 1:].ravel(), at[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def _smooth(points: Array, triangles: IntArray) -> FloatArray:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], faces)
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True), np.float32)


def _turned_to(surface: Surface, axis: str) -> Surface:
    """The surface with its y axis along this one; handedness is kept."""
    order = {"y": [0, 1, 2], "x": [1, 2, 0], "z": [2, 0, 1]}[axis]
    points, normals = (np.ascontiguousarray(v[:, order]) for v in (surface.points_m, surface.normals))
    return replace(surface, points_m=points, normals=normals)

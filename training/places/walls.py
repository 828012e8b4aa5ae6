"""The shell of a room and what hangs on its walls: doors, windows, curtains, pictures, boards, wall bars.

World: metres, y up. A fitting is made about x = 0 on the wall z = 0, seen from z > 0, the floor at y = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from realtime.types import Array
from training.places.materials import BLACK, WHITE, Colour, art, fabric, glowing, metal, paint, shade, wood
from training.places.solids import box, cylinder, moved, panel, sheet, together
from training.places.surface import Finish, Surface

Rectangle = tuple[float, float, float, float]
"""x0, z0, x1, z1."""


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall of a room, seen from inside. start_m: x, z of its left end. turn_rad: z to its normal."""

    start_m: tuple[float, float]
    turn_rad: float
    length_m: float
    height_m: float

    def spot_m(self, along_m: float, out_m: float) -> tuple[float, float]:
        """x, z this far along the wall and this far from it."""
        c, s = float(np.cos(self.turn_rad)), float(np.sin(self.turn_rad))
        x, z = self.start_m
        return x + along_m * c + out_m * s, z - along_m * s + out_m * c

    def put(self, surface: Surface, along_m: float) -> Surface:
        """A surface made about x = 0 on the wall z = 0, at its place along the wall."""
        x, z = self.spot_m(along_m, 0.0)
        return moved(surface, (x, 0.0, z), self.turn_rad)


@dataclass(frozen=True, slots=True)
class Fitting:
    """What hangs on a wall. bottom_m: what stands in front of it and is taller would hide it."""

    surface: Surface
    half_m: float
    bottom_m: float


def walls_of(rectangle_m: Rectangle, height_m: float) -> tuple[Wall, Wall, Wall, Wall]:
    """The walls at z0, x1, z1 and x0, facing inwards."""
    x0, z0, x1, z1 = rectangle_m
    wide, deep = x1 - x0, z1 - z0
    return (
        Wall((x0, z0), 0.0, wide, height_m),
        Wall((x1, z0), -np.pi / 2, deep, height_m),
        Wall((x1, z1), np.pi, wide, height_m),
        Wall((x0, z1), np.pi / 2, deep, height_m),
    )


def ground_panel(rectangle_m: Rectangle, finish: Finish, y_m: float = 0.0) -> Surface:
    """A flat floor, rug or marking."""
    x0, z0, x1, z1 = rectangle_m
    return panel((x0, y_m, z1), (x1 - x0, 0, 0), (0, 0, z0 - z1), finish)


def ceiling(rectangle_m: Rectangle, height_m: float, finish: Finish) -> Surface:
    """A flat ceiling."""
    x0, z0, x1, z1 = rectangle_m
    return panel((x0, height_m, z0), (x1 - x0, 0, 0), (0, 0, z1 - z0), finish)


def wall_surface(wall: Wall, finish: Finish, skirting: Finish | None = None, tall_m: float = 0.1) -> Surface:
    """One wall, with a skirting board where that has a finish."""
    half = wall.length_m / 2
    parts = [panel((-half, 0, 0), (wall.length_m, 0, 0), (0, wall.height_m, 0), finish)]
    if skirting is not None:
        size = (wall.length_m, tall_m, 0.015)
        parts.append(
            box((0, tall_m / 2, 0.0075), size, skirting, without=("back", "bottom", "left", "right"))
        )
    return wall.put(together(parts), half)


def wainscot(wall: Wall, finish: Finish, tall_m: float) -> Surface:
    """Panelling on the lower part of a wall."""
    size = (wall.length_m, tall_m, 0.012)
    flat = box((0, tall_m / 2, 0.006), size, finish, without=("back", "bottom", "left", "right"))
    return wall.put(flat, wall.length_m / 2)


def cove(rectangle_m: Rectangle, height_m: float, radius_m: float, finish: Finish) -> Surface:
    """Walls all around that rise from the floor in a curve, with round corners: a seamless backdrop."""
    x0, z0, x1, z1 = rectangle_m
    turn = np.linspace(0, np.pi / 2, 7)
    inwards = np.concatenate([radius_m * (1 - np.sin(turn)), [0.0]])
    heights = np.concatenate([radius_m * (1 - np.cos(turn)), [height_m]])
    corner = 1.5 * radius_m
    rows = []
    for inward, height in zip(inwards, heights, strict=True):
        points = [((x0 + x1) / 2, z0 + inward)]
        hubs = ((x1, z0, -1, 1, 0.0), (x1, z1, -1, -1, 0.5), (x0, z1, 1, -1, 1.0), (x0, z0, 1, 1, 1.5))
        for x, z, sx, sz, start in hubs:
            angle = np.pi * (start + np.linspace(0, 0.5, 6))
            reach = corner - inward
            points += list(
                zip(
                    x + sx * corner + reach * np.sin(angle),
                    z + sz * corner - reach * np.cos(angle),
                    strict=True,
                )
            )
        points.append(points[0])
        flat = np.array(points)
        rows.append(np.stack([flat[:, 0], np.full(len(flat), height), flat[:, 1]], axis=1))
    return sheet(np.array(rows), finish)


def door(rng: np.random.Generator, glow: Colour) -> Fitting:
    """A door in its frame."""
    wide, tall = rng.uniform(0.8, 0.95), rng.uniform(1.98, 2.1)
    leaf = wood(rng)
    frame = leaf if rng.random() < 0.4 else paint(rng)
    parts = [
        _flat(0, tall / 2, (wide, tall, 0.03), leaf),
        _flat(0, tall + 0.04, (wide + 0.16, 0.08, 0.05), frame),
        *(_flat(s * (wide / 2 + 0.04), tall / 2, (0.08, tall, 0.05), frame) for s in (-1, 1)),
        box((0.42 * wide, 1.02, 0.07), (0.12, 0.02, 0.02), metal(rng)),
    ]
    if rng.random() < 0.4:
        pane = glowing(tuple_of(0.5 * np.array(glow)), glow)
        parts.append(_flat(0, tall * 0.68, (wide * 0.6, tall * 0.4, 0.034), pane))
    elif rng.random() < 0.6:
        parts += [_flat(0, tall * y, (wide * 0.66, tall * 0.36, 0.04), leaf) for y in (0.27, 0.72)]
    return Fitting(together(parts), wide / 2 + 0.09, 0.0)


def window(rng: np.random.Generator, glow: Colour) -> Fitting:
    """A bright window with a frame and bars, some with a sill."""
    wide, low, tall = rng.uniform(0.7, 1.8), rng.uniform(0.75, 1.0), rng.uniform(0.9, 1.3)
    day = tuple_of(np.array([0.85, 0.95, 1.0]) * rng.uniform(0.5, 1.6))
    frame = Finish("plain", WHITE) if rng.random() < 0.6 else wood(rng)
    middle = low + tall / 2
    parts = [_flat(0, middle, (wide, tall, 0.01), glowing(day, glow))]
    parts += [_flat(s * wide / 2, middle, (0.06, tall + 0.06, 0.04), frame) for s in (-1, 1)]
    parts += [_flat(0, middle + s * tall / 2, (wide, 0.06, 0.04), frame) for s in (-1, 1)]
    bars = int(rng.integers(0, 3))
    parts += [
        _flat(x, middle, (0.035, tall, 0.03), frame) for x in np.linspace(-wide / 2, wide / 2, bars + 2)[1:-1]
    ]
    if rng.random() < 0.4:
        parts.append(_flat(0, low + 0.6 * tall, (wide, 0.03, 0.03), frame))
    if rng.random() < 0.5:
        parts.append(box((0, low - 0.03, 0.08), (wide + 0.12, 0.03, 0.16), frame, without=("back",)))
    return Fitting(together(parts), wide / 2 + 0.06, low - 0.05)


def curtained_window(rng: np.random.Generator, glow: Colour) -> Fitting:
    """A window with curtains drawn to its sides."""
    bare = window(rng, glow)
    return _curtained(
        rng, [bare.surface], 2 * bare.half_m - 0.12, float(bare.surface.points_m[:, 1].max()) + 0.08
    )


def _curtained(rng: np.random.Generator, parts: list[Surface], wide: float, top: float) -> Fitting:
    """The window with curtains drawn to its sides."""
    cloth, run = fabric(rng), rng.uniform(0.28, 0.5)
    low = 0.03 if rng.random() < 0.6 else rng.uniform(0.5, 0.7)
    for side in (-1, 1):
        x = side * (wide / 2 + 0.05) + np.linspace(-run / 2, run / 2, 33)
        wave = 0.10 + 0.02 * np.sin(np.linspace(0, 2 * np.pi * rng.integers(3, 5), 33))
        rows = [np.stack([x, np.full_like(x, y), wave], axis=1) for y in (low, top)]
        parts.append(sheet(np.array(rows), cloth))
    half = wide / 2 + 0.1 + run / 2
    parts.append(cylinder((-half, top + 0.01, 0.1), 0.012, 2 * half, metal(rng), axis="x", sides=6))
    return Fitting(together(parts), half, low)


def picture(rng: np.random.Generator, glow: Colour) -> Fitting:
    """A framed picture, with or without a mount, or a poster."""
    wide, tall = rng.uniform(0.3, 1.1), rng.uniform(0.3, 0.9)
    middle = rng.uniform(1.45, 1.7)
    parts = []
    if rng.random() < 0.75:
        frame, rim = (wood, paint, metal)[rng.integers(3)](rng), rng.uniform(0.02, 0.05)
        parts.append(_flat(0, middle, (wide + 2 * rim, tall + 2 * rim, 0.025), frame))
    mount = rng.uniform(0.04, 0.09) if rng.random() < 0.5 else 0.0
    if mount:
        parts.append(_flat(0, middle, (wide, tall, 0.027), Finish("plain", WHITE)))
    parts.append(_flat(0, middle, (wide - 2 * mount, tall - 2 * mount, 0.029), art(rng)))
    return Fitting(together(parts), wide / 2 + 0.05, middle - tall / 2 - 0.06)


def board(rng: np.random.Generator, glow: Colour) -> Fitting:
    """A whiteboard, a blackboard, a pinboard or a flat screen."""
    wide, tall, middle = rng.uniform(1.1, 2.2), rng.uniform(0.7, 1.1), rng.uniform(1.4, 1.6)
    faces = (
        Finish("plain", WHITE, gloss=0.4),
        Finish("grain", (0.02, 0.06, 0.04), strength=0.4, size_m=0.5),
        Finish("carpet", shade(rng, (0.2, 0.6), (0.3, 0.7))),
        Finish("plain", BLACK, gloss=0.7),
    )
    parts = [_flat(0, middle, (wide + 0.05, tall + 0.05, 0.03), metal(rng))]
    parts.append(_flat(0, middle, (wide, tall, 0.033), faces[rng.integers(4)]))
    return Fitting(together(parts), wide / 2 + 0.04, middle - tall / 2 - 0.05)


def wall_bars(rng: np.random.Generator, glow: Colour) -> Fitting:
    """A gym's ladder on the wall."""
    wide, tall, finish = rng.uniform(0.8, 1.0), rng.uniform(2.3, 2.6), wood(rng)
    parts = [box((x, tall / 2, 0.06), (0.03, tall, 0.12), finish) for x in (-wide / 2, wide / 2)]
    rungs = np.arange(0.15, tall, 0.2)
    parts += [cylinder((-wide / 2, y, 0.1), 0.018, wide, finish, axis="x", sides=6) for y in rungs]
    return Fitting(together(parts), wide / 2 + 0.05, 0.0)


def high_window(rng: np.random.Generator, glow: Colour) -> Fitting:
    """A long window above head height."""
    fitting = window(rng, glow)
    return Fitting(moved(fitting.surface, (0, 1.6, 0)), fitting.half_m, fitting.bottom_m + 1.6)


FittingMaker = Callable[[np.random.Generator, Colour], Fitting]


def _flat(x: float, y: float, size: Sequence[float], finish: Finish) -> Surface:
    """A board on the wall; its back is never seen and casts no shadow through the wall."""
    return box((x, y, size[2] / 2), size, finish, without=("back",))


def tuple_of(colour: Array) -> Colour:
    """A colour as a finish has it."""
    red, green, blue = (float(channel) for channel in colour)
    return red, green, blue

"""What stands outdoors: trees, poles, cars, fences, buildings, and the sky.

Pieces stand on the floor y = 0, their front towards z. World: metres, y up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from realtime.types import Array
from training.places.arrange import Piece, piece
from training.places.materials import (
    Colour,
    bricks,
    leaves,
    metal,
    mixed,
    paint,
    plaster,
    scaled,
    shade,
    wood,
)
from training.places.solids import box, cylinder, ellipsoid, moved, panel, prism, sheet, together
from training.places.surface import Finish, Surface, linear

Maker = Callable[[np.random.Generator], Piece]

_RUBBER = Finish("plain", linear(30, 30, 32))
_GLASS = Finish("plain", linear(44, 52, 60), gloss=0.8)
SKY_M = 170.0
"""How far away the sky is."""
_SKY_EDGES_DEG = (0.5, 3, 6, 9, 12, 16, 20, 25, 31, 38, 48, 60, 75, 90)


def tree(rng: np.random.Generator) -> Piece:
    """A broad-leaved tree or a fir."""
    bark = Finish("grain", shade(rng, (0.2, 0.4), (0.2, 0.4)), size_m=0.06, strength=0.6, gloss=0.0)
    green, tall, radius = leaves(rng), rng.uniform(3.0, 7.0), rng.uniform(0.08, 0.2)
    if rng.random() < 0.25:
        parts = [cylinder((0, 0, 0), radius, 0.2 * tall, bark, sides=8)]
        for low in (0.12, 0.36, 0.6):
            wide = 0.26 * tall * (1.1 - low)
            parts.append(cylinder((0, low * tall, 0), wide, 0.40 * tall, green, 0.02, sides=12))
        return piece(parts)
    fork = rng.uniform(0.3, 0.5) * tall
    parts = [cylinder((0, 0, 0), radius, fork + 0.3, bark, 0.6 * radius, sides=8)]
    for _ in range(int(rng.integers(4, 8))):
        at = rng.uniform(-0.16, 0.16, 3) * tall * (1, 1.1, 1) + (0, (fork + tall) / 2, 0)
        parts.append(ellipsoid(at, rng.uniform(0.12, 0.22, 3) * tall, green, 10, 7))
    return piece(parts)


def bush(rng: np.random.Generator) -> Piece:
    """A round bush or a clipped hedge."""
    green = leaves(rng)
    if rng.random() < 0.4:
        wide, tall, deep = rng.uniform(1.0, 3.0), rng.uniform(0.6, 1.4), rng.uniform(0.4, 0.7)
        return piece([box((0, tall / 2, 0), (wide, tall, deep), green)])
    parts = []
    for _ in range(int(rng.integers(2, 6))):
        radii = rng.uniform(0.25, 0.5, 3)
        x, z = rng.uniform(-0.4, 0.4, 2)
        parts.append(ellipsoid((x, 0.8 * radii[1], z), radii, green, 9, 6))
    return piece(parts)


def pole(rng: np.random.Generator) -> Piece:
    """A lamp post, a sign post or a wooden pole."""
    tall, finish, kind = rng.uniform(2.2, 4.5), metal(rng), rng.integers(3)
    if kind == 0:
        return piece([cylinder((0, 0, 0), 0.09, 1.3 * tall, wood(rng), 0.07, sides=10)])
    parts = [cylinder((0, 0, 0), 0.05, tall, finish, 0.04, sides=10)]
    if kind == 1:
        sign = Finish("plain", shade(rng, (0.6, 0.95), (0.4, 0.9)), gloss=0.3)
        parts.append(cylinder((0, tall - 0.35, 0.045), 0.28, 0.02, sign, axis="z", sides=20))
    else:
        parts.append(cylinder((0, 0, 0), 0.08, 0.5, finish, sides=10))
        parts.append(ellipsoid((0, tall + 0.1, 0), (0.16, 0.2, 0.16), paint(rng), 10, 6))
    return piece(parts)


def bollard(rng: np.random.Generator) -> Piece:
    """A bollard, a litter bin or a stone block."""
    finish, kind = paint(rng), rng.integers(3)
    if kind == 0:
        tall = rng.uniform(0.6, 1.0)
        return piece(
            [
                cylinder((0, 0, 0), 0.08, tall, finish, sides=12),
                ellipsoid((0, tall, 0), (0.08, 0.05, 0.08), finish),
            ]
        )
    if kind == 1:
        tall = rng.uniform(0.7, 1.0)
        return piece(
            [
                cylinder((0, 0, 0), 0.2, tall, finish, 0.26, sides=14),
                cylinder((0, tall, 0), 0.27, 0.05, metal(rng)),
            ]
        )
    size = rng.uniform(0.35, 0.7, 3)
    stone = Finish("grain", shade(rng, (0, 0.1), (0.45, 0.75)), size_m=0.2, strength=0.25, gloss=0.0)
    return piece([box((0, size[1] / 2, 0), size, stone)])


def barrier(rng: np.random.Generator) -> Piece:
    """A railing, a picket fence, a low wall or a road barrier."""
    wide, tall, kind = rng.uniform(1.2, 2.6), rng.uniform(0.7, 1.15), rng.integers(4)
    if kind == 0:
        return piece(
            [
                box((0, tall / 2, 0), (wide, tall, 0.22), bricks(rng)),
                box((0, tall + 0.03, 0), (wide + 0.04, 0.06, 0.28), paint(rng)),
            ]
        )
    if kind == 1:
        colour = shade(rng, (0.6, 0.95), (0.6, 0.95))
        stripes = Finish("stripes", colour, linear(235, 235, 235), 0.3, 1.0, 0.2)
        parts = [box((0, y, 0), (wide, 0.16, 0.03), stripes) for y in (0.45 * tall, tall - 0.08)]
        return piece(
            [
                *parts,
                *(box((s * 0.4 * wide, tall / 2, -0.03), (0.06, tall, 0.03), metal(rng)) for s in (-1, 1)),
            ]
        )
    finish = metal(rng) if kind == 2 else wood(rng)
    bar, step = (0.02, 0.12) if kind == 2 else (0.07, 0.11)
    parts = [box((0, y, 0), (wide, 0.04, 0.03), finish) for y in (0.15, tall - 0.06)]
    count = int(wide / step)
    parts += [
        box(((n + 0.5) * wide / count - wide / 2, tall / 2, 0.02), (bar, tall, 0.02), finish)
        for n in range(count)
    ]
    return piece(parts)


def car(rng: np.random.Generator) -> Piece:
    """A parked car, its side towards z."""
    colours = [(0.0, 0.05, 0.75, 0.92), (0.0, 0.08, 0.08, 0.5), (0.4, 0.9, 0.25, 0.75)]
    a, b, c, d = colours[rng.integers(3)]
    body = Finish("plain", shade(rng, (a, b), (c, d)), gloss=0.7)
    long, roof = rng.uniform(1.85, 2.3), rng.uniform(1.4, 1.75)
    hull = [
        (-long, 0.28),
        (long, 0.28),
        (long, 0.68),
        (0.9 * long, 0.8),
        (0.4 * long, 0.92),
        (-0.96 * long, 0.95),
        (-long, 0.7),
    ]
    cabin = np.array(
        [(-0.82 * long, 0.93), (0.48 * long, 0.9), (0.18 * long, roof - 0.02), (-0.6 * long, roof)]
    )
    parts = [prism(hull, 1.76, body), prism(cabin, 1.56, body)]
    for x0, x1 in ((-0.74, -0.2), (-0.15, 0.4)):
        low, top = 0.98, roof - 0.09
        lean0, lean1 = (0.12, 0.0) if x0 < -0.5 else (0.0, -0.24)
        pane = [(x0 * long, low), (x1 * long, low), ((x1 + lean1) * long, top), ((x0 + lean0) * long, top)]
        parts.append(prism(pane, 1.57, _GLASS))
    for x in (-0.62 * long, 0.64 * long):
        parts += [cylinder((x, 0.32, z), 0.32, 0.22, _RUBBER, axis="z", sides=16) for z in (-0.92, 0.70)]
        parts.append(cylinder((x, 0.32, -0.93), 0.19, 1.86, metal(rng), axis="z", sides=12))
    return piece(parts)


def building(rng: np.random.Generator) -> Piece:
    """A house or a block of flats; the windows look to the front."""
    wide, deep, floors = rng.uniform(8, 22), rng.uniform(6, 12), int(rng.integers(1, 6))
    tall = 2.9 * floors + 0.6
    face = replace(bricks(rng), strength=0.15) if rng.random() < 0.4 else plaster(rng)
    parts = [box((0, tall / 2, 0), (wide, tall, deep), face, without=("bottom",))]
    if floors < 4 and rng.random() < 0.7:
        tiles = Finish("bricks", shade(rng, (0.2, 0.6), (0.25, 0.6)), (0.02, 0.02, 0.02), 0.4, 0.4, 0.0)
        gable = [(-deep / 2 - 0.4, tall), (deep / 2 + 0.4, tall), (0, tall + rng.uniform(1.5, 3.0))]
        parts.append(moved(prism(gable, wide + 0.6, tiles), (0, 0, 0), np.pi / 2))
    frame, step = paint(rng), rng.uniform(2.0, 3.2)
    size = rng.uniform(0.8, 1.4), rng.uniform(1.1, 1.6)
    columns = max(int((wide - 1) / step), 1)
    for floor in range(floors):
        for column in range(columns):
            x, y = (column - (columns - 1) / 2) * step, 2.9 * floor + 1.0
            rim = np.array([size[0] + 0.16, size[1] + 0.16])
            parts.append(
                panel((x - rim[0] / 2, y - 0.08, deep / 2 + 0.03), (rim[0], 0, 0), (0, rim[1], 0), frame)
            )
            parts.append(
                panel((x - size[0] / 2, y, deep / 2 + 0.06), (size[0], 0, 0), (0, size[1], 0), _GLASS)
            )
    return piece(parts)


def skyline(rng: np.random.Generator, centre_m: tuple[float, float]) -> Surface:
    """Woods or hills all around, far away."""
    turns = np.linspace(0, 2 * np.pi, 145)
    low, rise = rng.uniform(4, 6), rng.uniform(0.5, 6)
    phases = rng.uniform(0, 2 * np.pi, 4)
    wave = sum(np.sin(n * turns + phase) / n for n, phase in zip((2, 3, 7, 12), phases, strict=True))
    hills = low + rise * (0.5 + 0.5 * np.asarray(wave) / 1.2).clip(0, 1.4)
    heights = hills + rng.uniform(0, 1.5, len(turns))
    colour = mixed(leaves(rng).colour, (0.34, 0.40, 0.46), rng.uniform(0.15, 0.5))
    finish = Finish("ground", colour, scaled(colour, 0.8), rng.uniform(1, 3), 0.0, 0.0)
    x, z = 100 * np.sin(turns) + centre_m[0], -100 * np.cos(turns) + centre_m[1]
    rows = [np.stack([x, y, z], axis=1) for y in (np.full_like(x, -0.5), heights)]
    return sheet(np.array(rows), finish)


@dataclass(frozen=True, slots=True)
class Sky:
    """Colours of a sky, and how much of it the clouds cover, [0, 1]."""

    horizon: Colour
    zenith: Colour
    cloud: Colour
    cover: float


def sky(centre_m: tuple[float, float], look: Sky) -> Surface:
    """A dome of bands from the horizon's colour to the zenith's, with clouds.

    The colours are what light_below makes of them: every normal points down. It starts half a degree above
    the horizon, so something must stand before its edge.
    """
    turns = np.linspace(0, 2 * np.pi, 25)
    bands = []
    for low, high in pairwise(_SKY_EDGES_DEG):
        rows = [_dome_ring(np.radians(e), turns, centre_m) for e in (low, min(high, 89.9))]
        share = np.sin(np.radians((low + high) / 2)) ** 0.6
        clear = mixed(look.horizon, look.zenith, share)
        cloudy = mixed(clear, look.cloud, look.cover)
        band = sheet(np.array(rows), Finish("ground", clear, cloudy, 22.0, 0.0, 0.0))
        ray = band.points_m - np.array([centre_m[0], 0.0, centre_m[1]], np.float32)
        place = ray[:, [0, 2, 1]] / np.maximum(ray[:, 1:2] / SKY_M, 0.08) * 0.35
        normals = np.broadcast_to(np.array([0, -1, 0], np.float32), band.normals.shape).copy()
        bands.append(replace(band, place_m=place.astype(np.float32), normals=normals))
    return together(bands)


def _dome_ring(elevation: float, turns: Array, centre_m: tuple[float, float]) -> Array:
    out, up = SKY_M * np.cos(elevation), SKY_M * np.sin(elevation)
    return np.stack(
        [out * np.sin(turns) + centre_m[0], np.full_like(turns, up), -out * np.cos(turns) + centre_m[1]],
        axis=1,
    )

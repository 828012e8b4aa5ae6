"""Lamps, plants, boxes, pillars, balls, and the small things that stand on tables.

Every maker gives a `Piece`: metres, standing on the floor y = 0, its front towards z.
"""

from __future__ import annotations

import numpy as np

from training.places.arrange import Piece, piece
from training.places.materials import WHITE, Colour, art, fabric, leaves, metal, paint, scaled, shade, wood
from training.places.solids import box, cylinder, ellipsoid, sheet
from training.places.surface import Finish, Surface, linear


def small_things(rng: np.random.Generator, tall: float, reach: float) -> list[Surface]:
    """Vases, bowls, books, lamps and mugs on a top at this height, from -reach to reach along x."""
    parts: list[Surface] = []
    for x in np.arange(-reach + 0.1, reach - 0.1, 0.3):
        kind, at = rng.integers(8), float(x) + rng.uniform(-0.03, 0.03)
        if kind == 0:
            parts.append(ellipsoid((at, tall + 0.12, 0), (0.07, 0.12, 0.07), paint(rng), 10, 6))
        elif kind == 1:
            parts.append(cylinder((at, tall, 0), 0.05, 0.07, paint(rng), 0.12, sides=12))
        elif kind == 2:
            for level in tall + 0.015 + 0.03 * np.arange(rng.integers(1, 4)):
                book = box((at, level, 0), (0.16, 0.03, 0.22), art(rng), rng.uniform(-0.3, 0.3))
                parts.append(book)
        elif kind == 3:
            parts.append(cylinder((at, tall, 0), 0.03, 0.25, metal(rng), sides=8))
            parts.append(cylinder((at, tall + 0.22, 0), 0.12, 0.16, fabric(rng), 0.08, sides=12))
        elif kind == 4:
            parts.append(cylinder((at, tall, 0), 0.035, 0.1, paint(rng), sides=10))
    return parts


def floor_lamp(rng: np.random.Generator) -> Piece:
    """A lamp on a pole."""
    tall, pole, radius = rng.uniform(1.4, 1.8), metal(rng), rng.uniform(0.12, 0.2)
    cloth = Finish("plain", WHITE if rng.random() < 0.6 else shade(rng, (0.2, 0.6), (0.5, 0.9)))
    return piece(
        [
            cylinder((0, 0, 0), 0.14, 0.025, pole, sides=16),
            cylinder((0, 0.025, 0), 0.012, tall - 0.325, pole, sides=7),
            cylinder((0, tall - 0.3, 0), radius * 1.3, 0.3, cloth, radius * 0.9, sides=16),
        ]
    )


def plant(rng: np.random.Generator) -> Piece:
    """A plant in a pot: a bush, or long leaves that lean outwards."""
    pot, radius, tall = paint(rng), rng.uniform(0.1, 0.2), rng.uniform(0.2, 0.4)
    green, top = leaves(rng), rng.uniform(0.3, 1.3)
    parts = [cylinder((0, 0, 0), radius * 0.75, tall, pot, radius, sides=12)]
    if rng.random() < 0.4:
        parts.append(cylinder((0, tall, 0), 0.02, top * 0.6, wood(rng), sides=6))
        for _ in range(int(rng.integers(5, 9))):
            at = rng.normal(0, 0.11, 3) * (1, 0.9, 1) + (0, tall + top * 0.7, 0)
            at[1] = max(at[1], tall + 0.15)
            parts.append(ellipsoid(at, rng.uniform(0.1, 0.2, 3), green, 8, 5))
        return piece(parts)
    count = int(rng.integers(8, 15))
    return piece([*parts, *(_leaf(rng, tall, top * rng.uniform(0.6, 1.0), green) for _ in range(count))])


def _leaf(rng: np.random.Generator, low: float, length: float, finish: Finish) -> Surface:
    """A leaf that rises from the pot's middle and bends over, seen from both sides."""
    turn, lean, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5), rng.uniform(0.02, 0.06)
    along = np.linspace(0, 1, 5)
    out = lean * length * along**2
    up = low + length * (along - 0.3 * lean * along**3)
    half = width * np.sin(np.pi * (0.08 + 0.9 * along))
    ahead, aside = np.array([np.sin(turn), 0, np.cos(turn)]), np.array([np.cos(turn), 0, -np.sin(turn)])
    spine = out[:, None] * ahead + up[:, None] * np.array([0.0, 1, 0])
    return sheet(np.stack([spine - half[:, None] * aside, spine + half[:, None] * aside], axis=1), finish)


def crates(rng: np.random.Generator) -> Piece:
    """Boxes on each other, each turned a little."""
    parts, low, wide = [], 0.0, rng.uniform(0.35, 0.6)
    for _ in range(int(rng.integers(1, 4))):
        tall = rng.uniform(0.2, 0.4)
        finish = (
            wood(rng) if rng.random() < 0.4 else Finish("grain", _cardboard(rng), size_m=0.3, strength=0.1)
        )
        size = (wide, tall, wide * rng.uniform(0.7, 1))
        parts.append(box((0, low + tall / 2, 0), size, finish, rng.uniform(-0.2, 0.2)))
        low, wide = low + tall, wide * rng.uniform(0.8, 1.0)
    return piece(parts)


def _cardboard(rng: np.random.Generator) -> Colour:
    return scaled(linear(166, 138, 104), rng.uniform(0.7, 1.3))


def pillar(rng: np.random.Generator, tall_m: float = 2.4) -> Piece:
    """A slim round or square pillar from the floor to the ceiling."""
    wide, finish = rng.uniform(0.15, 0.4), paint(rng) if rng.random() < 0.6 else wood(rng)
    if rng.random() < 0.5:
        return piece([cylinder((0, 0, 0), wide / 2, tall_m, finish, sides=16)])
    return piece([box((0, tall_m / 2, 0), (wide, tall_m, wide), finish)])


def ball(rng: np.random.Generator) -> Piece:
    """A football, or one to sit on."""
    radius = rng.choice([0.11, 0.3, 0.35])
    finish = Finish("plain", shade(rng, (0.2, 0.9), (0.3, 0.95)), gloss=0.3)
    return piece([ellipsoid((0, radius, 0), (radius, radius, radius), finish, 16, 10)])

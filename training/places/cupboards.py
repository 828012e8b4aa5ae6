"""Shelves with books, sideboards with a television, wardrobes: of random size and finish.

Every maker gives a `Piece`: metres, standing on the floor y = 0, its front towards z.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.places.arrange import Piece, piece
from training.places.materials import BLACK, art, metal, paint, shade, wood
from training.places.ornaments import small_things
from training.places.solids import box
from training.places.surface import Finish, Surface

_SCREEN = Finish("plain", BLACK, gloss=0.7)


def shelf(rng: np.random.Generator) -> Piece:
    """Open shelves with books, boxes and vases."""
    wide, tall, deep = rng.uniform(0.6, 1.4), rng.uniform(0.9, 2.1), rng.uniform(0.25, 0.35)
    frame, boards = wood(rng), int(rng.integers(3, 6))
    covers = [art(rng), *(Finish("plain", shade(rng, (0.1, 0.8), (0.15, 0.9))) for _ in range(6))]
    parts = [box((s * (wide / 2 - 0.01), tall / 2, 0), (0.02, tall, deep), frame) for s in (-1, 1)]
    parts.append(box((0, tall / 2, -deep / 2 + 0.005), (wide, tall, 0.01), frame))
    levels = np.linspace(0.05, tall - 0.012, boards + 1)
    parts += [box((0, y, 0), (wide - 0.04, 0.022, deep), frame, without=("left", "right")) for y in levels]
    for low, high in pairwise(levels):
        x = -wide / 2 + 0.03
        while x < wide / 2 - 0.14:
            run = rng.uniform(0.04, 0.12)
            if rng.random() < 0.75:
                rise = (high - low - 0.03) * rng.uniform(0.6, 0.92)
                cover = covers[rng.integers(len(covers))]
                size = (run, rise, deep * rng.uniform(0.6, 0.85))
                parts.append(
                    box((x + run / 2, low + 0.011 + rise / 2, 0), size, cover, without=("bottom", "back"))
                )
            x += run + (rng.uniform(0.05, 0.3) if rng.random() < 0.2 else 0.002)
    return piece(parts)


def sideboard(rng: np.random.Generator) -> Piece:
    """A low cupboard with doors, things or a television on it."""
    wide, tall, deep = rng.uniform(0.9, 1.9), rng.uniform(0.45, 0.9), rng.uniform(0.35, 0.48)
    parts = _cupboard(rng, wide, tall, deep, int(rng.integers(2, 5)))
    if tall < 0.7 and wide > 1.0 and rng.random() < 0.5:
        size = min(wide - 0.1, rng.uniform(0.9, 1.4))
        parts.append(box((0, tall + 0.06 + 0.28 * size, 0), (size, 0.56 * size, 0.05), _SCREEN))
        parts.append(box((0, tall + 0.03, 0), (0.4, 0.06, 0.2), _SCREEN))
    else:
        parts += small_things(rng, tall, wide / 2 - 0.1)
    return piece(parts)


def wardrobe(rng: np.random.Generator) -> Piece:
    """A tall cupboard."""
    size = rng.uniform(0.8, 2.0), rng.uniform(1.8, 2.2), rng.uniform(0.5, 0.62)
    return piece(_cupboard(rng, *size, int(rng.integers(2, 4))))


def _cupboard(rng: np.random.Generator, wide: float, tall: float, deep: float, doors: int) -> list[Surface]:
    body = wood(rng)
    front = body if rng.random() < 0.6 else paint(rng)
    handle, foot = metal(rng), rng.uniform(0.04, 0.12)
    inner = tall - foot
    parts = [
        box((0, foot + inner / 2, -0.01), (wide, inner, deep - 0.02), body),
        box((0, foot / 2, 0), (wide - 0.08, foot, deep - 0.08), Finish("plain", BLACK)),
    ]
    for number in range(doors):
        step = (wide - 0.02) / doors
        x = (number + 0.5) * step - (wide - 0.02) / 2
        parts.append(
            box(
                (x, foot + inner / 2, deep / 2 - 0.01),
                (step - 0.008, inner - 0.02, 0.02),
                front,
                without=("back",),
            )
        )
        side = 1 if number % 2 == 0 else -1
        parts.append(
            box(
                (x + side * (step / 2 - 0.05), foot + inner * 0.55, deep / 2 + 0.008),
                (0.014, 0.12, 0.016),
                handle,
            )
        )
    return parts

"""Furniture of random size and finish: seats, tables, desks and beds.

Every maker gives a `Piece`: metres, standing on the floor y = 0, its front towards z.
"""

from __future__ import annotations

import numpy as np

from training.places.arrange import Piece, piece
from training.places.materials import BLACK, WHITE, art, fabric, leather, metal, paint, wood
from training.places.ornaments import small_things
from training.places.solids import box, cylinder, ellipsoid, panel
from training.places.surface import Finish, Surface

_SCREEN = Finish("plain", BLACK, gloss=0.7)


def _legs(rng: np.random.Generator, wide: float, deep: float, tall: float, finish: Finish) -> list[Surface]:
    """Four legs under a top whose middle is at x = z = 0."""
    thick = rng.uniform(0.02, 0.035)
    x, z = wide / 2 - thick, deep / 2 - thick
    spots = [(sx * x, sz * z) for sx in (-1, 1) for sz in (-1, 1)]
    if rng.random() < 0.5:
        return [cylinder((a, 0, b), thick * 0.6, tall, finish, thick, sides=7) for a, b in spots]
    return [box((a, tall / 2, b), (2 * thick, tall, 2 * thick), finish, without=("top",)) for a, b in spots]


def _seat(rng: np.random.Generator) -> Finish:
    return (fabric, leather, wood, paint)[rng.integers(4)](rng)


def chair(rng: np.random.Generator) -> Piece:
    """A dining chair: a seat, a back of slats or board, four legs."""
    wide, deep, tall = rng.uniform(0.40, 0.50), rng.uniform(0.40, 0.48), rng.uniform(0.43, 0.48)
    frame, seat, top = wood(rng), _seat(rng), rng.uniform(0.78, 1.0)
    parts = [*_legs(rng, wide, deep, tall, frame), box((0, tall, 0), (wide, 0.04, deep), seat)]
    back = -deep / 2 + 0.02
    parts += [
        box((x, (tall + top) / 2, back), (0.035, top - tall, 0.03), frame)
        for x in (-wide / 2 + 0.02, wide / 2 - 0.02)
    ]
    if rng.random() < 0.5:
        rails = np.linspace(tall + 0.14, top - 0.04, rng.integers(2, 5))
        parts += [box((0, y, back), (wide - 0.07, 0.05, 0.02), frame) for y in rails]
    else:
        low = tall + rng.uniform(0.03, 0.2)
        parts.append(box((0, (low + top) / 2, back), (wide - 0.07, top - low, 0.025), seat))
    return piece(parts)


def office_chair(rng: np.random.Generator) -> Piece:
    """A swivel chair on a star of feet, some with arms."""
    tall, cover, frame = rng.uniform(0.42, 0.55), fabric(rng), metal(rng)
    parts = [cylinder((0, 0.08, 0), 0.03, tall - 0.08, frame, sides=8)]
    for turn in np.linspace(0, 2 * np.pi, 6)[:-1]:
        arm = (0.15 * np.sin(turn), 0.08, 0.15 * np.cos(turn))
        parts.append(box(arm, (0.05, 0.03, 0.30), frame, turn))
        parts.append(ellipsoid((2 * arm[0], 0.035, 2 * arm[2]), (0.03, 0.035, 0.03), frame, 6, 4))
    top = tall + rng.uniform(0.45, 0.65)
    parts.append(box((0, tall + 0.03, 0), (0.48, 0.08, 0.46), cover))
    parts.append(box((0, (tall + 0.14 + top) / 2, -0.22), (0.44, top - tall - 0.14, 0.06), cover))
    parts.append(box((0, tall + 0.13, -0.23), (0.08, 0.24, 0.02), frame))
    if rng.random() < 0.6:
        parts += [box((x, tall + 0.22, -0.02), (0.05, 0.03, 0.28), frame) for x in (-0.27, 0.27)]
        parts += [box((x, tall + 0.12, 0), (0.03, 0.2, 0.04), frame) for x in (-0.27, 0.27)]
    return piece(parts)


def stool(rng: np.random.Generator) -> Piece:
    """A round or square stool, from footstool to bar stool."""
    tall, wide, frame = rng.uniform(0.42, 0.78), rng.uniform(0.30, 0.40), wood(rng)
    parts = _legs(rng, 0.8 * wide, 0.8 * wide, tall - 0.04, frame)
    if rng.random() < 0.6:
        return piece([*parts, cylinder((0, tall - 0.04, 0), wide / 2, 0.04, _seat(rng), sides=14)])
    return piece([*parts, box((0, tall - 0.02, 0), (wide, 0.04, wide), _seat(rng))])


def table(rng: np.random.Generator) -> Piece:
    """A dining table, oblong or round on one foot."""
    tall, finish = rng.uniform(0.70, 0.77), wood(rng)
    if rng.random() < 0.3:
        radius = rng.uniform(0.4, 0.6)
        foot = [
            cylinder((0, 0, 0), 0.5 * radius, 0.03, finish),
            cylinder((0, 0.03, 0), 0.05, tall - 0.06, finish),
        ]
        return piece(
            [
                *foot,
                cylinder((0, tall - 0.03, 0), radius, 0.03, finish, sides=24),
                *small_things(rng, tall, 0.3),
            ]
        )
    wide, deep = rng.uniform(1.0, 2.0), rng.uniform(0.65, 0.95)
    legs = _legs(rng, wide - 0.1, deep - 0.1, tall - 0.03, finish)
    return piece(
        [
            *legs,
            box((0, tall - 0.015, 0), (wide, 0.03, deep), finish),
            *small_things(rng, tall, wide / 2 - 0.1),
        ]
    )


def coffee_table(rng: np.random.Generator) -> Piece:
    """A low table."""
    tall, finish = rng.uniform(0.34, 0.48), wood(rng)
    wide, deep = rng.uniform(0.7, 1.2), rng.uniform(0.45, 0.7)
    legs = _legs(rng, wide - 0.06, deep - 0.06, tall - 0.03, finish)
    return piece(
        [
            *legs,
            box((0, tall - 0.015, 0), (wide, 0.03, deep), finish),
            *small_things(rng, tall, wide / 2 - 0.1),
        ]
    )


def desk(rng: np.random.Generator) -> Piece:
    """A desk with one or two screens and a keyboard; its user sits at the front."""
    tall, top, frame = rng.uniform(0.70, 0.76), wood(rng), metal(rng)
    wide, deep = rng.uniform(1.1, 1.8), rng.uniform(0.6, 0.8)
    parts = [
        *_legs(rng, wide - 0.06, deep - 0.06, tall - 0.03, frame),
        box((0, tall - 0.015, 0), (wide, 0.03, deep), top),
    ]
    if rng.random() < 0.5:
        parts.append(box((wide / 2 - 0.22, tall / 2, 0), (0.40, tall - 0.04, deep - 0.1), wood(rng)))
    count = int(rng.integers(1, 3)) if wide > 1.4 else 1
    for number in range(count):
        x, size = (number - (count - 1) / 2) * 0.64, rng.uniform(0.50, 0.60)
        case = Finish("plain", BLACK if rng.random() < 0.8 else WHITE, gloss=0.2)
        parts.append(box((x, tall + 0.30, -0.15), (size, 0.34, 0.04), case))
        face = _SCREEN if rng.random() < 0.5 else art(rng)
        parts.append(
            panel((x - size / 2 + 0.012, tall + 0.145, -0.129), (size - 0.024, 0, 0), (0, 0.313, 0), face)
        )
        parts.append(box((x, tall + 0.08, -0.18), (0.05, 0.16, 0.03), case))
        parts.append(box((x, tall + 0.006, -0.16), (0.2, 0.012, 0.16), case))
    parts.append(box((0, tall + 0.01, 0.12), (0.44, 0.02, 0.14), Finish("plain", BLACK, gloss=0.1)))
    return piece(parts)


def sofa(rng: np.random.Generator) -> Piece:
    """An armchair or a sofa for up to three, with cushions."""
    seats, cover = int(rng.integers(1, 4)), (fabric, leather)[int(rng.random() < 0.3)](rng)
    wide, deep = 0.62 * seats, rng.uniform(0.80, 0.95)
    arm, seat, back = rng.uniform(0.12, 0.22), rng.uniform(0.38, 0.45), rng.uniform(0.72, 0.95)
    parts = _legs(rng, wide + 2 * arm - 0.06, deep - 0.06, 0.1, wood(rng))
    parts.append(box((0, 0.22, 0), (wide, 0.24, deep), cover))
    parts.append(box((0, (0.1 + back) / 2, -deep / 2 + 0.1), (wide, back - 0.1, 0.2), cover))
    tops = seat + rng.uniform(0.14, 0.22)
    parts += [
        box((s * (wide + arm) / 2, (0.1 + tops) / 2, 0), (arm, tops - 0.1, deep), cover) for s in (-1, 1)
    ]
    for number in range(seats):
        x = (number - (seats - 1) / 2) * 0.62
        parts.append(box((x, (0.34 + seat) / 2, 0.1), (0.60, seat - 0.30, deep - 0.22), cover))
        if rng.random() < 0.4:
            parts.append(ellipsoid((x, seat + 0.22, -deep / 2 + 0.28), (0.22, 0.2, 0.08), fabric(rng), 10, 6))
    return piece(parts)


def bed(rng: np.random.Generator) -> Piece:
    """A bed with its head at the back: mattress, blanket, pillows."""
    wide, long, frame, blanket = (
        rng.choice([0.9, 1.4, 1.6, 1.8]),
        rng.uniform(1.95, 2.1),
        wood(rng),
        fabric(rng),
    )
    linen = Finish("grain", WHITE, size_m=0.2, strength=0.1, gloss=0.0)
    head = rng.uniform(0.6, 1.1)
    parts = [*_legs(rng, wide, long, 0.15, frame), box((0, 0.22, 0), (wide, 0.16, long), frame)]
    parts.append(box((0, head / 2, -long / 2 - 0.02), (wide + 0.06, head, 0.05), frame))
    parts.append(box((0, 0.38, 0), (wide - 0.04, 0.18, long - 0.04), linen))
    parts.append(box((0, 0.40, 0.22), (wide + 0.02, 0.18, long - 0.48), blanket))
    spots = [0.0] if wide < 1.2 else [-wide / 4, wide / 4]
    parts += [ellipsoid((x, 0.52, -long / 2 + 0.28), (0.30, 0.09, 0.2), linen, 10, 6) for x in spots]
    return piece(parts)


def bench(rng: np.random.Generator) -> Piece:
    """A bench of slats or one board, with or without a back."""
    wide, deep, tall, board = (
        rng.uniform(1.0, 2.0),
        rng.uniform(0.30, 0.45),
        rng.uniform(0.40, 0.48),
        wood(rng),
    )
    frame = metal(rng) if rng.random() < 0.5 else board
    slats = int(rng.integers(1, 4))
    step = deep / slats
    parts = [
        box((0, tall - 0.02, (n + 0.5) * step - deep / 2), (wide, 0.04, step - 0.012), board)
        for n in range(slats)
    ]
    side = (0.06, tall - 0.04, deep - 0.04)
    parts += [box((x, (tall - 0.04) / 2, 0), side, frame) for x in (-wide / 2 + 0.12, wide / 2 - 0.12)]
    if rng.random() < 0.4:
        parts += [box((0, y, -deep / 2 - 0.02), (wide, 0.1, 0.03), board) for y in (tall + 0.2, tall + 0.36)]
        parts += [
            box((x, tall + 0.18, -deep / 2 - 0.05), (0.05, 0.5, 0.03), frame) for x in (-wide / 3, wide / 3)
        ]
    return piece(parts)

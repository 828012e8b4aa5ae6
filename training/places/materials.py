"""What things in a place are made of: random finishes of wood, fabric, metal, walls and floors.

Colours are linear RGB, drawn as 8-bit sRGB shades that such things have.
"""

from __future__ import annotations

import colorsys

import numpy as np

from training.places.surface import Finish, linear

Colour = tuple[float, float, float]

WHITE, BLACK = linear(236, 234, 229), linear(24, 24, 26)
_WOODS = (
    (196, 160, 116), (168, 128, 92), (140, 100, 68), (112, 78, 52), (82, 56, 40), (60, 44, 36),
    (214, 190, 156), (150, 134, 118), (176, 108, 70),
)  # fmt: skip
_PLASTERS = (
    (236, 234, 228), (226, 222, 212), (214, 206, 190), (200, 204, 206), (188, 198, 188), (176, 190, 204),
    (222, 204, 186), (204, 184, 170), (150, 156, 160), (110, 124, 128), (94, 110, 96), (78, 84, 102),
    (146, 96, 84), (216, 192, 140), (128, 120, 140), (62, 66, 72),
)  # fmt: skip
_WOOD_SHEET_M = 2.5
"""Boards wider than any piece of furniture: grain without joints."""


def shade(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Colour:
    """Any hue; saturation and value as in HSV of sRGB."""
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(*saturation), rng.uniform(*value))
    return linear(round(255 * red), round(255 * green), round(255 * blue))


def near(rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...], spread: int = 10) -> Colour:
    """One of these sRGB colours, not quite."""
    red, green, blue = np.clip(
        colours[rng.integers(len(colours))] + rng.integers(-spread, spread + 1, 3), 4, 250
    )
    return linear(int(red), int(green), int(blue))


def scaled(colour: Colour, factor: float) -> Colour:
    """A lighter or darker tone of a colour."""
    red, green, blue = (min(channel * factor, 0.92) for channel in colour)
    return red, green, blue


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """One colour with this share of the other."""
    red, green, blue = (float(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def wood(rng: np.random.Generator) -> Finish:
    """Wood without joints, or painted board."""
    if rng.random() < 0.3:
        return paint(rng)
    return Finish(
        "planks", near(rng, _WOODS), (0, 0, 0), _WOOD_SHEET_M, rng.uniform(0.3, 0.9), rng.uniform(0, 0.4)
    )


def paint(rng: np.random.Generator) -> Finish:
    """Smooth paint or plastic: often white, grey or black."""
    colours = (WHITE, BLACK, shade(rng, (0, 0.1), (0.3, 0.9)), shade(rng, (0.2, 0.8), (0.3, 0.9)))
    return Finish("plain", colours[rng.choice(4, p=[0.35, 0.15, 0.2, 0.3])], gloss=rng.uniform(0.05, 0.5))


def metal(rng: np.random.Generator) -> Finish:
    """Steel, black or painted tube."""
    colours = (linear(160, 162, 166), linear(60, 60, 64), BLACK, shade(rng, (0.3, 0.8), (0.3, 0.8)))
    return Finish("plain", colours[rng.choice(4, p=[0.35, 0.25, 0.25, 0.15])], gloss=rng.uniform(0.3, 0.7))


def fabric(rng: np.random.Generator) -> Finish:
    """Upholstery, blankets, curtains: plain, woven, striped, checked, dotted or printed."""
    colour = shade(rng, (0.05, 0.6), (0.2, 0.85))
    second = scaled(colour, rng.choice([0.4, 0.6, 1.6, 2.2])) if rng.random() < 0.6 else WHITE
    pattern = str(
        rng.choice(
            ["grain", "carpet", "plain", "denim", "stripes", "checks", "dots", "print"],
            p=[0.3, 0.2, 0.14, 0.06, 0.1, 0.08, 0.04, 0.08],
        )
    )
    return Finish(pattern, colour, second, rng.uniform(0.05, 0.16), rng.uniform(0.2, 0.7), 0.02)


def leather(rng: np.random.Generator) -> Finish:
    """Leather or its like, for seats."""
    colours = ((62, 44, 36), (30, 30, 32), (122, 82, 56), (196, 182, 160), (90, 30, 28))
    return Finish("grain", near(rng, colours), size_m=0.05, strength=rng.uniform(0.1, 0.3), gloss=0.35)


def art(rng: np.random.Generator) -> Finish:
    """What hangs in a frame: blotches of colour."""
    return Finish(
        "print", shade(rng, (0.1, 0.7), (0.3, 0.95)), shade(rng, (0.2, 0.9), (0.2, 0.95)),
        rng.uniform(0.12, 0.5), rng.uniform(0.6, 1.0), 0.1,
    )  # fmt: skip


def plaster(rng: np.random.Generator) -> Finish:
    """A painted wall."""
    return Finish(
        "grain",
        near(rng, _PLASTERS, 6),
        size_m=rng.uniform(0.3, 1.2),
        strength=rng.uniform(0.02, 0.1),
        gloss=0.0,
    )


def wall(rng: np.random.Generator) -> Finish:
    """A wall indoors: mostly paint; wallpaper, brick, tile, board or concrete."""
    kinds = ["paint", "stripes", "print", "dots", "bricks", "tiles", "planks", "concrete", "checks"]
    kind = rng.choice(kinds, p=[0.5, 0.1, 0.07, 0.03, 0.08, 0.07, 0.06, 0.07, 0.02])
    if kind == "paint":
        return plaster(rng)
    if kind == "bricks":
        return bricks(rng)
    if kind == "tiles":
        colour = shade(rng, (0, 0.4), (0.5, 0.95))
        return Finish(
            "tiles", colour, scaled(colour, 0.6), rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.2), 0.3
        )
    if kind == "planks":
        return Finish("planks", near(rng, _WOODS), size_m=rng.uniform(0.09, 0.2), strength=0.5, gloss=0.1)
    if kind == "concrete":
        return Finish(
            "grain", shade(rng, (0, 0.06), (0.4, 0.7)), size_m=0.4, strength=rng.uniform(0.1, 0.3), gloss=0.0
        )
    colour = near(rng, _PLASTERS)
    size_m = rng.uniform(0.08, 0.4) * (1.6 if kind == "print" else 1.0)
    strength = rng.uniform(0.1, 0.4) if kind == "print" else rng.uniform(0.3, 1)
    return Finish(str(kind), colour, scaled(colour, rng.uniform(0.6, 0.9)), size_m, strength, 0.0)


def bricks(rng: np.random.Generator) -> Finish:
    """Bricks, bare or painted."""
    colour = near(rng, ((150, 82, 62), (128, 70, 56), (176, 120, 88), (214, 208, 200), (110, 104, 100)))
    mortar = near(rng, ((190, 184, 174), (150, 146, 140)))
    return Finish("bricks", colour, mortar, rng.uniform(0.21, 0.26), rng.uniform(0.2, 0.7), 0.0)


def floor(rng: np.random.Generator) -> Finish:
    """A floor indoors: boards, carpet, tiles, lino or concrete."""
    kind = rng.choice(["planks", "carpet", "tiles", "checks", "grain", "print"],
                      p=[0.45, 0.2, 0.15, 0.04, 0.13, 0.03])  # fmt: skip
    if kind == "planks":
        return boards(rng)
    if kind == "carpet":
        colour = shade(rng, (0, 0.4), (0.25, 0.75))
        return Finish("carpet", colour, size_m=0.006, strength=rng.uniform(0.3, 0.8), gloss=0.0)
    if kind == "tiles":
        colour = shade(rng, (0, 0.25), (0.35, 0.9))
        return Finish(
            "tiles", colour, scaled(colour, 0.55), rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.3), 0.3
        )
    if kind == "grain":
        return Finish(
            "grain", shade(rng, (0, 0.2), (0.3, 0.75)), size_m=0.5, strength=rng.uniform(0.1, 0.3), gloss=0.15
        )
    colour = shade(rng, (0, 0.3), (0.4, 0.85))
    return Finish(str(kind), colour, scaled(colour, 0.5), rng.uniform(0.4, 1.2), rng.uniform(0.3, 1), 0.15)


def boards(rng: np.random.Generator) -> Finish:
    """A wooden floor."""
    return Finish(
        "planks", near(rng, _WOODS), size_m=rng.uniform(0.07, 0.2), strength=rng.uniform(0.3, 0.8), gloss=0.15
    )


def leaves(rng: np.random.Generator) -> Finish:
    """Foliage."""
    colour = near(rng, ((58, 92, 46), (74, 104, 58), (40, 72, 44), (96, 116, 60)), 12)
    return Finish("ground", colour, scaled(colour, 0.45), rng.uniform(0.08, 0.25), 0.8, 0.05)


def paving(rng: np.random.Generator) -> Finish:
    """Ground outdoors: grass, soil, asphalt, gravel, slabs or sand."""
    grounds = (
        ((86, 112, 58), (118, 128, 74)), ((120, 134, 70), (150, 140, 96)),
        ((108, 92, 74), (134, 118, 96)), ((92, 92, 94), (106, 105, 104)),
        ((150, 146, 138), (128, 124, 116)), ((196, 182, 152), (178, 162, 132)),
    )  # fmt: skip
    if rng.random() < 0.3:
        colour = near(rng, ((150, 146, 140), (176, 168, 156), (120, 116, 112), (164, 132, 112)))
        pattern = str(rng.choice(["tiles", "bricks"]))
        return Finish(pattern, colour, scaled(colour, 0.5), rng.uniform(0.2, 0.7), rng.uniform(0.1, 0.5), 0.0)
    one, two = grounds[rng.integers(len(grounds))]
    return Finish(
        "ground", near(rng, (one,)), near(rng, (two,)), rng.uniform(0.4, 2.5), rng.uniform(0.3, 0.9), 0.0
    )


def glowing(colour: Colour, light: Colour) -> Finish:
    """What shines by itself with this colour where that much light falls on it.

    A finish only returns light, so its colour is the share that gives the wanted glow and may exceed 1.
    """
    red, green, blue = (float(c) / max(float(n), 0.05) for c, n in zip(colour, light, strict=True))
    return Finish("plain", (red, green, blue), gloss=0.0)

"""Light drawn at random: where the key light stands, its colour, and how much comes from all around.

Linear RGB. A camera's exposure is not part of it: a mid-grey wall comes out in the middle of sRGB.
"""

from __future__ import annotations

import numpy as np

from realtime.types import Array
from training.places.materials import Colour
from training.places.surface import Light, linear

# Linear RGB of black bodies, by kelvin.
_KELVIN = (2700, 4000, 5500, 6500, 8000, 10000)
_TINTS = tuple(
    linear(*rgb)
    for rgb in (
        (255, 169, 87),
        (255, 206, 166),
        (255, 236, 224),
        (255, 249, 253),
        (227, 233, 255),
        (204, 219, 255),
    )
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_MIDDLE = 0.92
"""The light on walls and floors, in the mean: what makes a colour's shade come out as it is."""


def tint(kelvin: float, strength: float) -> Array:
    """(3,) the colour of a light with luminance 1; strength 0 is white: cameras balance most of it away."""
    colour = np.array([np.interp(kelvin, _KELVIN, channel) for channel in zip(*_TINTS, strict=True)])
    colour = colour**strength
    return np.asarray(colour / (colour @ _LUMINANCE))


def lamps(rng: np.random.Generator) -> Light:
    """Light in a room: lamps or a big window, and much that walls and floor throw back."""
    key, around = (tint(rng.uniform(2900, 7000), rng.uniform(0.2, 0.6)) for _ in range(2))
    share, thrown_back = rng.uniform(0.2, 0.65), rng.uniform(0.4, 0.85)
    return _balanced(_towards(rng, 38, 80), key, around, around * thrown_back, share, rng.uniform(0.02, 0.12))


def flashes(rng: np.random.Generator) -> Light:
    """Light in a studio: one strong softbox."""
    key = tint(rng.uniform(4800, 6500), 0.4)
    return _balanced(
        _towards(rng, 30, 65), key, key, key * rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.7), 0.08
    )


def sun(rng: np.random.Generator) -> Light:
    """A clear day."""
    sky = tint(rng.uniform(7000, 10000), 0.5)
    ground = tint(4800, 0.5) * rng.uniform(0.25, 0.5)
    return _balanced(
        _towards(rng, 22, 68), tint(rng.uniform(4300, 6000), 0.5), sky, ground, rng.uniform(0.5, 0.8), 0.02
    )


def overcast(rng: np.random.Generator) -> Light:
    """A grey day: shadows that are hardly there."""
    sky = tint(rng.uniform(6200, 8000), 0.4)
    return _balanced(
        _towards(rng, 50, 80), sky, sky, sky * rng.uniform(0.25, 0.5), rng.uniform(0.08, 0.25), 0.3
    )


def on_walls(light: Light) -> Colour:
    """The light on a wall from all around."""
    red, green, blue = (float(c) for c in (light.above + light.below) / 2)
    return red, green, blue


def _towards(rng: np.random.Generator, low_deg: float, high_deg: float) -> Array:
    up, around = np.radians(rng.uniform(low_deg, high_deg)), rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(up) * np.sin(around), np.sin(up), np.cos(up) * np.cos(around)])


def _balanced(
    towards: Array, key: Array, above: Array, below: Array, share: float, softness_m: float
) -> Light:
    """Light of which the key gives this share on the floor, as bright in all as a camera exposes for."""
    rise = float(towards[1])
    key = key * (share / (1 - share) / rise)
    on_floor = key * rise + above
    on_wall = (above + below) / 2 + key * np.sqrt(1 - rise**2) / np.pi
    scale = _MIDDLE / float((0.4 * on_floor + 0.6 * on_wall) @ _LUMINANCE)
    towards, key, above, below = (
        np.asarray(v, np.float32) for v in (towards, key * scale, above * scale, below * scale)
    )
    return Light(towards / np.float32(np.linalg.norm(towards)), key, above, below, softness_m)

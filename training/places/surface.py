"""What is drawn: triangle meshes whose vertices say how their surface looks.

World: metres, y up. Colours are linear light, RGB, [0, 1]; more than 1 for what gives off light of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.types import FloatArray
from training.people.makehuman import IntArray

PATTERNS = (
    "plain", "grain", "stripes", "checks", "dots", "denim", "print",
    "planks", "tiles", "bricks", "carpet", "ground", "skin", "hair", "eye",
)  # fmt: skip
"""Procedural textures, by name; the shader knows them by their place here.

- plain: one colour. grain: cloudy unevenness (plaster, leather, cotton). carpet: fine speckle.
- stripes (along texture y), checks, dots: `second` on `colour`, one repeat every size_m.
- denim: fine twill, paler in patches. print: blotches of `second`.
- planks: boards along texture y, size_m wide; tiles: square with grouted joints; bricks: in courses along
  texture x, size_m long. ground: patchy soil, grass or concrete between `colour` and `second`.
- skin: `colour`, with lips and brows where the face is. hair: strands. eye: white with an iris of `second`.
"""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a surface looks. pattern: one of PATTERNS. colour, second: linear RGB.

    size_m: one repeat of the pattern. strength: contrast of the pattern, gloss: of highlights; [0, 1].
    """

    pattern: str
    colour: tuple[float, float, float]
    second: tuple[float, float, float] = (0.0, 0.0, 0.0)
    size_m: float = 0.1
    strength: float = 0.5
    gloss: float = 0.1

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS or self.size_m <= 0:
            raise ValueError(f"no finish is {self.pattern!r} of {self.size_m} m")


@dataclass(frozen=True, slots=True)
class Surface:
    """A mesh that stands still. points_m, normals: (N, 3) world. place_m: (N, 3) where the pattern is.

    triangles: (T, 3), counter-clockwise seen from outside. finish: (N,) position in `finishes`; the vertices
    of one triangle agree. The pattern of a vertex is looked up at x and y of place_m (x, y, z for grain).
    """

    points_m: FloatArray
    normals: FloatArray
    place_m: FloatArray
    triangles: IntArray
    finish: IntArray
    finishes: tuple[Finish, ...]


def joined(surfaces: Sequence[Surface]) -> Surface:
    """One mesh of several."""
    points = np.cumsum([0, *(len(s.points_m) for s in surfaces)])
    finishes = np.cumsum([0, *(len(s.finishes) for s in surfaces)])
    return Surface(
        points_m=np.concatenate([s.points_m for s in surfaces]),
        normals=np.concatenate([s.normals for s in surfaces]),
        place_m=np.concatenate([s.place_m for s in surfaces]),
        triangles=np.concatenate([s.triangles + np.int32(n) for s, n in zip(surfaces, points, strict=False)]),
        finish=np.concatenate([s.finish + np.int32(n) for s, n in zip(surfaces, finishes, strict=False)]),
        finishes=tuple(finish for s in surfaces for finish in s.finishes),
    )


@dataclass(frozen=True, slots=True)
class Light:
    """A key light from far away and light from all around.

    towards: (3,) unit vector to the key light, y > 0. key, above, below: (3,) linear RGB of the key light
    and of what comes from the sky and from the ground. softness_m: how wide shadows' edges are.
    """

    towards: FloatArray
    key: FloatArray
    above: FloatArray
    below: FloatArray
    softness_m: float = 0.03


def linear(red: int, green: int, blue: int) -> tuple[float, float, float]:
    """Linear RGB of 8-bit sRGB."""
    value = np.array([red, green, blue]) / 255
    out = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(out[0]), float(out[1]), float(out[2])

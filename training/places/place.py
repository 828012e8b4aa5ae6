"""Random places where rendered people stand, and the one of the sample clip.

World: metres, y up, the floor at y = 0; floor positions are (x, z).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from realtime.types import Array
from training.places import cupboards, daylight, indoors, ornaments, walls
from training.places.arrange import Footprint
from training.places.materials import Colour
from training.places.outdoors import outdoors
from training.places.site import Site
from training.places.solids import box, moved, together
from training.places.surface import Finish, Light, Surface, linear
from training.places.walls import Rectangle

KINDS: Mapping[str, float] = {"room": 0.42, "office": 0.15, "hall": 0.13, "outdoors": 0.20, "studio": 0.10}
"""The kinds of places and how often each is drawn."""

_PATH_MARGIN_M, _CAMERA_MARGIN_M, _NARROWEST_M = 0.52, 0.28, 3.0
# How much farther than it must a side of the place may be, by kind.
_ROOM_TO_SPARE_M: Mapping[str, tuple[float, float]] = {
    "room": (0.0, 2.2), "office": (0.2, 3.0), "hall": (1.5, 7.0),
    "outdoors": (3.0, 9.0), "studio": (0.5, 2.5),
}  # fmt: skip
_INDOORS = {"room": indoors.room, "office": indoors.office, "hall": indoors.hall, "studio": indoors.studio}
_CLEAR_SKY = 0.6
_SAMPLE_BACK_M, _SAMPLE_SIDE_M, _SAMPLE_FRONT_M, _SAMPLE_CEILING_M = -6.3, 3.1, 1.5, 2.6
_SAMPLE_SEED = 7


@dataclass(frozen=True, slots=True)
class Place:
    """A place that stands still. kind: one of KINDS. surface: all there is. footprints: what stands inside.

    inside_m: x0, z0, x1, z1 where people and cameras can be. ceiling_m: inf under the sky.
    background: linear RGB where nothing is drawn.
    """

    kind: str
    surface: Surface
    light: Light
    footprints: tuple[Footprint, ...]
    inside_m: Rectangle
    ceiling_m: float
    background: Colour


def draw_place(
    rng: np.random.Generator,
    keep_clear: Array,
    camera: Array,
    occluders: int = 0,
    kind: str | None = None,
) -> Place:
    """A random place around people and a camera.

    keep_clear: (N, 2) x, z of people's paths, at least one; nothing stands nearer to them than 0.45 m, and
    walls not nearer than 0.5 m. camera: (3,); nothing stands nearer to it than 0.6 m, walls 0.25 m.
    occluders: how many things to put between the two, so that they hide a part of people, as far as there is
    room. Other things hide no more than feet. kind: one of KINDS, drawn at random when not given.
    """
    kind = kind or str(rng.choice(list(KINDS), p=np.array(list(KINDS.values()))))
    if kind not in KINDS or not len(keep_clear):
        raise ValueError(
            f"no place is {kind!r} around {len(keep_clear)} points: use one of {', '.join(KINDS)}"
        )
    inside = _around(rng, keep_clear, camera, _ROOM_TO_SPARE_M[kind])
    site = Site(rng, inside, keep_clear, camera)
    if kind == "outdoors":
        clear = bool(rng.random() < _CLEAR_SKY)
        light = daylight.sun(rng) if clear else daylight.overcast(rng)
        background = outdoors(rng, site, light, clear, occluders)
        return Place(kind, together(site.surfaces), light, tuple(site.footprints), inside, np.inf, background)
    light = daylight.flashes(rng) if kind == "studio" else daylight.lamps(rng)
    ceiling = float(_INDOORS[kind](rng, site, light, float(camera[1]), occluders))
    background = daylight.on_walls(light)
    return Place(kind, together(site.surfaces), light, tuple(site.footprints), inside, ceiling, background)


def _around(rng: np.random.Generator, paths: Array, camera: Array, spare_m: tuple[float, float]) -> Rectangle:
    """A rectangle that holds the paths and the camera with their margins, and a random rest on every side."""
    low = np.minimum(paths.min(axis=0) - _PATH_MARGIN_M, np.asarray(camera)[[0, 2]] - _CAMERA_MARGIN_M)
    high = np.maximum(paths.max(axis=0) + _PATH_MARGIN_M, np.asarray(camera)[[0, 2]] + _CAMERA_MARGIN_M)
    low, high = low - rng.uniform(*spare_m, 2), high + rng.uniform(*spare_m, 2)
    lacking = np.maximum(_NARROWEST_M - (high - low), 0)
    share = rng.uniform(0, 1, 2)
    (x0, z0), (x1, z1) = low - share * lacking, high + (1 - share) * lacking
    return float(x0), float(z0), float(x1), float(z1)


def sample_place() -> Place:
    """The living room of the sample clip.

    People move within 1.5 m of x = 0, z from -5.5 to -2.5; the camera is at (0, 1.4, 0) and looks along -z.
    """
    rng = np.random.default_rng(_SAMPLE_SEED)
    inside = (-_SAMPLE_SIDE_M, _SAMPLE_BACK_M, _SAMPLE_SIDE_M, _SAMPLE_FRONT_M)
    oak = Finish("planks", linear(168, 128, 92), size_m=0.13, strength=0.55, gloss=0.12)
    weave = Finish("carpet", linear(118, 126, 136), size_m=0.006, strength=0.3, gloss=0.0)
    band = Finish("carpet", linear(196, 186, 166), size_m=0.006, strength=0.3, gloss=0.0)
    site = Site(rng, inside, np.array([[-1.5, -5.5], [1.5, -5.5], [0, -2.5]]), np.array([0.0, 1.4, 0.0]))
    site.add(
        walls.ground_panel(inside, oak),
        walls.ceiling(inside, _SAMPLE_CEILING_M, Finish("plain", linear(240, 239, 235), gloss=0.0)),
        indoors.bordered((-1.75, -5.0, 1.45, -2.7), weave, band, 0.06),
    )
    painted = Finish("grain", linear(226, 222, 212), size_m=0.9, strength=0.03, gloss=0.0)
    skirting = Finish("plain", linear(232, 230, 225), gloss=0.1)
    sides = walls.walls_of(inside, _SAMPLE_CEILING_M)
    site.add(*(walls.wall_surface(side, painted, skirting, 0.11) for side in sides))
    for x0, y0, x1, y1 in ((-2.1, 1.25, -1.1, 1.95), (-0.7, 1.42, -0.2, 1.95)):
        site.add(moved(_sample_picture(x1 - x0, y1 - y0), ((x0 + x1) / 2, (y0 + y1) / 2, _SAMPLE_BACK_M)))
    for thing, x in ((cupboards.sideboard(rng), 1.9), (ornaments.plant(rng), -2.55)):
        standing, footprint = thing.put((x, _SAMPLE_BACK_M + thing.half_m[1] + 0.02), 0.0)
        site.add(standing)
        site.footprints.append(footprint)
    light = Light(
        towards=np.array([-0.4198, 0.7997, 0.4298], np.float32) / np.float32(1.00015),
        key=np.array([0.82, 0.78, 0.72], np.float32),
        above=np.array([0.49, 0.51, 0.54], np.float32),
        below=np.array([0.34, 0.33, 0.32], np.float32),
    )
    return Place(
        "room", together(site.surfaces), light, tuple(site.footprints), inside, _SAMPLE_CEILING_M,
        linear(226, 222, 212),
    )  # fmt: skip


def _sample_picture(wide_m: float, tall_m: float) -> Surface:
    """A picture of blue and ochre with a mount in a dark frame, about the origin of the wall z = 0."""
    art = Finish("print", linear(70, 104, 122), linear(214, 168, 110), 0.4, 1.0, 0.1)
    layers = (
        (0.0, 0.025, Finish("plain", linear(40, 36, 34), gloss=0.2)),
        (0.025, 0.027, Finish("plain", linear(238, 236, 230), gloss=0.0)),
        (0.11, 0.029, art),
    )
    return together(
        [
            box((0, 0, deep / 2), (wide_m - 2 * rim, tall_m - 2 * rim, deep), finish, without=("back",))
            for rim, deep, finish in layers
        ]
    )

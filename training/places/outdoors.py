"""Places under the sky: parks, streets and yards around people's paths.

World: metres, y up.
"""

from __future__ import annotations

import numpy as np

from training.places import furniture, ornaments, streets
from training.places.arrange import Footprint
from training.places.materials import Colour, paving
from training.places.site import Site
from training.places.surface import Light
from training.places.walls import Rectangle, ground_panel

_AROUND = (
    streets.tree, streets.tree, streets.tree, streets.bush, streets.bush, streets.pole, streets.bollard,
    streets.barrier, streets.car, furniture.bench,
)  # fmt: skip
_IN_THE_WAY = (
    streets.bush, streets.pole, streets.bollard, streets.bollard, streets.barrier, streets.barrier,
    furniture.bench, ornaments.crates,
)  # fmt: skip
_REACH_M = 165.0


def outdoors(rng: np.random.Generator, site: Site, light: Light, clear: bool, occluders: int) -> Colour:
    """A park, a street or a yard; gives the sky's colour at the horizon."""
    x0, z0, x1, z1 = site.inside_m
    centre = ((x0 + x1) / 2, (z0 + z1) / 2)
    reach = _around(centre, _REACH_M)
    site.add(ground_panel(reach, paving(rng)))
    if rng.random() < 0.6:
        wide, at = rng.uniform(1.5, 6.0), rng.uniform(0, 1)
        x, z = x0 + at * (x1 - x0), z0 + at * (z1 - z0)
        north = (x - wide / 2, z0 - 40, x + wide / 2, z1 + 40)
        east = (x0 - 40, z - wide / 2, x1 + 40, z + wide / 2)
        site.add(ground_panel(north if rng.random() < 0.5 else east, paving(rng), 0.006))
    site.add(streets.skyline(rng, centre))
    horizon, zenith, cloud, cover = _sky_colours(rng, clear)
    edge, top, grey = (_as_lit(colour, light) for colour in (horizon, zenith, cloud))
    site.add(streets.sky(centre, streets.Sky(edge, top, grey, cover)))
    _buildings(rng, site, centre)
    site.occlude(_IN_THE_WAY, occluders)
    site.scatter(_AROUND, int(rng.integers(3, 14)), square=False)
    return horizon


def _around(centre: tuple[float, float], reach: float) -> Rectangle:
    x, z = centre
    return x - reach, z - reach, x + reach, z + reach


def _sky_colours(rng: np.random.Generator, clear: bool) -> tuple[Colour, Colour, Colour, float]:
    """What the horizon, the zenith and the clouds look like, and how much of the sky is cloud."""
    if clear:
        bright = rng.uniform(0.75, 1.0)
        blue = (0.16 * bright, 0.33 * bright, 0.70 * bright)
        return (0.62 * bright, 0.74 * bright, 0.88 * bright), blue, (0.95, 0.95, 0.96), rng.uniform(0.0, 0.8)
    grey = rng.uniform(0.6, 0.95)
    dark = rng.uniform(0.6, 0.9) * grey
    return (grey, grey, 1.02 * grey), (grey, grey, 1.04 * grey), (dark, dark, 1.03 * dark), 0.7


def _as_lit(colour: Colour, light: Light) -> Colour:
    """The finish that looks like this where only the light from below falls."""
    red, green, blue = (float(c / max(b, 0.02)) for c, b in zip(colour, light.below, strict=True))
    return red, green, blue


def _buildings(rng: np.random.Generator, site: Site, centre: tuple[float, float]) -> None:
    """Some houses beyond the place, turned towards it."""
    x0, z0, x1, z1 = site.inside_m
    inside = Footprint(centre, ((x1 - x0) / 2, (z1 - z0) / 2), 0.0, 0.0)
    standing: list[Footprint] = []
    for _ in range(int(rng.integers(0, 6))):
        house = streets.building(rng)
        turn = rng.uniform(0, 2 * np.pi)
        far = float(np.hypot(*inside.half_m)) + house.half_m[1] + rng.uniform(2, 30)
        at = (centre[0] + far * float(np.sin(turn)), centre[1] + far * float(np.cos(turn)))
        surface, footprint = house.put(at, float(turn + np.pi + rng.normal(0, 0.2)))
        if not any(footprint.overlaps(other, 1.0) for other in (inside, *standing)):
            standing.append(footprint)
            site.add(surface)

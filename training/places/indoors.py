"""Rooms: living rooms, offices, halls and studios, furnished at random around people's paths.

World: metres, y up. Each builder fills a `Site` and gives the height of the ceiling; inf where there is none.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from training.places import cupboards, furniture, ornaments, walls
from training.places.daylight import on_walls
from training.places.materials import (
    WHITE,
    boards,
    fabric,
    floor,
    glowing,
    paint,
    plaster,
    scaled,
    shade,
    wall,
    wood,
)
from training.places.site import Site
from training.places.solids import box, panel, together
from training.places.surface import Finish, Light, Surface

_ALONG_WALLS = (
    furniture.sofa, furniture.bed, furniture.bench, furniture.chair, furniture.desk, furniture.sofa,
    cupboards.shelf, cupboards.shelf, cupboards.sideboard, cupboards.sideboard, cupboards.wardrobe,
    ornaments.plant, ornaments.floor_lamp, ornaments.crates,
)  # fmt: skip
_ANYWHERE = (
    furniture.chair, furniture.stool, furniture.table, furniture.coffee_table, furniture.sofa,
    ornaments.plant, ornaments.floor_lamp, ornaments.ball, ornaments.crates,
)  # fmt: skip
_IN_THE_WAY = (
    furniture.chair, furniture.stool, furniture.coffee_table, furniture.table, furniture.sofa,
    furniture.bench, furniture.office_chair, ornaments.plant, ornaments.floor_lamp, ornaments.crates,
)  # fmt: skip
_OFFICE_WALLS = (
    furniture.desk, cupboards.shelf, cupboards.sideboard, cupboards.wardrobe, ornaments.plant,
    ornaments.crates,
)  # fmt: skip
_OFFICE = (furniture.desk, furniture.office_chair, furniture.table, furniture.chair, ornaments.plant)
_HALL_WALLS = (furniture.bench, furniture.bench, ornaments.crates, furniture.stool, cupboards.wardrobe)
_HALL = (ornaments.ball, furniture.bench, ornaments.crates, furniture.stool, ornaments.ball)
_STUDIO = (furniture.stool, ornaments.crates, furniture.chair, ornaments.plant, ornaments.floor_lamp)


def room(rng: np.random.Generator, site: Site, light: Light, eye_m: float, occluders: int) -> float:
    """A living room, bedroom or kitchen."""
    height, glow = max(rng.uniform(2.45, 3.0), eye_m + 0.3), on_walls(light)
    skirting = paint(rng) if rng.random() < 0.5 else wood(rng)
    sides = _shell(rng, site, height, floor(rng), skirting if rng.random() < 0.85 else None)
    if rng.random() < 0.5:
        site.add(rug(rng, site))
    for side in sides:
        makers = (walls.window, walls.curtained_window, walls.door, *([walls.picture] * 4))
        site.hang(side, makers, int(rng.integers(1, 5)), glow)
    site.occlude((*_IN_THE_WAY, partial(ornaments.pillar, tall_m=height)), occluders)
    for side in rng.permutation(4):
        site.line(sides[int(side)], _ALONG_WALLS, int(rng.integers(1, 5)))
    site.scatter(_ANYWHERE, int(rng.integers(0, 5)))
    return height


def office(rng: np.random.Generator, site: Site, light: Light, eye_m: float, occluders: int) -> float:
    """An office, a classroom or a shop: desks, screens, boards, lit ceiling panels."""
    height, glow = max(rng.uniform(2.5, 3.4), eye_m + 0.3), on_walls(light)
    covering = Finish("carpet", shade(rng, (0, 0.35), (0.25, 0.6)), size_m=0.006, strength=0.6, gloss=0.0)
    sides = _shell(rng, site, height, covering if rng.random() < 0.6 else floor(rng), paint(rng))
    site.add(*_ceiling_lamps(rng, site, height, light))
    for side in sides:
        makers = (walls.window, walls.curtained_window, walls.door, walls.board, walls.picture)
        site.hang(side, makers, int(rng.integers(1, 5)), glow)
    site.occlude((*_IN_THE_WAY, furniture.desk, partial(ornaments.pillar, tall_m=height)), occluders)
    for side in rng.permutation(4):
        site.line(sides[int(side)], _OFFICE_WALLS, int(rng.integers(1, 4)))
    site.scatter(_OFFICE, int(rng.integers(3, 10)))
    return height


def hall(rng: np.random.Generator, site: Site, light: Light, eye_m: float, occluders: int) -> float:
    """A gym, a hall or a warehouse, with markings on the floor."""
    height, glow = max(rng.uniform(4.0, 7.0), eye_m + 1.0), on_walls(light)
    sides = _shell(rng, site, height, boards(rng) if rng.random() < 0.5 else floor(rng), wood(rng))
    site.add(*_ceiling_lamps(rng, site, height, light))
    if rng.random() < 0.6:
        site.add(*_markings(rng, site))
    for side in sides:
        makers = (walls.high_window, walls.high_window, walls.door, walls.wall_bars, walls.board)
        site.hang(side, makers, int(rng.integers(3, 8)), glow)
    pillar = partial(ornaments.pillar, tall_m=height)
    site.occlude((*_IN_THE_WAY, pillar), occluders)
    for side in sides:
        site.line(side, _HALL_WALLS, int(rng.integers(0, 4)))
    site.scatter((*_HALL, pillar), int(rng.integers(1, 8)))
    return height


def studio(rng: np.random.Generator, site: Site, light: Light, eye_m: float, occluders: int) -> float:
    """One seamless colour all around."""
    height = max(rng.uniform(4.0, 6.0), eye_m + 1.5)
    saturation, value = ((0, 0.05), (0.3, 0.97)) if rng.random() < 0.6 else ((0.2, 0.8), (0.3, 0.9))
    colour = shade(rng, saturation, value)
    finish = Finish("grain", colour, size_m=1.5, strength=rng.uniform(0, 0.06), gloss=0.0)
    site.add(walls.ground_panel(site.inside_m, finish))
    x0, z0, x1, z1 = site.inside_m
    curve = rng.uniform(0.4, 1.2)
    outer = (x0 - curve, z0 - curve, x1 + curve, z1 + curve)
    site.add(walls.cove(outer, height, curve, finish))
    site.add(walls.ceiling(outer, height, Finish("plain", scaled(colour, 0.6))))
    site.occlude(_STUDIO, occluders)
    site.scatter(_STUDIO, int(rng.integers(0, 3)), square=False)
    return height


def _shell(
    rng: np.random.Generator, site: Site, height_m: float, ground: Finish, skirting: Finish | None
) -> tuple[walls.Wall, ...]:
    """Floor, ceiling and walls: all alike, or one of its own; some with panelling below."""
    over = (
        Finish("grain", WHITE, size_m=1.0, strength=0.03, gloss=0.0) if rng.random() < 0.8 else plaster(rng)
    )
    site.add(walls.ground_panel(site.inside_m, ground), walls.ceiling(site.inside_m, height_m, over))
    common, own = wall(rng), wall(rng)
    special = int(rng.integers(8))
    sides = walls.walls_of(site.inside_m, height_m)
    panelled = (wood(rng), rng.uniform(0.8, 1.3)) if rng.random() < 0.15 else None
    for number, side in enumerate(sides):
        site.add(
            walls.wall_surface(side, own if number == special else common, skirting, rng.uniform(0.06, 0.15))
        )
        if panelled:
            site.add(walls.wainscot(side, *panelled))
    return sides


def rug(rng: np.random.Generator, site: Site) -> Surface:
    """A rug somewhere on the floor, with a border or fringes of another colour."""
    x0, z0, x1, z1 = site.inside_m
    low, high = np.array([x0, z0]), np.array([x1, z1])
    half = np.minimum(rng.uniform(0.7, 1.6, 2), 0.45 * (high - low))
    x, z = rng.uniform(low + half, high - half)
    whole = (float(x - half[0]), float(z - half[1]), float(x + half[0]), float(z + half[1]))
    return bordered(whole, fabric(rng), fabric(rng), rng.uniform(0.0, 0.15))


def bordered(rectangle_m: walls.Rectangle, field: Finish, border: Finish, wide_m: float) -> Surface:
    """A rug with a band of another finish some way in from its edge."""
    layers = []
    insets = [(0.0, field), (0.10, border), (0.10 + wide_m, field)] if wide_m > 0.02 else [(0.0, field)]
    for number, (inset, finish) in enumerate(insets):
        x0, z0, x1, z1 = rectangle_m
        inner = (x0 + inset, z0 + inset, x1 - inset, z1 - inset)
        layers.append(walls.ground_panel(inner, finish, 0.003 + 0.002 * number))
    return together(layers)


def _markings(rng: np.random.Generator, site: Site) -> list[Surface]:
    """Coloured lines of a playing field."""
    x0, z0, x1, z1 = site.inside_m
    lines: list[Surface] = []
    for _ in range(int(rng.integers(1, 4))):
        line = Finish("plain", shade(rng, (0.0, 0.9), (0.5, 0.95)), gloss=0.2)
        for _ in range(int(rng.integers(1, 4))):
            x, z = rng.uniform(x0 + 0.1, x1 - 0.1), rng.uniform(z0 + 0.1, z1 - 0.1)
            along = (x - 0.025, z0, x + 0.025, z1) if rng.random() < 0.5 else (x0, z - 0.025, x1, z + 0.025)
            lines.append(walls.ground_panel(along, line, 0.003 + 0.002 * len(lines)))
    return lines


def _ceiling_lamps(rng: np.random.Generator, site: Site, height_m: float, light: Light) -> list[Surface]:
    """Rows of bright panels, and in high halls beams between them."""
    x0, z0, x1, z1 = site.inside_m
    red, green, blue = (float(c) for c in light.below)
    lamp = glowing(scaled(WHITE, 1.0), (red, green, blue))
    step, beam = rng.uniform(1.8, 3.0), paint(rng)
    parts = []
    for x in np.arange(x0 + step / 2, x1 - 0.7, step):
        rows = np.arange(z0 + step / 2, z1 - 0.7, step)
        parts += [panel((x, height_m - 0.01, z), (0.6, 0, 0), (0, 0, 0.6), lamp) for z in rows]
        if height_m > 3.6 and rng.random() < 0.9:
            middle = (x + step / 2, height_m - 0.15, (z0 + z1) / 2)
            parts.append(box(middle, (0.15, 0.3, z1 - z0), beam, without=("top", "front", "back")))
    return parts

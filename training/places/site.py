"""Furnishing a place: things put where they keep clear of paths, of the camera and of each other.

World: metres, y up; floor positions are (x, z).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from realtime.types import Array
from training.places.arrange import Footprint, Piece, hidden
from training.places.materials import Colour
from training.places.surface import Surface
from training.places.walls import FittingMaker, Rectangle, Wall

Maker = Callable[[np.random.Generator], Piece]

CLEAR_OF_PATHS_M, CLEAR_OF_CAMERA_M = 0.47, 0.62
TRIANGLES = 5900

_CAMERA_PER_HEIGHT = 0.8
"""What is no occluder stays this share of its height away from the camera: it must not fill the view."""
_FEET_M = 0.3
_SIGHTS = 64
_TRIES = 12
_OCCLUDER_TRIES = 60
_TALL_CHANCE = 0.12
_BODY_M, _CHEST_M = 1.7, 1.3


class Site:
    """What stands in a place so far, and where more may stand.

    inside_m: x0, z0, x1, z1. paths_m: (N, 2) where people go. camera_m: (3,).
    """

    def __init__(
        self, rng: np.random.Generator, inside_m: Rectangle, paths_m: Array, camera_m: Array
    ) -> None:
        self.inside_m = inside_m
        self.surfaces: list[Surface] = []
        self.footprints: list[Footprint] = []
        self._rng, self._camera_m = rng, np.asarray(camera_m, np.float64)
        self._paths_m = np.asarray(paths_m, np.float64).reshape(-1, 2)
        every = max(len(self._paths_m) // _SIGHTS, 1)
        self._sights_m = self._paths_m[::every]
        self._taken: list[tuple[Wall, float, float, float]] = []
        self._triangles = 0

    def add(self, *surfaces: Surface) -> None:
        """Add what takes no floor."""
        for surface in surfaces:
            self.surfaces.append(surface)
            self._triangles += len(surface.triangles)

    def put(self, piece: Piece, centre_m: tuple[float, float], turn_rad: float) -> bool:
        """Stand a thing there if there is room and it hides nobody; says whether."""
        _, footprint = piece.put(centre_m, turn_rad)
        away = max(CLEAR_OF_CAMERA_M, _CAMERA_PER_HEIGHT * piece.height_m)
        if not self._free(piece, footprint, away):
            return False
        seen = hidden(footprint, self._camera_m, self._sights_m)
        if (seen.height_m > _FEET_M).any():
            return False
        self._stand(piece, footprint)
        return True

    def scatter(self, makers: Sequence[Maker], count: int, square: bool = True) -> None:
        """Stand up to this many things anywhere; square: along the walls' directions, more or less."""
        for _ in range(count):
            piece = makers[int(self._rng.integers(len(makers)))](self._rng)
            for _ in range(_TRIES):
                turn = self._rng.uniform(-np.pi, np.pi)
                if square:
                    turn = float(np.round(turn / (np.pi / 2)) * np.pi / 2 + self._rng.normal(0, 0.08))
                if self.put(piece, self._anywhere(), turn):
                    break

    def hang(self, wall: Wall, makers: Sequence[FittingMaker], count: int, glow: Colour) -> None:
        """Hang up to this many things on a wall."""
        for _ in range(count):
            fitting = makers[int(self._rng.integers(len(makers)))](self._rng, glow)
            if (
                wall.length_m < 2 * fitting.half_m + 0.3
                or fitting.surface.points_m[:, 1].max() > wall.height_m
            ):
                continue
            along = self._rng.uniform(fitting.half_m + 0.1, wall.length_m - fitting.half_m - 0.1)
            span = (along - fitting.half_m, along + fitting.half_m)
            if self._triangles + len(fitting.surface.triangles) < TRIANGLES and not self._covers(wall, *span):
                self.add(wall.put(fitting.surface, along))
                self._taken.append((wall, *span, fitting.bottom_m))

    def line(self, wall: Wall, makers: Sequence[Maker], count: int) -> None:
        """Stand up to this many things with their backs to a wall."""
        for _ in range(count):
            piece = makers[int(self._rng.integers(len(makers)))](self._rng)
            half, deep = piece.half_m
            if wall.length_m < 2 * half + 0.1:
                continue
            for _ in range(_TRIES):
                along = self._rng.uniform(half + 0.03, wall.length_m - half - 0.03)
                if self._covers(wall, along - half, along + half, piece.height_m):
                    continue
                if self.put(piece, wall.spot_m(along, deep + 0.03), wall.turn_rad):
                    break

    def occlude(self, makers: Sequence[Maker], count: int) -> int:
        """Stand up to this many things between the camera and the paths, each hiding a part of people.

        Gives how many found room.
        """
        stood = 0
        for _ in range(count):
            often = self._rng.random() < _TALL_CHANCE
            stood += any(self._occluder(makers, often) for _ in range(_OCCLUDER_TRIES))
        return stood

    def _occluder(self, makers: Sequence[Maker], heads_too: bool) -> bool:
        piece = makers[int(self._rng.integers(len(makers)))](self._rng)
        target = self._sights_m[self._rng.integers(len(self._sights_m))]
        eye = self._camera_m[[0, 2]]
        ahead = target - eye
        distance, reach = float(np.linalg.norm(ahead)), float(np.hypot(*piece.half_m))
        nearest, farthest = CLEAR_OF_CAMERA_M + 0.5 * reach, distance - CLEAR_OF_PATHS_M - 0.5 * reach
        if nearest >= farthest:
            return False
        ahead /= distance
        aside = self._rng.normal(0, 0.3 + 0.5 * reach) * np.array([ahead[1], -ahead[0]])
        at = eye + self._rng.uniform(nearest, farthest) * ahead + aside
        turn = float(
            np.arctan2(-ahead[0], -ahead[1]) + self._rng.choice([0.0, np.pi]) + self._rng.normal(0, 0.5)
        )
        _, footprint = piece.put((float(at[0]), float(at[1])), turn)
        if not self._free(piece, footprint, CLEAR_OF_CAMERA_M) or not self._hides_part(footprint, heads_too):
            return False
        self._stand(piece, footprint)
        return True

    def _hides_part(self, footprint: Footprint, heads_too: bool) -> bool:
        """Whether it hides a part of people now and then, and not too much of them."""
        seen = hidden(footprint, self._camera_m, self._sights_m)
        hit = (seen.share > 0.15) & (seen.height_m > 0.25)
        blocked = seen.share * np.minimum(seen.height_m, _BODY_M) / _BODY_M
        head = (seen.share > 0.5) & (seen.height_m > _CHEST_M)
        few = 0.4 if heads_too else 0.03
        return bool(hit.mean() >= 0.1 and np.quantile(blocked, 0.9) <= 0.55 and head.mean() <= few)

    def _free(self, piece: Piece, footprint: Footprint, camera_away_m: float) -> bool:
        return (
            footprint.within(self.inside_m)
            and self._triangles + len(piece.surface.triangles) <= TRIANGLES
            and float(footprint.distance_m(self._paths_m).min()) >= CLEAR_OF_PATHS_M
            and float(footprint.distance_m(self._camera_m[None, [0, 2]])[0]) >= camera_away_m
            and not any(footprint.overlaps(other, 0.03) for other in self.footprints)
        )

    def _stand(self, piece: Piece, footprint: Footprint) -> None:
        surface, _ = piece.put(footprint.centre_m, footprint.turn_rad)
        self.footprints.append(footprint)
        self.add(surface)

    def _covers(self, wall: Wall, low_m: float, high_m: float, height_m: float = np.inf) -> bool:
        """Whether something so tall before this part of the wall would hide what hangs there."""
        return any(
            wall == other and low_m < end and high_m > start and height_m > bottom
            for other, start, end, bottom in self._taken
        )

    def _anywhere(self) -> tuple[float, float]:
        x0, z0, x1, z1 = self.inside_m
        return float(self._rng.uniform(x0, x1)), float(self._rng.uniform(z0, z1))

"""Where things may stand: footprints on the floor, distances from paths, and what hides whom from a camera.

World: metres, y up; floor positions are (x, z). A turn about the vertical takes z towards x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.types import Array, FloatArray
from training.places.solids import moved, together
from training.places.surface import Surface

HALF_PERSON_M = 0.3
"""Half the width of a person who stands."""
_CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)


@dataclass(frozen=True, slots=True)
class Footprint:
    """The floor that something takes: a turned rectangle.

    centre_m: x, z. half_m: half its width and depth. turn_rad: about the vertical. height_m: of the thing.
    """

    centre_m: tuple[float, float]
    half_m: tuple[float, float]
    turn_rad: float
    height_m: float

    def corners_m(self) -> FloatArray:
        """(4, 2) its corners' x and z."""
        c, s = np.cos(self.turn_rad), np.sin(self.turn_rad)
        turn = np.array([[c, -s], [s, c]])
        return np.asarray(_CORNERS * self.half_m @ turn + self.centre_m, np.float32)

    def distance_m(self, points_m: Array) -> FloatArray:
        """(N,) how far floor points (N, 2) are from it; 0 inside."""
        c, s = np.cos(self.turn_rad), np.sin(self.turn_rad)
        local = (np.asarray(points_m, np.float64) - self.centre_m) @ np.array([[c, s], [-s, c]])
        beyond = np.maximum(np.abs(local) - self.half_m, 0.0)
        return np.asarray(np.linalg.norm(beyond, axis=-1), np.float32)

    def overlaps(self, other: Footprint, gap_m: float = 0.0) -> bool:
        """Whether it comes nearer than this to the other, along their four sides' directions."""
        own, others = (f.corners_m().astype(np.float64) for f in (self, other))
        for turn in (self.turn_rad, other.turn_rad):
            for axis in ((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))):
                a, b = own @ axis, others @ axis
                if a.min() > b.max() + gap_m or b.min() > a.max() + gap_m:
                    return False
        return True

    def within(self, rectangle_m: tuple[float, float, float, float]) -> bool:
        """Whether it lies in the rectangle x0, z0, x1, z1."""
        corners = self.corners_m()
        low, high = corners.min(axis=0) + 1e-4, corners.max(axis=0) - 1e-4
        x0, z0, x1, z1 = rectangle_m
        return bool(low[0] >= x0 and low[1] >= z0 and high[0] <= x1 and high[1] <= z1)


@dataclass(frozen=True, slots=True)
class Piece:
    """A thing that can be put somewhere: centred over the origin, its front towards z.

    half_m: half its width (x) and depth (z).
    """

    surface: Surface
    half_m: tuple[float, float]
    height_m: float

    def put(self, centre_m: tuple[float, float], turn_rad: float) -> tuple[Surface, Footprint]:
        """The thing standing there, and the floor it takes."""
        x, z = centre_m
        standing = moved(self.surface, (x, 0.0, z), turn_rad)
        return standing, Footprint((x, z), self.half_m, turn_rad, self.height_m)


def piece(parts: Sequence[Surface]) -> Piece:
    """A thing of its parts, as they stand on the floor; it is centred by its extent."""
    whole = together(parts)
    low, high = whole.points_m.min(axis=0), whole.points_m.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    centred = moved(whole, (-middle[0], 0.0, -middle[2]))
    return Piece(centred, (float(half[0]), float(half[2])), float(high[1]))


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a thing hides of a person who stands at each of N floor points, from a camera.

    share: (N,) of the person's width, 0 where the thing is not in front. height_m: (N,) how far up from the
    floor; 0 where share is.
    """

    share: FloatArray
    height_m: FloatArray

    @property
    def any(self) -> bool:
        return bool((self.share * self.height_m > 0).any())


def hidden(footprint: Footprint, camera_m: Array, points_m: Array) -> Hidden:
    """What a thing hides of people at floor points (N, 2) from a camera at (3,)."""
    camera = np.asarray(camera_m, np.float64)
    to = np.asarray(points_m, np.float64) - camera[[0, 2]]
    distance = np.maximum(np.linalg.norm(to, axis=1), 1e-6)
    ahead = to / distance[:, None]
    corners = footprint.corners_m() - camera[[0, 2]]
    forward = np.maximum(ahead @ corners.T, 1e-3)
    sideways = (ahead[:, ::-1] * [1, -1]) @ corners.T
    at_person = sideways * (distance[:, None] / forward)
    low, high = at_person.min(axis=1), at_person.max(axis=1)
    covered = np.minimum(high, HALF_PERSON_M) - np.maximum(low, -HALF_PERSON_M)
    in_front = (forward.min(axis=1) < distance) & (forward.max(axis=1) > 1e-3)
    share = np.where(in_front, np.maximum(covered, 0) / (2 * HALF_PERSON_M), 0.0)
    rise = (footprint.height_m - camera[1]) * distance[:, None] / forward
    height = np.maximum(camera[1] + rise.max(axis=1), 0.0)
    return Hidden(share.astype(np.float32), np.where(share > 0, height, 0.0).astype(np.float32))

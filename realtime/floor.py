"""The floor, from feet that stand on it and bodies that stand upright: a plane in camera space."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from realtime.feet import ANKLE_HEIGHT_M, Point, dot
from realtime.level import Level
from realtime.types import FloatArray, Floor

_ROLL_SIGMA, _PITCH_SIGMA = math.radians(4), math.radians(20)
_HEIGHT_M, _HEIGHT_SIGMA_M = 1.3, 0.8
_FOOT_SIGMA_M = 0.04
_FOOT_CORRELATION_S = 1.0
_UPRIGHT_SIGMA = math.radians(7)
_STANDS_TALL_M = 1.1
_UPRIGHT_CORRELATION_S = 10.0
"""A lifter's lean is the same in every frame: ten seconds of it say no more than one look."""
_TILT_DRIFT, _HEIGHT_DRIFT_M = math.radians(0.5), 0.01
"""How far tilt and height may wander in a second, squares adding up."""
_ODD = 3.0
_LEAST_ALIGNED = 0.2
_LOST_AFTER_S = 2.0
_KNOWN_SIGMA_M = 0.15
LEVEL_SIGMA = math.radians(1.0)
"""Of a tilt that the user says, as by a phone's level; of a roll as much."""
TAPE_SIGMA_M = 0.02
"""Of the camera's height that the user says, as by a tape."""


class Stance(NamedTuple):
    """One frame of somebody's feet, before they are put on the floor.

    ankles_m: left and right, and whether each stands. neck_m: the upper neck. root_sigma_m: of the depth.
    elapsed_s: since their frame before; None where their motion starts afresh.
    """

    ankles_m: tuple[Point, Point]
    planted: tuple[bool, bool]
    neck_m: Point
    root_sigma_m: float
    elapsed_s: float | None


class FloorEstimator:
    """Learns the floor's plane over time, from everyone's feet.

    An extended Kalman filter over the two tilts of the plane and the camera's height over it. It starts at a
    level camera 1.3 m high: a roll within 4 degrees, a pitch within 20, a height within 0.8 m, one sigma
    each. Where `up` is said, the tilts start there, within a degree each; where it is not, what the lines of
    the picture say (`realtime.level`) counts, and if the height is said the floor is known then. What is seen
    over and over counts by time, not by frames. What is far off the plane counts less; if that lasts, the
    camera has moved, and the plane is learnt anew.
    """

    def __init__(
        self,
        known: Floor | None = None,
        up: FloatArray | None = None,
        camera_height_m: float | None = None,
    ) -> None:
        self.known = known
        """The floor, where it is known: nothing is learnt then of those who stand."""
        self._level = up if known is None else known.up
        self._said_height_m = camera_height_m
        tilts = (_ROLL_SIGMA, _PITCH_SIGMA) if up is None else (LEVEL_SIGMA, LEVEL_SIGMA)
        self._sigmas = (*tilts, _HEIGHT_SIGMA_M if camera_height_m is None else TAPE_SIGMA_M)
        self._seen: Level | None = None
        self._odd: Level | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything that was learnt of those who stand."""
        self.down: Point = (0.0, 1.0, 0.0)
        """Unit vector towards the floor; as good as the prior before anybody stood."""
        roll, pitch, height_m = self._sigmas
        up = self._level
        if self._seen is not None:
            up, roll = self._seen.up, self._seen.sigma_rad / math.sqrt(2)
            pitch = roll
        if up is not None:
            self.down = _opposite(up)
        self._height_m = _HEIGHT_M if self._said_height_m is None else self._said_height_m
        self._covariance = [[roll**2, 0.0, 0.0], [0.0, pitch**2, 0.0], [0.0, 0.0, height_m**2]]
        self._stood_m: Point | None = None
        self._lost_s = 0.0

    def advance(self, elapsed_s: float) -> None:
        """Let time pass: what was learnt grows a little less sure."""
        drifts = (_TILT_DRIFT, _TILT_DRIFT, _HEIGHT_DRIFT_M)
        for axis, (drift, sigma) in enumerate(zip(drifts, self._sigmas, strict=True)):
            row = self._covariance[axis]
            row[axis] = min(row[axis] + drift**2 * elapsed_s, sigma**2)

    @property
    def is_level_known(self) -> bool:
        """Whether the tilt is said, or the picture's lines tell it."""
        return self._level is not None or self._seen is not None

    def see_level(self, level: Level) -> None:
        """Take in the tilt that the lines of the picture say, unless it is said by somebody who knows.

        Looks at the same room are one look: they keep the tilt as sure as one of them is, and no surer. A
        look that is far off is believed if there was none before, or if the next says so too: the camera has
        been moved.
        """
        if self._level is not None:
            return
        if self._seen is None and (self._stood_m is None or self._said_height_m is not None):
            self._start_from(level)
            return
        down = _opposite(level.up)
        aligned = max(dot(self.down, down), _LEAST_ALIGNED)
        residuals = [dot(tangent, down) / aligned for tangent in self._tangents()]
        if math.atan(math.hypot(*residuals)) > _ODD * math.hypot(level.sigma_rad, self.tilt_sigma):
            if self._seen is None or (self._odd is not None and _agree(self._odd, level)):
                self._start_from(level)
            else:
                self._odd = level
            return
        self._odd = None
        if self.known is not None:
            return
        self._seen = level
        variance = level.sigma_rad**2 / 2
        for axis, jacobian in enumerate(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))):
            before = self._covariance[axis][axis]
            if before > variance:
                self._correct(jacobian, residuals[axis], 1 / (1 / variance - 1 / before))

    def _start_from(self, level: Level) -> None:
        """Take the tilt as the lines have it; with the height said, that is the floor."""
        self._seen, self._odd = level, None
        if self._said_height_m is not None:
            self.known = Floor(level.up, self._said_height_m, TAPE_SIGMA_M, level.sigma_rad)
        self.reset()

    def see_foot(self, ankle_m: Point, root_sigma_m: float, elapsed_s: float) -> None:
        """Take in the ankle (3,) of a foot that stands. root_sigma_m: how sure its depth is."""
        right, ahead = self._tangents()
        reach = dot(self.down, ankle_m)
        jacobian = (dot(right, ankle_m), dot(ahead, ankle_m), -1.0)
        along = reach / max(math.hypot(*ankle_m), 1e-6)
        variance = _FOOT_SIGMA_M**2 + (along * root_sigma_m) ** 2
        residual = self._height_m - ANKLE_HEIGHT_M - reach
        spread = self._spread(jacobian)
        odd = abs(residual) / math.sqrt(spread + variance)
        self._lost_s = self._lost_s + elapsed_s if odd > _ODD else max(0.0, self._lost_s - elapsed_s)
        if self._lost_s > _LOST_AFTER_S:
            self.reset()
            return
        variance *= _FOOT_CORRELATION_S / elapsed_s * max(1.0, odd / _ODD) ** 2
        self._correct(jacobian, residual, variance)
        share = elapsed_s / (elapsed_s + _FOOT_CORRELATION_S)
        x, y, z = self._stood_m or ankle_m
        self._stood_m = (
            x + share * (ankle_m[0] - x), y + share * (ankle_m[1] - y), z + share * (ankle_m[2] - z)
        )  # fmt: skip

    def see(self, stance: Stance) -> None:
        """Take in one frame of one person: the feet that stand, and which way the body does."""
        elapsed_s = stance.elapsed_s
        if not elapsed_s or self.known is not None:
            return
        for ankle_m, stands in zip(stance.ankles_m, stance.planted, strict=True):
            if stands:
                self.see_foot(ankle_m, stance.root_sigma_m, elapsed_s)
        if all(stance.planted):
            (lx, ly, lz), (rx, ry, rz), (x, y, z) = *stance.ankles_m, stance.neck_m
            way = ((lx + rx) / 2 - x, (ly + ry) / 2 - y, (lz + rz) / 2 - z)
            length = math.hypot(*way)
            if length > _STANDS_TALL_M:
                self.see_upright((way[0] / length, way[1] / length, way[2] / length), elapsed_s)

    def see_upright(self, down: Point, elapsed_s: float) -> None:
        """Take in the way from neck to feet (3,), a unit vector, of somebody who stands straight."""
        variance = _UPRIGHT_SIGMA**2 * _UPRIGHT_CORRELATION_S / elapsed_s
        for axis, jacobian in enumerate(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))):
            self._correct(jacobian, dot(self._tangents()[axis], down), variance)

    def floor(self) -> Floor | None:
        """The plane, once somebody stood long enough for it to be known within 0.15 m under their feet."""
        if self.known is not None:
            return self.known
        if self._stood_m is None:
            return None
        right, ahead = self._tangents()
        at = self._stood_m
        sigma_m = math.sqrt(self._spread((dot(right, at), dot(ahead, at), -1.0)))
        if sigma_m > _KNOWN_SIGMA_M:
            return None
        up = np.array([-v for v in self.down], np.float32)
        return Floor(up, self._height_m, sigma_m)

    @property
    def tilt_sigma(self) -> float:
        """Root mean square, in radians, of the angle by which `down` may be off."""
        if self.known is not None:
            return self.known.tilt_sigma
        return math.sqrt(max(0.0, self._covariance[0][0] + self._covariance[1][1]))

    def _tangents(self) -> tuple[Point, Point]:
        """Unit vectors along the floor: to the camera's right, and ahead."""
        x, y, z = self.down
        length = math.sqrt(max(1 - x * x, 1e-9))
        right = ((1 - x * x) / length, -x * y / length, -x * z / length)
        ahead = (
            right[1] * z - right[2] * y,
            right[2] * x - right[0] * z,
            right[0] * y - right[1] * x,
        )
        return right, ahead

    def _spread(self, jacobian: Point) -> float:
        return max(0.0, dot(jacobian, self._carried(jacobian)))

    def _carried(self, jacobian: Point) -> Point:
        """The covariance times the Jacobian."""
        a, b, c = self._covariance
        return dot(a, jacobian), dot(b, jacobian), dot(c, jacobian)

    def _correct(self, jacobian: Point, residual: float, variance: float) -> None:
        """One scalar measurement of the filter. jacobian: of it by right tilt, ahead tilt and height."""
        carried = cx, cy, cz = self._carried(jacobian)
        total = dot(jacobian, carried) + variance
        gain = kx, ky, kz = cx / total, cy / total, cz / total
        (rx, ry, rz), (ax, ay, az) = self._tangents()
        self._covariance = [
            [x - k * cx, y - k * cy, z - k * cz] for (x, y, z), k in zip(self._covariance, gain, strict=True)
        ]
        kx, ky = residual * kx, residual * ky
        x, y, z = self.down
        x, y, z = x + kx * rx + ky * ax, y + kx * ry + ky * ay, z + kx * rz + ky * az
        length = math.sqrt(x * x + y * y + z * z)
        self.down = (x / length, y / length, z / length)
        self._height_m += residual * kz


def _agree(one: Level, other: Level) -> bool:
    """Whether two looks are of a camera that is held alike."""
    angle = math.acos(min(1.0, float(one.up @ other.up)))
    return angle <= _ODD * math.hypot(one.sigma_rad, other.sigma_rad)


def _opposite(up: FloatArray) -> Point:
    """Down, as plain numbers, from up (3,)."""
    x, y, z = up.tolist()
    return -x, -y, -z

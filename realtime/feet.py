"""Feet that stand: which do, where they are kept, and how a leg bends to reach there.

Plain numbers, no arrays: there are two feet, and on so few the arithmetic is cheaper than the calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float, float]


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """The scalar product of two points."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


ANKLE_HEIGHT_M = 0.085
"""How far an ankle lies above the floor under a flat foot."""

_STILL_M_S, _MOVING_M_S = 0.5, 0.75
_SPEED_MEMORY_S = 0.06
_LANDED_S = 0.1
_HIGHER_M = 0.1
_BLEND_S = 0.2
_ANCHOR_MEMORY_S = 0.4
_LEASH_ACROSS_M, _LEASH_ALONG_M = 0.08, 0.3
_STRAIGHTEST = 0.999
_NOWHERE: Point = (0.0, 0.0, 0.0)


class _Foot:
    """One ankle: how fast it moves across the line of sight, where it landed, how firmly it is held."""

    def __init__(self) -> None:
        self.planted = False
        self.pull = _NOWHERE
        self.weight = 0.0
        self._last: Point | None = None
        self._turning: Point = _NOWHERE
        self._still_s = 0.0
        self._stood_s = 0.0
        self._anchor = _NOWHERE

    def update(self, at: Point, low: bool, elapsed_s: float | None) -> None:
        """Take in where the ankle is; `pull` is then the way back to where it landed."""
        distance_m = max(math.hypot(*at), 1e-6)
        sight = (at[0] / distance_m, at[1] / distance_m, at[2] / distance_m)
        last, self._last = self._last, sight
        if last is None or elapsed_s is None:
            self.planted, self.weight, self._still_s, self._turning = False, 0.0, 0.0, _NOWHERE
            return
        share = elapsed_s / (elapsed_s + _SPEED_MEMORY_S)
        # The way, not its length, is smoothed: noise goes to and fro.
        (x, y, z), (tx, ty, tz) = last, self._turning
        tx += share * ((sight[0] - x) / elapsed_s - tx)
        ty += share * ((sight[1] - y) / elapsed_s - ty)
        tz += share * ((sight[2] - z) / elapsed_s - tz)
        self._turning = tx, ty, tz
        speed_m_s = math.hypot(tx, ty, tz) * distance_m
        still = low and speed_m_s < (_MOVING_M_S if self.planted else _STILL_M_S)
        self._still_s = self._still_s + elapsed_s if still else 0.0
        if not self.planted and self._still_s >= _LANDED_S:
            self.planted, self._stood_s, self._anchor = True, 0.0, at
        elif self.planted and not still:
            self.planted = False
        self._hold(at, sight, elapsed_s)

    def _hold(self, at: Point, sight: Point, elapsed_s: float) -> None:
        if self.planted:
            share = elapsed_s / (min(self._stood_s, _ANCHOR_MEMORY_S) + elapsed_s)
            self._stood_s += elapsed_s
            (x, y, z), (ax, ay, az) = at, self._anchor
            self._anchor = (ax + share * (x - ax), ay + share * (y - ay), az + share * (z - az))
            back = (self._anchor[0] - x, self._anchor[1] - y, self._anchor[2] - z)
            along = sum(b * s for b, s in zip(back, sight, strict=True))
            across = math.sqrt(max(math.hypot(*back) ** 2 - along * along, 0.0))
            if across < _LEASH_ACROSS_M and abs(along) < _LEASH_ALONG_M:
                # Only along the line of sight: across it the image knows better than the leg.
                self.pull = along * sight[0], along * sight[1], along * sight[2]
            else:
                self.planted = False
        step = elapsed_s / _BLEND_S
        self.weight = min(1.0, self.weight + step) if self.planted else max(0.0, self.weight - step)


class PlantedFeet:
    """Tells which of one person's feet stand, and where they must stay so as not to slide.

    A foot stands when it hardly moves across the line of sight (along it a camera sees no motion, only
    noise) and is not held up beside the other. While it stands it is held, in depth, to the mean of where it
    was in the last 0.4 s; a hold grows and fades over 0.2 s, so that nothing jumps.
    """

    def __init__(self) -> None:
        self._feet = (_Foot(), _Foot())

    @property
    def planted(self) -> tuple[bool, bool]:
        """Which of the two stand."""
        return self._feet[0].planted, self._feet[1].planted

    def update(self, ankles_m: Sequence[Point], down: Point, elapsed_s: float | None) -> list[Point]:
        """Take in both ankles, camera space, metres; returns where they should be instead.

        down: unit vector towards the floor. elapsed_s: None starts afresh.
        """
        heights = [-dot(p, down) for p in ankles_m]
        lowest, held = min(heights), []
        for foot, at, height in zip(self._feet, ankles_m, heights, strict=True):
            foot.update(at, height - lowest < _HIGHER_M, elapsed_s)
            (x, y, z), (px, py, pz), w = at, foot.pull, foot.weight
            held.append((x + w * px, y + w * py, z + w * pz))
        return held


def bent_leg(hip: Point, knee: Point, target: Point, thigh_m: float, shank_m: float) -> tuple[Point, Point]:
    """The knee and ankle of a leg that reaches for a target, as near as its bones let it.

    The knee stays on its side of the line from hip to ankle; where it lies on that line, it stays on it.
    """
    way = (target[0] - hip[0], target[1] - hip[1], target[2] - hip[2])
    reach = math.hypot(*way)
    if reach < 1e-6:
        return knee, target
    x, y, z = way[0] / reach, way[1] / reach, way[2] / reach
    reach = min(max(reach, abs(thigh_m - shank_m) + 1e-6), (thigh_m + shank_m) * _STRAIGHTEST)
    kx, ky, kz = knee[0] - hip[0], knee[1] - hip[1], knee[2] - hip[2]
    along = kx * x + ky * y + kz * z
    sx, sy, sz = kx - along * x, ky - along * y, kz - along * z
    side = math.hypot(sx, sy, sz)
    along = (reach * reach + thigh_m * thigh_m - shank_m * shank_m) / (2 * reach)
    out = math.sqrt(max(thigh_m * thigh_m - along * along, 0.0)) / max(side, 1e-6)
    bent = hip[0] + along * x + out * sx, hip[1] + along * y + out * sy, hip[2] + along * z + out * sz
    return bent, (hip[0] + reach * x, hip[1] + reach * y, hip[2] + reach * z)

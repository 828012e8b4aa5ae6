"""How far somebody is, over time: a Kalman filter on the logarithm of their distance."""

from __future__ import annotations

import math

from realtime.stream.smooth import DEFAULT_STRENGTH, NOMINAL_S, lag_factor

_SIGMA = 0.1
"""A frame's distance is taken to be off by this share, one standard deviation, at 30 frames a second. They
err by less each, but alike from frame to frame, and the filter takes each for a new witness."""
_JERKY = 1.0
"""How much the speed changes: the spectral density of its white noise, 1 / s^3."""
_FIRST_SIGMA, _UNSEEN_SIGMA = 0.3, 1.0
"""The same of a first frame, in which lifters are not settled, and of one in which nobody was seen."""
_SPEED_SIGMA = 0.3
_SPEED_MEMORY_S = 0.7
_ODD = 2.5


class DistanceFilter:
    """Fuses the distances of successive frames, with the speed that they show.

    Scale and speed in the image are told better than size and distance: a constant-velocity model of the
    distance's logarithm hardly lags behind somebody who walks towards the camera, as a low-pass of the
    distance does. A speed fades over 0.7 s where nothing confirms it. Distances that are odd count less.
    strength: 0 (off) to 1, see `lag_factor`.
    Source: Bar-Shalom, Li, Kirubarajan, Estimation with Applications to Tracking and Navigation (2001), 6.2.
    """

    def __init__(self, strength: float = DEFAULT_STRENGTH) -> None:
        calm = lag_factor(strength) ** 2
        self._density = _JERKY / calm if calm > 0 else math.inf
        self._log = self._speed = 0.0
        self._spread = (0.0, 0.0, 0.0)

    def update(self, distance_m: float, elapsed_s: float | None, seen: bool = True) -> float:
        """The distance, metres. elapsed_s: since the last one; None starts afresh. seen: it was measured."""
        measured = math.log(distance_m)
        if elapsed_s is None or math.isinf(self._density):
            self._log, self._speed = measured, 0.0
            self._spread = ((_FIRST_SIGMA if seen else _UNSEEN_SIGMA) ** 2, 0.0, _SPEED_SIGMA**2)
            return distance_m
        dt, kept = elapsed_s, math.exp(-elapsed_s / _SPEED_MEMORY_S)
        a, b, c = self._spread
        # One step of the model: the place moves with the speed, the speed fades.
        a, b, c = a + dt * (2 * b + dt * c), kept * (b + dt * c), kept * kept * c
        a, b, c = a + self._density * dt**3 / 3, b + self._density * dt * dt / 2, c + self._density * dt
        at, speed = self._log + dt * self._speed, kept * self._speed
        if seen:
            variance, off = _SIGMA**2 * NOMINAL_S / dt, measured - at
            odd = off * off / ((a + variance) * _ODD**2)
            total = a + variance * max(1.0, odd)
            k, h = a / total, b / total
            at, speed = at + k * off, speed + h * off
            a, b, c = a - k * a, b - k * b, c - h * b
        self._log, self._speed, self._spread = at, speed, (a, b, c)
        return math.exp(at)

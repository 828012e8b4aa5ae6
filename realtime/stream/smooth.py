"""Calm at little lag: the One-Euro filter on rows of vectors, by the time that really passed."""

from __future__ import annotations

import math

import numpy as np

from realtime.bones import lengths
from realtime.types import Array, FloatArray

LEAST_STRENGTH, DEFAULT_STRENGTH, MOST_STRENGTH = 0.0, 0.5, 1.0
NOMINAL_S = 1 / 30
LONGEST_GAP_S = 0.7
_NO_LENGTH = 1e-3
"""Shorter, a vector has no direction."""


class Elapsed:
    """The time between frames, from timestamps that may stand still, jump or go back."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._usual_s = NOMINAL_S

    def step(self, time_s: float) -> float | None:
        """Seconds since the frame before; None where motion starts afresh.

        That is at the first frame, after time went back, and after a gap of more than 0.7 s. Where time
        stands still the last interval is taken again: a source whose clock is stuck is smoothed too.
        """
        last_s = self._last_s
        if not math.isfinite(time_s):
            return self._usual_s if last_s is not None else None
        self._last_s = time_s
        if last_s is None or not 0 <= time_s - last_s <= LONGEST_GAP_S:
            return None
        if time_s > last_s:
            self._usual_s = time_s - last_s
        return self._usual_s


def lag_factor(strength: float) -> float:
    """How much the filters lag at a strength of the dial, as a multiple of that at the default."""
    return (min(max(strength, LEAST_STRENGTH), MOST_STRENGTH) / DEFAULT_STRENGTH) ** 2


class OneEuro:
    """A low-pass filter whose cut-off rises with speed, on rows (..., 3) of vectors, each for itself.

    min_cutoff_hz: lower is calmer at rest. beta: higher lags less in motion, in 1 per unit of the value.
    Both are one for all rows, or (...). unit: rows are directions and stay of length 1. strength: 0 to 1, see
    `lag_factor`; at 0 nothing is changed. Rows turn with what they measure: the filter of turned rows is the
    turned filter of the rows.
    Source: Casiez, Roussel, Vogel, 1 Euro Filter (CHI 2012).
    """

    _SPEED_CUTOFF_HZ = 1.0
    _MOST_LAG_S = 1.0

    def __init__(
        self,
        min_cutoff_hz: float | FloatArray,
        beta: float | FloatArray,
        unit: bool = False,
        strength: float = DEFAULT_STRENGTH,
    ) -> None:
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._unit = unit
        self._lag_factor = lag_factor(strength)
        self._value: FloatArray | None = None
        self._velocity: FloatArray = np.zeros(0, np.float32)
        self.speed: Array = np.zeros(0)
        """(...) of the rows, in units a second, itself smoothed."""
        self.lag_s: Array = np.zeros(0)
        """(...) how far each row lies behind just now: the low-pass's time constant, 1 / (2 pi cut-off)."""

    @property
    def value(self) -> FloatArray | None:
        """The last answer; None before the first."""
        return self._value

    @property
    def velocity(self) -> FloatArray:
        """(..., 3) in units a second, itself smoothed."""
        return self._velocity

    def update(self, value: FloatArray, elapsed_s: float | None, trust: Array | float = 1.0) -> FloatArray:
        """The filtered value. elapsed_s: since the last one; None starts the filter afresh.

        trust: (...) or one for all, above 0: a row of trust 0.5 is filtered at half its cut-off.
        """
        if elapsed_s is None or self._value is None:
            self._value, self._velocity = value, np.zeros_like(value)
            self.speed = self.lag_s = np.zeros(value.shape[:-1], np.float32)
            return value
        last, seconds = self._value, np.float32(elapsed_s)
        rate = 2 * math.pi * self._SPEED_CUTOFF_HZ * elapsed_s
        way = value - last
        velocity = way / seconds
        velocity -= self._velocity
        velocity *= np.float32(rate / (rate + 1))
        velocity += self._velocity
        self._velocity, self.speed = velocity, lengths(velocity)
        cutoff_hz = (self._min_cutoff_hz + self._beta * self.speed) * trust
        self.lag_s = np.minimum(self._lag_factor / (2 * math.pi * cutoff_hz), self._MOST_LAG_S)
        way *= np.asarray(seconds / (seconds + self.lag_s), np.float32)[..., None]
        way += last
        self._value = to_length_one(way, value) if self._unit else way
        return self._value


def to_length_one(rows: FloatArray, instead: FloatArray) -> FloatArray:
    """Directions (..., 3) made of length 1; where a row has none, that of `instead`."""
    length = lengths(rows)[..., None]
    if np.minimum.reduce(length, axis=None, initial=1.0) < _NO_LENGTH:
        return np.where(length < _NO_LENGTH, instead, rows / np.maximum(length, _NO_LENGTH))
    return rows / length

"""Calm without lag: the One-Euro filter, fed real timestamps."""

from __future__ import annotations

import math

import numpy as np

from realtime.types import FloatArray


class OneEuro:
    """A low-pass filter whose cut-off rises with speed, on an array of any shape.

    min_cutoff_hz: lower is calmer at rest. beta: higher lags less in motion, in 1 per unit of the value.
    Source: Casiez, Roussel, Vogel, 1 Euro Filter (CHI 2012).
    """

    _SPEED_CUTOFF_HZ = 1.0

    def __init__(self, min_cutoff_hz: float, beta: float) -> None:
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._value: FloatArray | None = None
        self._speed: FloatArray | None = None
        self._time_s = 0.0

    def update(self, value: FloatArray, time_s: float) -> FloatArray:
        """The filtered value. A time that does not advance starts the filter afresh."""
        elapsed_s = time_s - self._time_s
        self._time_s = time_s
        if self._value is None or self._speed is None or elapsed_s <= 0:
            self._value, self._speed = value, np.zeros_like(value)
            return value
        speed = (value - self._value) / np.float32(elapsed_s)
        self._speed = self._speed + _gain(self._SPEED_CUTOFF_HZ, elapsed_s) * (speed - self._speed)
        cutoff_hz = self._min_cutoff_hz + self._beta * float(np.linalg.norm(self._speed))
        self._value = self._value + _gain(cutoff_hz, elapsed_s) * (value - self._value)
        return self._value


def _gain(cutoff_hz: float, elapsed_s: float) -> np.float32:
    rate = 2 * math.pi * cutoff_hz * elapsed_s
    return np.float32(rate / (rate + 1))

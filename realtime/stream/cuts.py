"""When a stream is no longer the same view: a cut, a gap in time, a jump to another place in a file."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from realtime.types import FloatArray, Frame, ImageArray

GAP_S = 1.5
"""After so long without a frame nobody can be followed on: people walk twice their own height in it."""
_GRID = (24, 32)
"""Rows and columns of the pixels that are compared."""
_GREY_OF_BGR = np.array([0.114, 0.587, 0.299], np.float32)
_MEAN = np.full(_GRID[0] * _GRID[1], 1 / (_GRID[0] * _GRID[1]), np.float32)
_LEAST_CONTRAST = 3.0
"""Grey levels of standard deviation: below, a frame shows nothing to compare."""
_SAME_VIEW = 0.65
"""Correlation of successive frames of a view: 0.83 or more in twelve clips; between two, 0.57 or less."""


class Continuity:
    """Tells whether each frame goes on from the one before.

    Frames are compared by the correlation of a small grid of grey levels, which a change of exposure leaves
    as it is. A blank frame (black, a dropped picture) ends nothing; what follows it is compared with what
    was before.
    """

    def __init__(self) -> None:
        self._time_s: float | None = None
        self._view: _View | None = None

    def broken(self, frame: Frame) -> str:
        """Why this frame does not go on from the last one, in words; empty where it does."""
        last_s, self._time_s = self._time_s, frame.media_s
        before, view = self._view, self._look(frame.image)
        if view is not None:
            self._view = view
        if last_s is None:
            return ""
        if frame.media_s < last_s:
            return f"time went back from {last_s:.2f} to {frame.media_s:.2f} s"
        if frame.media_s - last_s > GAP_S:
            return f"nothing came for {frame.media_s - last_s:.1f} s"
        if before is not None and view is not None and view.likeness(before) < _SAME_VIEW:
            return "the picture was cut"
        return ""

    @staticmethod
    def _look(image: ImageArray) -> _View | None:
        """What a picture shows; None for a blank one."""
        grey = _grey(image)
        grey -= grey.dot(_MEAN)
        energy = float(grey.dot(grey))
        if energy < _LEAST_CONTRAST**2 * len(grey):
            return None
        return _View(grey, energy)


def _grey(image: ImageArray) -> FloatArray:
    """(768,) grey levels of a grid of a picture's pixels. Weights: ITU-R BT.601."""
    colours = cv2.resize(image, _GRID[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(colours.reshape(-1, 3).astype(np.float32).dot(_GREY_OF_BGR))


class _View(NamedTuple):
    """Grey levels (768,) with mean 0, and the sum of their squares."""

    grey: FloatArray
    energy: float

    def likeness(self, other: _View) -> float:
        """The correlation of two, 1 for the same."""
        return float(self.grey.dot(other.grey)) / math.sqrt(self.energy * other.energy)

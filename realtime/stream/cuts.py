"""When a stream is no longer the same view: a cut, a gap in time, a jump to another place in a file."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.types import FloatArray, Frame, ImageArray

GAP_S = 1.5
"""After so long without a frame nobody can be followed on: people walk twice their own height in it."""
_GRID = (24, 32)
"""Rows and columns of the pixels that are compared."""
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
        self._grid: FloatArray | None = None

    def broken(self, frame: Frame) -> str:
        """Why this frame does not go on from the last one, in words; empty where it does."""
        last_s, self._time_s = self._time_s, frame.media_s
        before, grid = self._grid, _standard(frame.image)
        if grid is not None:
            self._grid = grid
        if last_s is None:
            return ""
        if frame.media_s < last_s:
            return f"time went back from {last_s:.2f} to {frame.media_s:.2f} s"
        if frame.media_s - last_s > GAP_S:
            return f"nothing came for {frame.media_s - last_s:.1f} s"
        if before is not None and grid is not None and float((before * grid).mean()) < _SAME_VIEW:
            return "the picture was cut"
        return ""


def _standard(image: ImageArray) -> FloatArray | None:
    """Grey levels at a grid of places, with mean 0 and deviation 1; None for a blank picture."""
    small = cv2.resize(image, _GRID[::-1], interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    if spread < _LEAST_CONTRAST:
        return None
    return np.asarray((grey - np.float32(mean)) * np.float32(1 / spread), np.float32)

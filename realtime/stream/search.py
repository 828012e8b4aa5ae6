"""When and where to look for people who are not followed: the detector's schedule and its windows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from realtime.types import Frame, Region

_EAGER_S = 1.0
_OVERLAP = 0.4
_EDGE = 0.33
"""How far inside the frame the outermost squares are centred: who stands at its edge is whole in them."""
_NEAR_SHARE, _NEAR_ROWS = 0.6, (0.35, 0.65)
_MISSED_WINDOW = 1.3
_TOLERANCE_S = 1e-3


class Search:
    """Decides in which frames the detector runs, and on which part of the frame: one run a frame at most.

    It runs in every frame while nobody is in view or somebody was just lost; while there is room for more
    people every `every_s` seconds, and in every frame for a second after the start and after a cut. A
    detector with a small input finds the largest person of a whole frame and hardly the others, so every
    second run looks closer: at one of some squares that cover the frame at two sizes, in turn, or at where
    somebody missed should be.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self.restart()

    def restart(self) -> None:
        """Start afresh: the next frame is searched, and all of it."""
        self._last_s = -math.inf
        self._eager_until_s: float | None = None
        self._whole_next, self._missed_next = True, False
        self._squares: Iterator[Region] = iter(())

    def is_due(self, time_s: float, anyone: bool, room: bool, lost_one: bool, missed: bool = False) -> bool:
        """Whether to run now. anyone: is in view; room: for more; lost_one: in this frame; missed: lately."""
        if self._eager_until_s is None:
            self._eager_until_s = time_s + _EAGER_S
        if lost_one or not anyone:
            self._whole_next |= lost_one and not anyone
            return True
        every_s = 0.0 if missed or time_s < self._eager_until_s else self._every_s
        return room and time_s - self._last_s >= every_s - _TOLERANCE_S

    def window(self, frame: Frame, missed: Region | None) -> Region | None:
        """Where to look in this frame; None for all of it. missed: where somebody not seen should be."""
        self._last_s = frame.media_s
        whole, self._whole_next = self._whole_next, not self._whole_next
        if whole:
            return None
        self._missed_next = missed is not None and not self._missed_next
        if missed is not None and self._missed_next:
            return Region(missed.cx_px, missed.cy_px, _MISSED_WINDOW * missed.size_px, 0.0)
        square = next(self._squares, None)
        if square is None:
            self._squares = iter(squares(frame.width, frame.height))
            square = next(self._squares)
        return square


def squares(width: int, height: int) -> list[Region]:
    """Squares that cover a frame with overlap: of its shorter side, and of 0.6 of that."""
    short = min(width, height)
    large = [Region(x, y, short, 0.0) for x in _centres(width, short) for y in _centres(height, short)]
    side = _NEAR_SHARE * short
    rows = [share * height for share in _NEAR_ROWS] if width >= height else _centres(height, side)
    small = [Region(x, y, side, 0.0) for y in rows for x in _centres(width, side)]
    rest = small[len(large) :]
    return [square for pair in zip(large, small, strict=False) for square in pair] + rest


def _centres(length: float, side: float) -> list[float]:
    """Centres of squares that cover a length, and something beyond its ends, and overlap by half or so."""
    if length <= side:
        return [(length - 1) / 2]
    first, last = _EDGE * side, length - _EDGE * side
    count = math.ceil((last - first) / (side * (1 - _OVERLAP))) + 1
    return [float(x) for x in np.linspace(first, last, count)]

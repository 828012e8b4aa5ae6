"""When and where to look for people who are not followed: the detector's schedule and its windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from realtime.types import Frame, Region

_EAGER_S = 1.0
_OVERLAP = 0.4
_EDGE = 0.33
"""How far inside the frame the outermost squares are centred: who stands at its edge is whole in them."""
_NEAR_SHARE, _NEAR_ROWS = 0.6, (0.35, 0.65)
_MISSED_WINDOW = 1.3
_CLOSER_ALONE = 2
"""Closer looks between two at all of the frame, while nobody is in view."""
_SMALL_A_ROUND = 2
_TOLERANCE_S = 1e-3


class Search:
    """Decides in which frames the detector runs, and on which part of the frame: one run a frame at most.

    It runs in every frame while nobody is in view or somebody was just lost; while there is room for more
    people every `every_s` seconds, and in every frame for a second after the start and after a cut. A
    detector with a small input finds the largest person of a whole frame and hardly the others. So most runs
    look closer, at squares that cover the frame: in each round at all of the frame, at every large square,
    those where nobody is followed first, and at some small ones; between them, at where somebody missed
    should be. While nobody is in view every third run is of all of the frame.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self.restart()

    def restart(self) -> None:
        """Start afresh: the next frame is searched, and all of it."""
        self._last_s = -math.inf
        self._eager_until_s: float | None = None
        self._whole_next, self._missed_next = True, False
        self._closer = 0
        self._large: list[Region] = []
        self._small: list[Region] = []
        self._rest: Iterator[Region] = iter(())

    def is_due(self, time_s: float, anyone: bool, room: bool, lost_one: bool, missed: bool = False) -> bool:
        """Whether to run now. anyone: is in view; room: for more; lost_one: in this frame; missed: lately."""
        if self._eager_until_s is None:
            self._eager_until_s = time_s + _EAGER_S
        if lost_one or not anyone:
            self._whole_next |= lost_one and not anyone
            return True
        every_s = 0.0 if missed or time_s < self._eager_until_s else self._every_s
        return room and time_s - self._last_s >= every_s - _TOLERANCE_S

    def window(self, frame: Frame, missed: Region | None, known: Sequence[Region] = ()) -> Region | None:
        """Where to look in this frame; None for all of it.

        missed: where somebody not seen should be. known: where those in view are.
        """
        self._last_s = frame.media_s
        if not self._whole_next:
            self._missed_next = missed is not None and not self._missed_next
        if missed is not None and self._missed_next and not self._whole_next:
            return Region(missed.cx_px, missed.cy_px, _MISSED_WINDOW * missed.size_px, 0.0)
        if not self._large + self._small:
            self._begin_round(frame)
        elif not self._whole_next and (known or self._closer < _CLOSER_ALONE):
            self._closer += 1
            return self._next_square(known)
        self._whole_next, self._closer = False, 0
        return None

    def _begin_round(self, frame: Frame) -> None:
        self._large, small = squares(frame.width, frame.height)
        self._small = list(itertools.islice(self._rest, _SMALL_A_ROUND))
        if len(self._small) < _SMALL_A_ROUND:
            self._rest = iter(small)
            self._small += itertools.islice(self._rest, _SMALL_A_ROUND - len(self._small))

    def _next_square(self, known: Sequence[Region]) -> Region:
        """The large square with the fewest of those known; after the large ones, a small one."""
        if not self._large:
            return self._small.pop(0)
        square = min(self._large, key=lambda square: sum(_holds(square, region) for region in known))
        self._large.remove(square)
        return square


def squares(width: int, height: int) -> tuple[list[Region], list[Region]]:
    """Squares that cover a frame with overlap: large ones of its shorter side, small ones of 0.6 of that."""
    short = min(width, height)
    large = [Region(x, y, short, 0.0) for x in _centres(width, short) for y in _centres(height, short)]
    side = _NEAR_SHARE * short
    rows = [share * height for share in _NEAR_ROWS] if width >= height else _centres(height, side)
    small = [Region(x, y, side, 0.0) for y in rows for x in _centres(width, side)]
    return large, small


def _holds(square: Region, region: Region) -> bool:
    """Whether a region's centre lies in a square."""
    half = square.size_px / 2
    return abs(region.cx_px - square.cx_px) < half and abs(region.cy_px - square.cy_px) < half


def _centres(length: float, side: float) -> list[float]:
    """Centres of squares that cover a length, and something beyond its ends, and overlap by half or so."""
    if length <= side:
        return [(length - 1) / 2]
    first, last = _EDGE * side, length - _EDGE * side
    count = math.ceil((last - first) / (side * (1 - _OVERLAP))) + 1
    return [float(x) for x in np.linspace(first, last, count)]

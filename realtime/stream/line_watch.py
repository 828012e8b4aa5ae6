"""Looks for the straight lines of a picture now and then, beside the thread that perceives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from realtime.level import outside, shrunk, straight_lines
from realtime.types import FloatArray, Frame

_FIRST_LOOKS_S, _EVERY_S = (0.0, 1.0, 3.0, 10.0), 10.0
"""When pictures are looked at, after the first: a camera's first ones may be dark, and it may be moved."""
_ANSWER_AFTER = 15
"""Frames until a look is asked for its answer: long enough for it to be there, and the same in every run."""

TellLines = Callable[[int, FloatArray], None]
"""Is told the index of the frame at which lines (N, 4), pixels, became known."""


class LineSource(Protocol):
    """Says of some frames what straight lines (N, 4) the pictures have, people left out; of most, None.

    update: takes each frame once and in order, with the boxes (P, 4) of the people in it.
    """

    def update(self, frame: Frame, boxes_px: FloatArray) -> FloatArray | None: ...

    def close(self) -> None: ...


class LineWatch:
    """Looks at the first frame at once, at later ones on a thread of its own.

    tell: is told what was found, where it is given out.
    """

    def __init__(self, tell: TellLines = lambda frame, lines_px: None) -> None:
        self._tell = tell
        self._pool: ThreadPoolExecutor | None = None
        self._look: tuple[Future[FloatArray], FloatArray] | None = None
        self._waits = self._looks = 0
        self._began_s, self._due_s = 0.0, -math.inf

    def update(self, frame: Frame, boxes_px: FloatArray) -> FloatArray | None:
        """What a look that was begun `_ANSWER_AFTER` frames ago has found; of the first frame, at once."""
        if self._look is not None:
            self._waits -= 1
            if self._waits > 0:
                return None
            (found, then_px), self._look = self._look, None
            return self._told(frame, found.result(), then_px)
        if frame.media_s < self._due_s:
            return None
        small = shrunk(frame.image)
        if not self._looks:
            self._began_s = frame.media_s
            self._plan(frame.media_s)
            return self._told(frame, straight_lines(*small), boxes_px)
        self._plan(frame.media_s)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "lines")
        self._look = self._pool.submit(straight_lines, *small), boxes_px
        self._waits = _ANSWER_AFTER
        return None

    def close(self) -> None:
        """Let go of the thread."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _plan(self, now_s: float) -> None:
        self._looks += 1
        if self._looks < len(_FIRST_LOOKS_S):
            self._due_s = self._began_s + _FIRST_LOOKS_S[self._looks]
        else:
            self._due_s = now_s + _EVERY_S

    def _told(self, frame: Frame, lines_px: FloatArray, boxes_px: FloatArray) -> FloatArray:
        lines_px = outside(lines_px, boxes_px)
        self._tell(frame.index, lines_px)
        return lines_px


class PlayedLines:
    """Gives the lines of a session again, each at the frame (by index) at which they were given, or where it
    is begun after that, the last of those before."""

    def __init__(self, lines_px: Mapping[int, FloatArray]) -> None:
        self._lines_px = lines_px
        self._given = -1

    def update(self, frame: Frame, boxes_px: FloatArray) -> FloatArray | None:
        """What became known at the frame, or since the one before."""
        since = [index for index in self._lines_px if self._given < index <= frame.index]
        self._given = max(self._given, frame.index)
        return self._lines_px[max(since)] if since else None

    def close(self) -> None:
        """Nothing is held."""

"""A file played at its own speed, as a window shows it: paused, stepped, from any frame on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from realtime.stream.source import Source, SourceInfo, SourceStatus, status_of
from realtime.types import Frame

Wait = Callable[[float], object]
"""Waits so many seconds, or less when it is told to end."""


@runtime_checkable
class Skips(Protocol):
    """A source that can pass over frames faster than by reading them."""

    def skip(self, frames: int) -> int:
        """Pass over so many frames, or as many as there are; returns how many."""
        ...


_LONGEST_WAIT_S = 10.0
"""A hole in a file's times is passed after so long."""


class PacedSource:
    """Gives each frame of a file when its time has come, and stamps it then. Frames are never dropped:
    a pipeline that cannot keep up makes the clip play slower.

    start: the frame to begin with; indices are those of the file. Pausing takes hold at the next frame.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], int] = time.perf_counter_ns,
        wait: Wait | None = None,
        start: int = 0,
        paused: bool = False,
    ) -> None:
        self._source = source
        self._start = start
        self._clock = clock
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._start_ns: int | None = None
        self._may_go = threading.Condition()
        self._paused = paused
        self._steps = 0
        self._afresh = False
        self._skipped = False

    @property
    def info(self) -> SourceInfo:
        """What the file is; its frames now come at their own time."""
        return replace(self._source.info, on_demand=False)

    @property
    def status(self) -> SourceStatus:
        """Of the source behind."""
        return status_of(self._source)

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    def pause(self) -> None:
        """Give no more frames until told."""
        with self._may_go:
            self._paused = True

    def play(self) -> None:
        """Go on."""
        with self._may_go:
            self._paused, self._steps, self._afresh = False, 0, True
            self._may_go.notify_all()

    def step(self, frames: int = 1) -> None:
        """Give so many more frames, paused or not, and stand still then."""
        with self._may_go:
            self._paused = True
            self._steps += frames
            self._may_go.notify_all()

    def read(self) -> Frame | None:
        """The next frame, once it may come and its time has come; None at the end or once closed."""
        if not self._skipped:
            self._skipped = True
            self._pass_over(self._start)
        stepped = self._admitted()
        if self._closing.is_set():
            return None
        frame = self._source.read()
        if frame is None:
            return None
        if not stepped:
            self._await(int(frame.media_s * 1e9))
        return replace(frame, captured_ns=self._clock())

    def close(self) -> None:
        """End any waiting and free the file."""
        self._closing.set()
        with self._may_go:
            self._may_go.notify_all()
        self._source.close()

    def _admitted(self) -> bool:
        """Wait until a frame may come; whether it is a single step."""
        with self._may_go:
            self._may_go.wait_for(lambda: self._closing.is_set() or not self._paused or self._steps > 0)
            stepped = self._paused
            self._steps -= self._steps > 0
            if self._afresh:
                self._start_ns, self._afresh = None, False  # the time it stood still is not made up for
            return stepped

    def _await(self, due_ns: int) -> None:
        if self._start_ns is None:
            self._start_ns = self._clock() - due_ns
        early_ns = self._start_ns + due_ns - self._clock()
        if early_ns <= 0:
            self._start_ns -= early_ns  # late: go on from here instead of rushing to catch up
            return
        wait_s = min(early_ns / 1e9, _LONGEST_WAIT_S)
        self._start_ns -= early_ns - int(wait_s * 1e9)
        self._wait(wait_s)

    def _pass_over(self, frames: int) -> None:
        if frames and isinstance(self._source, Skips):
            frames -= self._source.skip(frames)
        while frames > 0 and not self._closing.is_set():
            if self._source.read() is None:
                return
            frames -= 1

"""A file played at its own speed, as a window shows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from realtime.stream.source import Source, SourceInfo
from realtime.types import Frame

Wait = Callable[[float], object]
"""Waits so many seconds, or less when it is told to end."""


class PacedSource:
    """Gives each frame of a file when its time has come, and stamps it then. Frames are never dropped:
    a pipeline that cannot keep up makes the clip play slower.
    """

    def __init__(
        self, source: Source, clock: Callable[[], int] = time.perf_counter_ns, wait: Wait | None = None
    ) -> None:
        self._source = source
        self._clock = clock
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._start_ns: int | None = None

    @property
    def info(self) -> SourceInfo:
        """What the file is; its frames now come at their own time."""
        return replace(self._source.info, on_demand=False)

    def read(self) -> Frame | None:
        """The next frame, once its time has come."""
        frame = self._source.read()
        if frame is None:
            return None
        due_ns = int(frame.media_s * 1e9)
        if self._start_ns is None:
            self._start_ns = self._clock() - due_ns
        early_ns = self._start_ns + due_ns - self._clock()
        if early_ns > 0:
            self._wait(early_ns / 1e9)
        else:
            self._start_ns -= early_ns  # late: go on from here instead of rushing to catch up
        return replace(frame, captured_ns=self._clock())

    def close(self) -> None:
        """End any waiting and free the file."""
        self._closing.set()
        self._source.close()

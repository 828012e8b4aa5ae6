"""How often something may be painted anew: as often as it likes within a share of the thread's time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEPT = 0.8
_LONGEST_MS = 200.0


class Pace:
    """Keeps the time spent on something to a share of all time, and at most a fifth of a second apart.

    Done a little late or early, the next time is due so much earlier or later: it may keep to a beat that
    is not its own. share: of a core. clock_ns: of all time. spent_ns: of this thread's work.
    """

    def __init__(
        self,
        share: float,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
        spent_ns: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._share, self._clock_ns, self._spent_ns = share, clock_ns, spent_ns
        self._cost_ms = 0.0
        self._due_ns: float | None = None

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Do it, and note what it takes."""
        begun_ns, before_ns = self._clock_ns(), self._spent_ns()
        try:
            yield
        finally:
            took_ms = (self._spent_ns() - before_ns) / 1e6
            # The first time is no measure: fonts are loaded, memory is found.
            self._cost_ms = self._cost_ms * _KEPT + took_ms * (1 - _KEPT)
            apart_ns = min(self._cost_ms / self._share, _LONGEST_MS) * 1e6
            early_ns = 0.0 if self._due_ns is None else self._due_ns - begun_ns
            self._due_ns = begun_ns + apart_ns + min(max(early_ns, -apart_ns / 2), apart_ns / 2)

    def wait_ms(self) -> int:
        """Whole milliseconds until it is due again; 0 for now."""
        if self._due_ns is None:
            return 0
        return max(0, math.ceil((self._due_ns - self._clock_ns()) / 1e6))

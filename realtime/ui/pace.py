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

    share: of a core. clock_ns: of all time. spent_ns: of this thread's work.
    """

    def __init__(
        self,
        share: float,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
        spent_ns: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._share, self._clock_ns, self._spent_ns = share, clock_ns, spent_ns
        self._cost_ms = 0.0
        self._begun_ns: int | None = None

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Do it, and note what it takes."""
        self._begun_ns = self._clock_ns()
        before_ns = self._spent_ns()
        try:
            yield
        finally:
            took_ms = (self._spent_ns() - before_ns) / 1e6
            # The first time is no measure: fonts are loaded, memory is found.
            self._cost_ms = self._cost_ms * _KEPT + took_ms * (1 - _KEPT)

    def wait_ms(self) -> int:
        """Whole milliseconds until it may be done again; 0 for now."""
        if self._begun_ns is None:
            return 0
        passed_ms = (self._clock_ns() - self._begun_ns) / 1e6
        return max(0, math.ceil(min(self._cost_ms / self._share, _LONGEST_MS) - passed_ms))

"""Who hangs: each worker says what it begins and ends, and a watchdog looks for what has not ended in time.

A thread in a driver's or a library's code cannot be ended from outside. What can be done is to say so, with
the stage and the time, and to let everything else end or go on without it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_PLACES = 3


@dataclass(frozen=True, slots=True)
class Hang:
    """A piece of work that has not ended. worker: whose. work: which. place: the stage it is in, if known."""

    worker: str
    work: str
    seconds: float
    place: str

    def __str__(self) -> str:
        place = f" (in {self.place})" if self.place else ""
        return f"{self.worker} has been at {self.work} for {self.seconds:.0f} s{place}"


class Activity:
    """What one worker is at, and since when. Written on its thread, read by the watchdog.

    limit_s: how long one piece of work may take, math.inf for no limit. Waiting for input is no work.
    first_s: how long the first may, if longer.
    """

    def __init__(self, worker: str, limit_s: float, clock: Callable[[], int], first_s: float = 0.0) -> None:
        self.worker = worker
        self._limit_s = limit_s
        self._current_limit_s = max(limit_s, first_s)
        self._clock = clock
        self._now: tuple[str, int, int] | None = None
        self._suspected: tuple[str, int, int] | None = None

    @contextlib.contextmanager
    def at(self, work: str) -> Iterator[None]:
        """Be at a piece of work for as long as the context lasts."""
        self._now = work, self._clock(), threading.get_ident()
        try:
            yield
        finally:
            self._now = None
            self._current_limit_s = self._limit_s

    def overdue(self) -> Hang | None:
        """The work that should have ended by now, and should have at the last look too.

        A process that was stopped for a while finds everything late; by the next look it has moved on.
        """
        now = self._now
        if now is None:
            return None
        work, since_ns, thread = now
        passed_s = (self._clock() - since_ns) / 1e9
        if passed_s < self._current_limit_s:
            return None
        if self._suspected is not now:
            self._suspected = now
            return None
        return Hang(self.worker, work, passed_s, _place_of(thread))


class Watchdog:
    """Looks at activities every `interval_s`; `hung` is told, once, of each that is overdue."""

    def __init__(
        self,
        activities: Sequence[Activity],
        hung: Callable[[Activity, Hang], None],
        interval_s: float,
    ) -> None:
        self._watched = list(activities)
        self._hung = hung
        self._interval_s = interval_s

    def run(self, ended: threading.Event) -> None:
        """Look until `ended`."""
        while not ended.wait(self._interval_s):
            self.look()

    def watch(self, activity: Activity) -> None:
        """Watch an activity again of which `hung` was told."""
        self._watched.append(activity)

    def look(self) -> None:
        """Look once."""
        for activity in tuple(self._watched):
            hang = activity.overdue()
            if hang is not None:
                self._watched.remove(activity)
                self._hung(activity, hang)


def _place_of(thread: int) -> str:
    """Where this project's own code is in a thread: its innermost functions, outermost first."""
    frame: FrameType | None = sys._current_frames().get(thread)
    names: list[str] = []
    while frame is not None and len(names) < _PLACES:
        code = frame.f_code
        if code.co_filename.startswith(_PACKAGE):
            names.append(code.co_qualname)
        frame = frame.f_back
    return " > ".join(reversed(names))

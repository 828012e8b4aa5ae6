"""Somebody who is told what a run sees, as it is perceived: whoever keeps a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from realtime.camera import Intrinsics
from realtime.stream.stages import Follower, Tracked
from realtime.types import FloatArray, Frame, Result


class Observer(Protocol):
    """Is told what is seen, on the thread that perceives.

    observe: of a frame, who is in view, and the ids given up for good. observe_lines: which straight lines
    (N, 4) are known, in pixels, at the frame of this index.
    """

    def observe(self, frame: Frame, tracks: Sequence[Tracked], gone: Sequence[int]) -> None: ...

    def observe_lines(self, frame: int, lines_px: FloatArray) -> None: ...


class ObservedTracker:
    """A tracker of whose every answer somebody else is told too."""

    def __init__(self, tracker: Follower, observer: Observer) -> None:
        self._tracker = tracker
        self._observer = observer

    def update(self, frame: Frame, lap: Callable[[str], None]) -> tuple[Sequence[Tracked], Sequence[int]]:
        """As the tracker has it."""
        tracks, gone = self._tracker.update(frame, lap)
        self._observer.observe(frame, tracks, gone)
        return tracks, gone

    def hint(self, results: Sequence[Result], intrinsics: Intrinsics) -> None:
        """Pass it on."""
        self._tracker.hint(results, intrinsics)

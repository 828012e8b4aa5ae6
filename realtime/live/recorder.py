"""Recording that begins and ends while a pipeline runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from realtime.errors import PoseError, RecordError
from realtime.stream.sinks import Sink
from realtime.types import Result

_LOOK_AT_SIZE_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Recording:
    """How a recording stands. error: why it ended before it was told to; empty while all is well."""

    paths: tuple[Path, ...] = ()
    active: bool = False
    frames: int = 0
    seconds: float = 0.0
    size_bytes: int = 0
    error: str = ""


class Recorder:
    """A sink that writes only between `begin` and `end`. A failure ends the recording, not the pipeline.

    `status` may be read by any thread and never waits. The lock keeps writing and ending apart; the window
    takes it never.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sinks: Sequence[Sink] = ()
        self._begun_ns = 0
        self._looked_s = 0.0
        self.status = Recording()

    def begin(self, sinks: Sequence[Sink], paths: Sequence[Path]) -> None:
        """Write results to these sinks from now on. It owns them and closes them."""
        self.end()
        with self._lock:
            self._sinks, self._begun_ns, self._looked_s = sinks, self._clock(), 0.0
            self.status = Recording(tuple(paths), active=True)

    def end(self) -> Recording:
        """Finish the files; says how it went. Harmless when nothing is recorded."""
        with self._lock:
            if self.status.active:
                self._finish("")
            return self.status

    def write(self, result: Result) -> None:
        """Pass one result on, while recording."""
        with self._lock:
            if not self.status.active:
                return
            try:
                for sink in self._sinks:
                    sink.write(result)
            except (PoseError, OSError) as error:
                self._finish(str(error))
                return
            seconds = (self._clock() - self._begun_ns) / 1e9
            self.status = replace(self.status, frames=self.status.frames + 1, seconds=seconds)
            if seconds - self._looked_s >= _LOOK_AT_SIZE_EVERY_S:
                self._looked_s = seconds
                self.status = replace(self.status, size_bytes=_size(self.status.paths))

    def close(self) -> None:
        """The pipeline ends, and with it what is recorded of it."""
        self.end()

    def _finish(self, error: str) -> None:
        for sink in self._sinks:
            try:
                sink.close()
            except (RecordError, OSError) as failed:
                error = error or str(failed)
        self._sinks = ()
        self.status = replace(self.status, active=False, size_bytes=_size(self.status.paths), error=error)


def _size(paths: Sequence[Path]) -> int:
    """Bytes in the files by now; a video grows under a hidden name until it is finished."""
    total = 0
    for path in paths:
        for candidate in (path, path.with_name(f".{path.stem}.part{path.suffix}")):
            try:
                total += candidate.stat().st_size
                break
            except OSError:
                continue
    return total

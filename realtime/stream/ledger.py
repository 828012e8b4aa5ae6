"""Where the time of every frame went: service and waiting per stage, age, throughput, drops.

All times are `time.perf_counter_ns` differences. Memory is bounded; a snapshot is immutable.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

CAPTURE = "capture"
TOTAL = "total"
STAGES = ("detect", "estimate", "lift")
"""The stages a frame passes, in order; `capture` before them is the grab-to-first-stage time."""

_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame's account. Milliseconds; `age_ms` maps capture, each stage and total to its share."""

    index: int
    captured_ns: int
    done_ns: int
    age_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one quantity over the ledger's window, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Percentiles:
        """Percentiles of values; zeros when there are none."""
        if not len(values_ms):
            return cls(0.0, 0.0, 0.0, 0.0)
        return cls(*(float(v) for v in np.percentile(values_ms, (50, 90, 95, 99))))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger at one moment.

    stages: percentiles per stage, `capture` and `total` among them. fps: results a second over the
    window. frames: results so far. drops: frames let go so far, by reason. recent: the last entries.
    """

    stages: Mapping[str, Percentiles] = field(default_factory=dict)
    fps: float = 0.0
    frames: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)
    recent: tuple[Entry, ...] = ()


class Stopwatch:
    """Times one frame's stages, back to back, from the moment work on it begins."""

    def __init__(self, captured_ns: int, begun_ns: int) -> None:
        self._captured_ns = captured_ns
        self._last_ns = begun_ns
        self._spent_ns: dict[str, int] = {CAPTURE: begun_ns - captured_ns} | dict.fromkeys(STAGES, 0)

    def lap(self, stage: str, now_ns: int) -> None:
        """Charge the time since the last lap to a stage; several laps of one stage add up."""
        self._spent_ns[stage] += now_ns - self._last_ns
        self._last_ns = now_ns

    def age_ms(self) -> dict[str, float]:
        """Milliseconds per stage, and `total` from the grab to the last lap."""
        spent = {stage: ns / _NS_PER_MS for stage, ns in self._spent_ns.items()}
        return spent | {TOTAL: (self._last_ns - self._captured_ns) / _NS_PER_MS}


class Ledger:
    """Collects entries from the worker and drops from anyone; any thread may take a snapshot."""

    def __init__(self, window: int = 512) -> None:
        self._entries: deque[Entry] = deque(maxlen=window)
        self._drops: Counter[str] = Counter()
        self._frames = 0
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Account for one finished frame."""
        with self._lock:
            self._entries.append(entry)
            self._frames += 1

    def drop(self, reason: str, count: int = 1) -> None:
        """Account for frames let go."""
        if count:
            with self._lock:
                self._drops[reason] += count

    def dropped(self, reason: str) -> int:
        """Frames let go so far for a reason."""
        with self._lock:
            return self._drops[reason]

    def snapshot(self) -> Snapshot:
        """An immutable account of the window; the arithmetic runs outside the lock."""
        with self._lock:
            entries, drops, frames = tuple(self._entries), dict(self._drops), self._frames
        names = (CAPTURE, *STAGES, TOTAL)
        stages = {name: Percentiles.of([e.age_ms[name] for e in entries]) for name in names}
        span_ns = entries[-1].done_ns - entries[0].done_ns if len(entries) > 1 else 0
        fps = (len(entries) - 1) / (span_ns / 1e9) if span_ns > 0 else 0.0
        return Snapshot(stages, fps, frames, drops, entries)

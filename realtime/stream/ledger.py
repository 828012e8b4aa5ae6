"""Where the time of every frame went: service and waiting per stage, age, throughput, drops.

All times are `time.perf_counter_ns` differences. Memory is bounded; a snapshot is immutable.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from realtime.types import Array

CAPTURE = "capture"
WAIT = "wait"
TOTAL = "total"
DISPLAY = "display"
STAGES = ("detect", "estimate", "lift")
"""The stages a frame passes, in order. Before them lie `capture`, from the grab to the image in hand, and
`wait`, all it waited in queues or for later frames; capture, wait and stages add up to `total`."""

_NS_PER_MS = 1e6
_QUANTILES = np.array([0.50, 0.90, 0.95, 0.99])


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame's account. Milliseconds; `age_ms` maps capture, wait, each stage and total to its share.

    displayed_ns: when a window had painted it; None while none has. device_ms: as in `Result`.
    """

    index: int
    captured_ns: int
    done_ns: int
    age_ms: Mapping[str, float]
    displayed_ns: int | None = None
    device_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def age_at_display_ms(self) -> float | None:
        """From the grab until it was painted."""
        return None if self.displayed_ns is None else (self.displayed_ns - self.captured_ns) / _NS_PER_MS


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one quantity over the ledger's window, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, values_ms: Sequence[float] | Array) -> Percentiles:
        """Percentiles of values; zeros when there are none."""
        return cls.of_rows(np.asarray(values_ms, np.float64)[None])[0]

    @classmethod
    def of_rows(cls, rows_ms: Array) -> list[Percentiles]:
        """Percentiles of each row of (K, N), between neighbours linearly; zeros where N is 0."""
        count = rows_ms.shape[1]
        if not count:
            return [cls(0.0, 0.0, 0.0, 0.0)] * len(rows_ms)
        ordered = np.sort(rows_ms, axis=1)  # np.percentile costs five times as much for so few numbers
        at = _QUANTILES * (count - 1)
        low = at.astype(np.intp)
        below, above = ordered[:, low], ordered[:, np.minimum(low + 1, count - 1)]
        return [cls(*row) for row in (below + (at - low) * (above - below)).tolist()]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger at one moment.

    stages: percentiles per stage, with `capture`, `wait` and `total`, and `display` (from the result to the
    painted window) once a window has shown any. age_at_display: from the grab to the painted window; zeros
    before. fps: results a second over the window. frames: results so far. drops: frames let go so far, by
    reason. spent_ms: what each stage spent on all frames so far. recent: the last entries. device: of each
    stage, what its network took by its device's own clock; empty where none has one.
    """

    stages: Mapping[str, Percentiles] = field(default_factory=dict)
    fps: float = 0.0
    frames: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)
    recent: tuple[Entry, ...] = ()
    age_at_display: Percentiles = Percentiles(0.0, 0.0, 0.0, 0.0)
    spent_ms: Mapping[str, float] = field(default_factory=dict)
    device: Mapping[str, Percentiles] = field(default_factory=dict)


class Stopwatch:
    """Times one frame's stages, back to back, from the moment work on it begins.

    ready_ns: when its image was in hand and began to wait; None if it did not wait.
    """

    def __init__(self, captured_ns: int, begun_ns: int, ready_ns: int | None = None) -> None:
        ready_ns = begun_ns if ready_ns is None else ready_ns
        self._captured_ns = captured_ns
        self._last_ns = begun_ns
        self.device_ms: Mapping[str, float] = {}
        """What the frame's networks took by their devices' own clocks."""
        self._spent_ns = {CAPTURE: ready_ns - captured_ns, WAIT: begun_ns - ready_ns}
        self._spent_ns |= dict.fromkeys(STAGES, 0)

    def lap(self, stage: str, now_ns: int) -> None:
        """Charge the time since the last lap to a stage; several laps of one stage add up."""
        self._spent_ns[stage] = self._spent_ns.get(stage, 0) + now_ns - self._last_ns
        self._last_ns = now_ns

    def age_ms(self) -> dict[str, float]:
        """Milliseconds per stage, and `total` from the grab to the last lap."""
        spent = {stage: ns / _NS_PER_MS for stage, ns in self._spent_ns.items()}
        return spent | {TOTAL: (self._last_ns - self._captured_ns) / _NS_PER_MS}


class Ledger:
    """Collects entries from the worker, drops from anyone, paints from the window; any thread may ask."""

    def __init__(self, window: int = 512) -> None:
        self._window = window
        self._entries: dict[int, Entry] = {}
        self._drops: Counter[str] = Counter()
        self._frames = 0
        self._rows = {name: n for n, name in enumerate((CAPTURE, WAIT, *STAGES, TOTAL))}
        self._ms = np.zeros((len(self._rows), window))
        self._spent_ms = np.zeros(len(self._rows))
        self._columns: dict[int, int] = {}
        self._display_ms = np.full((2, window), np.nan)
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Account for one finished frame."""
        with self._lock:
            self._make_rows(entry.age_ms)
            ages_ms = [entry.age_ms.get(name, 0.0) for name in self._rows]
            column = self._frames % self._window
            self._ms[:, column] = ages_ms
            self._display_ms[:, column] = np.nan
            self._columns[entry.index] = column
            self._spent_ms += ages_ms
            self._frames += 1
            self._entries[entry.index] = entry
            if len(self._entries) > self._window:
                oldest = next(iter(self._entries))
                del self._entries[oldest], self._columns[oldest]

    def displayed(self, index: int, now_ns: int) -> None:
        """Account for a frame having been painted; its first time counts, and unknown frames do not."""
        with self._lock:
            entry = self._entries.get(index)
            if entry is not None and entry.displayed_ns is None:
                self._entries[index] = replace(entry, displayed_ns=now_ns)
                age_ms = (now_ns - entry.captured_ns) / _NS_PER_MS
                self._display_ms[:, self._columns[index]] = age_ms, age_ms - entry.age_ms[TOTAL]

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
            entries, drops, frames = tuple(self._entries.values()), dict(self._drops), self._frames
            ms = self._ms[:, : min(frames, self._window)].copy()
            display_ms = self._display_ms.copy()
            names, spent_ms = tuple(self._rows), self._spent_ms.tolist()
        stages = dict(zip(names, Percentiles.of_rows(ms), strict=True))
        painted_ms = display_ms[:, ~np.isnan(display_ms[0])]
        age_at_display, display = Percentiles.of_rows(painted_ms)
        if painted_ms.size:
            stages[DISPLAY] = display
        span_ns = entries[-1].done_ns - entries[0].done_ns if len(entries) > 1 else 0
        fps = (len(entries) - 1) / (span_ns / 1e9) if span_ns > 0 else 0.0
        spent = dict(zip(names, spent_ms, strict=True))
        return Snapshot(stages, fps, frames, drops, entries, age_at_display, spent, _on_device(entries))

    def _make_rows(self, names: Iterable[str]) -> None:
        """Room for stages that no frame had before."""
        for name in names:
            if name not in self._rows:
                self._rows[name] = len(self._rows)
                self._ms = np.vstack([self._ms, np.zeros(self._window)])
                self._spent_ms = np.append(self._spent_ms, 0.0)


def _on_device(entries: Sequence[Entry]) -> dict[str, Percentiles]:
    stages = dict.fromkeys(stage for entry in entries for stage in entry.device_ms)
    return {s: Percentiles.of([e.device_ms[s] for e in entries if s in e.device_ms]) for s in stages}

"""How a piece of work is timed, and the words for what came out: those of trtexec."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

WARM_UP_S = 0.2
_SLICES = 10
_LEAST_RUNS = 10
_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one piece of work, in milliseconds. slices_ms: the medians of ten equal stretches of the run, in
    order: how far they lie apart is what the machine's other work makes of it."""

    min_ms: float
    max_ms: float
    mean_ms: float
    median_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    runs: int
    slices_ms: tuple[float, ...]

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Latency:
        """Of every run's time, in order. Zeros when there are none."""
        values = np.asarray(values_ms, np.float64)
        if not values.size:
            return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, ())
        median, p90, p95, p99 = np.percentile(values, (50, 90, 95, 99)).tolist()
        slices = [float(np.median(part)) for part in np.array_split(values, _SLICES) if part.size]
        low, high, mean = float(values.min()), float(values.max()), float(values.mean())
        return cls(low, high, mean, median, p90, p95, p99, len(values), tuple(slices))


def times_ms(
    run: Callable[[], object], seconds: float, clock: Callable[[], int] = time.perf_counter_ns
) -> list[float]:
    """Every run's time after 200 ms of warm-up, for `seconds` and at least ten runs."""
    until_ns = clock() + int(WARM_UP_S * 1e9)
    while clock() < until_ns:
        run()
    found: list[float] = []
    until_ns = clock() + int(seconds * 1e9)
    while (begun_ns := clock()) < until_ns or len(found) < _LEAST_RUNS:
        run()
        found.append((clock() - begun_ns) / _NS_PER_MS)
    return found

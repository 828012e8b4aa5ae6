from __future__ import annotations

import numpy as np
import pytest

from realtime.profiling.measure import WARM_UP_S, Latency, times_ms
from tests.fakes import FakeClock


def test_the_words_of_trtexec() -> None:
    latency = Latency.of([float(n) for n in range(1, 101)])
    assert (latency.min_ms, latency.max_ms, latency.mean_ms, latency.median_ms) == (1.0, 100.0, 50.5, 50.5)
    assert latency.p90_ms == pytest.approx(np.percentile(range(1, 101), 90))
    assert latency.p99_ms == pytest.approx(np.percentile(range(1, 101), 99))
    assert latency.runs == 100
    assert latency.slices_ms == tuple(5.5 + 10 * n for n in range(10))


def test_nothing_measured_is_zero_and_few_runs_have_few_slices() -> None:
    assert Latency.of([]).runs == 0
    assert Latency.of([3.0]).slices_ms == (3.0,)


def test_the_warm_up_does_not_count() -> None:
    clock = FakeClock()
    begun: list[int] = []

    def run() -> None:
        begun.append(clock.now_ns)
        clock.now_ns += 10_000_000 if clock.now_ns < WARM_UP_S * 1e9 else 2_000_000

    found = times_ms(run, 0.1, clock)
    assert set(found) == {2.0}
    assert len(found) == 50
    assert len(begun) == 20 + 50


def test_slow_work_is_run_ten_times_all_the_same() -> None:
    clock = FakeClock()

    def run() -> None:
        clock.now_ns += 10**9

    assert times_ms(run, 0.01, clock) == [1000.0] * 10

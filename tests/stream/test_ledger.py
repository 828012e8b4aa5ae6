from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.stream.ledger import STAGES, Entry, Ledger, Percentiles, Snapshot, Stopwatch


def entry(index: int, total_ms: float = 5.0) -> Entry:
    ages = {
        "capture": 1.0, "wait": 0.5, "detect": 0.0, "estimate": total_ms - 2.5, "lift": 1.0,
        "total": total_ms,
    }  # fmt: skip
    return Entry(index, index * 10**7, (index + 1) * 10**7, ages)


def test_a_stopwatch_accounts_for_all_of_the_time() -> None:
    watch = Stopwatch(captured_ns=0, begun_ns=2_000_000, ready_ns=1_500_000)
    watch.lap("estimate", 6_000_000)
    watch.lap("detect", 9_000_000)
    watch.lap("estimate", 10_000_000)
    watch.lap("wait", 30_000_000)
    watch.lap("lift", 30_500_000)
    ages = watch.age_ms()
    assert ages == {
        "capture": 1.5, "wait": 20.5, "detect": 3.0, "estimate": 5.0, "lift": 0.5, "total": 30.5,
    }  # fmt: skip


laps = st.lists(st.tuples(st.sampled_from(("wait", "smooth", *STAGES)), st.integers(0, 10**9)), max_size=20)


@given(st.integers(0, 10**9), st.integers(0, 10**9), laps)
def test_stages_and_waits_add_up_to_the_total_whatever_happened(
    service: int, queue: int, spent: list[tuple[str, int]]
) -> None:
    now_ns = 17 + service + queue
    watch = Stopwatch(17, now_ns, 17 + service)
    for stage, ns in spent:
        now_ns += ns
        watch.lap(stage, now_ns)
    ages = watch.age_ms()
    assert ages["total"] == (now_ns - 17) / 1e6
    assert sum(ms for stage, ms in ages.items() if stage != "total") == pytest.approx(ages["total"], abs=1e-6)


def test_an_image_nobody_queued_did_not_wait() -> None:
    ages = Stopwatch(0, 3_000_000).age_ms()
    assert (ages["capture"], ages["wait"]) == (3.0, 0.0)


def test_a_snapshot_tells_percentiles_rate_and_drops() -> None:
    ledger = Ledger()
    for n in range(101):
        ledger.add(entry(n, total_ms=float(n)))
    ledger.drop("late", 3)
    ledger.drop("late")
    ledger.drop("never", 0)
    snapshot = ledger.snapshot()
    assert snapshot.stages["total"] == Percentiles(50, 90, 95, 99)
    assert snapshot.stages["wait"] == Percentiles(0.5, 0.5, 0.5, 0.5)
    assert snapshot.fps == pytest.approx(100)
    assert snapshot.frames == 101
    assert snapshot.drops == {"late": 4}
    assert ledger.dropped("late") == 4
    assert ledger.dropped("never") == 0


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=300))
def test_percentiles_are_those_of_numpy(values: list[float]) -> None:
    expected = np.percentile(values, (50, 90, 95, 99))
    np.testing.assert_allclose(dataclasses.astuple(Percentiles.of(values)), expected, rtol=1e-9, atol=1e-9)


def test_memory_is_bounded_but_the_counts_go_on() -> None:
    ledger = Ledger(window=8)
    for n in range(100):
        ledger.add(entry(n, total_ms=float(n)))
        ledger.displayed(n, n * 10**7 + 10**6)
    snapshot = ledger.snapshot()
    assert [e.index for e in snapshot.recent] == list(range(92, 100))
    assert snapshot.stages["total"].p50_ms == pytest.approx(np.median(range(92, 100)))
    assert snapshot.frames == 100
    assert snapshot.spent_ms["total"] == sum(range(100))


def test_a_snapshot_does_not_change() -> None:
    ledger = Ledger()
    ledger.add(entry(0))
    before = ledger.snapshot()
    ledger.add(entry(1))
    ledger.displayed(0, 5)
    assert before.frames == 1
    assert before.spent_ms["total"] == 5.0
    assert [e.displayed_ns for e in before.recent] == [None]
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.frames = 2  # type: ignore[misc]


def test_the_age_at_display_runs_from_the_grab_to_the_first_paint() -> None:
    ledger = Ledger()
    for n in range(3):
        ledger.add(entry(n, total_ms=5.0))
    ledger.displayed(0, 0 + 9_000_000)
    ledger.displayed(2, 2 * 10**7 + 9_000_000)
    ledger.displayed(2, 2 * 10**7 + 99_000_000)  # painted again: the window was resized
    ledger.displayed(77, 0)
    snapshot = ledger.snapshot()
    assert [e.age_at_display_ms for e in snapshot.recent] == [9.0, None, 9.0]
    assert snapshot.age_at_display == Percentiles(9.0, 9.0, 9.0, 9.0)
    assert snapshot.stages["display"] == Percentiles(4.0, 4.0, 4.0, 4.0)


def test_a_stage_that_comes_later_is_accounted_for() -> None:
    ledger = Ledger()
    ledger.add(entry(0))
    ledger.add(Entry(1, 0, 10, {**entry(1).age_ms, "smooth": 0.25}))
    snapshot = ledger.snapshot()
    assert snapshot.spent_ms["smooth"] == 0.25
    assert snapshot.stages["smooth"].p50_ms == 0.125  # the frame before spent nothing on it


def test_nothing_yet_is_zero() -> None:
    snapshot = Ledger().snapshot()
    assert snapshot.fps == 0
    assert snapshot.stages["total"] == Percentiles(0, 0, 0, 0)
    assert snapshot.age_at_display == Percentiles(0, 0, 0, 0)
    assert "display" not in snapshot.stages
    assert Snapshot().recent == ()

from __future__ import annotations

import dataclasses

import pytest

from realtime.stream.ledger import STAGES, Entry, Ledger, Percentiles, Stopwatch


def entry(index: int, total_ms: float = 5.0) -> Entry:
    ages = {"capture": 1.0, "detect": 0.0, "estimate": total_ms - 2, "lift": 1.0, "total": total_ms}
    return Entry(index, index * 10**7, (index + 1) * 10**7, ages)


def test_a_stopwatch_accounts_for_all_of_the_time() -> None:
    watch = Stopwatch(captured_ns=0, begun_ns=2_000_000)
    watch.lap("estimate", 6_000_000)
    watch.lap("detect", 9_000_000)
    watch.lap("estimate", 10_000_000)
    watch.lap("lift", 10_500_000)
    ages = watch.age_ms()
    assert ages == {"capture": 2.0, "detect": 3.0, "estimate": 5.0, "lift": 0.5, "total": 10.5}
    assert sum(ages[name] for name in ("capture", *STAGES)) == ages["total"]


def test_a_snapshot_tells_percentiles_rate_and_drops() -> None:
    ledger = Ledger()
    for n in range(101):
        ledger.add(entry(n, total_ms=float(n)))
    ledger.drop("late", 3)
    ledger.drop("late")
    ledger.drop("never", 0)
    snapshot = ledger.snapshot()
    assert snapshot.stages["total"] == Percentiles(50, 90, 95, 99)
    assert snapshot.fps == pytest.approx(100)
    assert snapshot.frames == 101
    assert snapshot.drops == {"late": 4}
    assert ledger.dropped("late") == 4
    assert ledger.dropped("never") == 0


def test_memory_is_bounded_but_the_count_goes_on() -> None:
    ledger = Ledger(window=8)
    for n in range(100):
        ledger.add(entry(n))
    snapshot = ledger.snapshot()
    assert [e.index for e in snapshot.recent] == list(range(92, 100))
    assert snapshot.frames == 100


def test_a_snapshot_does_not_change() -> None:
    ledger = Ledger()
    ledger.add(entry(0))
    before = ledger.snapshot()
    ledger.add(entry(1))
    assert before.frames == 1
    assert len(before.recent) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.frames = 2  # type: ignore[misc]


def test_nothing_yet_is_zero() -> None:
    snapshot = Ledger().snapshot()
    assert snapshot.fps == 0
    assert snapshot.stages["total"] == Percentiles(0, 0, 0, 0)

from __future__ import annotations

import pytest

from realtime.stream.paced import PacedSource
from tests.fakes import FakeClock, FakeSource


def test_frames_come_when_their_time_has_come() -> None:
    clock, waits = FakeClock(), []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.now_ns += round(seconds * 1e9)

    source = PacedSource(FakeSource(4), clock, wait)
    stamps = []
    while (frame := source.read()) is not None:
        stamps.append(frame.captured_ns / 1e9)
        clock.now_ns += 10_000_000  # the reader takes 10 ms
    assert stamps == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30])
    assert waits == pytest.approx([1 / 30 - 0.01] * 3)


def test_a_slow_reader_slows_the_clip_and_is_not_rushed_after() -> None:
    clock, waits = FakeClock(), []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.now_ns += round(seconds * 1e9)

    source = PacedSource(FakeSource(4), clock, wait)
    source.read()
    clock.now_ns += 1_000_000_000
    source.read()
    assert waits == []
    source.read()
    assert waits == pytest.approx([1 / 30])


def test_closing_ends_the_wait() -> None:
    inner = FakeSource(100)
    source = PacedSource(inner, FakeClock())
    source.read()
    source.close()
    assert inner.closed.is_set()
    assert source.read() is None
    assert source.info.frames == 100
    assert not source.info.on_demand

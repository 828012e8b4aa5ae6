from __future__ import annotations

import threading
from dataclasses import replace

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


def test_a_hole_in_the_times_is_not_waited_out() -> None:
    clock, waits = FakeClock(), []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.now_ns += round(seconds * 1e9)

    inner = FakeSource(4)
    times = iter([0.0, 0.1, 3600.0, 3600.1])
    given = inner.read
    inner.read = lambda: replace(given(), media_s=next(times))  # type: ignore[method-assign, type-var]
    source = PacedSource(inner, clock, wait)
    for _ in range(4):
        source.read()
    assert waits == pytest.approx([0.1, 10.0, 0.1])


def test_it_begins_where_it_is_told_with_the_files_own_indices() -> None:
    source = PacedSource(FakeSource(10), FakeClock(), lambda seconds: None, start=7)
    assert [frame.index for frame in iter(source.read, None)] == [7, 8, 9]


def test_a_start_beyond_the_end_is_the_end() -> None:
    source = PacedSource(FakeSource(3), FakeClock(), lambda seconds: None, start=7)
    assert source.read() is None


class _Skipping(FakeSource):
    """Passes over frames at once."""

    def skip(self, frames: int) -> int:
        self.read_ahead += frames
        return frames


def test_a_source_that_can_skip_is_not_read_through() -> None:
    inner = _Skipping(1000)
    reads: list[int] = []
    read = inner.read
    inner.read = lambda: reads.append(1) or read()  # type: ignore[method-assign, func-returns-value]
    source = PacedSource(inner, FakeClock(), lambda seconds: None, start=900)
    frame = source.read()
    assert frame is not None
    assert (frame.index, len(reads)) == (900, 1)


def test_paused_it_gives_only_the_frames_it_is_told_to() -> None:
    source = PacedSource(FakeSource(10), FakeClock(), lambda seconds: None, paused=True)
    given: list[int] = []
    came = threading.Semaphore(0)

    def read_all() -> None:
        while (frame := source.read()) is not None:
            given.append(frame.index)
            came.release()
        came.release()

    reader = threading.Thread(target=read_all)
    reader.start()
    source.step()
    came.acquire()
    source.step(2)
    came.acquire()
    came.acquire()
    assert given == [0, 1, 2]
    assert source.paused
    source.play()
    reader.join(10)
    assert given == list(range(10))


def test_time_that_it_stood_still_is_not_made_up_for() -> None:
    clock, waits = FakeClock(), []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.now_ns += round(seconds * 1e9)

    source = PacedSource(FakeSource(10), clock, wait)
    source.read()
    source.pause()
    clock.now_ns += 60_000_000_000
    source.play()
    for _ in range(3):
        source.read()
    assert waits == pytest.approx([1 / 30] * 2)


def test_closing_wakes_one_that_is_paused() -> None:
    source = PacedSource(FakeSource(10), paused=True)
    reader = threading.Thread(target=source.read)
    reader.start()
    source.close()
    reader.join(10)
    assert not reader.is_alive()

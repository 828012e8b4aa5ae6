"""Where a frame's waits go: in rings, and for later frames."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.stream.ledger import STAGES, Stopwatch
from realtime.stream.pipeline import Pipeline
from realtime.types import Frame, Result
from tests.fakes import CollectSink, FakeClock, FakeSource


class TimedPerception:
    """Finds nobody, in 4 ms of a fake clock."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def process(self, frame: Frame) -> Sequence[Result]:
        watch = Stopwatch(frame.captured_ns, self._clock(), frame.ready_ns)
        self._clock.now_ns += 4_000_000
        watch.lap("estimate", self._clock())
        return [Result(frame, (), watch.age_ms())]

    def finish(self) -> Sequence[Result]:
        return []

    def close(self) -> None:
        pass


def results(live: bool) -> tuple[list[Result], Pipeline]:
    clock, sink = FakeClock(step_ns=1000), CollectSink()
    pipeline = Pipeline(FakeSource(5, live), TimedPerception(clock), [sink], clock=clock)
    pipeline.start()
    pipeline.wait()
    return sink.results, pipeline


def test_a_frame_that_is_queued_says_so_and_all_of_its_age_is_accounted_for() -> None:
    found, pipeline = results(live=True)
    for result in found:
        ages = result.age_ms
        assert ages["capture"] > 0  # the fake camera stamps 0, so this is the time until it was queued
        assert ages["wait"] > 0
        parts = sum(ages[stage] for stage in ("capture", "wait", *STAGES))
        assert abs(parts - ages["total"]) < 1e-6
    assert pipeline.snapshot().stages["wait"].p50_ms > 0


def test_a_frame_read_ahead_in_a_file_did_not_wait_for_anyone() -> None:
    found, _ = results(live=False)
    assert len(found) == 5
    assert {result.frame.ready_ns for result in found} == {None}
    assert {result.age_ms["wait"] for result in found} == {0.0}


def test_a_painted_frame_is_accounted_for() -> None:
    found, pipeline = results(live=False)
    last = found[-1].frame
    pipeline.displayed(last.index, last.captured_ns + 20_000_000)
    snapshot = pipeline.snapshot()
    assert snapshot.age_at_display.p50_ms == 20.0
    assert snapshot.recent[-1].age_at_display_ms == 20.0

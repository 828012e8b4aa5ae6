from __future__ import annotations

import threading

import pytest

from realtime.errors import PipelineError, RecordError, SourceLostError
from realtime.stream.pipeline import NEWER_CAME, NOT_FINITE, Pipeline
from realtime.stream.safety import Safety
from realtime.stream.source import SourceStatus
from tests.fakes import CollectSink, FakeClock, FakePerception, FakeSource
from tests.faults.stuck import FaultyPerception, FaultySink, FaultySource, Stuck

TIMEOUT_S = 10.0


def test_every_frame_of_a_file_comes_out_once_in_order() -> None:
    source, perception, sinks = FakeSource(50), FakePerception(), [CollectSink(), CollectSink()]
    pipeline = Pipeline(source, perception, sinks)
    pipeline.start()
    assert pipeline.wait(TIMEOUT_S)
    for sink in sinks:
        assert [r.frame.index for r in sink.results] == list(range(50))
        assert sum(r.dropped for r in sink.results) == 0
        assert sink.closed == 1
    assert pipeline.stop()
    assert source.closed.is_set()
    assert perception.closed.is_set()
    assert pipeline.snapshot().frames == 50
    assert pipeline.snapshot().drops == {}
    latest = pipeline.latest()
    assert latest is not None
    assert latest.frame.index == 49


@pytest.mark.parametrize("live", [True, False])
def test_age_counts_from_the_grab_of_a_camera_but_not_from_reading_ahead_in_a_file(live: bool) -> None:
    sink = CollectSink()
    pipeline = Pipeline(FakeSource(100, live), FakePerception(), [sink], 1, FakeClock(step_ns=1000))
    pipeline.start()
    assert pipeline.wait(TIMEOUT_S)
    pipeline.stop()
    # The fake source stamps 0; the pipeline's clock has never said 0.
    assert [r.frame.captured_ns == 0 for r in sink.results] == [live]


def test_a_slow_reader_of_a_camera_gets_the_newest_frame_and_counts_the_rest() -> None:
    gate = threading.Semaphore(0)
    perception, sink = FakePerception(gate=gate), CollectSink()
    source = FakeSource(20, live=True, error=SourceLostError("unplugged"))
    pipeline = Pipeline(source, perception, [sink])
    pipeline.start()
    assert source.ended.wait(TIMEOUT_S)  # the camera has given all 20 while perception holds one
    gate.release(20)
    with pytest.raises(SourceLostError, match="unplugged"):
        pipeline.wait(TIMEOUT_S)
    indices = [r.frame.index for r in sink.results]
    assert indices[-1] == 19
    assert len(indices) <= 2
    assert sum(r.dropped for r in sink.results) == 20 - len(indices)
    assert pipeline.snapshot().drops == {NEWER_CAME: 20 - len(indices)}


def test_frames_limits_the_results_and_frees_the_source() -> None:
    source, sink = FakeSource(1_000_000), CollectSink()
    pipeline = Pipeline(source, FakePerception(), [sink], frames=7)
    pipeline.start()
    assert pipeline.wait(TIMEOUT_S)
    assert pipeline.stop(TIMEOUT_S)
    assert [r.frame.index for r in sink.results] == list(range(7))
    assert source.closed.is_set()
    assert source.read_ahead < 30


def test_a_source_that_is_lost_delivers_what_it_gave_then_its_error() -> None:
    sink = CollectSink()
    pipeline = Pipeline(FakeSource(9, error=SourceLostError("cut short")), FakePerception(), [sink])
    pipeline.start()
    with pytest.raises(SourceLostError, match="cut short"):
        pipeline.wait(TIMEOUT_S)
    assert [r.frame.index for r in sink.results] == list(range(9))


def test_a_failing_worker_stops_everything_and_its_cause_reaches_the_caller() -> None:
    source, sink = FakeSource(1_000_000), CollectSink()
    perception = FakePerception(fail_at=5)
    pipeline = Pipeline(source, perception, [sink])
    pipeline.start()
    with pytest.raises(PipelineError, match="fake network failed") as caught:
        pipeline.wait(TIMEOUT_S)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert pipeline.stop(TIMEOUT_S)
    assert [r.frame.index for r in sink.results] == list(range(5))
    assert source.closed.is_set()
    assert perception.closed.is_set()
    assert sink.closed == 1


def test_what_a_camera_shows_goes_on_without_a_failed_sink_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good = FaultySink(3, _full_disk), CollectSink()
    pipeline = Pipeline(FakeSource(10_000_000, live=True), FakePerception(), [bad, good], frames=200)
    pipeline.start()
    assert pipeline.wait(TIMEOUT_S)
    assert pipeline.stop(TIMEOUT_S)
    assert (bad.closed, good.closed) == (1, 1)
    assert good.results[-1].frame.index > bad.results[-1].frame.index
    (lost,) = pipeline.lost_outputs
    assert "No space left" in str(lost)
    assert "the rest goes on" in caplog.text
    assert pipeline.error is None


@pytest.mark.parametrize("live", [True, False])
def test_whoever_runs_it_may_decide_whether_it_outlives_its_sinks(live: bool) -> None:
    bad, good = FaultySink(3, _full_disk), CollectSink()
    source = FakeSource(10_000_000 if live else 100, live)
    safety = Safety(outlive_sinks=not live)
    pipeline = Pipeline(source, FakePerception(), [bad, good], 100, safety=safety)
    pipeline.start()
    if live:
        with pytest.raises(RecordError, match="No space left"):
            pipeline.wait(TIMEOUT_S)
    else:
        assert pipeline.wait(TIMEOUT_S)
        assert len(good.results) == 100
    assert pipeline.stop(TIMEOUT_S)


def _full_disk() -> None:
    raise RecordError("cannot write the record: No space left on device")


def test_a_person_without_numbers_is_left_out_and_counted() -> None:
    sink = CollectSink()
    pipeline = Pipeline(FakeSource(4), FaultyPerception(nan=True), [sink])
    pipeline.start()
    assert pipeline.wait(TIMEOUT_S)
    assert [len(r.people) for r in sink.results] == [0] * 4
    assert pipeline.faults == {NOT_FINITE: 4}
    assert pipeline.stop(TIMEOUT_S)


def test_a_failure_to_close_does_not_hide_the_first_failure() -> None:
    def no_end() -> None:
        raise OSError("closing failed too")

    pipeline = Pipeline(FakeSource(100), FakePerception(), [FaultySink(3, _full_disk, no_end)])
    pipeline.start()
    with pytest.raises(RecordError, match="No space left"):
        pipeline.wait(TIMEOUT_S)
    assert pipeline.stop(TIMEOUT_S)


def test_a_source_that_reconnects_is_not_taken_for_one_that_hangs() -> None:
    clock, stuck, perception = FakeClock(), Stuck(), FakePerception()
    source = ReconnectingSource(FakeSource(9, live=True, error=SourceLostError("gone for good")), 4, stuck)
    safety = Safety(capture_s=1.0, look_s=0.005)
    pipeline = Pipeline(source, perception, [CollectSink()], clock=clock, safety=safety)
    pipeline.start()
    assert stuck.entered.wait(TIMEOUT_S)
    for _ in range(3):
        clock.now_ns += int(2e9)
        assert not pipeline.wait(0.05)
    stuck.released.set()
    with pytest.raises(SourceLostError, match="gone for good"):
        pipeline.wait(TIMEOUT_S)
    assert pipeline.stop(TIMEOUT_S)


class ReconnectingSource(FaultySource):
    """A source that says that it reconnects."""

    status = SourceStatus(state="reconnecting")


def test_a_failing_sink_stops_the_pipeline_and_closes_the_others() -> None:
    bad, good, source = CollectSink(fail_at=3), CollectSink(), FakeSource(1_000_000)
    pipeline = Pipeline(source, FakePerception(), [bad, good])
    pipeline.start()
    with pytest.raises(PipelineError, match="fake disk full"):
        pipeline.wait(TIMEOUT_S)
    assert pipeline.stop(TIMEOUT_S)
    assert bad.closed == 1
    assert good.closed == 1
    assert source.closed.is_set()


@pytest.mark.parametrize("frames", [0, 3, 50])
def test_frames_that_wait_come_out_at_the_end(frames: int) -> None:
    sink = CollectSink()
    pipeline = Pipeline(FakeSource(frames), FakePerception(delay=5), [sink])
    pipeline.start()
    assert pipeline.wait(TIMEOUT_S)
    assert [r.frame.index for r in sink.results] == list(range(frames))


@pytest.mark.parametrize("frames", [1, 7, 12])
def test_frames_counts_results_also_where_they_wait(frames: int) -> None:
    sink = CollectSink()
    pipeline = Pipeline(FakeSource(10), FakePerception(delay=5), [sink], frames)
    pipeline.start()
    assert pipeline.wait(TIMEOUT_S)
    assert [r.frame.index for r in sink.results] == list(range(min(frames, 10)))


def test_a_camera_that_is_lost_delivers_what_waited() -> None:
    sink, perception = CollectSink(), FakePerception(delay=5)
    pipeline = Pipeline(FakeSource(9, live=True, error=SourceLostError("unplugged")), perception, [sink], 100)
    pipeline.start()
    with pytest.raises(SourceLostError, match="unplugged"):
        pipeline.wait(TIMEOUT_S)
    assert [r.frame.index for r in sink.results] == perception.seen


def test_stop_drops_what_waits() -> None:
    gate = threading.Semaphore(9)
    source, perception, sink = FakeSource(100, gate=gate), FakePerception(delay=5), CollectSink()
    pipeline = Pipeline(source, perception, [sink])
    pipeline.start()
    for _ in range(9):
        assert perception.entered.acquire(timeout=TIMEOUT_S)
    pipeline.stop(timeout_s=0.5)  # the source is stuck
    assert pipeline.wait(TIMEOUT_S)
    assert [r.frame.index for r in sink.results] == [0, 1, 2, 3]
    gate.release(10)


def test_stop_ends_a_running_pipeline_and_keeps_finished_results() -> None:
    perception, sink = FakePerception(), CollectSink()
    pipeline = Pipeline(FakeSource(10_000_000), perception, [sink])
    pipeline.start()
    for _ in range(20):
        assert perception.entered.acquire(timeout=TIMEOUT_S)
    assert pipeline.stop(TIMEOUT_S)
    assert pipeline.finished
    assert pipeline.error is None
    assert [r.frame.index for r in sink.results] == perception.seen


def test_stop_does_not_wait_for_a_source_stuck_in_its_driver() -> None:
    stuck, perception = Stuck(), FakePerception()
    source = FaultySource(FakeSource(100, live=True), 4, stuck)
    pipeline = Pipeline(source, perception, [CollectSink()])
    pipeline.start()
    assert stuck.entered.wait(TIMEOUT_S)
    assert not pipeline.stop(timeout_s=0.2)
    assert pipeline.finished
    stuck.released.set()
    assert pipeline.stop(TIMEOUT_S)


def test_stop_does_not_wait_for_a_sink_stuck_on_its_disk() -> None:
    stuck = Stuck()
    sink, other = FaultySink(2, stuck), CollectSink()
    pipeline = Pipeline(FakeSource(10_000_000, live=True), FakePerception(), [sink, other])
    pipeline.start()
    assert stuck.entered.wait(TIMEOUT_S)
    assert not pipeline.stop(timeout_s=0.2)
    assert pipeline.finished
    assert other.closed == 1
    stuck.released.set()
    assert pipeline.stop(TIMEOUT_S)
    assert sink.closed == 1


def test_stop_before_start_frees_everything() -> None:
    source, perception, sink = FakeSource(3), FakePerception(), CollectSink()
    pipeline = Pipeline(source, perception, [sink])
    assert pipeline.stop()
    assert source.closed.is_set()
    assert perception.closed.is_set()
    assert sink.closed == 1


def test_many_starts_and_stops_leave_no_threads() -> None:
    before = threading.active_count()
    for _ in range(50):
        pipeline = Pipeline(FakeSource(100), FakePerception(), [CollectSink()])
        pipeline.start()
        assert pipeline.stop(TIMEOUT_S)
    assert threading.active_count() <= before


def test_wait_can_time_out() -> None:
    gate = threading.Semaphore(0)
    pipeline = Pipeline(FakeSource(3), FakePerception(gate=gate))
    pipeline.start()
    assert not pipeline.wait(timeout_s=0.01)
    gate.release(3)
    assert pipeline.wait(TIMEOUT_S)

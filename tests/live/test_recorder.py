"""A recording begins and ends while results flow; its failure is its own."""

from __future__ import annotations

from pathlib import Path

from realtime.errors import RecordError
from realtime.live.recorder import Recorder
from tests.drawing_people import drawn_result
from tests.fakes import CollectSink, FakeClock


def test_only_what_comes_between_begin_and_end_is_written() -> None:
    recorder, sink = Recorder(), CollectSink()
    recorder.write(drawn_result(index=0))
    recorder.begin([sink], [Path("x.jsonl")])
    recorder.write(drawn_result(index=1))
    recorder.write(drawn_result(index=2))
    done = recorder.end()
    recorder.write(drawn_result(index=3))
    assert [result.frame.index for result in sink.results] == [1, 2]
    assert (sink.closed, done.frames, done.active, done.error) == (1, 2, False, "")
    recorder.end()
    assert sink.closed == 1


def test_time_and_size_are_told(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "x.jsonl"
    recorder = Recorder(clock)
    recorder.begin([CollectSink()], [path])
    path.write_bytes(b"1234")
    clock.now_ns = 2_500_000_000
    recorder.write(drawn_result())
    assert (recorder.status.seconds, recorder.status.size_bytes) == (2.5, 4)


def test_a_video_that_grows_under_its_hidden_name_counts(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.begin([CollectSink()], [tmp_path / "x.mp4"])
    (tmp_path / ".x.part.mp4").write_bytes(b"12345")
    assert recorder.end().size_bytes == 5


def test_a_failed_write_ends_the_recording_and_says_why() -> None:
    recorder, sink = Recorder(), CollectSink(fail_at=1, error=RecordError("the disk is full"))
    recorder.begin([sink], [Path("x.jsonl")])
    for index in range(4):
        recorder.write(drawn_result(index=index))
    assert not recorder.status.active
    assert recorder.status.error == "the disk is full"
    assert (sink.closed, recorder.status.frames) == (1, 1)


def test_another_recording_finishes_the_one_before() -> None:
    recorder, first, second = Recorder(), CollectSink(), CollectSink()
    recorder.begin([first], [Path("a")])
    recorder.begin([second], [Path("b")])
    recorder.write(drawn_result())
    recorder.close()
    assert (first.closed, len(first.results), second.closed, len(second.results)) == (1, 0, 1, 1)

"""Every kind of source against every kind of fault: what goes on, what ends, and with which words."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.errors import HungError, PipelineError, PoseError, SourceLostError
from realtime.stream.paced import PacedSource
from realtime.stream.pipeline import NOT_FINITE, Pipeline
from realtime.stream.safety import Safety
from realtime.stream.source import Source
from realtime.stream.sources.open import open_source
from tests.fakes import CollectSink, FakeClock, FakeSource, http_camera
from tests.faults.stuck import FaultyPerception, FaultySink, FaultySource, Stuck

TIMEOUT_S = 30.0
FRAMES = 24
AT = 5
WORKERS = ("capture", "perceive", "deliver", "watchdog", "grab")


def picture(n: int) -> np.ndarray:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, : 2 * n % 64] = 200
    return image


@contextlib.contextmanager
def fake_file(folder: Path) -> Iterator[Source]:
    yield FakeSource(FRAMES)


@contextlib.contextmanager
def fake_camera(folder: Path) -> Iterator[Source]:
    yield FakeSource(10_000_000, live=True)


@contextlib.contextmanager
def paced_file(folder: Path) -> Iterator[Source]:
    yield PacedSource(FakeSource(FRAMES), wait=lambda seconds: None)


@contextlib.contextmanager
def image_folder(folder: Path) -> Iterator[Source]:
    for n in range(FRAMES):
        assert cv2.imwrite(str(folder / f"{n:03d}.png"), picture(n))
    yield open_source(str(folder))


@contextlib.contextmanager
def video_file(folder: Path) -> Iterator[Source]:
    path = folder / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (64, 48))
    for n in range(FRAMES):
        writer.write(picture(n))
    writer.release()
    yield open_source(str(path))


@contextlib.contextmanager
def network_camera(folder: Path) -> Iterator[Source]:
    with http_camera(picture(n) for n in itertools.count()) as address:
        yield open_source(address)


ENDLESS = dict.fromkeys(("perceive_s", "deliver_s", "capture_s"), math.inf)
SOURCES = (fake_file, fake_camera, paced_file, image_folder, video_file, network_camera)


@dataclass
class Bench:
    """A pipeline in the making: a fault replaces one of its parts, or acts while it runs."""

    source: Source
    perception: FaultyPerception
    faulty: FaultySink
    other: CollectSink
    clock: FakeClock
    stuck: Stuck
    safety: Safety = field(default_factory=lambda: Safety(**ENDLESS))
    passes_s: float = 0.0

    def hangs(self, **limits: float) -> None:
        """Let time pass once something is stuck. Only the limit of what hangs counts."""
        self.safety = Safety(**(ENDLESS | limits), first_s=0.0, look_s=0.005)
        self.passes_s = 15.0


def throws(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def source_is_lost(bench: Bench) -> None:
    bench.source = FaultySource(bench.source, AT, throws(SourceLostError("the cable is out")))


def source_raises(bench: Bench) -> None:
    bench.source = FaultySource(bench.source, AT, throws(OSError("driver trouble")))


def source_hangs(bench: Bench) -> None:
    bench.source = FaultySource(bench.source, AT, bench.stuck)
    bench.hangs(capture_s=10.0)


def perception_raises(bench: Bench) -> None:
    bench.perception = FaultyPerception(AT, throws(ZeroDivisionError("engine trouble")))


def perception_exits(bench: Bench) -> None:
    bench.perception = FaultyPerception(AT, throws(SystemExit(3)))


def perception_hangs(bench: Bench) -> None:
    bench.perception = FaultyPerception(AT, bench.stuck)
    bench.hangs(perceive_s=10.0)


def perception_gives_nan(bench: Bench) -> None:
    bench.perception = FaultyPerception(nan=True)


def sink_raises(bench: Bench) -> None:
    bench.faulty = FaultySink(AT, throws(OSError("no space left")))


def sink_blocks(bench: Bench) -> None:
    bench.faulty = FaultySink(AT, bench.stuck)
    bench.hangs(deliver_s=10.0)


def sink_fails_to_close(bench: Bench) -> None:
    bench.faulty = FaultySink(at_end=throws(OSError("not whole")))


def sink_hangs_at_its_end(bench: Bench) -> None:
    bench.faulty = FaultySink(at_end=bench.stuck)
    bench.hangs(deliver_s=10.0)


def nothing(bench: Bench) -> None:
    """All is well."""


@dataclass(frozen=True)
class Outcome:
    """How a run ends: with `error` and these words, or else well; and whether only a sink is lost."""

    error: type[PoseError] | None = None
    words: str = ""
    lost: str = ""


WELL = Outcome()
OUTCOMES: dict[Callable[[Bench], None], tuple[Outcome, Outcome]] = {
    # fault: (of a file, of what is live)
    nothing: (WELL, WELL),
    source_is_lost: (Outcome(SourceLostError, "the cable is out"),) * 2,
    source_raises: (Outcome(PipelineError, "OSError: driver trouble"),) * 2,
    source_hangs: (Outcome(HungError, "capture has been at the source's frame 4 for 15 s"),) * 2,
    perception_raises: (Outcome(PipelineError, "ZeroDivisionError: engine trouble"),) * 2,
    perception_exits: (Outcome(PipelineError, "SystemExit: 3"),) * 2,
    perception_hangs: (Outcome(HungError, "perceive has been at frame"),) * 2,
    perception_gives_nan: (WELL, WELL),
    sink_raises: (Outcome(PipelineError, "no space left"), Outcome(lost="no space left")),
    sink_blocks: (
        Outcome(HungError, "the faulty sink has been at frame"),
        Outcome(lost="the faulty sink has been at frame"),
    ),
    sink_fails_to_close: (Outcome(PipelineError, "not whole"), Outcome(lost="not whole")),
    sink_hangs_at_its_end: (
        Outcome(HungError, "the faulty sink has been at its end"),
        Outcome(lost="the faulty sink has been at its end"),
    ),
}


@pytest.mark.parametrize("fault", OUTCOMES, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.__name__)
def test_matrix(
    tmp_path: Path,
    kind: Callable[[Path], contextlib.AbstractContextManager[Source]],
    fault: Callable[[Bench], None],
) -> None:
    with kind(tmp_path) as source:
        bench = Bench(source, FaultyPerception(), FaultySink(), CollectSink(), FakeClock(), Stuck())
        fault(bench)
        expected = OUTCOMES[fault][source.info.live]
        sinks = [bench.faulty, bench.other]
        pipeline = Pipeline(bench.source, bench.perception, sinks, FRAMES, bench.clock, bench.safety)
        pipeline.start()
        if bench.passes_s:
            assert bench.stuck.entered.wait(TIMEOUT_S)
            bench.clock.now_ns += int(bench.passes_s * 1e9)
        check_outcome(pipeline, expected)
        bench.stuck.released.set()
        assert pipeline.stop(TIMEOUT_S)
    check_nothing_is_left(bench)
    check_results(bench, pipeline, fault, source.info.live)


def check_outcome(pipeline: Pipeline, expected: Outcome) -> None:
    if expected.error is None:
        assert pipeline.wait(TIMEOUT_S)
    else:
        with pytest.raises(expected.error) as caught:
            pipeline.wait(TIMEOUT_S)
        assert expected.words in str(caught.value)
    lost = [str(error) for error in pipeline.lost_outputs]
    assert [expected.lost in words for words in lost] == ([True] if expected.lost else [])


def check_nothing_is_left(bench: Bench) -> None:
    left = [t.name for t in threading.enumerate() if t.name.startswith(WORKERS)]
    assert not left
    assert bench.perception.closed.is_set()
    assert bench.faulty.closed == bench.other.closed == 1


def check_results(bench: Bench, pipeline: Pipeline, fault: Callable[[Bench], None], live: bool) -> None:
    indices = [result.frame.index for result in bench.other.results]
    assert indices == sorted(set(indices))
    if not live:
        assert indices == list(range(len(indices)))
    if fault is perception_gives_nan:
        assert all(result.people == () for result in bench.other.results)
        assert pipeline.faults == {NOT_FINITE: FRAMES}
    if OUTCOMES[fault][live].error is None and not (live and fault is nothing):
        # A sink of a live source may be too slow for a frame, but what is lost elsewhere never stops it.
        assert len(indices) == FRAMES if not live else len(indices) > AT
    if fault in (source_is_lost, source_raises, source_hangs) and not live:
        assert len(indices) == AT - 1

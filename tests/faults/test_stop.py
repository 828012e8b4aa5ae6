"""A pipeline can be stopped at any moment, and is gone within a second."""

from __future__ import annotations

import random
import threading

import pytest

from realtime.sample import camera, clip_path
from realtime.stream.assemble import Options, assemble
from realtime.stream.paced import PacedSource
from realtime.stream.pipeline import Pipeline
from realtime.stream.source import Source
from realtime.stream.sources.file import open_file
from realtime.stream.stages import Perception
from tests.fakes import CollectSink, FakePerception, FakeSource

TIMEOUT_S = 30.0
MOMENTS = 150


class Moment:
    """A sink that tells when the n-th result comes, counted from 1; 0: at once."""

    def __init__(self, n: int) -> None:
        self.come = threading.Event()
        self._left = n
        if n == 0:
            self.come.set()

    def write(self, result: object) -> None:
        self._left -= 1
        if self._left == 0:
            self.come.set()

    def close(self) -> None:
        self.come.set()


class Kept:
    """A perception that outlives the pipelines it is lent to."""

    def __init__(self, perception: Perception) -> None:
        self.process = perception.process
        self.finish = perception.finish

    def close(self) -> None:
        """It is closed by whoever lent it."""


def test_stop_at_random_moments_leaves_nothing() -> None:
    chance = random.Random(20261126)
    before = threading.active_count()
    for _ in range(MOMENTS):
        live, paced = chance.random() < 0.5, chance.random() < 0.3
        source: Source = FakeSource(chance.choice((3, 10_000_000)), live)
        if paced and not live:
            source = PacedSource(source)
        moment = Moment(chance.choice((0, 1, 2, 3, 7, 20)))
        sink, perception = CollectSink(), FakePerception(delay=chance.choice((0, 0, 2, 20)))
        pipeline = Pipeline(source, perception, [moment, sink])
        pipeline.start()
        assert moment.come.wait(TIMEOUT_S)
        assert pipeline.stop()
        assert pipeline.finished
        assert pipeline.error is None
        assert sink.closed == 1
        assert perception.closed.is_set()
    assert threading.active_count() <= before


def test_a_source_that_waits_for_its_next_frame_is_woken() -> None:
    source = FakeSource(100, live=True, gate=threading.Semaphore(3))
    perception = FakePerception()
    pipeline = Pipeline(source, perception, [CollectSink()])
    pipeline.start()
    assert perception.entered.acquire(timeout=TIMEOUT_S)
    assert pipeline.stop()


@pytest.mark.usefixtures("blazepose")
def test_stop_at_random_moments_with_real_networks() -> None:
    chance = random.Random(7)
    before = threading.active_count()
    perception = assemble(Options(), camera()).perception
    try:
        for n in range(8):
            source: Source = open_file(clip_path())
            if n % 2:
                source = PacedSource(source)
            moment = Moment(chance.randrange(4))
            pipeline = Pipeline(source, Kept(perception), [moment])
            pipeline.start()
            assert moment.come.wait(TIMEOUT_S)
            assert pipeline.stop()
            assert pipeline.error is None
    finally:
        perception.close()
    assert threading.active_count() <= before

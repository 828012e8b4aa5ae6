"""What networks cost by their device's clock comes with the frame that was fed to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from realtime.engines.base import DeviceTime
from realtime.stream.ledger import Entry, Ledger
from realtime.stream.on_device import DeviceLaps
from realtime.stream.stages import PosePerception
from realtime.types import Array
from tests.fakes import FakeEngine, World, frame
from tests.stream.test_stages import perception


class OnDevice(FakeEngine):
    """Every run takes one millisecond up, two there and one back."""

    def __init__(self) -> None:
        super().__init__({"x": (1,)}, {"y": (1,)}, lambda feeds: {"y": feeds["x"]})
        self.last_run: DeviceTime | None = None
        self.spent = DeviceTime()

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        self.last_run = DeviceTime(1.0, 2.0, 1.0, runs=1)
        self.spent += self.last_run
        return super().infer(feeds)


FEEDS = {"x": np.zeros(1, np.float32)}


def test_a_lap_is_what_was_spent_since_the_last_one() -> None:
    estimator, lifter = OnDevice(), OnDevice()
    estimator.infer(FEEDS)  # before: a warm-up
    plain = FakeEngine({"x": (1,)}, {"y": (1,)}, lambda feeds: feeds)
    laps = DeviceLaps({"detect": plain, "estimate": estimator, "lift": lifter})
    estimator.infer(FEEDS)
    estimator.infer(FEEDS)
    lifter.infer(FEEDS)
    assert laps.lap() == {"estimate": 8.0, "lift": 4.0}
    assert laps.lap() == {"estimate": 0.0, "lift": 0.0}


def test_engines_without_a_clock_say_nothing() -> None:
    assert DeviceLaps({"lift": FakeEngine({}, {}, lambda feeds: {})}).lap() == {}


@pytest.mark.parametrize("lag", [0, 2])
def test_results_carry_what_their_own_frame_cost(lag: int) -> None:
    world = World(lambda index: [(320.0, 240.0)])
    path: PosePerception = perception(world, lag)
    counted = iter(range(100))
    path._on_device = lambda: {"estimate": float(next(counted))}
    results = [r for n in range(6) for r in path.process(frame(n))]
    results += path.finish()
    assert [(r.frame.index, r.device_ms) for r in results] == [(n, {"estimate": float(n)}) for n in range(6)]


def test_the_ledger_gives_percentiles_of_the_frames_that_have_any() -> None:
    ledger = Ledger()
    age_ms = {"capture": 0.0, "wait": 0.0, "detect": 0.0, "estimate": 5.0, "lift": 1.0, "total": 6.0}
    for n, device_ms in enumerate(({}, {"estimate": 1.0}, {"estimate": 3.0, "lift": 0.1})):
        ledger.add(Entry(n, n * 10, n * 10 + 6, age_ms, device_ms=device_ms))
    device = ledger.snapshot().device
    assert (device["estimate"].p50_ms, device["lift"].p50_ms) == (2.0, 0.1)
    assert Ledger().snapshot().device == {}

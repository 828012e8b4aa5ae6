from __future__ import annotations

import math
import threading

import pytest

from realtime.stream.pipeline import Pipeline
from realtime.stream.watchdog import Activity, Hang, Watchdog
from tests.fakes import FakeClock, FakePerception, FakeSource
from tests.faults.stuck import Stuck

SECOND = 1_000_000_000


def watched(activity: Activity) -> tuple[Watchdog, list[Hang]]:
    told: list[Hang] = []
    return Watchdog([activity], lambda who, hang: told.append(hang), 0.5), told


def test_what_takes_too_long_is_told_once_with_its_name_and_time() -> None:
    clock = FakeClock()
    activity = Activity("the record", 10.0, clock)
    dog, told = watched(activity)
    with activity.at("frame 7"):
        clock.now_ns = 9 * SECOND
        dog.look()
        dog.look()
        assert told == []
        clock.now_ns = 12 * SECOND
        for _ in range(4):
            dog.look()
    assert [(h.worker, h.work, h.seconds) for h in told] == [("the record", "frame 7", 12.0)]
    assert str(told[0]).startswith("the record has been at frame 7 for 12 s")


def test_waiting_for_input_is_no_work() -> None:
    clock = FakeClock()
    activity = Activity("perceive", 10.0, clock)
    dog, told = watched(activity)
    with activity.at("frame 0"):
        pass
    clock.now_ns = 1000 * SECOND
    dog.look()
    dog.look()
    assert told == []


def test_a_process_that_was_stopped_for_a_while_is_given_another_look() -> None:
    clock = FakeClock()
    activity = Activity("perceive", 10.0, clock)
    dog, told = watched(activity)
    with activity.at("frame 0"):
        clock.now_ns = 3600 * SECOND
        dog.look()
    with activity.at("frame 1"):
        dog.look()
        dog.look()
    assert told == []


def test_the_first_work_may_take_longer() -> None:
    clock = FakeClock()
    activity = Activity("perceive", 10.0, clock, first_s=60.0)
    dog, told = watched(activity)
    with activity.at("frame 0"):
        clock.now_ns = 50 * SECOND
        dog.look()
        dog.look()
    assert told == []
    with activity.at("frame 1"):
        clock.now_ns += 11 * SECOND
        dog.look()
        dog.look()
    assert len(told) == 1


def test_no_limit_is_no_limit() -> None:
    clock = FakeClock()
    activity = Activity("perceive", math.inf, clock)
    dog, told = watched(activity)
    with activity.at("frame 0"):
        clock.now_ns = 10**18
        dog.look()
        dog.look()
    assert told == []


def test_it_looks_until_it_is_told_to_end() -> None:
    clock, ended = FakeClock(), threading.Event()
    activity = Activity("perceive", 1.0, clock)

    def hung(who: Activity, hang: Hang) -> None:
        ended.set()

    with activity.at("frame 0"):
        clock.now_ns = 5 * SECOND
        Watchdog([activity], hung, 0.001).run(ended)


def test_the_stage_that_hangs_is_named() -> None:
    """The place is this project's own code on the stack of the thread that hangs."""
    clock, stuck = FakeClock(), Stuck()
    activity = Activity("perceive", 1.0, clock)
    dog, told = watched(activity)
    pipeline = Pipeline(FakeSource(3), FakePerception())

    def hangs() -> None:
        with activity.at("frame 0"):
            pipeline.source.read = stuck  # type: ignore[method-assign, assignment]
            pipeline._capture()

    thread = threading.Thread(target=hangs, daemon=True)
    thread.start()
    assert stuck.entered.wait(10)
    clock.now_ns = 5 * SECOND
    dog.look()
    dog.look()
    stuck.released.set()
    pipeline.stop()
    thread.join(10)
    assert told[0].place == "Pipeline._capture"


@pytest.mark.parametrize("limit_s", [1.0, 2.5])
def test_time_counts_in_seconds(limit_s: float) -> None:
    clock = FakeClock()
    activity = Activity("a", limit_s, clock)
    with activity.at("b"):
        clock.now_ns = int(limit_s * SECOND) - 1
        assert activity.overdue() is None
        clock.now_ns += 1
        assert activity.overdue() is None
        assert activity.overdue() is not None

"""How often something may be painted anew."""

from __future__ import annotations

import pytest

from realtime.ui.pace import Pace


class Clocks:
    """All time, and the time this thread worked, as the test says."""

    def __init__(self) -> None:
        self.now_ns = self.spent_ns = 0

    def work(self, ms: float) -> None:
        self.now_ns += int(ms * 1e6)
        self.spent_ns += int(ms * 1e6)

    def sleep(self, ms: float) -> None:
        self.now_ns += int(ms * 1e6)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def pace_of(clocks: Clocks, share: float = 0.1) -> Pace:
    return Pace(share, lambda: clocks.now_ns, lambda: clocks.spent_ns)


def paint(pace: Pace, clocks: Clocks, ms: float, times: int = 40) -> None:
    for _ in range(times):
        with pace.spending():
            clocks.work(ms)


def test_nothing_has_to_wait_at_first(clocks: Clocks) -> None:
    assert pace_of(clocks).wait_ms() == 0


def test_what_is_cheap_may_be_done_at_every_frame(clocks: Clocks) -> None:
    pace = pace_of(clocks)
    paint(pace, clocks, 2.0)
    clocks.sleep(33 - 2)
    assert pace.wait_ms() == 0


def test_what_is_dear_waits_until_its_share_has_passed(clocks: Clocks) -> None:
    pace = pace_of(clocks)
    for _ in range(40):
        clocks.sleep(pace.wait_ms())
        paint(pace, clocks, 6.0, times=1)
    assert pace.wait_ms() == pytest.approx(60 - 6, abs=1)
    clocks.sleep(60 - 6)
    assert pace.wait_ms() == 0


@pytest.mark.parametrize("beat_ms", [8.0, 16.7, 33.3, 40.0])
def test_on_a_beat_that_is_not_its_own_it_keeps_to_its_share(clocks: Clocks, beat_ms: float) -> None:
    pace, painted, beats = pace_of(clocks), 0, 600
    for _ in range(beats):
        before_ns = clocks.now_ns
        if pace.wait_ms() <= beat_ms / 2:
            paint(pace, clocks, 6.0, times=1)
            painted += 1
        clocks.sleep(beat_ms - (clocks.now_ns - before_ns) / 1e6)
    assert painted * 6.0 / (beats * beat_ms) == pytest.approx(0.1, rel=0.06)


def test_painting_without_being_due_costs_half_a_turn_at_most(clocks: Clocks) -> None:
    pace = pace_of(clocks)
    paint(pace, clocks, 6.0, times=200)
    assert 60 - 6 <= pace.wait_ms() <= 90 - 6


def test_time_in_which_others_had_the_processor_is_no_cost(clocks: Clocks) -> None:
    pace = pace_of(clocks)
    for _ in range(40):
        with pace.spending():
            clocks.work(2.0)
            clocks.sleep(50)
    assert pace.wait_ms() == 0


def test_however_dear_it_is_done_five_times_a_second(clocks: Clocks) -> None:
    pace = pace_of(clocks, 0.01)
    for _ in range(40):
        clocks.sleep(pace.wait_ms())
        paint(pace, clocks, 100.0, times=1)
    assert pace.wait_ms() == 100
    clocks.sleep(100)
    assert pace.wait_ms() == 0


def test_a_failure_is_counted_and_passed_on(clocks: Clocks) -> None:
    pace = pace_of(clocks)

    def fail() -> None:
        with pace.spending():
            clocks.work(10.0)
            raise ValueError

    for _ in range(40):
        with pytest.raises(ValueError):
            fail()
    assert pace.wait_ms() > 80

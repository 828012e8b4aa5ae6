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
    paint(pace, clocks, 6.0)
    assert pace.wait_ms() == pytest.approx(60 - 6, abs=1)
    clocks.sleep(60 - 6)
    assert pace.wait_ms() == 0


def test_time_in_which_others_had_the_processor_is_no_cost(clocks: Clocks) -> None:
    pace = pace_of(clocks)
    for _ in range(40):
        with pace.spending():
            clocks.work(2.0)
            clocks.sleep(50)
    assert pace.wait_ms() == 0


def test_however_dear_it_is_done_five_times_a_second(clocks: Clocks) -> None:
    pace = pace_of(clocks, 0.01)
    paint(pace, clocks, 100.0)
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

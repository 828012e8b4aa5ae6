"""Hints come from what is seen, one at a time, and only once they have held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.live.advice import Advisor, Topic, brightness, parts_cut_off
from realtime.skeleton import H36M17
from realtime.stream.ledger import Entry, Ledger, Snapshot
from realtime.types import Person, Result
from tests.drawing_people import AGES_MS, drawn_person, drawn_result

S = 1_000_000_000


def after(
    result: Result, seconds: float = 1.5, snapshot: Snapshot | None = None, live: bool = True
) -> Topic | None:
    """What is said once a result has been seen for so long."""
    advisor, advice = Advisor(), None
    for at_s in np.arange(0, seconds + 0.01, 0.1):
        frame = replace(result.frame, captured_ns=int((10 + at_s) * S))
        advice = advisor.look(replace(result, frame=frame), snapshot, 30.0, live)
    return advice.topic if advice is not None else None


def moved(
    dx_px: float, dy_px: float, unseen: bool = True, root_m: tuple[float, float, float] = (0, 0, 3)
) -> Person:
    """Someone whose joints lie elsewhere in the picture; those outside are not seen."""
    person = drawn_person(root_m=root_m)
    person.keypoints_px[:, :2] += (dx_px, dy_px)
    x, y = person.keypoints_px[:, 0], person.keypoints_px[:, 1]
    if unseen:
        person.keypoints_px[(x < 0) | (x > 639) | (y < 0) | (y > 479), 2] = 0
    return person


def test_all_well_is_silence() -> None:
    assert after(drawn_result((drawn_person(),))) is None


def test_no_one_in_view_is_said_after_a_second() -> None:
    assert after(drawn_result(), 0.8) is None
    assert after(drawn_result(), 1.2) is Topic.NO_PERSON


def test_darkness_is_why_no_one_is_seen() -> None:
    assert after(drawn_result(level=12)) is Topic.TOO_DARK
    assert after(drawn_result((drawn_person(),), level=12)) is Topic.TOO_DARK
    assert brightness(np.full((2, 2, 3), 7, np.uint8)) == 7


@pytest.mark.parametrize(
    ("dx", "dy", "parts"), [(0, 200, ["legs"]), (0, -230, ["head"]), (-320, 0, ["right arm"])]
)
def test_what_is_out_of_the_picture_is_named(dx: float, dy: float, parts: list[str]) -> None:
    person = moved(dx, dy)
    assert set(parts) <= set(parts_cut_off(person, 640, 480))
    assert after(drawn_result((person,))) is Topic.CUT_OFF


def test_joints_outside_that_are_surely_seen_are_not_cut_off() -> None:
    assert parts_cut_off(moved(0, 200, unseen=False), 640, 480) == []


def test_too_close_is_near_and_cut_off() -> None:
    near = moved(0, 250, root_m=(0, 0, 3))
    near = replace(near, pose=replace(near.pose, root_m=np.array([0, 0.3, 0.9], np.float32)))
    assert after(drawn_result((near,))) is Topic.TOO_CLOSE


def test_the_nearest_person_counts() -> None:
    cut = moved(0, 200)
    far = replace(cut, id=1, pose=replace(cut.pose, root_m=np.array([0, 0, 9], np.float32)))
    assert after(drawn_result((far, drawn_person()))) is None


def filled(interval_ms: float, pause_at: int | None = None) -> Snapshot:
    ledger = Ledger()
    at_ns = 0
    for n in range(60):
        at_ns += int((5000 if n == pause_at else interval_ms) * 1e6)
        ledger.add(Entry(n, at_ns - 10, at_ns, AGES_MS))
    return ledger.snapshot()


def test_a_slow_machine_is_told_what_would_help() -> None:
    result = drawn_result((drawn_person(),))
    assert after(result, snapshot=filled(80)) is Topic.SLOW
    assert after(result, snapshot=filled(33)) is None
    advisor = Advisor()
    for at_s in (10, 11.5):
        frame = replace(result.frame, captured_ns=int(at_s * S))
        advice = advisor.look(replace(result, frame=frame), filled(80), 30.0, True)
    assert advice is not None
    assert "12 of 30" in advice.title or "13 of 30" in advice.title
    assert "pictures are left out" in advice.hint
    assert "fewer people" in advice.hint


def test_a_pause_is_no_slowness() -> None:
    assert after(drawn_result((drawn_person(),)), snapshot=filled(33, pause_at=30)) is None


def test_a_hint_goes_half_a_second_after_its_reason() -> None:
    advisor = Advisor()

    def look(at_s: float, people: tuple[Person, ...]) -> bool:
        result = drawn_result(people, captured_ns=int(at_s * S))
        return advisor.look(result, None, 30.0, True) is not None

    assert [look(1, ()), look(2.1, ())] == [False, True]
    someone = (drawn_person(),)
    assert [look(2.2, someone), look(2.5, someone), look(2.8, someone)] == [True, True, False]
    look(3, ())
    look(4.2, ())
    advisor.clear()
    assert not look(4.3, ())


def test_missing_numbers_do_no_harm() -> None:
    person = drawn_person()
    person.keypoints_px[H36M17.index("head")] = np.nan
    person.pose.root_m[:] = np.nan
    assert after(drawn_result((person,))) in (None, Topic.CUT_OFF)

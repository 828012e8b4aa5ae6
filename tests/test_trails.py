"""Ways: as long as they are remembered, fading, and never across a gap."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.trails import LEFT_HAND, MEMORY_S, PELVIS, Trails
from tests.drawing_people import drawn_person


def walked(times_s: list[float], identity: int = 0) -> Trails:
    """Someone who walks one metre a second to the right."""
    trails = Trails()
    for at_s in times_s:
        trails.update((drawn_person(identity, (at_s, 0, 3)),), at_s)
    return trails


def test_the_pelvis_leaves_its_way_on_the_floor() -> None:
    way = walked([n / 10 for n in range(21)]).way(floor_m=0.9)
    pelvis = way.segments_m[way.place == PELVIS]
    assert len(pelvis) == 20
    np.testing.assert_allclose(pelvis[..., 1], 0.9)
    np.testing.assert_allclose(pelvis[:, 0, 0], np.arange(20) / 10, atol=1e-6)
    hand = way.segments_m[way.place == LEFT_HAND]
    assert (hand[..., 1] < 0.5).all()


def test_ways_fade_with_age_and_hands_sooner() -> None:
    way = walked([n / 10 for n in range(100)]).way(0.9)
    pelvis = way.strength[way.place == PELVIS]
    assert (np.diff(pelvis) > 0).all()
    assert pelvis.max() == pytest.approx(1)
    assert len(pelvis) == round(MEMORY_S[PELVIS] * 10)
    assert (way.place == LEFT_HAND).sum() == round(MEMORY_S[LEFT_HAND] * 10)


def test_there_are_at_most_twenty_pieces_a_second() -> None:
    way = walked([n / 60 for n in range(61)]).way(0.9)
    assert (way.place == PELVIS).sum() <= 20


def test_a_gap_is_not_bridged_and_a_jump_in_time_forgets() -> None:
    way = walked([0, 0.1, 0.2, 1.2, 1.3]).way(0.9)
    assert (way.place == PELVIS).sum() == 3
    assert len(walked([5.0, 5.1, 1.0]).way(0.9).place) == 0
    assert len(walked([0, 0.1, 99.0]).way(0.9).place) == 0


def test_people_have_their_own_ways_and_broken_numbers_none() -> None:
    trails = Trails()
    for at_s in (0.0, 0.1, 0.2):
        broken = drawn_person(5)
        broken.pose.relative_m[:] = np.nan
        trails.update((drawn_person(1), drawn_person(2, (1, 0, 4)), broken), at_s)
    assert set(trails.way(0.9).person.tolist()) == {1, 2}
    trails.clear()
    assert len(trails.way(0.9).segments_m) == 0

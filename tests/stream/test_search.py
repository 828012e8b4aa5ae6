from __future__ import annotations

from itertools import pairwise

import pytest

from realtime.stream.search import Search, squares
from realtime.types import Region
from tests.fakes import frame


def runs(anyone: bool, room: bool, frames: int = 90, fps: float = 30.0, every_s: float = 0.1) -> list[int]:
    search, out = Search(every_s), []
    for n in range(frames):
        if search.is_due(n / fps, anyone, room, lost_one=False):
            search.window(frame(n, 640, 480), None)
            out.append(n)
    return out


def test_an_empty_view_is_searched_in_every_frame() -> None:
    assert runs(anyone=False, room=True) == list(range(90))


def test_a_full_view_is_never_searched() -> None:
    assert runs(anyone=True, room=False) == []


def test_with_room_it_is_searched_eagerly_for_a_second_and_then_by_the_clock() -> None:
    at = runs(anyone=True, room=True)
    assert at[:30] == list(range(30))
    assert {b - a for a, b in pairwise(at[30:])} == {3}


def test_somebody_lost_is_looked_for_at_once() -> None:
    assert Search(0.1).is_due(0.0, anyone=True, room=False, lost_one=True)


def test_while_nobody_is_in_view_the_whole_frame_comes_every_third_time_and_the_squares_go_round() -> None:
    search = Search(0.1)
    windows = [search.window(frame(n, 640, 480), None) for n in range(90)]
    large, small = squares(640, 480)
    assert windows[:4] == [None, *large[:2], None]
    assert all(None in windows[n : n + 3] for n in range(88))
    assert set(windows) == {None, *large, *small}


def test_beside_somebody_followed_the_large_squares_without_them_come_first() -> None:
    search = Search(0.1)
    known = [Region(30, 200, 150, 0.0)]
    windows = [search.window(frame(n, 640, 480), None, known) for n in range(30)]
    large, small = squares(640, 480)
    assert windows[0] is None
    assert windows[1:4] == [*large[1:], large[0]]
    assert set(windows[4:6]) <= set(small)
    assert windows[6] is None
    assert set(windows) == {None, *large, *small}


def test_when_the_last_in_view_is_lost_all_of_the_frame_is_next() -> None:
    search = Search(0.1)
    known = [Region(30, 200, 150, 0.0)]
    assert None not in [search.window(frame(n, 640, 480), None, known) for n in range(3)][1:]
    assert search.is_due(0.1, anyone=False, room=True, lost_one=True)
    assert search.window(frame(3, 640, 480), None) is None


def test_who_is_missed_is_looked_for_where_they_should_be() -> None:
    search = Search(0.1)
    missed = Region(200, 100, 50, 0.2)
    windows = [search.window(frame(n, 640, 480), missed) for n in range(8)]
    near = [w for w in windows if w is not None and (w.cx_px, w.cy_px) == (200, 100)]
    assert len(near) == 4
    assert all(w.size_px > missed.size_px for w in near)


@pytest.mark.parametrize(
    ("width", "height"), [(640, 480), (1920, 1080), (1088, 1920), (300, 300), (480, 1280)]
)
def test_the_squares_cover_the_frame_and_somebody_at_its_edge(width: int, height: int) -> None:
    large, small = squares(width, height)
    for x in range(0, width, 7):
        for y in range(0, height, 7):
            assert any(max(abs(x - s.cx_px), abs(y - s.cy_px)) <= s.size_px / 2 for s in large)
    assert len(large + small) < 120

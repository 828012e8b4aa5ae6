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


def test_every_second_run_looks_closer_and_the_squares_go_round() -> None:
    search = Search(0.1)
    windows = [search.window(frame(n, 640, 480), None) for n in range(60)]
    assert windows[::2] == [None] * 30
    assert windows[1::2][: len(squares(640, 480))] == squares(640, 480)
    assert set(windows[1::2]) == set(squares(640, 480))


def test_who_is_missed_is_looked_for_where_they_should_be() -> None:
    search = Search(0.1)
    missed = Region(200, 100, 50, 0.2)
    windows = [search.window(frame(n, 640, 480), missed) for n in range(8)]
    near = [w for w in windows if w is not None and (w.cx_px, w.cy_px) == (200, 100)]
    assert len(near) == 2
    assert all(w.size_px > missed.size_px for w in near)


@pytest.mark.parametrize(
    ("width", "height"), [(640, 480), (1920, 1080), (1088, 1920), (300, 300), (480, 1280)]
)
def test_the_squares_cover_the_frame_and_somebody_at_its_edge(width: int, height: int) -> None:
    large = [s for s in squares(width, height) if s.size_px == min(width, height)]
    for x in range(0, width, 7):
        for y in range(0, height, 7):
            assert any(max(abs(x - s.cx_px), abs(y - s.cy_px)) <= s.size_px / 2 for s in large)
    assert len(squares(width, height)) < 120

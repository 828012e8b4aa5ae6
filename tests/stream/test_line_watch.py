"""When pictures are looked at for straight lines, and when what was found is given out."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.stream.line_watch import LineWatch, PlayedLines
from realtime.types import FloatArray, Frame

NOBODY = np.zeros((0, 4), np.float32)
FPS = 30


def striped(n: int, second: float | None = None) -> Frame:
    """A picture of two bars."""
    image = np.full((120, 160, 3), 220, np.uint8)
    cv2.rectangle(image, (30, 10), (50, 110), (20, 20, 20), -1)
    cv2.rectangle(image, (110, 20), (130, 100), (20, 20, 20), -1)
    return Frame(image, n, n, n / FPS if second is None else second)


def answered(watch: LineWatch, frames: int, boxes_px: FloatArray = NOBODY) -> dict[int, FloatArray]:
    """What a stream's frames were answered with, by index."""
    given = {n: watch.update(striped(n), boxes_px) for n in range(frames)}
    return {n: lines for n, lines in given.items() if lines is not None}


def test_the_first_picture_is_looked_at_at_once_and_later_ones_now_and_then() -> None:
    told: dict[int, FloatArray] = {}
    watch = LineWatch(told.__setitem__)
    given = answered(watch, 24 * FPS)
    watch.close()
    seconds = (0, 1, 3, 10, 20)
    assert list(given) == [0, *(s * FPS + 15 for s in seconds[1:])]
    assert all(len(lines) >= 4 and lines.shape[1] == 4 for lines in given.values())
    assert told.keys() == given.keys()
    np.testing.assert_array_equal(told[0], given[0])


def test_a_clock_that_began_long_ago_is_no_reason_to_look_more_often() -> None:
    watch = LineWatch()
    given = [n for n in range(90) if watch.update(striped(n, 5000 + n / FPS), NOBODY) is not None]
    watch.close()
    assert given == [0, FPS + 15]


def test_lines_on_people_are_left_out_as_they_stood_when_the_picture_was_taken() -> None:
    watch, there, gone = LineWatch(), np.array([(20, 0, 60, 120)], np.float32), NOBODY
    first = watch.update(striped(0), there)
    assert first is not None
    assert first[:, 0].min() > 60
    given = [watch.update(striped(n), there if n == FPS else gone) for n in range(FPS, FPS + 16)]
    watch.close()
    (later,) = [lines for lines in given if lines is not None]
    assert later[:, 0].min() > 60


def test_a_session_gives_its_lines_where_they_were_given() -> None:
    lines = {0: NOBODY, 45: np.ones((1, 4), np.float32), 105: np.ones((2, 4), np.float32)}
    played = PlayedLines(lines)
    given = {n: len(found) for n in range(120) if (found := played.update(striped(n), NOBODY)) is not None}
    assert given == {0: 0, 45: 1, 105: 2}
    late = PlayedLines(lines)
    begun = late.update(striped(80), NOBODY)
    assert begun is not None
    assert len(begun) == 1
    assert late.update(striped(81), NOBODY) is None
    played.close()

"""Which way is up, from straight lines: rooms that are drawn as lines, and as pictures."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.level import Level, level_of, outside, shrunk, straight_lines
from tests.drawing_rooms import doors, lines_of_room, turn

WIDE = Intrinsics.from_fov(75, 960, 720)
LENSES = {
    "wide": WIDE,
    "upright and narrow": Intrinsics.from_fov(45, 540, 960),
    "bent": Intrinsics(620, 620, 479.5, 359.5, 960, 720, (-0.25, 0.08, 0.001, -0.001, 0.0)),
}


def off_deg(level: Level, room: np.ndarray) -> float:
    return math.degrees(math.acos(min(1.0, float(level.up @ room[1]))))


@pytest.mark.parametrize("lens", LENSES)
def test_up_is_where_the_edges_of_the_room_point(lens: str) -> None:
    rng, off, unsaid = np.random.default_rng(3), [], 0
    for _ in range(30):
        room = turn(rng.uniform(-25, 25), rng.uniform(-15, 40), rng.uniform(0, 90))
        level = level_of(lines_of_room(rng, LENSES[lens], room), LENSES[lens])
        if level is None:
            unsaid += 1
            continue
        assert level.up.shape == (3,)
        assert np.linalg.norm(level.up) == pytest.approx(1, abs=1e-5)
        assert math.radians(0.5) < level.sigma_rad < math.radians(2.2)
        off.append(off_deg(level, room) / math.degrees(level.sigma_rad))
    assert unsaid <= 6
    assert max(off) < 2
    assert np.mean(np.array(off) < 1) > 0.8


def test_lines_that_run_anywhere_say_nothing() -> None:
    rng = np.random.default_rng(4)
    said = [level_of(lines_of_room(rng, WIDE, np.eye(3), 0, 60), WIDE) for _ in range(30)]
    assert sum(level is not None for level in said) <= 1


def test_a_level_floor_alone_says_nothing() -> None:
    rng, room = np.random.default_rng(5), turn(0, 20, 30)
    floor = np.stack([room[0], room[0], room[2]])
    said = [level_of(lines_of_room(rng, WIDE, floor, 60, 0), WIDE) for _ in range(10)]
    assert all(level is None or off_deg(level, room) < 3 for level in said)


def test_few_lines_say_nothing() -> None:
    lines = lines_of_room(np.random.default_rng(6), WIDE, turn(0, 10, 20))
    assert level_of(lines[:5], WIDE) is None
    assert level_of(np.zeros((0, 4), np.float32), WIDE) is None


def test_a_camera_on_its_side_is_not_taken_for_an_upright_one() -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):
        room = turn(rng.choice((-90.0, 90.0)), rng.uniform(0, 20), rng.uniform(10, 80))
        level = level_of(lines_of_room(rng, WIDE, room), WIDE)
        # Its up lies level in the picture, so that at best a level edge can be taken for an upright one.
        assert level is None or abs(math.degrees(math.atan2(level.up[0], -level.up[1]))) <= 30


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(("roll", "pitch"), [(0, 0), (12, 20), (-8, 10)])
def test_a_picture_of_doors_tells_the_tilt_at_any_resolution(times: int, roll: float, pitch: float) -> None:
    camera = Intrinsics.from_fov(70, 640, 480)
    room = turn(roll, pitch, 25)
    grey, shrink = shrunk(doors(camera, room, times))
    assert max(grey.shape) == 640
    assert shrink == pytest.approx(times)
    lines_px = straight_lines(grey, shrink)
    level = level_of(lines_px, camera.scaled_to(640 * times, 480 * times))
    assert level is not None
    assert off_deg(level, room) < 1.2
    length = np.hypot(*(lines_px[:, 2:] - lines_px[:, :2]).T)
    assert (np.diff(length) <= 1e-3).all()
    assert length.min() > 0.02 * 640 * times


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (48, 64)])
def test_a_picture_without_edges_has_no_lines(shape: tuple[int, int]) -> None:
    grey, times = shrunk(np.full((*shape, 3), 90, np.uint8))
    assert straight_lines(grey, times).shape == (0, 4)


def test_lines_on_people_are_left_out() -> None:
    lines_px = np.array([(0, 0, 10, 10), (40, 40, 60, 60), (45, 0, 45, 30)], np.float32)
    boxes_px = np.array([(30, 30, 70, 70), (200, 200, 210, 210)], np.float32)
    np.testing.assert_array_equal(outside(lines_px, boxes_px), lines_px[[0, 2]])
    np.testing.assert_array_equal(outside(lines_px, np.zeros((0, 4), np.float32)), lines_px)
    assert outside(lines_px[:0], boxes_px).shape == (0, 4)


def test_the_pictures_of_a_real_camera_that_stands_still_agree(shared_data: Path) -> None:
    """Rolled and looking down, in a room full of things (and people, who are not left out here)."""
    capture = cv2.VideoCapture(str(shared_data / "video" / "two_people.mp4"))
    said = []
    for index in range(0, 100, 25):
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        there, image = capture.read()
        assert there
        level = level_of(straight_lines(*shrunk(image)), Intrinsics.assumed(image.shape[1], image.shape[0]))
        assert level is not None
        said.append(level.up)
    apart = np.degrees(np.arccos(np.clip(np.array(said) @ said[0], -1, 1)))
    assert apart.max() < 1.5
    roll, down = np.degrees(np.arctan2(said[0][0], -said[0][1])), np.degrees(np.arcsin(-said[0][2]))
    assert 10 < roll < 16
    assert 20 < down < 27

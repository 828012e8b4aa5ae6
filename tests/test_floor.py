from __future__ import annotations

import math

import numpy as np
import pytest

from realtime.feet import ANKLE_HEIGHT_M, Point
from realtime.floor import FloorEstimator, Stance
from realtime.level import Level
from realtime.types import FloatArray, Floor

FPS = 30


def plane(pitch_deg: float, roll_deg: float) -> np.ndarray:
    """Unit vector towards the floor of a camera pitched down and rolled."""
    pitch, roll = math.radians(pitch_deg), math.radians(roll_deg)
    down = np.array([math.sin(roll), math.cos(roll) * math.cos(pitch), math.cos(roll) * math.sin(pitch)])
    return down / np.linalg.norm(down)


def on_floor(down: np.ndarray, height_m: float, across_m: float, ahead_m: float) -> np.ndarray:
    """An ankle over a place on the floor."""
    right = np.cross(down, (0, 0, 1))
    right /= np.linalg.norm(right)
    ahead = np.cross(right, down)
    return down * (height_m - ANKLE_HEIGHT_M) + across_m * right + ahead_m * ahead


def walked(
    down: np.ndarray,
    height_m: float,
    seconds: float,
    fps: float = FPS,
    noise_m: float = 0.0,
    up: FloatArray | None = None,
) -> tuple[FloorEstimator, Floor | None]:
    """Somebody stands upright at one place after another, a second each."""
    floor, rng = FloorEstimator(up=up), np.random.default_rng(2)
    for n in range(int(seconds * fps)):
        place = int(n / fps)
        at = on_floor(down, height_m, (place % 3 - 1) * 0.8, 2.5 + 0.7 * (place % 4))
        at = at * (1 + rng.normal(0, noise_m / 4))
        ankle: Point = tuple(at.tolist())
        neck: Point = tuple((at - 1.35 * down).tolist())
        floor.advance(1 / fps)
        floor.see(Stance((ankle, ankle), (True, True), neck, 0.1, 1 / fps))
    return floor, floor.floor()


@pytest.mark.parametrize(
    ("pitch", "roll", "height"), [(0, 0, 1.0), (12, 2, 1.6), (-8, -3, 0.6), (25, 0, 2.4)]
)
def test_the_floor_is_where_feet_stand(pitch: float, roll: float, height: float) -> None:
    down = plane(pitch, roll)
    _, found = walked(down, height, 20)
    assert found is not None
    assert math.degrees(math.acos(min(1.0, float(-found.up @ down)))) < 2.5
    assert found.camera_height_m == pytest.approx(height, abs=0.08)
    at = on_floor(down, height, 0.3, 3.5).astype(np.float32)
    assert float(found.height_m(at)) == pytest.approx(ANKLE_HEIGHT_M, abs=0.04)
    assert float(found.height_m(at - down.astype(np.float32))) == pytest.approx(1 + ANKLE_HEIGHT_M, abs=0.05)


def test_noise_is_within_the_sigma_that_is_told() -> None:
    down = plane(10, 1)
    _, found = walked(down, 1.5, 20, noise_m=0.15)
    assert found is not None
    assert found.sigma_m < 0.1
    at = on_floor(down, 1.5, 0.0, 3.5).astype(np.float32)
    assert abs(float(found.height_m(at)) - ANKLE_HEIGHT_M) < 3 * found.sigma_m


def test_frames_more_often_tell_no_more() -> None:
    down = plane(10, 1)
    (_, slow), (_, fast) = walked(down, 1.5, 6, 15), walked(down, 1.5, 6, 60)
    assert slow is not None
    assert fast is not None
    assert fast.sigma_m == pytest.approx(slow.sigma_m, rel=0.1)
    np.testing.assert_allclose(fast.up, slow.up, atol=0.01)


def test_a_tilt_that_is_said_is_kept_to_and_the_height_is_learnt() -> None:
    down = plane(15, 2)
    (_, told), (_, alone) = walked(down, 1.5, 1, up=(-down).astype(np.float32)), walked(down, 1.5, 1)
    assert told is not None
    assert told.camera_height_m == pytest.approx(1.5, abs=0.08)
    np.testing.assert_allclose(told.up, -down, atol=0.01)
    assert alone is None or np.linalg.norm(alone.up + down) > np.linalg.norm(told.up + down)


def test_nothing_is_known_before_somebody_stood() -> None:
    floor = FloorEstimator()
    assert floor.floor() is None
    at: Point = (0.0, 1.0, 3.0)
    for _ in range(60):
        floor.see(Stance((at, at), (False, False), (0.0, -0.3, 3.0), 0.1, 1 / FPS))
    assert floor.floor() is None


def test_one_odd_foot_hardly_moves_the_floor() -> None:
    down = plane(10, 0)
    floor, before = walked(down, 1.5, 10)
    assert before is not None
    odd: Point = (0.0, 0.4, 3.0)
    floor.see(Stance((odd, odd), (True, False), odd, 0.1, 1 / FPS))
    after = floor.floor()
    assert after is not None
    assert after.camera_height_m == pytest.approx(before.camera_height_m, abs=0.01)


def test_a_camera_that_was_moved_is_learnt_anew() -> None:
    floor, _ = walked(plane(10, 0), 1.2, 10)
    down = plane(10, 0)
    for n in range(20 * FPS):
        at = on_floor(down, 2.4, (n // FPS % 3 - 1) * 0.8, 2.5 + 0.7 * (n // FPS % 4))
        ankle: Point = tuple(at.tolist())
        floor.advance(1 / FPS)
        floor.see(Stance((ankle, ankle), (True, True), tuple((at - 1.35 * down).tolist()), 0.1, 1 / FPS))
    found = floor.floor()
    assert found is not None
    assert found.camera_height_m == pytest.approx(2.4, abs=0.15)


def level(pitch_deg: float, roll_deg: float, sigma_deg: float = 1.0) -> Level:
    return Level((-plane(pitch_deg, roll_deg)).astype(np.float32), math.radians(sigma_deg))


def off_deg(floor: FloorEstimator, pitch_deg: float, roll_deg: float) -> float:
    return math.degrees(math.acos(min(1.0, float(np.array(floor.down) @ plane(pitch_deg, roll_deg)))))


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (25, 13), (-12, -9), (40, 0)])
def test_the_lines_of_the_room_tell_the_tilt_at_once(pitch: float, roll: float) -> None:
    floor = FloorEstimator()
    assert not floor.is_level_known
    floor.see_level(level(pitch, roll))
    assert floor.is_level_known
    assert off_deg(floor, pitch, roll) < 0.5
    assert math.degrees(floor.tilt_sigma) == pytest.approx(1.0, abs=0.1)


def test_the_same_lines_over_and_over_make_nothing_surer() -> None:
    floor = FloorEstimator()
    for _ in range(20):
        floor.see_level(level(20, 5, sigma_deg=2.0))
        floor.advance(1.0)
    assert math.degrees(floor.tilt_sigma) > 1.9


def test_who_stands_learns_the_height_with_the_tilt_of_the_lines() -> None:
    down = plane(20, 12)
    floor, _ = walked(down, 1.8, 0)
    floor.see_level(level(20, 12))
    for n in range(60):
        ankle: Point = tuple(on_floor(down, 1.8, 0.3 * (n % 3), 3.0).tolist())
        floor.advance(1 / FPS)
        floor.see(Stance((ankle, ankle), (True, True), (0.0, 0.0, 3.0), 0.1, 1 / FPS))
    found = floor.floor()
    assert found is not None
    assert found.camera_height_m == pytest.approx(1.8, abs=0.08)
    assert off_deg(floor, 20, 12) < 1


def test_a_camera_that_was_moved_is_believed_the_second_time() -> None:
    floor = FloorEstimator()
    floor.see_level(level(5, 0))
    floor.see_level(level(30, 10))
    assert off_deg(floor, 5, 0) < 0.5
    floor.see_level(level(30, 10))
    assert off_deg(floor, 30, 10) < 0.5


def test_two_odd_looks_that_deny_each_other_move_nothing() -> None:
    floor = FloorEstimator()
    for pitch, roll in ((5, 0), (40, 10), (-20, -10), (5, 0), (40, 10)):
        floor.see_level(level(pitch, roll))
        assert off_deg(floor, 5, 0) < 0.5


def test_lines_go_before_a_tilt_that_was_learnt_of_people_far_off() -> None:
    floor, _ = walked(plane(2, 0), 1.5, 20)
    floor.see_level(level(35, 10))
    assert off_deg(floor, 35, 10) < 0.5


def test_what_feet_deny_is_learnt_anew_from_the_lines() -> None:
    floor = FloorEstimator()
    floor.see_level(level(10, 3))
    floor.reset()
    assert floor.is_level_known
    assert off_deg(floor, 10, 3) < 0.5


def test_with_the_height_said_lines_make_the_floor_known() -> None:
    floor = FloorEstimator(camera_height_m=1.7)
    assert floor.floor() is None
    seen = level(20, 8)
    floor.see_level(seen)
    found = floor.floor()
    assert found is not None
    np.testing.assert_allclose(found.up, seen.up)
    assert found.camera_height_m == 1.7
    assert found.tilt_sigma == pytest.approx(seen.sigma_rad)
    floor.see_level(level(20.5, 8))
    assert floor.floor() is found
    for _ in range(2):
        floor.see_level(level(40, -10))
    moved = floor.floor()
    assert moved is not None
    np.testing.assert_allclose(moved.up, -plane(40, -10), atol=1e-6)


def test_with_the_height_said_and_no_lines_feet_learn_the_tilt() -> None:
    down = plane(15, 2)
    floor = FloorEstimator(camera_height_m=1.5)
    for n in range(240):
        ankle: Point = tuple(on_floor(down, 1.5, 0.5 * (n // 30 % 3 - 1), 2.5 + 0.4 * (n // 60)).tolist())
        floor.advance(1 / FPS)
        floor.see(Stance((ankle, ankle), (True, True), (0.0, 0.0, 3.0), 0.1, 1 / FPS))
    assert floor.known is None
    found = floor.floor()
    assert found is not None
    assert found.camera_height_m == pytest.approx(1.5, abs=0.03)
    assert off_deg(floor, 15, 2) < 1.5


def test_a_tilt_that_is_said_goes_before_lines() -> None:
    said = FloorEstimator(up=(-plane(15, 0)).astype(np.float32))
    said.see_level(level(0, 10))
    assert off_deg(said, 15, 0) < 0.05
    known = FloorEstimator(known=Floor((-plane(15, 0)).astype(np.float32), 1.5, 0.02))
    known.see_level(level(0, 10))
    assert off_deg(known, 15, 0) < 0.05

"""The focal length from a walker, on walkers whose camera is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.focal import TELLING, FocalEstimate, Walk, focal_from_walk
from calibration.walk import report
from realtime.camera import Intrinsics
from realtime.skeleton import H36M17

WIDTH, HEIGHT = 640, 480
HEIGHTS_M = {"l_ankle": 0.08, "r_ankle": 0.08, "pelvis": 0.95, "thorax": 1.35, "neck": 1.5, "head": 1.62}


def walker(
    fov_deg: float,
    tilt_deg: float,
    noise_m: float = 0.02,
    lean: float = 0.0,
    frames: int = 120,
    seed: int = 0,
) -> Walk:
    """An upright figure that walks away in a curve before a camera 2.4 m up that looks down by `tilt_deg`."""
    rng = np.random.default_rng(seed)
    tilt = math.radians(tilt_deg)
    up = np.array([0.0, -math.cos(tilt), -math.sin(tilt)])
    ahead = np.array([0.0, -math.sin(tilt), math.cos(tilt)])
    right = np.array([1.0, 0.0, 0.0])
    time = np.linspace(0, 1, frames)[:, None]
    feet = -2.4 * up + (3.0 + 4.0 * time) * ahead + np.sin(4 * time) * right
    onward = np.gradient(feet, axis=0)
    onward /= np.linalg.norm(onward, axis=1, keepdims=True)
    camera = Intrinsics.from_fov(fov_deg, WIDTH, HEIGHT)
    points = np.zeros((frames, 17, 3), np.float32)
    for name, height_m in HEIGHTS_M.items():
        joint_m = feet + height_m * (up + lean * onward) + noise_m * rng.normal(size=(frames, 3))
        points[:, H36M17.index(name), :2] = camera.project(joint_m.astype(np.float32))
        points[:, H36M17.index(name), 2] = 1
    return Walk(points, WIDTH, HEIGHT)


@pytest.mark.parametrize("fov_deg", [45.0, 60.0, 80.0])
@pytest.mark.parametrize("lean", [0.0, 0.08])
def test_a_camera_that_looks_down_is_found(fov_deg: float, lean: float) -> None:
    found = focal_from_walk(walker(fov_deg, 25, lean=lean))
    true = Intrinsics.from_fov(fov_deg, WIDTH, HEIGHT).fx
    assert abs(math.log(found.focal_px / true)) < max(0.1, 2 * found.log_sigma)
    assert found.log_sigma < found.prior_log_sigma
    assert found.tells > 0.2
    assert math.degrees(found.tilt_rad) == pytest.approx(25, abs=5)


def test_a_level_camera_tells_nothing_and_says_so() -> None:
    found = focal_from_walk(walker(80, 0))
    assert found.log_sigma > TELLING
    assert found.tells < 0.2
    assert "too unsure" in report(found)[-1]


def test_a_report_names_the_option_to_use() -> None:
    focal_px = Intrinsics.from_fov(70, WIDTH, HEIGHT).fx
    sure = FocalEstimate(focal_px, 0.1, 0.35, math.radians(-20), 0.03, 300, WIDTH, HEIGHT)
    lines = report(sure)
    assert lines[0].startswith("field of view 70 degrees (65 to 75, one standard deviation), from 300 frames")
    assert lines[0].endswith("looks 20 degrees up")
    assert lines[-1] == "use it: --fov 70"
    assert sure.tells == pytest.approx(1 - 0.1 / 0.35)
    assert sure.usable


def test_who_does_not_walk_upright_is_not_believed() -> None:
    walk = walker(60, 25)
    sway = 0.25 * np.linalg.norm(walk.keypoints_px[:, H36M17.index("head"), :2], axis=1)
    walk.keypoints_px[::3, H36M17.index("head"), 0] += sway[::3]
    walk.keypoints_px[::3, H36M17.index("thorax"), 1] += sway[::3]
    found = focal_from_walk(walk)
    assert not found.usable
    assert "no upright figure" in report(found)[-1]


@pytest.mark.parametrize("hidden", ["l_ankle", "head"])
def test_who_is_not_seen_whole_is_not_measured(hidden: str) -> None:
    walk = walker(60, 20)
    walk.keypoints_px[10:, H36M17.index(hidden), 2] = 0.1
    with pytest.raises(CalibrationError, match=r"10 frames show a whole person, at least 30"):
        focal_from_walk(walk)


def test_feet_at_the_rim_do_not_count() -> None:
    walk = walker(60, 20)
    walk.keypoints_px[:, H36M17.index("l_ankle"), 1] = HEIGHT + 5
    with pytest.raises(CalibrationError, match="from head to feet"):
        focal_from_walk(walk)


def test_nobody_at_all_is_said() -> None:
    with pytest.raises(CalibrationError):
        focal_from_walk(Walk(np.zeros((0, 17, 3), np.float32), WIDTH, HEIGHT))


def test_outliers_do_not_carry_it_away() -> None:
    walk = walker(60, 25)
    rng = np.random.default_rng(1)
    for frame in rng.choice(120, 10, replace=False):
        walk.keypoints_px[frame, :, :2] += rng.normal(0, 40, (17, 2)).astype(np.float32)
    found = focal_from_walk(walk)
    true = Intrinsics.from_fov(60, WIDTH, HEIGHT).fx
    assert abs(math.log(found.focal_px / true)) < 0.2

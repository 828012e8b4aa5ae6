"""The focal length from a room's edges, in rooms whose camera is known."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from calibration.cli import cli
from calibration.errors import CalibrationError
from calibration.focal import TELLING, FocalEstimate, focal_of_lines
from calibration.room import report
from realtime.camera import Intrinsics
from realtime.types import FloatArray
from tests.drawing_rooms import doors, lines_of_room, turn

WIDTH, HEIGHT = 960, 720


def rooms(fov_deg: float, pitch: float, yaw: float, seed: int, pictures: int = 2) -> list[FloatArray]:
    """Edges that a still camera of this field of view sees in a room, in a few pictures."""
    rng, camera = np.random.default_rng(seed), Intrinsics.from_fov(fov_deg, WIDTH, HEIGHT)
    room = turn(rng.uniform(-5, 5), pitch, yaw)
    return [lines_of_room(rng, camera, room, 80, 20) for _ in range(pictures)]


def log_ratio(found: FocalEstimate, fov_deg: float) -> float:
    return math.log(found.focal_px / Intrinsics.from_fov(fov_deg, WIDTH, HEIGHT).fx)


@pytest.mark.parametrize("fov_deg", [45.0, 60.0, 80.0])
@pytest.mark.parametrize("yaw", [30, 50])
def test_a_corner_of_a_room_tells_the_focal_length(fov_deg: float, yaw: float) -> None:
    for seed in range(3):
        found = focal_of_lines(rooms(fov_deg, 12, yaw, seed), WIDTH, HEIGHT)
        assert found.usable
        assert abs(log_ratio(found, fov_deg)) < max(0.05, 2 * found.log_sigma)
        assert found.fov_deg == pytest.approx(fov_deg, abs=6)


def test_lines_that_run_anywhere_leave_what_is_usual_and_say_so() -> None:
    rng, camera = np.random.default_rng(3), Intrinsics.from_fov(90, WIDTH, HEIGHT)
    found = focal_of_lines([lines_of_room(rng, camera, np.eye(3), 0, 30)], WIDTH, HEIGHT)
    assert not found.usable
    assert 45 < found.fov_deg < 78
    assert "too unsure" in report(found)[1]


def test_nothing_to_be_seen_is_an_error_that_says_what_to_show() -> None:
    for pictures in ([], [np.zeros((0, 4), np.float32)]):
        with pytest.raises(CalibrationError, match="show walls, doors"):
            focal_of_lines(pictures, WIDTH, HEIGHT)


def test_the_report_says_how_sure_it_is_and_what_to_type() -> None:
    focal_px = Intrinsics.from_fov(70, WIDTH, HEIGHT).fx
    sure, unsure = (
        report(FocalEstimate(focal_px, sigma, 3, WIDTH, HEIGHT)) for sigma in (0.05, 1.1 * TELLING)
    )
    assert (
        sure[0] == "field of view 70 degrees (67 to 73, one standard deviation), from the lines of 3 pictures"
    )
    assert sure[1].startswith("use it: --fov 70")
    assert "use it" not in unsure[1]


def test_the_command_looks_at_pictures_and_names_the_field_of_view(tmp_path: Path) -> None:
    camera, room = Intrinsics.from_fov(75, WIDTH, HEIGHT), turn(2, 12, 35)
    # A second wall, at right angles to the first.
    other = np.stack([-room[2], room[1], room[0]])
    picture = np.minimum(doors(camera, room), doors(camera, other))
    cv2.imwrite(str(tmp_path / "0.png"), picture)
    ran = CliRunner().invoke(cli, ["focal", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    assert "from the lines of 1 picture" in ran.output
    assert "use it: --fov 7" in ran.output

"""Where the floor is: exact planes, and pictures of boards that lie on one."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from calibration.ground import fit_floor
from calibration.views import View
from realtime.floor_files import floor_under, load_floor
from realtime.types import Array, Floor
from tests.calibration.rendered import BOARD, CAMERA, SMALL, picture
from tests.calibration.test_cli import BOARD_WORDS, calibrate, refused


def lying(floor: Floor, across_m: float, ahead_m: float, turn_deg: float = 20.0) -> tuple[Array, Array]:
    """The pose (rotation, place of its middle) of a board on a floor, so far right of the camera and
    ahead."""
    up = floor.up.astype(np.float64)
    ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, up)
    right = right if right[0] > 0 else -right
    turn = math.radians(turn_deg)
    x = math.cos(turn) * right - math.sin(turn) * ahead
    # The board's z points away from whoever sees it: into the floor.
    axes = np.array([x, np.cross(-up, x), -up]).T
    return axes, across_m * right + ahead_m * ahead - floor.camera_height_m * up


def view(floor: Floor, across_m: float, ahead_m: float, noise_px: float, seed: int) -> View:
    axes, middle = lying(floor, across_m, ahead_m)
    corners_m = ((BOARD.corners_m - BOARD.centre_m) @ axes.T + middle).astype(np.float32)
    noise = np.random.default_rng(seed).normal(0, noise_px, (len(corners_m), 2))
    return View(f"view {seed}", (CAMERA.project(corners_m) + noise).astype(np.float32), BOARD.corners_m)


def tilt_deg(one: Floor, other: Floor) -> float:
    return math.degrees(math.acos(min(1.0, float(one.up.astype(np.float64) @ other.up.astype(np.float64)))))


floors = st.builds(floor_under, st.floats(0.4, 2.5), st.floats(5, 45))


@settings(max_examples=25, deadline=None)
@given(floors, st.floats(-0.3, 0.3), st.floats(1.0, 2.5))
def test_exact_corners_give_the_exact_floor(floor: Floor, across_m: float, ahead_m: float) -> None:
    found = fit_floor(
        CAMERA, [view(floor, across_m, ahead_m, 0.0, 0), view(floor, -across_m, ahead_m + 1, 0.0, 1)]
    )
    assert tilt_deg(found.floor, floor) < 0.05
    assert found.floor.camera_height_m == pytest.approx(floor.camera_height_m, abs=0.002)
    assert found.rms_px < 0.01


def test_errors_are_as_large_as_is_said_and_more_places_help() -> None:
    floor = floor_under(1.4, 20.0)
    sigmas = []
    for places in (1, 6):
        odd = []
        for seed in range(12):
            at = [(0.5 * (n % 3 - 1), 1.6 + 0.35 * n) for n in range(places)]
            found = fit_floor(CAMERA, [view(floor, *a, 0.5, 50 * seed + n) for n, a in enumerate(at)]).floor
            odd.append(tilt_deg(found, floor) / math.degrees(found.tilt_sigma))
            at_4_m = -1.4 * floor.up.astype(np.float64) + 3.75 * np.cross(floor.up, (-1, 0, 0))
            off_m = abs(float(found.height_m(at_4_m.astype(np.float32))))
            assert off_m < 3.5 * found.sigma_at_m(4.0)
        assert np.mean(np.array(odd) < 2) > 0.8
        sigmas.append(found.tilt_sigma)
    assert sigmas[1] < 0.5 * sigmas[0]


def test_a_board_overhead_is_refused() -> None:
    above = Floor(np.array([0.0, 0.9, -math.sqrt(0.19)], np.float32), 1.2, 0.0)
    with pytest.raises(CalibrationError, match="must lie on the floor"):
        fit_floor(CAMERA, [view(above, 0.0, 1.5, 0.0, 0)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of a board at two places of a floor 0.5 m under a camera that looks down by 25 degrees."""
    folder = tmp_path_factory.mktemp("floor")
    for n, at in enumerate([(-0.15, 0.8), (0.2, 0.95)]):
        cv2.imwrite(str(folder / f"{n}.png"), picture(BOARD, lying(floor_under(0.5, 25.0), *at)))
    SMALL.save(folder / "camera.yaml")
    return folder


def test_photos_become_a_floor_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["floor", *BOARD_WORDS, "-o", tmp_path / "floor.yaml"]
    assert calibrate(*words, "--source", folder / "0.png", "--fov", 60) == 0
    said = capsys.readouterr().out
    assert "at one place" in said
    assert "not calibrated" in said
    assert calibrate(*words, "--source", folder, "--intrinsics", folder / "camera.yaml") == 0
    assert "at 2 places" in capsys.readouterr().out
    found, true = load_floor(tmp_path / "floor.yaml"), floor_under(0.5, 25.0)
    assert tilt_deg(found, true) < 1.0
    assert found.camera_height_m == pytest.approx(0.5, abs=0.01)


def test_a_missing_board_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.full((90, 160, 3), 128, np.uint8))
    words = ["floor", "--source", empty, "--fov", 60, "-o", tmp_path / "x.yaml", *BOARD_WORDS]
    code, said = refused(capsys, *words)
    assert (code, "flat on the floor" in said) == (1, True)

"""Finding boards in pictures of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.board import Board, parse_size
from calibration.detect import Finder, Miss, Sighting
from calibration.sharpness import BLURRED, blur
from realtime.errors import UsageError
from tests.calibration.rendered import BOARD, picture, placed, poses
from tests.calibration.rendered import SMALL as CAMERA

POSE = poses(5)[4]
CHARUCO = Board(8, 5, 0.03, "charuco", 0.0225)


def found(finder: Finder, image: np.ndarray) -> Sighting:
    seen = finder.find(image)
    assert isinstance(seen, Sighting), seen
    return seen


def test_checkerboard_corners_are_where_they_are() -> None:
    seen = found(Finder(BOARD), picture(BOARD, POSE))
    true = CAMERA.project(placed(BOARD, POSE).astype(np.float32))
    miss = np.linalg.norm(seen.corners_px[:, None] - true[None], axis=2).min(axis=1)
    assert np.median(miss) < 0.15  # the drawn sheet itself is exact to an eighth of a millimetre
    assert miss.max() < 0.5


def test_either_order_of_the_numbers_is_the_same_board() -> None:
    turned = found(Finder(BOARD.transposed()), picture(BOARD, POSE))
    assert len(turned.corners_px) == 54


@pytest.mark.parametrize("layout", ["charuco", "charuco-classic"])
@pytest.mark.parametrize("turned", [False, True])
def test_both_charuco_layouts_are_told_apart(layout: str, turned: bool) -> None:
    board = replace(CHARUCO, layout=layout)
    image = picture(board, POSE)
    finder = Finder(CHARUCO.transposed() if turned else CHARUCO, any_layout=True)
    seen = found(finder, image)
    assert (finder.board.cols, finder.board.rows, finder.board.layout) == (8, 5, layout)
    true = CAMERA.project(placed(board, POSE).astype(np.float32))[seen.ids]
    miss = np.linalg.norm(seen.corners_px - true, axis=1)
    assert np.median(miss) < 0.25
    assert miss.max() < 1.5


def test_the_wrong_charuco_layout_is_said() -> None:
    missed = Finder(CHARUCO).find(picture(replace(CHARUCO, layout="charuco-classic"), POSE))
    assert isinstance(missed, Miss)
    assert "--layout" in missed.reason


@pytest.mark.parametrize("size", [(8, 6), (7, 5), (10, 6), (11, 8)])
def test_the_true_size_of_another_board_is_told(size: tuple[int, int]) -> None:
    missed = Finder(Board(*size, 0.03)).find(picture(BOARD, POSE))
    assert isinstance(missed, Miss)
    assert missed.other is not None
    assert sorted(missed.other) == [6, 9]


def test_nothing_and_blur_are_told_apart() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (360, 480, 3)).astype(np.uint8)
    assert Finder(BOARD).find(noise) == Miss("no board found")
    soft = np.asarray(cv2.blur(picture(BOARD, POSE), (61, 61)), np.uint8)
    missed = Finder(BOARD).find(soft)
    assert isinstance(missed, Miss)
    assert "blurred" in missed.reason


def test_blur_grows_with_blur() -> None:
    gray = np.asarray(cv2.cvtColor(picture(BOARD, POSE), cv2.COLOR_BGR2GRAY), np.uint8)
    soft = [blur(np.asarray(cv2.blur(gray, (k, k)), np.uint8)) for k in (1, 3, 5, 9)]
    assert soft == sorted(soft)
    assert soft[0] < BLURRED < soft[-1]


def test_a_glance_sees_about_the_same() -> None:
    image = picture(BOARD, POSE)
    glance, seen = Finder(BOARD).glance(image), found(Finder(BOARD), image)
    assert glance is not None
    assert np.linalg.norm(glance.corners_px.mean(axis=0) - seen.corners_px.mean(axis=0)) < 2


@pytest.mark.parametrize("text", ["", "9", "9x", "axb", "9x6x3", "-9x6", "9.5x6"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="9x6"):
        parse_size(text)


@pytest.mark.parametrize("change", [{"cols": 1}, {"rows": 99}, {"square_m": 0}, {"square_m": 7}])
def test_impossible_boards_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        replace(BOARD, **change)


@pytest.mark.parametrize("change", [{"marker_m": 0.03}, {"dictionary": "9X9"}, {"cols": 30, "rows": 30}])
def test_impossible_markers_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        replace(CHARUCO, **change)


@pytest.mark.parametrize("camera", ["cam01", "cam02"])
def test_the_shared_photos_are_read_in_disorder_never(camera: str, shared_data: Path) -> None:
    path = shared_data / "calibration" / camera / "03.jpg"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    seen = found(Finder(Board(7, 4, 0.06)), np.asarray(cv2.imread(str(path)), np.uint8))
    where = Board(7, 4, 0.06).corners_m[:, :2].astype(np.float64)
    plane, _ = cv2.findHomography(where, seen.corners_px.astype(np.float64))
    back = cv2.perspectiveTransform(where[:, None], plane)[:, 0]
    assert np.abs(back - seen.corners_px).max() < 3

from __future__ import annotations

import math

import numpy as np
import pytest

from realtime.types import Boxes, Frame, Keypoints2D, Pose3D, Region


def test_a_frame_is_a_colour_image() -> None:
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 0, 1, 0.0)
    assert (frame.width, frame.height) == (64, 48)
    with pytest.raises(ValueError, match=r"Frame.image must be uint8 \('any', 'any', 3\)"):
        Frame(np.zeros((48, 64), np.uint8), 0, 1, 0.0)


def test_shapes_and_types_are_checked() -> None:
    with pytest.raises(ValueError, match="relative_m"):
        Pose3D(np.zeros((16, 3), np.float32), np.zeros(3, np.float32), 0.1)
    with pytest.raises(ValueError, match="float64"):
        Pose3D(np.zeros((17, 3)), np.zeros(3, np.float32), 0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="confidence"):
        Pose3D(np.zeros((17, 3), np.float32), np.zeros(3, np.float32), 0.1, np.ones(16, np.float32))
    with pytest.raises(ValueError, match="score"):
        Keypoints2D(np.zeros((5, 2), np.float32), np.zeros(4, np.float32), np.zeros(5, np.float32), 1.0)
    with pytest.raises(ValueError, match="xyxy_px"):
        Boxes(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), ())


def test_no_boxes_is_an_empty_array() -> None:
    assert len(Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())) == 0


def test_absolute_adds_the_root() -> None:
    pose = Pose3D(np.ones((17, 3), np.float32), np.array([1, 2, 3], np.float32), 0.1)
    np.testing.assert_array_equal(pose.absolute_m[5], [2, 3, 4])


def test_a_region_turns_clockwise_on_screen() -> None:
    corners = Region(10, 20, 4, math.pi / 2).corners_px()
    np.testing.assert_allclose(corners[0], (12, 18), atol=1e-5)  # top-left goes to the top-right
    np.testing.assert_allclose(corners.mean(axis=0), (10, 20), atol=1e-5)

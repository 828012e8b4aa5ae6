"""Measures on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.camera import Intrinsics
from tests.fakes import standing_pose
from training.images.metrics import average_precision, back_projected, joint_measures, pose_error_mm

A, B, FAR = [0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9], [0.0, 0.6, 0.2, 0.9]


def boxes(*each: list[float]) -> np.ndarray:
    return np.array(each, np.float32).reshape(-1, 4)


def scores(*each: float) -> np.ndarray:
    return np.array(each, np.float32)


def test_all_found_and_nothing_else_is_one() -> None:
    found = [(boxes(A, B), scores(0.9, 0.8)), (boxes(A), scores(0.7))]
    assert average_precision(found, [boxes(A, B), boxes(A)], [scores(1, 1), scores(1)]) == pytest.approx(1)


def test_a_stray_above_costs_and_one_below_does_not() -> None:
    truth, shown = [boxes(A, B)], [scores(1, 1)]
    below = average_precision([(boxes(A, B, FAR), scores(0.9, 0.8, 0.1))], truth, shown)
    above = average_precision([(boxes(A, B, FAR), scores(0.7, 0.6, 0.9))], truth, shown)
    assert below == pytest.approx(1)
    # Precision is 1/2 at the first, 2/3 at the second: made monotonic, 2/3 throughout.
    assert above == pytest.approx(2 / 3)


def test_finding_somebody_twice_is_a_stray() -> None:
    found = [(boxes(A, A, B), scores(0.9, 0.8, 0.7))]
    assert average_precision(found, [boxes(A, B)], [scores(1, 1)]) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_somebody_hardly_seen_counts_for_nothing_either_way() -> None:
    shown = [scores(1, 0.1)]
    for found in ([(boxes(B, A), scores(0.9, 0.8))], [(boxes(A), scores(0.8))]):
        assert average_precision(found, [boxes(A, B)], shown) == pytest.approx(1)


def test_half_found_is_half() -> None:
    assert average_precision([(boxes(A), scores(1))], [boxes(A, B)], [scores(1, 1)]) == pytest.approx(0.5)
    assert average_precision([(boxes(), scores())], [boxes(A)], [scores(1)]) == 0
    assert np.isnan(average_precision([(boxes(), scores())], [boxes()], [scores()]))


def test_pckh_by_both_segments() -> None:
    truth, said = np.zeros((1, 17, 2), np.float32), np.zeros((1, 17, 2), np.float32)
    said[0, 0, 0], said[0, 1, 0], said[0, 2, 0] = 0.04, 0.09, 0.2
    counted = np.zeros((1, 17), bool)
    counted[0, :4] = True
    measured = joint_measures(said, truth, counted, np.array([0.1], np.float32))
    assert measured["pckh"] == pytest.approx(0.5)
    assert measured["pckh_crown"] == pytest.approx(0.75)
    assert measured["distance"] == pytest.approx(0.33 / 4)
    assert np.isnan(joint_measures(said, truth, counted & False, np.ones(1))["pckh"])


def test_exact_pixels_and_depths_are_the_exact_pose_through_any_lens() -> None:
    cameras = (
        Intrinsics.from_fov(70, 640, 480, "calibrated"),
        Intrinsics(500, 500, 300, 200, 640, 480, (-0.2, 0.05, 0.0, 0.0, 0.0)),
    )
    places_m = np.float32([[[0.2, 0.1, 3.0]], [[-0.3, 0.0, 2.5]]])
    pose_m = standing_pose()[None] + places_m
    points_px = np.stack([c.project(p) for c, p in zip(cameras, pose_m, strict=True)])
    depth_m = pose_m[..., 2] - pose_m[:, :1, 2]
    found = back_projected(points_px, depth_m, pose_m[:, 0, 2], cameras)
    assert pose_error_mm(found, pose_m).max() < 0.1
    assert pose_error_mm(found * 1.1, pose_m).min() > 30

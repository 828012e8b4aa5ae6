"""The report of errors: sizes, offsets in the body's axes, and which size errors scale with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.skeleton import H36M17
from tests.training.records.made_up import JOINTS, erring, exact_records
from training.records.error_model import HIDDEN, VISIBLE, fit
from training.records.report import medians, offsets, size_tests, trunk_axes
from training.records.store import Records


@pytest.fixture(scope="module")
def exact() -> Records:
    return exact_records(clips=24, frames=60)


def test_medians_are_by_visibility_in_pixels_and_in_stature(exact: Records) -> None:
    wrist = H36M17.index("l_wrist")
    visible = np.ones_like(exact.visible)
    visible[::2, wrist] = False
    errors = np.zeros(exact.seen_px.shape)
    errors[:, :, 0] = np.where(visible, 0.01, 0.05)
    by_class = medians(erring(exact, errors, visible=visible))
    np.testing.assert_allclose(by_class[VISIBLE].error, 0.01, rtol=1e-3)
    assert by_class[HIDDEN].error[wrist] == pytest.approx(0.05, rel=1e-3)
    assert by_class[HIDDEN].error_px[wrist] == pytest.approx(0.05 * np.median(exact.sizes_px[::2]), rel=1e-2)
    assert np.isnan(np.delete(by_class[HIDDEN].error, wrist)).all()


def test_trunk_axes_point_where_the_person_does(exact: Records) -> None:
    axes = trunk_axes(exact.pose_m)
    np.testing.assert_allclose(
        axes @ axes.transpose(0, 2, 1), np.broadcast_to(np.eye(3), axes.shape), atol=1e-5
    )
    up, left, forward = axes.transpose(1, 0, 2)
    assert (up[:, 1] < -0.9).all()
    across = exact.pose_m[:, H36M17.index("l_hip")] - exact.pose_m[:, H36M17.index("r_hip")]
    assert ((across * left).sum(axis=-1) > 0.15).all()
    np.testing.assert_allclose(np.cross(left, up), forward, atol=1e-6)
    facing_us = np.array([0, 0, -1])
    turned_to_us = across[:, 0] > 0.15
    assert turned_to_us.any()
    assert ((forward @ facing_us)[turned_to_us] > 0).all()


def test_an_offset_of_the_body_is_told_from_noise_and_from_the_picture(exact: Records) -> None:
    """A net that puts the shoulders 2 % of stature up, 1 % to the left and 1.5 % forward."""
    told = np.zeros((JOINTS, 3))
    told[H36M17.indices("l_shoulder", "r_shoulder")] = (0.02, 0.01, 0.015)
    axes = trunk_axes(exact.pose_m)
    height_m = exact.height_m[exact.clip_of, None, None]
    moved_m = exact.pose_m + height_m * np.einsum("ja,fak->fjk", told, axes)
    noise = np.random.default_rng(0).normal(0, 0.003, exact.seen_px.shape)
    wild = np.random.default_rng(1).random(exact.seen_px.shape[:2]) < 0.05
    noise[wild] = np.random.default_rng(2).uniform(-0.12, 0.12, (int(wild.sum()), 2))
    seen = replace(exact, seen_px=exact.projected(moved_m.astype(np.float32)))
    noisy = replace(seen, seen_px=(seen.seen_px + noise * exact.sizes_px[:, None, None]).astype(np.float32))
    found = offsets(noisy, fit(noisy))
    np.testing.assert_allclose(found.body, told, atol=0.002)
    shoulders = H36M17.indices("l_shoulder", "r_shoulder")
    assert (found.explained[shoulders] > 0.9).all()
    assert (np.delete(found.explained, shoulders) < 0.1).all()
    np.testing.assert_allclose(found.image[shoulders, 1], -0.02, atol=0.003)


def test_an_offset_of_the_picture_is_given_in_its_axes(exact: Records) -> None:
    errors = np.broadcast_to(np.array([0.01, 0.02]), exact.seen_px.shape)
    noise = np.random.default_rng(0).normal(0, 0.002, exact.seen_px.shape)
    records = erring(exact, errors + noise)
    found = offsets(records, fit(records))
    np.testing.assert_allclose(found.image, np.tile([0.01, 0.02], (JOINTS, 1)), atol=1e-3)


@pytest.mark.parametrize("measure", ["stature", "box"])
def test_errors_made_as_a_share_of_a_size_scale_best_with_it(exact: Records, measure: str) -> None:
    pose_m = exact.pose_m.copy()
    pelvis = pose_m[::2, :1].copy()
    pose_m[::2] = pelvis + (pose_m[::2] - pelvis) * np.array([1, 0.4, 1], np.float32)
    crouching = replace(exact, pose_m=pose_m)
    box_px = np.ptp(crouching.exact_px, axis=1).max(axis=-1)
    size_px = {"stature": crouching.sizes_px, "box": box_px}[measure]
    noise = np.random.default_rng(0).normal(0, 0.01, exact.seen_px.shape) * size_px[:, None, None]
    tests = size_tests(replace(crouching, seen_px=(crouching.exact_px + noise).astype(np.float32)))
    other = {"stature": "box", "box": "stature"}[measure]
    assert tests[measure].exponent == pytest.approx(1, abs=0.15)
    assert tests[measure].spread < tests[other].spread - 0.03


def test_errors_of_a_constant_number_of_pixels_scale_with_nothing(exact: Records) -> None:
    noise_px = np.random.default_rng(0).normal(0, 2, exact.seen_px.shape)
    tests = size_tests(replace(exact, seen_px=(exact.exact_px + noise_px).astype(np.float32)))
    assert tests["stature"].exponent == pytest.approx(0, abs=0.15)

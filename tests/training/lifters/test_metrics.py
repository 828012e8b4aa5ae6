"""The metrics: known answers, and what they must not notice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.types import Array
from tests.training.walking import walker_m
from training.lifters import metrics

TRUTH = walker_m(12)
TRUTH = TRUTH - TRUTH[:, :1]
seeds = st.integers(0, 2**16)


def _rotation(rng: np.random.Generator) -> Array:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def _noisy(seed: int, size_m: float = 0.05) -> Array:
    noise = np.random.default_rng(seed).normal(0, size_m, TRUTH.shape)
    noise[:, 0] = 0
    return TRUTH + noise


def test_one_joint_off_by_a_known_distance() -> None:
    pose = TRUTH.copy()
    pose[:, 5] += np.array([0.03, 0.0, 0.04])
    np.testing.assert_allclose(metrics.mpjpe_mm(pose, TRUTH), 50 / 16, rtol=1e-4)


def test_the_root_does_not_count() -> None:
    pose = TRUTH.copy()
    pose[:, 0] += 1.0
    np.testing.assert_allclose(metrics.mpjpe_mm(pose, TRUTH), 0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(0.3, 3.0))
def test_a_best_scale_undoes_scaling_and_never_hurts(seed: int, scale: float) -> None:
    np.testing.assert_allclose(metrics.n_mpjpe_mm(TRUTH * scale, TRUTH), 0, atol=1e-3)
    pose = _noisy(seed)
    np.testing.assert_allclose(
        metrics.n_mpjpe_mm(pose * scale, TRUTH), metrics.n_mpjpe_mm(pose, TRUTH), rtol=1e-6
    )


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(0.3, 3.0))
def test_procrustes_undoes_any_similarity(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    moved = scale * TRUTH @ _rotation(rng).T + rng.normal(size=3)
    np.testing.assert_allclose(metrics.procrustes(moved, TRUTH), TRUTH, atol=1e-6)
    noisy = _noisy(seed)
    turned = scale * noisy @ _rotation(rng).T + rng.normal(size=3)
    np.testing.assert_allclose(
        metrics.pa_mpjpe_mm(turned, TRUTH), metrics.pa_mpjpe_mm(noisy, TRUTH), rtol=1e-6
    )


def test_procrustes_gains_squared_error_over_leaving_the_pose() -> None:
    pose = _noisy(3)
    left = ((pose - TRUTH) ** 2).sum(axis=(1, 2))
    fitted = ((metrics.procrustes(pose, TRUTH) - TRUTH) ** 2).sum(axis=(1, 2))
    assert (fitted < left).all()


def test_procrustes_never_mirrors() -> None:
    mirrored = TRUTH * np.array([-1, 1, 1])
    lopsided = TRUTH.copy()
    lopsided[:, 13] += np.array([0.2, 0.3, 0.4])
    assert metrics.pa_mpjpe_mm(mirrored * 1.0, lopsided).min() > 20


def test_root_error_is_a_distance() -> None:
    root = np.array([[1.0, 2, 3]])
    np.testing.assert_allclose(metrics.root_error_mm(root + np.array([0.003, 0, 0.004]), root), 5)


def test_steady_errors_have_no_velocity_and_growing_ones_no_acceleration() -> None:
    steady = TRUTH + np.array([0.1, 0, 0])
    np.testing.assert_allclose(metrics.velocity_error_mm(steady, TRUTH), 0, atol=1e-3)
    growing = TRUTH + 0.01 * np.arange(len(TRUTH))[:, None, None] * np.array([0, 1, 0])
    np.testing.assert_allclose(metrics.velocity_error_mm(growing, TRUTH), 10, rtol=1e-4)
    np.testing.assert_allclose(metrics.acceleration_error_mm(growing, TRUTH), 0, atol=1e-3)
    bent = TRUTH + 0.001 * (np.arange(len(TRUTH)) ** 2)[:, None, None] * np.array([0, 0, 1])
    np.testing.assert_allclose(metrics.acceleration_error_mm(bent, TRUTH), 2, rtol=1e-3)


def test_shares_under_thresholds() -> None:
    errors = np.array([0.0, 74.0, 149.9, 150.0, 300.0])
    assert metrics.pck(errors) == pytest.approx(60)
    assert metrics.pck(np.array([])) == 0
    # Below 0 mm lies nothing; below each of the other 30 thresholds lies an error of 0.
    assert metrics.auc(np.zeros(4)) == pytest.approx(100 * 30 / 31)
    assert metrics.auc(np.full(4, 500.0)) == 0
    assert metrics.auc(np.array([72.0])) == pytest.approx(100 * 16 / 31)


def test_depth_bias_is_signed_and_relative() -> None:
    truth = np.array([[1.0, 0, 4], [0, 0, 2]])
    np.testing.assert_allclose(metrics.depth_bias_percent(truth * [1, 1, 1.1], truth), 10)
    np.testing.assert_allclose(metrics.depth_bias_percent(truth - [0, 0, 1], truth), [-25, -50])


def test_bones_that_keep_their_length_do_not_vary() -> None:
    assert metrics.bone_variation_percent(TRUTH) == pytest.approx(0, abs=0.05)
    sizes = np.array([0.9, 1.1] * 6)[:, None, None]
    assert metrics.bone_variation_percent(TRUTH * sizes) == pytest.approx(10, rel=0.01)
    assert metrics.bone_variation_percent(TRUTH[:1]) == 0


def test_one_bone_that_varies_does_not_move_the_median() -> None:
    pose = TRUTH.copy()
    pose[::2, 13] += 0.2
    assert metrics.bone_variation_percent(pose) < 0.05

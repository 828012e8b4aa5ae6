"""The 2D noise model: errors of the size stated, scores that know of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.skeleton import H36M17
from tests.training.walking import walker_m
from training.lifters.noise import STANDARD, NoiseModel, corrupt, extent, hide

QUIET = NoiseModel(
    (0.0, 0.0), bias=0, outlier=0, swap=0, missing=0, hidden_spans=0, hidden_legs=0, lost_frames=0
)


@pytest.fixture(scope="module")
def rays() -> np.ndarray:  # type: ignore[type-arg]
    points = np.repeat(walker_m(50)[None, ..., :2] / 4, 60, axis=0)
    return points.astype(np.float32)


def _corrupt(rays: np.ndarray, model: NoiseModel, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    return corrupt(np.random.default_rng(seed), rays, model)


def test_no_noise_is_the_truth_with_high_scores(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    noisy, score = _corrupt(rays, QUIET)
    np.testing.assert_allclose(noisy, rays, atol=1e-7)
    assert score.min() > 0.6
    assert score.max() <= 1


def test_jitter_is_a_share_of_the_persons_extent(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    noisy, _ = _corrupt(rays, replace(QUIET, jitter=(0.012, 0.012)))
    shares = (noisy - rays) / extent(rays)[..., None, None]
    wrist, hip = H36M17.index("l_wrist"), H36M17.index("l_hip")
    assert shares[:, :, hip].std() == pytest.approx(0.012 * 0.9, rel=0.1)
    assert shares[:, :, wrist].std() == pytest.approx(0.012 * 1.6, rel=0.1)
    doubled, _ = _corrupt(2 * rays, replace(QUIET, jitter=(0.012, 0.012)))
    np.testing.assert_allclose(doubled - 2 * rays, 2 * (noisy - rays), atol=1e-5)


def test_jitter_is_correlated_in_time_and_bias_constant(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    jitter = _corrupt(rays, replace(QUIET, jitter=(0.012, 0.012)))[0] - rays
    neighbours = np.corrcoef(jitter[:, 1:].ravel(), jitter[:, :-1].ravel())[0, 1]
    assert 0.25 < neighbours < 0.75
    bias = (_corrupt(rays, replace(QUIET, bias=0.01))[0] - rays) / extent(rays)[..., None, None]
    np.testing.assert_allclose(bias, np.broadcast_to(bias[:, :1], bias.shape), atol=1e-5)
    assert bias.std() == pytest.approx(0.01, rel=0.1)


def test_scores_fall_with_the_error(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    noisy, score = _corrupt(rays, STANDARD)
    error = np.linalg.norm(noisy - rays, axis=-1) / extent(rays)[..., None]
    seen = score > 0
    assert score[seen & (error > 0.1)].mean() < score[seen & (error < 0.02)].mean() - 0.3
    assert np.corrcoef(error[seen], score[seen])[0, 1] < -0.3


def test_joints_go_missing_at_the_rate_stated(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    _, score = _corrupt(rays, replace(QUIET, missing=0.05))
    assert np.mean(score == 0) == pytest.approx(0.05, rel=0.15)


def test_swaps_exchange_left_and_right(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    noisy, _ = _corrupt(rays, replace(QUIET, swap=1.0))
    np.testing.assert_allclose(noisy, rays[:, :, H36M17.mirror], atol=1e-7)


def test_hiding_only_ever_clears_scores_and_leaves_the_input_alone(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    score = np.full(rays.shape[:-1], 0.8, np.float32)
    hidden = hide(np.random.default_rng(0), score, replace(STANDARD, hidden_spans=1.0, hidden_legs=0.5))
    assert set(np.unique(hidden)) == {np.float32(0), np.float32(0.8)}
    assert (score == np.float32(0.8)).all()
    legs = H36M17.indices("l_knee", "r_knee", "l_ankle", "r_ankle")
    legless = (hidden[:, :, legs] == 0).all(axis=(1, 2))
    assert 0.25 < legless.mean() < 0.75


def test_nothing_is_hidden_when_nothing_is_asked(rays: np.ndarray) -> None:  # type: ignore[type-arg]
    score = np.full(rays.shape[:-1], 0.8, np.float32)
    np.testing.assert_array_equal(hide(np.random.default_rng(0), score, QUIET), score)

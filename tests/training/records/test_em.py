"""EM finds again what the samples were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.types import Array
from training.records.em import WINDOW, Mixture, fit_correlation, fit_gaussian, fit_mixture

SAMPLES = 20_000


def drawn(rng: np.random.Generator, truth: Mixture, samples: int = SAMPLES) -> Array:
    """(J, N, 2) errors."""
    shape = (len(truth.gamma), samples, 2)
    normal = truth.mu[:, None] + truth.sigma[:, None] * rng.standard_normal(shape)
    uniform = rng.uniform(-truth.window / 2, truth.window / 2, shape)
    return np.where(rng.random(shape[:2])[..., None] < truth.gamma[:, None, None], normal, uniform)


def mixture(*joints: tuple[float, float, float, float, float], window: float = WINDOW) -> Mixture:
    """From a row of gamma, mu x, mu y, sigma x, sigma y a joint."""
    rows = np.array(joints)
    return Mixture(rows[:, 0], rows[:, 1:3], rows[:, 3:], window)


def assert_recovered(found: Mixture, truth: Mixture) -> None:
    np.testing.assert_allclose(found.gamma, truth.gamma, atol=0.02)
    np.testing.assert_allclose(found.sigma, truth.sigma, rtol=0.05)
    assert (np.abs(found.mu - truth.mu) < 0.1 * truth.sigma).all()


@pytest.mark.parametrize("seed", range(4))
def test_known_parameters_come_back(seed: int) -> None:
    truth = mixture(
        *((gamma, 0.01, -0.02, sigma, 1.5 * sigma)
          for gamma in (0.7, 0.8, 0.9, 0.97, 0.99) for sigma in (0.003, 0.01, 0.02))
    )  # fmt: skip
    errors = drawn(np.random.default_rng(seed), truth)
    assert_recovered(fit_mixture(errors, np.ones(errors.shape[:2], bool)).mixture, truth)


def test_the_papers_own_window_in_pixels() -> None:
    truth = mixture((0.85, 1.0, -2.0, 4.0, 6.0), window=100.0)
    errors = drawn(np.random.default_rng(0), truth)
    assert_recovered(fit_mixture(errors, np.ones(errors.shape[:2], bool), 100.0).mixture, truth)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    gamma=st.floats(0.7, 0.99),
    mu=st.tuples(st.floats(-0.03, 0.03), st.floats(-0.03, 0.03)),
    sigma=st.tuples(st.floats(0.002, 0.02), st.floats(0.002, 0.02)),
)
def test_any_parameters_come_back_and_the_likelihood_never_falls(
    seed: int, gamma: float, mu: tuple[float, float], sigma: tuple[float, float]
) -> None:
    truth = mixture((gamma, *mu, *sigma))
    errors = drawn(np.random.default_rng(seed), truth)
    fit = fit_mixture(errors, np.ones(errors.shape[:2], bool))
    assert_recovered(fit.mixture, truth)
    assert len(fit.log_likelihood) >= 3
    assert (np.diff(fit.log_likelihood, axis=0) >= -1e-9).all()


def test_the_likelihood_reported_is_that_of_the_mixture_and_exceeds_one_gaussians() -> None:
    errors = drawn(np.random.default_rng(0), mixture((0.8, 0, 0, 0.01, 0.01), (0.95, 0.01, 0, 0.005, 0.02)))
    used = np.random.default_rng(1).random(errors.shape[:2]) < 0.5
    fit = fit_mixture(errors, used)
    mean = [fit.mixture.log_density(errors)[j][used[j]].mean() for j in range(2)]
    np.testing.assert_allclose(fit.log_likelihood[-1], mean, atol=1e-6)
    single = fit_gaussian(errors, used).log_density(errors)
    assert all(mean[j] > single[j][used[j]].mean() + 0.2 for j in range(2))


def test_a_density_integrates_to_one_over_its_window() -> None:
    fitted = mixture((0.8, 0.01, -0.01, 0.01, 0.015))
    at = (np.arange(500) + 0.5) / 500 * WINDOW - WINDOW / 2
    grid = np.stack(np.meshgrid(at, at), -1).reshape(1, -1, 2)
    assert np.exp(fitted.log_density(grid)).sum() * (WINDOW / 500) ** 2 == pytest.approx(1, abs=1e-4)


def test_errors_beyond_the_window_are_outliers_and_do_not_widen_the_gaussian() -> None:
    truth = mixture((0.9, 0.0, 0.0, 0.01, 0.01))
    errors = drawn(np.random.default_rng(0), truth)
    errors[0, :1000] = np.random.default_rng(1).uniform(1, 50, (1000, 2))
    found = fit_mixture(errors, np.ones(errors.shape[:2], bool)).mixture
    np.testing.assert_allclose(found.sigma, truth.sigma, rtol=0.05)
    assert found.gamma[0] == pytest.approx(0.9 * 0.95, abs=0.02)
    assert found.inlier(np.array([[[30.0, 0.0], [0.0, 0.0]]]))[0] == pytest.approx([0, 0.98], abs=0.02)


def test_samples_left_out_do_not_count_nor_does_what_they_hold() -> None:
    truth = mixture((0.8, 0, 0.01, 0.01, 0.02), (0.95, 0.01, 0, 0.004, 0.004))
    errors = drawn(np.random.default_rng(0), truth)
    used = np.random.default_rng(1).random(errors.shape[:2]) < 0.7
    spoilt = np.where(used[..., None], errors, np.nan)
    together = fit_mixture(spoilt, used).mixture
    for j in range(2):
        kept = errors[j][used[j]][None]
        alone = fit_mixture(kept, np.ones(kept.shape[:2], bool)).mixture
        np.testing.assert_allclose(together.gamma[j], alone.gamma[0], rtol=1e-6)
        np.testing.assert_allclose(together.sigma[j], alone.sigma[0], rtol=1e-6)


def test_errors_all_alike_and_none_at_all_give_a_finite_model() -> None:
    errors = np.full((2, 50, 2), 0.01)
    used = np.array([[True] * 50, [False] * 50])
    found = fit_mixture(errors, used).mixture
    np.testing.assert_allclose(found.mu[0], 0.01)
    assert np.isfinite(found.sigma).all()
    assert (found.sigma > 0).all()
    assert np.isfinite(found.log_density(errors)).all()


@pytest.mark.parametrize("told", [-0.3, 0.0, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("outliers_last", [False, True])
def test_the_correlation_of_the_gaussian_part_comes_back(told: float, outliers_last: bool) -> None:
    """Whether outliers come frame by frame or stay for both."""
    truth, rng = mixture((0.8, 0.01, 0, 0.02, 0.01), window=0.3), np.random.default_rng(0)
    z = rng.standard_normal((2, 1, SAMPLES, 2))
    z[1] = told * z[0] + np.sqrt(1 - told**2) * z[1]
    wild = rng.random((2, 1, SAMPLES, 1)) > 0.8
    if outliers_last:
        wild[1] = wild[0]
    errors = np.where(wild, rng.uniform(-0.15, 0.15, z.shape), truth.mu + truth.sigma * z)
    used = rng.random((1, SAMPLES)) < 0.9
    spoilt = np.where(used[..., None], errors, np.nan)
    assert fit_correlation(*spoilt, used, truth)[0] == pytest.approx(told, abs=0.02)

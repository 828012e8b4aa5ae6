"""The mixture of a Gaussian and a uniform that 2D errors follow, and its fit by EM.

AbsPoseLifter, section 4.2, equation 8 and Algorithm 1:
p(e) = gamma N(e; mu, diag(sigma^2)) + (1 - gamma) / v,
with v the window's area; it starts from one Gaussian over all samples and gamma = 0.9. The paper's window is
100 x 100 px, where a person of 1.75 m at 5 m is 400 px tall (focal length 1145 px, Human3.6M). Errors here
are shares of the person's stature, so the window is 0.25 x 0.25 unless told otherwise. An error beyond the
window is moved to its edge: it stays an outlier, and the density stays one that integrates to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.types import Array

WINDOW = 0.25
"""Side of the uniform's window, in shares of the person's stature."""

_START_GAMMA = 0.9
_LEAST_SIGMA = 1e-5
_STOP = 1e-9
_MOST_STEPS = 1000
_PAIR_STEPS = 30
_LEAST_RATE = 1e-6
_MOST_CORRELATION = 0.999


@dataclass(frozen=True, slots=True)
class Mixture:
    """One mixture a joint. gamma: (J,), 1 for a single Gaussian. mu, sigma: (J, 2) along x and y.

    All in shares of the person's stature, as is `window`, the side of the uniform's square about zero.
    """

    gamma: Array
    mu: Array
    sigma: Array
    window: float = WINDOW

    def log_density(self, errors: Array) -> Array:
        """(J, N) log densities of errors (J, N, 2), those beyond the window moved to its edge."""
        return np.asarray(np.logaddexp(*self._log_parts(clipped(errors, self.window))))

    def inlier(self, errors: Array) -> Array:
        """(J, N) the probability that an error (J, N, 2) comes from the Gaussian."""
        gaussian, uniform = self._log_parts(clipped(errors, self.window))
        return np.asarray(np.exp(gaussian - np.logaddexp(gaussian, uniform)))

    def _log_parts(self, errors: Array) -> tuple[Array, Array]:
        """log(gamma N) (J, N) and log((1 - gamma) / v) (J, 1)."""
        z = (errors - self.mu[:, None]) / self.sigma[:, None]
        norm = np.log(2 * np.pi) + np.log(self.sigma).sum(axis=-1)
        with np.errstate(divide="ignore"):
            gaussian = np.log(self.gamma)[:, None] - 0.5 * (z**2).sum(axis=-1) - norm[:, None]
            uniform = np.log1p(-self.gamma)[:, None] - 2 * np.log(self.window)
        return gaussian, uniform


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted mixture. log_likelihood: (steps, J) mean over a joint's samples before each step, the last
    one after the last; a joint that has converged keeps its value."""

    mixture: Mixture
    log_likelihood: Array


def clipped(errors: Array, window: float) -> Array:
    """Errors with those beyond the window moved to its edge, float64."""
    return np.asarray(np.clip(errors, -window / 2, window / 2), np.float64)


def fit_gaussian(errors: Array, used: Array, window: float = WINDOW) -> Mixture:
    """A single Gaussian a joint, by maximum likelihood: gamma = 1. Arguments as for `fit_mixture`."""
    inside = np.where(used[..., None], clipped(errors, window), 0.0)
    mu, sigma = _moments(inside, used.astype(np.float64))
    return Mixture(np.ones(len(errors)), mu, sigma, window)


def fit_mixture(errors: Array, used: Array, window: float = WINDOW) -> Fit:
    """The mixture of each joint by EM. errors: (J, N, 2). used: (J, N) bool.

    Stops a joint when its mean log-likelihood rises by less than 1e-9 a step.
    """
    inside = np.where(used[..., None], clipped(errors, window), 0.0)
    weight = used.astype(np.float64)
    count = np.maximum(weight.sum(axis=1), 1)
    start = fit_gaussian(errors, used, window)
    gamma, mu, sigma = np.full(len(errors), _START_GAMMA), start.mu, start.sigma
    moving, last, history = np.arange(len(errors)), np.full(len(errors), -np.inf), []
    for _ in range(_MOST_STEPS):
        part = Mixture(gamma[moving], mu[moving], sigma[moving], window)
        gaussian, uniform = part._log_parts(inside[moving])
        total = np.logaddexp(gaussian, uniform)
        now = (weight[moving] * total).sum(axis=1) / count[moving]
        rising = now - last[moving] > _STOP
        last[moving] = now
        history.append(last.copy())
        if not rising.any():
            break
        moving = moving[rising]
        share = weight[moving] * np.exp(gaussian[rising] - total[rising])
        mu[moving], sigma[moving] = _moments(inside[moving], share)
        gamma[moving] = share.sum(axis=1) / count[moving]
    return Fit(Mixture(gamma, mu, sigma, window), np.array(history))


def fit_correlation(before: Array, after: Array, used: Array, mixture: Mixture) -> Array:
    """(J,) correlation of the Gaussian's errors from one frame to the next, both axes alike, by EM.

    before, after: (J, N, 2) errors of neighbouring frames. used: (J, N). Of a pair both errors are the
    Gaussian's, or one, or none, at rates found along the way: leaving out what looks like an outlier would
    cut the Gaussian's tails, and with them the correlation.
    """
    first, second = (_standard(errors, used, mixture) for errors in (before, after))
    squares, product = 0.5 * (first**2 + second**2).sum(axis=-1), (first * second).sum(axis=-1)
    # Densities relative to two Gaussian errors that are independent.
    log_area = np.log(2 * np.pi) + np.log(mixture.sigma).sum(axis=-1) - 2 * np.log(mixture.window)
    alone = [log_area[:, None] + 0.5 * (z**2).sum(axis=-1) for z in (first, second)]
    one, none = np.logaddexp(*alone) - np.log(2), alone[0] + alone[1]
    rho, rates = np.zeros(len(used)), np.tile([0.8, 0.1, 0.1], (len(used), 1))
    count = np.maximum(used.sum(axis=1), 1)
    for _ in range(_PAIR_STEPS):
        r, spread = rho[:, None], 1 - rho[:, None] ** 2
        both = -np.log(spread) + (r * product - r**2 * squares) / spread
        parts = np.stack([both, one, none], axis=-1) + np.log(rates)[:, None]
        share = np.exp(parts - np.logaddexp.reduce(parts, axis=-1, keepdims=True)) * used[..., None]
        rates = np.maximum(share.sum(axis=1) / count[:, None], _LEAST_RATE)
        weight = share[..., 0]
        rho = (weight * product).sum(axis=1) / np.maximum((weight * squares).sum(axis=1), _LEAST_RATE)
        rho = np.clip(rho, -_MOST_CORRELATION, _MOST_CORRELATION)
    return rho


def _standard(errors: Array, used: Array, mixture: Mixture) -> Array:
    """Errors in the Gaussian's standard deviations; zero where not used."""
    z = (clipped(errors, mixture.window) - mixture.mu[:, None]) / mixture.sigma[:, None]
    return np.asarray(np.where(used[..., None], z, 0.0))


def _moments(errors: Array, weight: Array) -> tuple[Array, Array]:
    """Weighted mean and standard deviation (J, 2) of errors (J, N, 2); sigma is at least 1e-5."""
    total = np.maximum(weight.sum(axis=1), 1e-12)[:, None]
    mu = np.einsum("jn,jnd->jd", weight, errors) / total
    variance = np.einsum("jn,jnd->jd", weight, (errors - mu[:, None]) ** 2) / total
    return mu, np.sqrt(np.maximum(variance, _LEAST_SIGMA**2))

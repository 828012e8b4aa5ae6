from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.stream.distance import DistanceFilter

FPS = 30


def filtered(distances_m: np.ndarray, strength: float = 0.5, fps: float = FPS) -> np.ndarray:
    one = DistanceFilter(strength)
    return np.array([one.update(float(d), 1 / fps if n else None) for n, d in enumerate(distances_m)])


def noisy(true_m: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.asarray(true_m * np.exp(np.random.default_rng(seed).normal(0, 0.05, len(true_m))))


def test_somebody_who_walks_is_followed_without_lag_and_noise_goes() -> None:
    true_m = 5.0 - 1.2 * np.arange(90) / FPS
    late = filtered(true_m)[45:] / true_m[45:] - 1
    assert np.abs(late).max() < 0.03
    raw = noisy(true_m)
    assert np.abs(filtered(raw) - true_m)[30:].mean() < 0.7 * np.abs(raw - true_m)[30:].mean()


@pytest.mark.parametrize("fps", [15, 60])
def test_it_is_as_calm_at_another_rate(fps: float) -> None:
    def restless(rate: float) -> float:
        rng = np.random.default_rng(1)
        # Noise of the same power a second: half as much in each frame at a quarter of the rate.
        raw = 4 * np.exp(rng.normal(0, 0.05 * math.sqrt(rate / FPS), int(40 * rate)))
        return float(np.std(np.log(filtered(raw, fps=rate)[int(2 * rate) :])))

    assert restless(fps) == pytest.approx(restless(FPS), rel=0.2)


@given(st.floats(0.3, 50), st.floats(0.5, 2))
def test_distances_scale(distance_m: float, factor: float) -> None:
    raw = noisy(np.full(20, distance_m))
    np.testing.assert_allclose(filtered(raw * factor), factor * filtered(raw), rtol=1e-9)


def test_off_is_off_and_more_is_calmer() -> None:
    raw = noisy(np.full(300, 3.0))
    np.testing.assert_array_equal(filtered(raw, 0.0), raw)
    spreads = [np.std(filtered(raw, strength)[60:]) for strength in (0.25, 0.5, 1.0)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 0.7 * spreads[0]


def test_one_odd_distance_hardly_moves_anybody() -> None:
    raw = np.full(60, 4.0)
    raw[40] = 8.0
    assert filtered(raw)[40:].max() < 4.35


def test_who_was_not_seen_is_foretold_and_soon_believed_again() -> None:
    one = DistanceFilter()
    for n in range(30):
        last = one.update(5.0 - 1.5 * n / FPS, 1 / FPS if n else None)
    hidden = [one.update(9.0, 1 / FPS, seen=False) for _ in range(60)]
    assert hidden[3] < last - 0.1
    assert hidden[-1] > 1.0
    assert abs(hidden[-1] - hidden[-2]) < 0.01
    fresh = DistanceFilter()
    fresh.update(1.7, None, seen=False)
    for _ in range(3):
        found = fresh.update(4.3, 1 / FPS)
    assert found == pytest.approx(4.3, rel=0.1)

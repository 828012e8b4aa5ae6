from __future__ import annotations

import numpy as np

from realtime.stream.smooth import OneEuro


def filtered(values: np.ndarray, fps: float = 30, **settings: float) -> np.ndarray:
    smooth = OneEuro(**({"min_cutoff_hz": 1.0, "beta": 0.0} | settings))
    return np.stack([smooth.update(np.array([v], np.float32), n / fps) for n, v in enumerate(values)])[:, 0]


def test_a_still_value_stays() -> None:
    np.testing.assert_allclose(filtered(np.full(50, 3.5)), 3.5)


def test_noise_is_calmed() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 600)
    assert filtered(noise).std() < 0.45 * noise.std()


def test_beta_buys_less_lag() -> None:
    ramp = np.arange(60) / 10
    slow, fast = filtered(ramp), filtered(ramp, beta=1.0)
    assert ramp[-1] - fast[-1] < 0.6 * (ramp[-1] - slow[-1])


def test_the_same_signal_at_twice_the_rate_is_filtered_alike() -> None:
    def signal(t: np.ndarray) -> np.ndarray:
        return np.sin(2 * t)

    at_30 = filtered(signal(np.arange(0, 3, 1 / 30)), 30)
    at_60 = filtered(signal(np.arange(0, 3, 1 / 60)), 60)
    np.testing.assert_allclose(at_60[::2][10:], at_30[10:], atol=0.05)


def test_time_that_goes_back_starts_afresh() -> None:
    smooth = OneEuro(1.0, 0.0)
    smooth.update(np.zeros(3, np.float32), 5.0)
    np.testing.assert_array_equal(smooth.update(np.ones(3, np.float32), 4.0), 1)

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.stream.smooth import NOMINAL_S, Elapsed, OneEuro, lag_factor
from tests.turning import turned


def filtered(values: np.ndarray, fps: float = 30, strength: float = 0.5, **settings: float) -> np.ndarray:
    """Numbers through the filter, each as the first of three coordinates."""
    smooth = OneEuro(**({"min_cutoff_hz": 1.0, "beta": 0.0} | settings), strength=strength)
    rows = np.zeros((len(values), 1, 3), np.float32)
    rows[:, 0, 0] = values
    return np.stack([smooth.update(row, 1 / fps if n else None) for n, row in enumerate(rows)])[:, 0, 0]


def directions(seed: int, frames: int = 40, rows: int = 5) -> np.ndarray:
    """(T, rows, 3) directions that wander."""
    walk = np.random.default_rng(seed).normal(0, 0.15, (frames, rows, 3)).cumsum(axis=0)
    walk += np.random.default_rng(seed + 1).normal(0, 1, (rows, 3))
    return (walk / np.linalg.norm(walk, axis=-1, keepdims=True)).astype(np.float32)


def run_unit(rows: np.ndarray, elapsed_s: float = 1 / 30) -> np.ndarray:
    smooth = OneEuro(1.0, 2.0, unit=True)
    return np.stack([smooth.update(row, elapsed_s if n else None) for n, row in enumerate(rows)])


@given(st.floats(-50, 50, width=32), st.floats(0, 1))
def test_a_still_value_stays(value: float, strength: float) -> None:
    np.testing.assert_allclose(filtered(np.full(20, value), strength=strength), value, rtol=1e-6)


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


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_on_a_steady_way_the_filter_is_as_late_as_it_says(strength: float) -> None:
    smooth = OneEuro(2.0, 0.0, strength=strength)
    for n in range(300):
        at = np.array([[n / 30 * 1.5, 0, 0]], np.float32)
        last = smooth.update(at, 1 / 30 if n else None)
    late_s = float((at - last)[0, 0]) / 1.5
    assert late_s == pytest.approx(float(smooth.lag_s[0]), rel=1e-3)
    assert late_s == pytest.approx(lag_factor(strength) / (2 * math.pi * 2.0), rel=1e-3)


def test_strength_0_changes_nothing() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 50).astype(np.float32)
    np.testing.assert_allclose(filtered(noise, strength=0.0), noise, atol=1e-6)


def test_the_dial_is_monotonous() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 300)
    spreads = [filtered(noise, strength=s, min_cutoff_hz=4.0).std() for s in (0, 0.25, 0.5, 0.75, 1)]
    assert spreads == sorted(spreads, reverse=True)


@given(st.integers(0, 50))
def test_directions_stay_of_length_one_and_turn_with_what_they_measure(seed: int) -> None:
    rows, turn = directions(seed), turned(seed)
    calm = run_unit(rows)
    np.testing.assert_allclose(np.linalg.norm(calm, axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(run_unit(rows @ turn.T), calm @ turn.T, atol=1e-4)
    mirror = np.array([-1, 1, 1], np.float32)
    np.testing.assert_allclose(run_unit(rows * mirror), calm * mirror, atol=1e-4)


def test_a_direction_that_turns_right_round_is_followed() -> None:
    smooth = OneEuro(100.0, 0.0, unit=True)
    smooth.update(np.array([[0, 0, 1]], np.float32), None)
    for _ in range(60):
        last = smooth.update(np.array([[0, 0, -1]], np.float32), 0.02)
    assert np.isfinite(last).all()
    np.testing.assert_allclose(np.linalg.norm(last), 1, atol=1e-5)


def test_a_row_less_trusted_follows_more_slowly() -> None:
    smooth = OneEuro(3.0, 0.0)
    smooth.update(np.zeros((2, 3), np.float32), None)
    moved = smooth.update(np.ones((2, 3), np.float32), 1 / 30, np.array([1.0, 0.2], np.float32))
    assert moved[1, 0] < 0.5 * moved[0, 0]
    assert smooth.lag_s[1] == pytest.approx(5 * smooth.lag_s[0], rel=1e-4)


def test_elapsed_starts_afresh_at_first_after_a_gap_and_when_time_goes_back() -> None:
    elapsed = Elapsed()
    steps = [elapsed.step(t) for t in (5.0, 5.1, 5.2, 4.0, 4.1, 9.0, 9.1)]
    assert [s is None for s in steps] == [True, False, False, True, False, True, False]
    assert steps[1] == pytest.approx(0.1)


def test_a_clock_that_stands_still_is_taken_to_go_on_as_before() -> None:
    elapsed = Elapsed()
    assert [elapsed.step(0.0) for _ in range(3)] == [None, NOMINAL_S, NOMINAL_S]
    elapsed.step(0.05)
    assert elapsed.step(0.05) == pytest.approx(0.05)


def test_a_time_that_is_no_number_is_taken_to_go_on_as_before() -> None:
    elapsed = Elapsed()
    assert elapsed.step(math.nan) is None
    elapsed.step(1.0)
    elapsed.step(1.1)
    assert elapsed.step(math.nan) == pytest.approx(0.1)
    assert elapsed.step(1.2) == pytest.approx(0.1)

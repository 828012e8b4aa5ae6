from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.feet import PlantedFeet, Point, bent_leg

DOWN: Point = (0.0, 1.0, 0.0)
LEFT: Point = (0.1, 1.0, 3.0)
RIGHT: Point = (-0.1, 1.0, 3.0)


def stood(
    feet: PlantedFeet, left: Sequence[Point], right: Sequence[Point], fps: float = 30
) -> list[list[Point]]:
    return [
        feet.update(ankles, DOWN, 1 / fps if n else None)
        for n, ankles in enumerate(zip(left, right, strict=True))
    ]


def noisy(at: Point, sigma_m: float, frames: int) -> list[Point]:
    """Off along the line of sight, as a camera's depth is."""
    scale = 1 + np.random.default_rng(1).normal(0, sigma_m / math.hypot(*at), frames)
    return [(at[0] * s, at[1] * s, at[2] * s) for s in scale]


def test_feet_that_stand_are_told_and_do_not_slide() -> None:
    feet, wobbly = PlantedFeet(), noisy(LEFT, 0.05, 90)
    held = stood(feet, wobbly, noisy(RIGHT, 0.05, 90))
    assert feet.planted == (True, True)
    before = np.abs(np.diff(np.array(wobbly)[30:], axis=0)).mean()
    after = np.abs(np.diff(np.array([h[0] for h in held])[30:], axis=0)).mean()
    assert after < 0.25 * before


def test_a_foot_that_swings_or_is_held_up_does_not_stand() -> None:
    swinging = [(0.1 + 0.05 * n, 1.0, 3.0) for n in range(30)]
    feet = PlantedFeet()
    held = stood(feet, swinging, [RIGHT] * 30)
    assert feet.planted == (False, True)
    np.testing.assert_allclose([h[0] for h in held], swinging, atol=1e-9)
    feet = PlantedFeet()
    stood(feet, [(0.1, 0.6, 3.0)] * 30, [RIGHT] * 30)
    assert feet.planted == (False, True)


def test_a_foot_that_leaves_is_let_go_without_a_jump() -> None:
    way = noisy(LEFT, 0.05, 60) + [(0.1, 1.0 - 0.03 * n, 3.0) for n in range(30)]
    held = [h[0] for h in stood(PlantedFeet(), way, [RIGHT] * 90)]
    steps = np.linalg.norm(np.diff(np.array(held), axis=0), axis=1)
    given_steps = np.linalg.norm(np.diff(np.array(way), axis=0), axis=1)
    assert steps.max() <= given_steps.max() + 0.05
    np.testing.assert_allclose(held[-1], way[-1], atol=1e-9)


def test_starting_afresh_holds_nothing() -> None:
    feet = PlantedFeet()
    stood(feet, [LEFT] * 30, [RIGHT] * 30)
    far: Point = (1.0, 1.0, 5.0)
    assert feet.update((far, far), DOWN, None) == [far, far]
    assert feet.planted == (False, False)


@given(st.integers(0, 500))
def test_a_leg_reaches_and_keeps_its_bones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hip, knee, ankle, target = (tuple(p) for p in rng.normal(0, 0.5, (4, 3)).tolist())
    thigh_m, shank_m = math.dist(hip, knee), math.dist(knee, ankle)
    knee, ankle = bent_leg(hip, knee, target, thigh_m, shank_m)
    assert math.dist(hip, knee) == pytest.approx(thigh_m, abs=2e-3)
    assert math.dist(knee, ankle) == pytest.approx(shank_m, abs=2e-3)
    far = math.dist(hip, target)
    if abs(thigh_m - shank_m) < far < 0.999 * (thigh_m + shank_m):
        assert math.dist(ankle, target) < 1e-6


def test_a_leg_that_is_there_already_stays() -> None:
    hip, knee, ankle = (0.0, 0.0, 0.0), (0.1, 0.4, -0.1), (0.0, 0.8, 0.0)
    bent = bent_leg(hip, knee, ankle, math.dist(hip, knee), math.dist(knee, ankle))
    np.testing.assert_allclose(bent, (knee, ankle), atol=1e-6)

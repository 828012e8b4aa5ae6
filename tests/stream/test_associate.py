from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from realtime.skeleton import H36M17
from realtime.stream.associate import assign, similarity
from realtime.stream.motion import Foreseen, size_of
from realtime.types import FloatArray
from tests.fakes import standing_pose

BODY_PX = standing_pose()[:, :2] * 100 + 200
ONES = np.ones(len(H36M17), np.float32)


def expected(points_px: FloatArray, strayed_px: float = 0.0) -> Foreseen:
    return Foreseen(points_px, size_of(points_px), strayed_px)


def fit(a: Foreseen, points_px: FloatArray, score: FloatArray = ONES) -> float:
    return float(similarity([a], points_px[None], score[None])[0, 0])


def test_someone_where_they_were_expected_fits_wholly() -> None:
    assert fit(expected(BODY_PX), BODY_PX) == 1.0


def test_someone_elsewhere_does_not_fit_unless_they_may_have_strayed() -> None:
    elsewhere = BODY_PX + np.float32(80)
    assert fit(expected(BODY_PX), elsewhere) < 0.01
    assert fit(expected(BODY_PX, strayed_px=120.0), elsewhere) > 0.4


@given(st.floats(0.2, 5.0), st.floats(0.0, 60.0))
def test_the_fit_is_the_same_at_any_scale(scale: float, shift_px: float) -> None:
    moved = BODY_PX + np.float32(shift_px)
    near, far = fit(expected(BODY_PX), moved), fit(expected(BODY_PX * scale), moved * scale)
    assert abs(near - far) < 1e-3


def test_joints_that_are_not_seen_hardly_count() -> None:
    wrong = BODY_PX.copy()
    wrists = H36M17.indices("l_wrist", "r_wrist")
    wrong[wrists] += 300
    score = ONES.copy()
    score[wrists] = 0
    assert fit(expected(BODY_PX), wrong, score) > 0.98 > fit(expected(BODY_PX), wrong)


def test_nobody_fits_nobody() -> None:
    none = np.zeros((0, 17, 2), np.float32)
    assert similarity([], none, none[..., 0]).shape == (0, 0)
    assert similarity([expected(BODY_PX)], none, none[..., 0]).shape == (1, 0)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
def test_the_assignment_costs_least(rows: int, columns: int, seed: int) -> None:
    """As SciPy's solver has it, where leaving a pair apart costs what the dearest pair may."""
    limit = 0.7
    cost = np.random.default_rng(seed).random((rows, columns))
    pairs = assign(cost, limit)
    assert all(cost[pair] <= limit for pair in pairs)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)
    capped = np.minimum(cost, limit)
    least = capped[linear_sum_assignment(capped)].sum() + limit * (0.5 * abs(rows - columns))
    said = sum(cost[p] for p in pairs) + limit / 2 * (rows + columns - 2 * len(pairs))
    assert abs(said - least) < 1e-9


def test_pairs_that_cannot_be_are_left_apart() -> None:
    cost = np.array([[np.nan, 0.2], [np.inf, 0.1]])
    assert assign(cost, 1.0) == [(1, 1)]
    assert assign(np.zeros((0, 3)), 1.0) == []

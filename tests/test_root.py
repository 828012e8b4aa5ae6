from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.lift import LiftedPerson
from realtime.root import fit_root, place
from tests.fakes import standing_pose

places = st.tuples(st.floats(-2, 2), st.floats(-1, 1), st.floats(1.5, 10))


def rays_of(root_m: np.ndarray) -> np.ndarray:
    absolute = standing_pose() + root_m
    return (absolute[:, :2] / absolute[:, 2:]).astype(np.float32)


@given(places)
def test_an_exact_pose_is_put_back_where_it_was(place: tuple[float, float, float]) -> None:
    root_m = np.array(place, np.float32)
    score = np.ones(17, np.float32)
    found, _ = fit_root(standing_pose(), rays_of(root_m), score, (3.0, 1e3))
    np.testing.assert_allclose(found, root_m, rtol=1e-3, atol=2e-3)


@given(places, st.floats(0.5, 20))
def test_a_sure_depth_is_kept(place: tuple[float, float, float], depth_m: float) -> None:
    score = np.ones(17, np.float32)
    found, _ = fit_root(standing_pose(), rays_of(np.array(place, np.float32)), score, (depth_m, 1e-4))
    assert found[2] == pytest.approx(depth_m, abs=1e-2)


def test_missing_joints_do_not_count() -> None:
    root_m = np.array([0.3, -0.1, 4], np.float32)
    rays, score = rays_of(root_m), np.ones(17, np.float32)
    rays[[3, 6]] = 50.0
    rays[13] = np.nan
    score[[3, 6, 13]] = 0
    np.testing.assert_allclose(fit_root(standing_pose(), rays, score, (3.0, 1e3)).root_m, root_m, atol=5e-3)


def test_nothing_in_view_is_still_a_place() -> None:
    found, _ = fit_root(standing_pose(), np.zeros((17, 2), np.float32), np.zeros(17, np.float32), (3.0, 0.5))
    np.testing.assert_allclose(found, (0, 0, 3), atol=1e-3)


def test_nobody_is_put_behind_the_camera() -> None:
    rays = rays_of(np.array([0, 0, 2], np.float32))
    found, _ = fit_root(standing_pose(), -rays * 40, np.ones(17, np.float32), (0.3, 10.0))
    assert found[2] > 0


near_and_far = st.tuples(st.floats(-2, 2), st.floats(-1, 1), st.floats(1, 9))
unsaid = LiftedPerson(standing_pose(), float("nan"), float("nan"))


@given(near_and_far, st.sets(st.integers(0, 16), max_size=10), st.floats(0.1, 1))
def test_rays_alone_put_an_exact_pose_back_where_it_was(
    at: tuple[float, float, float], missing: set[int], sureness: float
) -> None:
    root_m = np.array(at, np.float32)
    rays, score = rays_of(root_m), np.full(17, sureness, np.float32)
    rays[list(missing)] = np.nan
    score[list(missing)] = 0
    found, sigma_m = place(unsaid, rays, score)
    seen = standing_pose()[score > 0, :2]
    if np.ptp(seen, axis=0).max() < 0.5:
        return  # too little to tell a depth by
    np.testing.assert_allclose(found, root_m, atol=1e-3)
    assert 0 < sigma_m < np.inf


@given(st.integers(0, 16), near_and_far)
def test_one_joint_tells_a_direction_but_no_depth(joint: int, at: tuple[float, float, float]) -> None:
    rays, score = rays_of(np.array(at, np.float32)), np.zeros(17, np.float32)
    score[joint] = 0.8
    root_m, sigma_m = place(unsaid, rays, score)
    assert (root_m[2], sigma_m) == (pytest.approx(4, abs=1e-3), 4)
    there_m = root_m + standing_pose()[joint]
    np.testing.assert_allclose(there_m[:2] / there_m[2], rays[joint], atol=1e-3)


def test_nothing_in_view_and_no_depth_is_still_a_place() -> None:
    root_m, sigma_m = place(unsaid, np.full((17, 2), np.nan, np.float32), np.zeros(17, np.float32))
    np.testing.assert_allclose(root_m, (0, 0, 4), atol=1e-3)
    assert sigma_m == 4


@given(st.integers(0, 2**32 - 1), st.integers(0, 17))
def test_whatever_is_seen_the_place_is_finite_and_before_the_camera(seed: int, seen: int) -> None:
    rng = np.random.default_rng(seed)
    rays = rng.normal(0, 10.0 ** rng.uniform(-6, 2), (17, 2)).astype(np.float32)
    score = np.where(np.arange(17) < seen, rng.uniform(0, 1, 17), 0).astype(np.float32)
    root_m, sigma_m = place(unsaid, rays, score)
    assert np.isfinite([*root_m, sigma_m]).all()
    assert root_m[2] > 0 < sigma_m


def test_the_sigma_of_the_rays_grows_with_the_distance() -> None:
    score = np.ones(17, np.float32)
    sigmas = [place(unsaid, rays_of(np.array([0.5, 0, z])), score)[1] for z in range(1, 30)]
    assert (np.diff(sigmas) > 0).all()
    assert 0.06 < sigmas[0] < 0.2
    assert 0.2 < sigmas[3] < 0.5


@given(near_and_far, st.floats(1, 9))
def test_a_depth_without_a_sigma_is_the_depth(at: tuple[float, float, float], depth_m: float) -> None:
    rays, score = rays_of(np.array(at, np.float32)), np.ones(17, np.float32)
    root_m, sigma_m = place(unsaid._replace(root_depth_m=depth_m), rays, score)
    assert root_m[2] == pytest.approx(depth_m, rel=2e-3)
    assert 0 < sigma_m < 2
    bare_m, bare_sigma_m = place(unsaid._replace(root_depth_m=depth_m), rays, np.zeros(17, np.float32))
    assert bare_m[2] == pytest.approx(depth_m, rel=2e-3)
    assert sigma_m < bare_sigma_m < np.inf


def test_a_depth_with_a_sigma_is_fused_with_the_rays() -> None:
    rays, score = rays_of(np.array([0.5, 0.1, 4])), np.ones(17, np.float32)
    rays += np.random.default_rng(2).normal(0, 0.02, rays.shape).astype(np.float32)
    said = [LiftedPerson(standing_pose(), 3.0, sigma_m) for sigma_m in (50.0, 1.0, 0.2)]
    depths = [float(place(lifted, rays, score)[0][2]) for lifted in said]
    alone = place(unsaid, rays, score)[0][2]
    assert depths[0] == pytest.approx(alone, rel=1e-3)
    assert depths[0] > depths[1] + 0.01
    assert depths[1] > depths[2] + 0.1
    assert depths[2] > 3.0


@pytest.mark.parametrize("scale", [None, 1.0])
def test_a_lifter_is_never_believed_to_be_surer_than_lifters_are(scale: float | None) -> None:
    rays, score = rays_of(np.array([0.5, 0.1, 4])), np.ones(17, np.float32)
    answers = [
        place(LiftedPerson(standing_pose(), 3.0, sigma_m), rays, score, scale) for sigma_m in (0.1, 1e-6)
    ]
    np.testing.assert_array_equal(answers[0][0], answers[1][0])
    assert answers[0][1] == answers[1][1]


def test_what_lifter_and_rays_say_together_is_surer_than_either() -> None:
    rng = np.random.default_rng(2)
    rays, score = rays_of(np.array([0.5, 0.1, 4])), np.ones(17, np.float32)
    rays += rng.normal(0, 0.02, rays.shape).astype(np.float32)
    both = place(LiftedPerson(standing_pose(), 4.0, 0.3), rays, score, scale=1.0)[1]
    alone = place(unsaid, rays, score, scale=1.0)[1]
    assert both < 0.3
    assert both < alone


@given(near_and_far, st.integers(0, 16), st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_one_lost_joint_hardly_moves_the_place(
    at: tuple[float, float, float], joint: int, x: float, y: float
) -> None:
    root_m = np.array(at, np.float32)
    rays, score = rays_of(root_m), np.ones(17, np.float32)
    exact_m, _ = place(unsaid, rays, score, scale=1.0)
    rays[joint] += np.array([x, y], np.float32)
    found_m, _ = place(unsaid, rays, score, scale=1.0)
    assert abs(found_m[2] - exact_m[2]) < 0.05 * exact_m[2]


@pytest.mark.parametrize("said", [(2.0, 1e-3), (2.0, np.nan), (np.nan, np.nan)])
def test_someone_twice_as_large_is_twice_as_far(said: tuple[float, float]) -> None:
    rays, score = rays_of(np.array([0.2, 0.1, 2])), np.ones(17, np.float32)
    lifted = LiftedPerson(standing_pose(), *said)
    np.testing.assert_allclose(place(lifted, rays, score, scale=2)[0], (0.4, 0.2, 4), atol=4e-3)


@pytest.mark.parametrize(("scale", "least"), [(None, 0.26), (1.0, 0.0)])
def test_nobody_of_unknown_size_is_placed_more_surely_than_sizes_differ(
    scale: float | None, least: float
) -> None:
    pose_m = np.random.default_rng(3).normal(0, 0.3, (17, 3)).astype(np.float32)
    pose_m[0] = 0
    away_m = pose_m + np.array([0.2, 0.1, 4.0], np.float32)
    rays = (away_m[:, :2] / away_m[:, 2:]).astype(np.float32)
    lifted = LiftedPerson(pose_m, 4.0, 0.3)
    root_m, sigma_m = place(lifted, rays, np.ones(17, np.float32), scale)
    assert root_m[2] == pytest.approx(4.0, abs=0.01)
    assert least < sigma_m < least + 0.1

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import ManifestError, UsageError
from realtime.lift import (
    STATURE_RATIO,
    BodyScale,
    Lifted,
    LiftedPerson,
    Lifter,
    bone_path_m,
    fit_root,
    fit_root_alone,
    place,
)
from realtime.manifest import Manifest, StateTensor
from realtime.sample import load_truth
from tests.fakes import FakeEngine, PastEngine, standing_pose


def counting_lifter() -> tuple[Lifter, FakeEngine]:
    """A lifter whose root depth is how many steps its person has had."""

    def step(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        count = feeds["state_0"] + 1
        n = len(count)
        return {
            "pose": np.zeros((n, 17, 3), np.float32),
            "root_depth": count[:, 0],
            "root_depth_sigma": np.ones(n, np.float32),
            "next_state_0": count,
        }

    engine = FakeEngine(
        {"rays": (None, 17, 2), "score": (None, 17), "state_0": (None, 1)},
        {
            "pose": (None, 17, 3),
            "root_depth": (None,),
            "root_depth_sigma": (None,),
            "next_state_0": (None, 1),
        },
        step,  # type: ignore[arg-type]
    )
    return Lifter(manifest(), engine), engine


def manifest(role: str = "lifter") -> Manifest:
    state = (StateTensor("state_0", "next_state_0", (1,)),)
    return Manifest("m", role, "f", "", "", "", {}, {}, state=state, directory=Path())  # type: ignore[arg-type]


def step(lifter: Lifter, *ids: int) -> list[float]:
    n = len(ids)
    rays, score = np.zeros((n, 17, 2), np.float32), np.ones((n, 17), np.float32)
    return list(lifter.step(rays, score, ids).root_depth_m)


def test_each_person_has_a_state_of_their_own() -> None:
    lifter, _ = counting_lifter()
    assert step(lifter, 7) == [1]
    assert step(lifter, 7, 9) == [2, 1]
    assert step(lifter, 9) == [2]
    assert step(lifter, 9, 7) == [3, 3]


def test_a_dropped_person_starts_afresh() -> None:
    lifter, _ = counting_lifter()
    step(lifter, 7, 9)
    lifter.drop(7)
    lifter.drop(12345)
    assert step(lifter, 7, 9) == [1, 2]


def test_nobody_costs_nothing() -> None:
    lifter, engine = counting_lifter()
    assert step(lifter) == []
    assert engine.calls == 0


def test_a_model_that_is_no_lifter_is_refused() -> None:
    _, engine = counting_lifter()
    with pytest.raises(ManifestError, match="is not a lifter"):
        Lifter(manifest("detector"), engine)
    with pytest.raises(ManifestError, match="must take"):
        Lifter(manifest(), FakeEngine({"image": (1,)}, {}, lambda feeds: feeds))


def bare_lifter(**outputs: np.ndarray) -> tuple[Lifted, FakeEngine]:
    """What a lifter without a state says of two people, where its net gives the pose and these outputs."""
    everything = {"pose": np.zeros((2, 17, 3), np.float32), **outputs}
    engine = FakeEngine(
        {"rays": (None, 17, 2), "score": (None, 17)},
        {name: (None, *values.shape[1:]) for name, values in everything.items()},
        lambda feeds: everything,
    )
    lifter = Lifter(Manifest("m", "lifter", "f", "", "", "", {}, {}), engine)
    rays, score = np.zeros((2, 17, 2), np.float32), np.ones((2, 17), np.float32)
    return lifter.step(rays, score, (4, 5), depth=np.ones((2, 17), np.float32)), engine


def test_what_a_net_does_not_say_is_not_made_up() -> None:
    someone = bare_lifter()[0].person(1)
    assert np.isnan([someone.root_depth_m, someone.root_sigma_m]).all()
    assert someone.confidence is None


def test_a_depth_without_a_sigma_and_a_confidence_are_taken() -> None:
    confidence = np.linspace(0, 1, 34, dtype=np.float32).reshape(2, 17)
    lifted, _ = bare_lifter(root_depth=np.array([3, 4], np.float32), confidence=confidence)
    someone = lifted.person(1)
    assert someone.root_depth_m == 4
    assert np.isnan(someone.root_sigma_m)
    np.testing.assert_array_equal(someone.confidence, confidence[1])


def test_depth_goes_to_a_net_that_takes_it_and_is_zeros_where_there_is_none() -> None:
    engine = PastEngine()
    lifter = Lifter(PastEngine.manifest(), engine)
    rays, score = np.zeros((1, 17, 2), np.float32), np.ones((1, 17), np.float32)
    lifter.step(rays, score, (0,), score * 2)
    lifter.step(rays, score, (0,))
    assert [float(depth.mean()) for depth in engine.depths] == [2.0, 0.0]


@pytest.mark.parametrize("lag", [0, 2, 5])
def test_a_lag_asks_for_the_pose_of_so_many_frames_ago(lag: int) -> None:
    lifter = Lifter(PastEngine.manifest(), PastEngine(), lag)
    assert lifter.delay == lag
    for n in range(1, 10):
        rays, score = np.full((2, 17, 2), n, np.float32), np.ones((2, 17), np.float32)
        lifted = lifter.step(rays, score, (0, 1))
        assert lifted.relative_m[:, 3, 0].tolist() == [max(0, n - lag)] * 2


def test_a_lag_that_a_lifter_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="no lag 3: choose --lag from -2, 0, 2, 5, 20"):
        Lifter(PastEngine.manifest(), PastEngine(), 3)
    _, engine = counting_lifter()
    with pytest.raises(UsageError, match="no choice of --lag"):
        Lifter(manifest(), engine, 1)


def test_a_lag_input_and_lags_belong_together() -> None:
    with pytest.raises(ManifestError, match="must take"):
        Lifter(replace(PastEngine.manifest(), lags=()), PastEngine())
    _, engine = counting_lifter()
    with pytest.raises(ManifestError, match="must take"):
        Lifter(replace(manifest(), lags=(0, 1)), engine)


def test_the_delay_of_a_net_and_its_lag_add_up() -> None:
    assert Lifter(replace(PastEngine.manifest(), delay=3), PastEngine(), 2).delay == 5


places = st.tuples(st.floats(-2, 2), st.floats(-1, 1), st.floats(1.5, 10))


def rays_of(root_m: np.ndarray) -> np.ndarray:
    absolute = standing_pose() + root_m
    return (absolute[:, :2] / absolute[:, 2:]).astype(np.float32)


@given(places)
def test_an_exact_pose_is_put_back_where_it_was(place: tuple[float, float, float]) -> None:
    root_m = np.array(place, np.float32)
    score = np.ones(17, np.float32)
    found = fit_root(standing_pose(), rays_of(root_m), score, depth_m=3.0, sigma_m=1e3)
    np.testing.assert_allclose(found, root_m, rtol=1e-3, atol=2e-3)


@given(places, st.floats(0.5, 20))
def test_a_sure_depth_is_kept(place: tuple[float, float, float], depth_m: float) -> None:
    score = np.ones(17, np.float32)
    found = fit_root(standing_pose(), rays_of(np.array(place, np.float32)), score, depth_m, sigma_m=1e-4)
    assert found[2] == pytest.approx(depth_m, abs=1e-2)


def test_missing_joints_do_not_count() -> None:
    root_m = np.array([0.3, -0.1, 4], np.float32)
    rays, score = rays_of(root_m), np.ones(17, np.float32)
    rays[[3, 6]] = 50.0
    rays[13] = np.nan
    score[[3, 6, 13]] = 0
    np.testing.assert_allclose(fit_root(standing_pose(), rays, score, 3.0, 1e3), root_m, atol=5e-3)


def test_nothing_in_view_is_still_a_place() -> None:
    found = fit_root(standing_pose(), np.zeros((17, 2), np.float32), np.zeros(17, np.float32), 3.0, 0.5)
    np.testing.assert_allclose(found, (0, 0, 3), atol=1e-3)


def test_nobody_is_put_behind_the_camera() -> None:
    rays = rays_of(np.array([0, 0, 2], np.float32))
    found = fit_root(standing_pose(), -rays * 40, np.ones(17, np.float32), 0.3, 10.0)
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
    root_m, sigma_m = fit_root_alone(standing_pose(), rays, score)
    assert np.isfinite([*root_m, sigma_m]).all()
    assert root_m[2] > 0 < sigma_m


def test_the_sigma_of_the_rays_grows_with_the_distance() -> None:
    score = np.ones(17, np.float32)
    sigmas = [place(unsaid, rays_of(np.array([0.5, 0, z])), score)[1] for z in range(1, 30)]
    assert (np.diff(sigmas) > 0).all()
    assert 0.07 < sigmas[0] < 0.2
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


def test_a_depth_with_a_sigma_is_a_prior_and_the_sigma_is_kept() -> None:
    rays, score = rays_of(np.array([0.5, 0.1, 4])), np.ones(17, np.float32)
    root_m, sigma_m = place(LiftedPerson(standing_pose(), 3.0, 0.5), rays, score)
    np.testing.assert_array_equal(root_m, fit_root(standing_pose(), rays, score, 3.0, 0.5))
    assert sigma_m == 0.5


@pytest.mark.parametrize("said", [(2.0, 1e-3), (2.0, np.nan), (np.nan, np.nan)])
def test_someone_twice_as_large_is_twice_as_far(said: tuple[float, float]) -> None:
    rays, score = rays_of(np.array([0.2, 0.1, 2])), np.ones(17, np.float32)
    lifted = LiftedPerson(standing_pose(), *said)
    np.testing.assert_allclose(place(lifted, rays, score, scale=2)[0], (0.4, 0.2, 4), atol=4e-3)


@given(st.floats(0.5, 2.0), st.floats(1.0, 2.2))
def test_a_known_stature_fixes_the_size(size: float, stature_m: float) -> None:
    pose = standing_pose() * np.float32(size)
    scale = BodyScale(stature_m)
    for _ in range(3):
        factor = scale.update(pose)
    assert STATURE_RATIO * bone_path_m(pose * np.float32(factor)) == pytest.approx(stature_m, rel=1e-4)


def test_the_sample_body_has_its_stature() -> None:
    truth = load_truth()
    paths = [bone_path_m(pose - pose[0]) for pose in truth["pose_m"]]
    assert STATURE_RATIO * np.median(paths) == pytest.approx(float(truth["height_m"]), rel=0.002)


def test_one_odd_frame_hardly_changes_the_size() -> None:
    scale = BodyScale(1.75)
    for _ in range(100):
        steady = scale.update(standing_pose())
    assert scale.update(standing_pose() * 2) == pytest.approx(steady, rel=0.03)


@pytest.mark.parametrize(("scale", "least"), [(None, 0.06), (1.0, 0.0)])
def test_nobody_of_unknown_size_is_placed_more_surely_than_sizes_differ(
    scale: float | None, least: float
) -> None:
    pose_m = np.random.default_rng(3).normal(0, 0.3, (17, 3)).astype(np.float32)
    pose_m[0] = 0
    away_m = pose_m + np.array([0.2, 0.1, 4.0], np.float32)
    rays = (away_m[:, :2] / away_m[:, 2:]).astype(np.float32)
    lifted = LiftedPerson(pose_m, 4.0, 0.01)
    root_m, sigma_m = place(lifted, rays, np.ones(17, np.float32), scale)
    assert root_m[2] == pytest.approx(4.0, abs=0.01)
    assert sigma_m == pytest.approx(max(0.01, 0.07 * 4.0) if scale is None else 0.01, rel=0.01)
    assert sigma_m > least

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import ManifestError
from realtime.lift import STATURE_RATIO, BodyScale, Lifter, bone_path_m, fit_root
from realtime.manifest import Manifest, StateTensor
from realtime.sample import load_truth
from tests.fakes import FakeEngine, standing_pose


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

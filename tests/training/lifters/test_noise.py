"""What a 2D net does to keypoints: errors of the size the model says, and joints that go missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import UsageError
from realtime.size import STATURE_RATIO
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from tests.fakes import standing_pose
from tests.training.records.made_up import turned_walker_m
from tests.training.records.test_error_model import behaviour
from training.lifters.cameras import rays_of
from training.lifters.noise import (
    Hiding,
    Seen,
    any_net,
    corrupt,
    error_model_named,
    hide,
    shipped_error_model,
    statures_m,
)
from training.records.depth_model import DepthModel
from training.records.error_model import ALL, ErrorModel, Kind, Provenance

CLIPS, FRAMES = 60, 50
MODEL = ErrorModel({ALL: behaviour(0.9, 0.01, 0.6, (0.4, 0.8))}, 0.0, Provenance("told", "", 1, 1, 30.0))
TRUE_DEPTH = DepthModel(np.eye(17), np.zeros(17), np.zeros((17, 17)), 0.5)


@pytest.fixture(scope="module")
def camera_m() -> FloatArray:
    clips = [turned_walker_m(FRAMES, seed, 0.1 * seed) for seed in range(CLIPS)]
    flipped: FloatArray = np.stack(clips) * np.array([1, -1, -1], np.float32)
    away = np.random.default_rng(0).uniform(2, 6, (CLIPS, 1, 1, 1))
    return np.asarray(flipped + away * np.array([0.1, 0, 1]), np.float32)


def _corrupt(
    camera_m: FloatArray, model: ErrorModel, seed: int = 0, kind: Kind = "mixture", **how: object
) -> Seen:
    rng = np.random.default_rng(seed)
    return corrupt(rng, camera_m, rays_of(camera_m), model, kind, **how)  # type: ignore[arg-type]


def _shares(camera_m: FloatArray, seen: Seen) -> Array:
    """Errors as shares of the person's size."""
    size = statures_m(camera_m)[:, None] / camera_m[:, :, 0, 2]
    return np.asarray((seen.rays - rays_of(camera_m)) / size[..., None, None])


def test_stature_is_that_of_the_bones() -> None:
    """The standing pose: 0.84 m of leg and 0.70 m of trunk and head."""
    pose = np.stack([np.repeat(factor * standing_pose()[None], 3, axis=0) for factor in (1.0, 0.8)])
    expected = STATURE_RATIO * 1.54 * np.array([1.0, 0.8])
    np.testing.assert_allclose(statures_m(pose), expected, rtol=1e-5)
    np.testing.assert_allclose(statures_m(pose + np.float32(3)), expected, rtol=1e-5)
    broken = pose.copy()
    broken[:, 0] *= 5
    np.testing.assert_allclose(statures_m(broken), expected, rtol=1e-5)


def test_gt_is_the_truth(camera_m: FloatArray) -> None:
    seen = _corrupt(camera_m, MODEL, kind="gt")
    np.testing.assert_array_equal(seen.rays, rays_of(camera_m))
    assert (seen.score == 1).all()
    assert not seen.depth.any()


def test_one_gaussian_has_the_spread_of_the_model(camera_m: FloatArray) -> None:
    told = MODEL.behaviour[ALL].gaussian
    error = _shares(camera_m, _corrupt(camera_m, MODEL, kind="gaussian"))
    np.testing.assert_allclose((error**2).mean(axis=(0, 1)), told.mu**2 + told.sigma**2, rtol=0.2)
    assert (error**2).mean() == pytest.approx((told.mu**2 + told.sigma**2).mean(), rel=0.03)


def test_the_mixture_has_the_spread_of_its_parts(camera_m: FloatArray) -> None:
    told = MODEL.behaviour[ALL].mixture
    error = _shares(camera_m, _corrupt(camera_m, MODEL))
    gamma = told.gamma[:, None]
    expected = gamma * (told.mu**2 + told.sigma**2) + (1 - gamma) * told.window**2 / 12
    np.testing.assert_allclose((error**2).mean(axis=(0, 1)), expected, rtol=0.2)
    assert (error**2).mean() == pytest.approx(expected.mean(), rel=0.04)


def test_errors_last_from_frame_to_frame(camera_m: FloatArray) -> None:
    told = MODEL.behaviour[ALL].gaussian
    error = (_shares(camera_m, _corrupt(camera_m, MODEL, kind="gaussian")) - told.mu) / told.sigma
    assert (error[:, 1:] * error[:, :-1]).mean() == pytest.approx(0.6, abs=0.03)


def test_strength_scales_the_errors_a_clip(camera_m: FloatArray) -> None:
    rays, plain = rays_of(camera_m), _corrupt(camera_m, MODEL)
    factors = np.linspace(0, 2, CLIPS)
    scaled = _corrupt(camera_m, MODEL, strength=lambda rng, clips: factors[:clips])
    np.testing.assert_allclose(
        scaled.rays - rays, factors[:, None, None, None] * (plain.rays - rays), atol=1e-6
    )
    np.testing.assert_array_equal(scaled.rays[0], rays[0])
    np.testing.assert_array_equal(scaled.score, plain.score)
    drawn = any_net(np.random.default_rng(0), 1000)
    assert 0 < drawn.min() < 0.4
    assert 1 < drawn.max() < 1.5


def test_a_missed_frame_has_no_score_and_no_depth(camera_m: FloatArray) -> None:
    seen = _corrupt(camera_m, replace(MODEL, missing=0.3, depth=TRUE_DEPTH))
    missed = (seen.score == 0).all(axis=-1)
    assert missed.mean() == pytest.approx(0.3, abs=0.03)
    assert not seen.depth[missed].any()
    assert seen.depth[~missed].any(axis=-1).all()


def test_depth_is_behind_the_pelvis_in_the_unit_of_rays(camera_m: FloatArray) -> None:
    away = camera_m[:, :, :1, 2]
    seen = _corrupt(camera_m, replace(MODEL, depth=TRUE_DEPTH))
    np.testing.assert_allclose(seen.depth, (camera_m[..., 2] - away) / away, atol=1e-6)
    assert not _corrupt(camera_m, MODEL).depth.any()


def test_draws_depend_on_the_generator_alone(camera_m: FloatArray) -> None:
    one, same, other = (_corrupt(camera_m, MODEL, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.rays, same.rays)
    np.testing.assert_array_equal(one.score, same.score)
    assert not np.allclose(one.rays, other.rays)


def test_the_shipped_model_draws_what_trains(camera_m: FloatArray) -> None:
    seen = _corrupt(camera_m, shipped_error_model())
    assert {a.dtype for a in (seen.rays, seen.score, seen.depth)} == {np.dtype(np.float32)}
    assert np.isfinite(seen.rays).all()
    assert 0 <= seen.score.min() < seen.score.max() <= 1
    assert seen.depth.any()
    assert 0.005 < np.mean((seen.score == 0).all(axis=-1)) < 0.03


def test_an_error_model_is_named_by_its_net_or_its_file(tmp_path: Path) -> None:
    model = error_model_named("blazepose")
    assert model.provenance.net == "blazepose-landmark-full"
    model.save(tmp_path / "mine.yaml")
    assert error_model_named(str(tmp_path / "mine.yaml")).missing == pytest.approx(model.missing)
    with pytest.raises(UsageError, match=r"no error model of 'blazepoise': choose blazepose,.* \.yaml file"):
        error_model_named("blazepoise")
    with pytest.raises(UsageError, match="not a 2D error model"):
        error_model_named(str(tmp_path / "absent.yaml"))


def test_hiding_only_ever_clears_scores_and_leaves_the_input_alone() -> None:
    score = np.full((CLIPS, FRAMES, 17), 0.8, np.float32)
    hidden = hide(np.random.default_rng(0), score, Hiding(spans=1.0, legs=0.5, lost_frames=0.0))
    assert set(np.unique(hidden)) == {np.float32(0), np.float32(0.8)}
    assert (score == np.float32(0.8)).all()
    legs = H36M17.indices("l_knee", "r_knee", "l_ankle", "r_ankle")
    legless = (hidden[:, :, legs] == 0).all(axis=(1, 2))
    assert 0.25 < legless.mean() < 0.75


def test_lost_frames_are_lost_whole() -> None:
    score = np.full((CLIPS, FRAMES, 17), 0.8, np.float32)
    hidden = hide(np.random.default_rng(0), score, Hiding(spans=0.0, legs=0.0, lost_frames=0.2))
    lost = (hidden == 0).any(axis=-1)
    np.testing.assert_array_equal(lost, (hidden == 0).all(axis=-1))
    assert 0.03 < lost.mean() < 0.15


def test_nothing_is_hidden_when_nothing_is_asked() -> None:
    score = np.full((CLIPS, FRAMES, 17), 0.8, np.float32)
    np.testing.assert_array_equal(hide(np.random.default_rng(0), score, Hiding(0, 0, 0)), score)

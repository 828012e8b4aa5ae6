"""The error model: fitted to what was drawn, drawn as it was fitted, and a file that comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import Array
from tests.training.records.made_up import JOINTS, erring, exact_records
from training.records.em import Mixture
from training.records.error_model import (
    ALL,
    CLASSES,
    HIDDEN,
    VISIBLE,
    Behaviour,
    ErrorModel,
    Provenance,
    fit,
    load_error_model,
    shares,
)
from training.records.store import Records, joined

WINDOW = 0.3


def behaviour(gamma: float, sigma: float, correlation: float, scores: tuple[float, float]) -> Behaviour:
    """Joints that differ a little; scores: the middle of the outliers' and of the inliers'."""
    step = np.linspace(0, 1, JOINTS)
    mu = 0.01 * np.stack([np.sin(5 * step), np.cos(5 * step)], -1)
    sigmas = sigma * np.stack([1 + step, 1.5 - 0.5 * step], -1)
    levels = np.linspace(-0.1, 0.1, 11)
    return Behaviour(
        np.full(JOINTS, 1000),
        Mixture(gamma - 0.05 * step, mu, sigmas, WINDOW),
        Mixture(np.ones(JOINTS), mu / 2, 2 * sigmas, WINDOW),
        np.full(JOINTS, correlation),
        np.array([[middle + levels] * JOINTS for middle in scores]),
    )


@pytest.fixture(scope="module")
def truth() -> ErrorModel:
    """A net that is worse, slower to change and less sure where a joint is hidden."""
    parts = {
        ALL: behaviour(0.9, 0.009, 0.6, (0.4, 0.8)),
        VISIBLE: behaviour(0.96, 0.006, 0.5, (0.5, 0.9)),
        HIDDEN: behaviour(0.8, 0.012, 0.6, (0.2, 0.6)),
    }
    return ErrorModel(parts, 0.06, Provenance("told", "2026-01-01", 1, 1000, 30.0))


@pytest.fixture(scope="module")
def exact() -> Records:
    """9,600 frames, a third of the joints hidden, for stretches of 10 frames."""
    made = exact_records(clips=16, frames=600)
    hidden = np.random.default_rng(5).random((made.frames // 10, JOINTS)) < 1 / 3
    return replace(made, visible=~np.repeat(hidden, 10, axis=0))


def recorded(model: ErrorModel, exact: Records, seed: int = 0, **how: object) -> Records:
    """What a net of this model would record, clip by clip."""
    rng, parts = np.random.default_rng(seed), []
    for clip in map(exact.clip, range(exact.clips)):
        seen_px, score = model.draw(rng, clip.exact_px, clip.sizes_px, clip.visible, **how)  # type: ignore[arg-type]
        found = score.any(axis=1)
        parts.append(replace(clip, seen_px=seen_px * found[:, None, None], score=score, found=found))
    return joined(parts)


@pytest.fixture(scope="module")
def refitted(truth: ErrorModel, exact: Records) -> ErrorModel:
    records = recorded(truth, exact, kind="mixture-by-visibility", correlated=True)
    return fit(records, WINDOW)


@pytest.mark.parametrize("key", [VISIBLE, HIDDEN])
def test_a_drawn_net_is_fitted_again(truth: ErrorModel, refitted: ErrorModel, key: str) -> None:
    found, told = refitted.behaviour[key], truth.behaviour[key]
    np.testing.assert_allclose(found.mixture.gamma, told.mixture.gamma, atol=0.03)
    np.testing.assert_allclose(found.mixture.sigma, told.mixture.sigma, rtol=0.08)
    assert (np.abs(found.mixture.mu - told.mixture.mu) < 0.15 * told.mixture.sigma).all()
    np.testing.assert_allclose(found.correlation, told.correlation, atol=0.06)
    # Uniform errors that lie under the Gaussian count as its own, and have the outliers' low scores.
    np.testing.assert_allclose(found.scores[1, :, 1:], told.scores[1, :, 1:], atol=0.03)


def test_scores_tell_outliers_from_inliers(truth: ErrorModel, refitted: ErrorModel) -> None:
    for key in (VISIBLE, HIDDEN):
        outlier, inlier = refitted.behaviour[key].scores
        np.testing.assert_allclose(outlier[:, 5], truth.behaviour[key].scores[0, :, 5], atol=0.03)
        assert (inlier[:, 5] > outlier[:, 5] + 0.3).all()


def test_frames_are_missed_at_the_rate_stated_of_those_in_view(
    truth: ErrorModel, refitted: ErrorModel, exact: Records
) -> None:
    assert refitted.missing == pytest.approx(truth.missing, abs=0.01)
    gone = np.arange(exact.frames) % 2 == 0
    away = replace(exact, found=exact.found & ~gone, visible=exact.visible & ~gone[:, None])
    assert fit(away, WINDOW).missing == 0
    score = truth.draw(np.random.default_rng(0), exact.exact_px, exact.sizes_px)[1]
    missed = (score == 0).all(axis=-1)
    assert missed.mean() == pytest.approx(truth.missing, abs=0.01)
    assert (score[~missed] > 0).all()


def test_mixture_beats_one_gaussian_and_visibility_beats_both(truth: ErrorModel, exact: Records) -> None:
    known, unseen = (recorded(truth, exact, seed, kind="mixture-by-visibility") for seed in (1, 2))
    likelihood = fit(known, WINDOW).log_likelihoods(unseen)
    assert likelihood["mixture"] > likelihood["gaussian"] + 0.3
    assert likelihood["mixture-by-visibility"] > likelihood["mixture"] + 0.05


def test_gt_is_the_truth(truth: ErrorModel, exact: Records) -> None:
    seen_px, score = truth.draw(np.random.default_rng(0), exact.exact_px, exact.sizes_px, kind="gt")
    np.testing.assert_array_equal(seen_px, exact.exact_px)
    assert (score == 1).all()


@pytest.mark.parametrize("correlated", [False, True])
def test_one_gaussian_has_its_spread_and_no_outliers(
    truth: ErrorModel, exact: Records, correlated: bool
) -> None:
    seen_px, score = truth.draw(
        np.random.default_rng(0), exact.exact_px, exact.sizes_px, correlated=correlated, kind="gaussian"
    )
    error, gaussian = (
        (seen_px - exact.exact_px) / exact.sizes_px[:, None, None],
        truth.behaviour[ALL].gaussian,
    )
    np.testing.assert_allclose(error.std(axis=0), gaussian.sigma, rtol=0.06)
    np.testing.assert_allclose(error.mean(axis=0), gaussian.mu, atol=0.002)
    assert np.abs((error - gaussian.mu) / gaussian.sigma).max() < 6
    z = (error - gaussian.mu) / gaussian.sigma
    neighbours = (z[1:] * z[:-1]).mean()
    assert neighbours == pytest.approx(0.6 if correlated else 0, abs=0.03)
    sure = np.mean(score[(score > 0).all(axis=-1)] > 0.6)
    assert sure == pytest.approx(truth.behaviour[ALL].mixture.gamma.mean(), abs=0.01)


def test_draws_depend_on_the_generator_alone_and_scale_with_the_person(
    truth: ErrorModel, exact: Records
) -> None:
    clip = exact.clip(0)
    near, far = (truth.draw(np.random.default_rng(7), clip.exact_px, size * clip.sizes_px) for size in (2, 1))
    np.testing.assert_allclose(near[0] - clip.exact_px, 2 * (far[0] - clip.exact_px), atol=1e-3)
    np.testing.assert_array_equal(near[1], far[1])
    other = truth.draw(np.random.default_rng(8), clip.exact_px, clip.sizes_px)
    assert not np.allclose(other[0], far[0])


def test_draws_of_batches_have_the_batch_in_front(truth: ErrorModel) -> None:
    exact_px = np.zeros((3, 2, 40, JOINTS, 2), np.float32)
    visible = np.zeros((3, 2, 40, JOINTS), bool)
    seen_px, score = truth.draw(
        np.random.default_rng(0), exact_px, np.ones((3, 2, 40), np.float32), visible, True,
        kind="mixture-by-visibility",
    )  # fmt: skip
    assert (seen_px.shape, score.shape) == (exact_px.shape, visible.shape)
    assert (seen_px.dtype, score.dtype) == (np.float32, np.float32)


def test_visibility_must_be_known_to_draw_by_it(truth: ErrorModel, exact: Records) -> None:
    with pytest.raises(UsageError, match="which joints are visible"):
        truth.draw(np.random.default_rng(0), exact.exact_px, exact.sizes_px, kind="mixture-by-visibility")


def test_a_class_with_too_few_samples_takes_the_values_of_all(exact: Records) -> None:
    rng = np.random.default_rng(0)
    visible = np.ones_like(exact.visible)
    visible[:50, H36M17.index("l_wrist")] = False
    visible[:, H36M17.index("pelvis")] = False
    made = erring(exact, rng.normal(0, 0.01, exact.seen_px.shape), visible=visible).clip(0)
    model = fit(made, WINDOW)
    for key, joint, samples in ((HIDDEN, "l_wrist", 50), (HIDDEN, "r_knee", 0), (VISIBLE, "pelvis", 0)):
        j = H36M17.index(joint)
        part, everyone = model.behaviour[key], model.behaviour[ALL]
        assert part.samples[j] == samples
        assert part.mixture.gamma[j] == everyone.mixture.gamma[j]
        np.testing.assert_array_equal(part.mixture.sigma[j], everyone.mixture.sigma[j])
        np.testing.assert_array_equal(part.scores[:, j], everyone.scores[:, j])


def test_frames_not_found_or_behind_the_camera_are_left_out(exact: Records) -> None:
    found, pose_m = exact.found.copy(), exact.pose_m.copy()
    found[:100], pose_m[100:110, :, 2] = False, -1.0
    spoilt = replace(exact, found=found, pose_m=pose_m, seen_px=exact.seen_px * found[:, None, None])
    errors, used = shares(spoilt)
    assert not used[:, :110].any()
    assert used[:, 110:].all()
    assert np.isfinite(errors).all()
    np.testing.assert_allclose(errors[:, 110:], 0, atol=1e-6)


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(UsageError, match="60 usable frames are too few"):
        fit(exact_records(clips=2, frames=30))


def test_a_model_comes_back_from_its_file(truth: ErrorModel, tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    truth.save(path)
    back = load_error_model(path)
    assert (back.missing, back.provenance) == (truth.missing, truth.provenance)
    for key in CLASSES:
        for found, told in _arrays(back.behaviour[key], truth.behaviour[key]):
            np.testing.assert_allclose(found, told, rtol=1e-5, atol=1e-9)
        assert back.behaviour[key].mixture.window == WINDOW
    again = tmp_path / "again.yaml"
    back.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert path.stat().st_size < 60_000


def _arrays(a: Behaviour, b: Behaviour) -> list[tuple[Array, Array]]:
    keys = ("samples", "correlation", "scores")
    pairs = [(getattr(a, key), getattr(b, key)) for key in keys]
    for fit_of in ("mixture", "gaussian"):
        pairs += [
            (getattr(getattr(a, fit_of), k), getattr(getattr(b, fit_of), k)) for k in ("gamma", "mu", "sigma")
        ]
    return pairs


def test_any_other_file_is_refused(truth: ErrorModel, tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    with pytest.raises(UsageError, match="not a 2D error model"):
        load_error_model(path)
    truth.save(path)
    good = yaml.safe_load(path.read_text())
    other = {
        "schema": "else", "version": 9, "joints": good["joints"][::-1], "missing": "many",
        "provenance": {"net": "x"}, "classes": {ALL: good["classes"][ALL] | {"gamma": [1.0]}},
    }  # fmt: skip
    for key, value in other.items():
        path.write_text(yaml.safe_dump(good | {key: value}))
        with pytest.raises(UsageError, match="not a 2D error model"):
            load_error_model(path)
    for text in ("[1, 2", "a line", ""):
        path.write_text(text)
        with pytest.raises(UsageError, match="not a 2D error model"):
            load_error_model(path)
    with pytest.raises(UsageError, match="cannot write"):
        truth.save(tmp_path / "absent" / "model.yaml")

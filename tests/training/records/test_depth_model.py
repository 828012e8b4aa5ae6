"""The model of a net's own depth: what was drawn from it is fitted again, and a file brings it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from realtime.errors import UsageError
from tests.training.records.made_up import JOINTS, exact_records
from tests.training.records.test_error_model import behaviour
from training.records.depth_model import LEAST_FRAMES, DepthModel, fit_depth, true_shares
from training.records.error_model import CLASSES, ErrorModel, Provenance, fit, load_error_model
from training.records.store import Records, joined

OTHERS = slice(1, None)


@pytest.fixture(scope="module")
def told() -> DepthModel:
    """A net that flattens people, leans, mixes neighbours up, and errs alike from frame to frame."""
    rng = np.random.default_rng(3)
    matrix = 0.8 * np.eye(JOINTS) + 0.05 * rng.standard_normal((JOINTS, JOINTS))
    factor = np.tril(0.002 * rng.standard_normal((JOINTS, JOINTS)), -1) + 0.015 * np.eye(JOINTS)
    return DepthModel(matrix, 0.02 * rng.standard_normal(JOINTS), factor, 0.7)


@pytest.fixture(scope="module")
def recorded(told: DepthModel) -> Records:
    """6,000 frames of people whose joints move apart from each other, so that all of the map shows."""
    made = exact_records(clips=12, frames=500)
    rng = np.random.default_rng(0)
    pose_m = made.pose_m.copy()
    pose_m[:, 1:, 2] += rng.normal(0, 0.25, (made.frames, JOINTS - 1)).astype(np.float32)
    shares = true_shares(pose_m, made.height_m[made.clip_of])
    seen = np.concatenate([told.draw(rng, shares[span]) for span in made.bounds])
    middle_px = rng.normal(0, 50, (made.frames, 1))
    made = replace(made, pose_m=pose_m)
    return replace(made, depth_px=(seen * made.sizes_px[:, None] + middle_px).astype(np.float32))


def _check(found: DepthModel | None, told: DepthModel) -> None:
    assert found is not None
    np.testing.assert_allclose(found.matrix[OTHERS, OTHERS], told.matrix[OTHERS, OTHERS], atol=0.015)
    np.testing.assert_allclose(found.offset[OTHERS], told.offset[OTHERS], atol=0.003)
    covariance, expected = (m.factor[OTHERS] @ m.factor[OTHERS].T for m in (found, told))
    np.testing.assert_allclose(covariance, expected, atol=0.1 * 0.015**2)
    assert found.correlation == pytest.approx(told.correlation, abs=0.02)
    assert not found.matrix[0].any()


def test_what_was_drawn_is_fitted_again(told: DepthModel, recorded: Records) -> None:
    _check(fit_depth(recorded), told)


def test_frames_without_depth_or_person_do_not_count(told: DepthModel, recorded: Records) -> None:
    depth_px, found, pose_m = recorded.depth_px.copy(), recorded.found.copy(), recorded.pose_m.copy()
    block = np.arange(recorded.frames) % 500
    depth_px[block < 40, 5] = np.nan
    found[(block >= 40) & (block < 80)] = False
    pose_m[(block >= 80) & (block < 120), :, 2] -= 6.0
    depth_px[(block >= 40) & (block < 120)] = 1e4
    _check(fit_depth(replace(recorded, depth_px=depth_px, found=found, pose_m=pose_m)), told)


def test_a_net_that_gives_no_depth_has_no_model(recorded: Records) -> None:
    assert fit_depth(exact_records()) is None
    found = np.arange(recorded.frames) < LEAST_FRAMES - 1
    assert fit_depth(replace(recorded, found=found)) is None


def test_draws_keep_the_pelvis_and_the_seed(told: DepthModel) -> None:
    true = np.random.default_rng(0).normal(0, 0.1, (3, 20, JOINTS)).astype(np.float32)
    one, same, other = (told.draw(np.random.default_rng(seed), true) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    assert (one.shape, one.dtype.name) == (true.shape, "float32")
    assert not one[..., 0].any()


def test_shares_are_depths_behind_the_pelvis_over_the_stature() -> None:
    pose_m = np.zeros((2, JOINTS, 3), np.float32)
    pose_m[..., 2] = 4.0
    pose_m[1, 3, 2] = 4.4
    shares = true_shares(pose_m, np.array([1.6, 2.0]))
    assert shares[1, 3] == pytest.approx(0.2)
    assert np.count_nonzero(shares) == 1


def _model(depth: DepthModel | None) -> ErrorModel:
    parts = dict.fromkeys(CLASSES, behaviour(0.9, 0.01, 0.5, (0.4, 0.8)))
    return ErrorModel(parts, 0.05, Provenance("told", "2026-01-01", 1, 1000, 30.0), depth)


def test_it_comes_back_from_the_file_of_the_error_model(told: DepthModel, tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    _model(told).save(path)
    back = load_error_model(path).depth
    assert back is not None
    for key in ("matrix", "offset", "factor", "correlation"):
        np.testing.assert_allclose(getattr(back, key), getattr(told, key), rtol=1e-5)
    _model(None).save(path)
    assert load_error_model(path).depth is None


def test_the_fit_of_the_error_model_holds_it(recorded: Records) -> None:
    some = joined([recorded.clip(k) for k in range(3)])
    found, expected = fit(some).depth, fit_depth(some)
    assert found is not None
    assert expected is not None
    np.testing.assert_array_equal(found.matrix, expected.matrix)
    np.testing.assert_array_equal(found.factor, expected.factor)


def test_a_damaged_section_is_refused(told: DepthModel, tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    _model(told).save(path)
    good = yaml.safe_load(path.read_text())
    for damage in ({"matrix": [[1.0]]}, {"correlation": "high"}, {"offset": None}):
        path.write_text(yaml.safe_dump(good | {"depth": good["depth"] | damage}))
        with pytest.raises(UsageError, match="not a 2D error model"):
            load_error_model(path)
    path.write_text(yaml.safe_dump(good | {"depth": {"matrix": good["depth"]["matrix"]}}))
    with pytest.raises(UsageError, match="not a 2D error model"):
        load_error_model(path)

"""Scores that are the chance of being right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from export.checkpoints import export_checkpoint
from export.image_nets import load_trained
from realtime.errors import UsageError
from tests.export.nets.images.lively import lively, save_weights
from training.images.checkpoint import load_tensors
from training.images.scores import SCORES, fit_curve, fit_scores, hear

CPU = torch.device("cpu")


@given(st.floats(2, 60), st.floats(-0.2, 0.8), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_curve_behind_the_answers_is_found(gain: float, middle: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.uniform(middle - 3 / gain, middle + 3 / gain, 40_000)
    right = rng.random(len(score)) < 1 / (1 + np.exp(-gain * (score - middle)))
    curve = fit_curve(score, right)
    assert curve.gain == pytest.approx(gain, rel=0.08)
    assert -curve.bias / curve.gain == pytest.approx(middle, abs=0.1 / gain)


def test_scores_that_part_right_from_wrong_give_a_curve_that_ends() -> None:
    score = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    curve = fit_curve(score, score > 0.5)
    chance = 1 / (1 + np.exp(-(curve.gain * score + curve.bias)))
    assert np.isfinite([curve.gain, curve.bias]).all()
    assert chance[2] < 0.4 < 0.6 < chance[3]


def test_scores_that_tell_nothing_give_the_share_that_is_right() -> None:
    rng = np.random.default_rng(0)
    curve = fit_curve(rng.random(5000), rng.random(5000) < 0.8)
    assert 1 / (1 + np.exp(-(0.5 * curve.gain + curve.bias))) == pytest.approx(0.8, abs=0.03)


def test_answers_of_one_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="are both needed"):
        fit_curve(np.linspace(0, 1, 9), np.ones(9, bool))


def test_people_and_nobody_are_looked_at(discs: Path) -> None:
    trained = load_trained_of("cpn", discs.parent)
    heard = hear(trained, [discs], 30, CPU)
    assert heard.score.shape == heard.right.shape
    assert heard.score.size % 17 == 0
    assert heard.score.size <= 30 * 17
    again = hear(trained, [discs], 30, CPU)
    np.testing.assert_array_equal(heard.score, again.score)
    with pytest.raises(UsageError, match="has nobody to fit scores to"):
        hear(trained, [discs / "nowhere"], 30, CPU)


def load_trained_of(kind: str, folder: Path):  # type: ignore[no-untyped-def]
    return load_trained(save_weights(lively(kind), folder / f"{kind}.safetensors"))


@pytest.mark.parametrize("kind", ["cpn", "integral"])
def test_the_curve_goes_into_the_weights_and_from_there_into_the_manifest(
    discs: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An untrained net is hardly ever right to within a head.
    monkeypatch.setattr("training.images.scores.NEAR", 4.0)
    net = lively(kind)
    weights = save_weights(net, tmp_path / "weights.safetensors", measures='{"pckh": 0.1}')
    before, _ = load_tensors(weights)
    curve = fit_scores(weights, [discs], 40, CPU)
    after, metadata = load_tensors(weights)
    assert json.loads(metadata[SCORES]) == {"gain": curve.gain, "bias": curve.bias}
    assert all(torch.equal(before[name], after[name]) for name in before)
    manifest = export_checkpoint(net.name, weights, "a test", tmp_path / "out")
    assert manifest.options["score_gain"] == curve.gain
    assert manifest.options["score_bias"] == curve.bias
    assert manifest.metrics == {"pckh": 0.1}

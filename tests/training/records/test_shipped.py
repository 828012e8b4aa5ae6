"""The error model and the sample of records that come with the project."""

from __future__ import annotations

import numpy as np

from realtime.skeleton import H36M17
from training.records import BLAZEPOSE_ERRORS, BLAZEPOSE_SAMPLE
from training.records.error_model import load_error_model, shares
from training.records.report import offsets
from training.records.store import load_records

SHOULDERS = H36M17.indices("l_shoulder", "r_shoulder")


def test_the_sample_is_small_and_lawful() -> None:
    assert BLAZEPOSE_SAMPLE.stat().st_size < 400_000
    records = load_records(BLAZEPOSE_SAMPLE)
    assert records.frames >= 1000
    assert records.net == "blazepose-landmark-full"
    assert 0.5 < records.found.mean() < 1
    assert np.isfinite(records.seen_px[records.found]).all()
    assert not set(records.subject) & {"cmu-02", "cmu-03", "cmu-07", "cmu-08", "cmu-16", "cmu-39"}
    assert len(set(records.name)) > 5


def test_the_shipped_model_explains_the_sample_better_than_one_gaussian() -> None:
    model, records = load_error_model(BLAZEPOSE_ERRORS), load_records(BLAZEPOSE_SAMPLE)
    likelihood = model.log_likelihoods(records)
    assert likelihood["mixture"] > likelihood["gaussian"] + 0.3
    assert likelihood["mixture-by-visibility"] >= likelihood["mixture"] - 0.02


def test_the_net_s_shoulders_lie_above_the_joints_as_the_model_says() -> None:
    """BlazePose's shoulder is no joint centre: a constant, which the model's mean carries."""
    model, records = load_error_model(BLAZEPOSE_ERRORS), load_records(BLAZEPOSE_SAMPLE)
    up_trunk = offsets(records, model).body[SHOULDERS, 0]
    assert ((up_trunk > 0.01) & (up_trunk < 0.035)).all()


def test_draws_from_the_model_err_as_much_as_the_net_did() -> None:
    model, records = load_error_model(BLAZEPOSE_ERRORS), load_records(BLAZEPOSE_SAMPLE)
    rng = np.random.default_rng(0)
    drawn_px, _ = model.draw(rng, records.exact_px, records.sizes_px)
    drawn = np.linalg.norm(drawn_px - records.exact_px, axis=-1) / records.sizes_px[:, None]
    errors, used = shares(records)
    seen = np.linalg.norm(errors, axis=-1)
    for joint, name in enumerate(H36M17.joints):
        ratio = np.median(drawn[:, joint]) / np.median(seen[joint, used[joint]])
        assert 0.5 < ratio < 2.0, name

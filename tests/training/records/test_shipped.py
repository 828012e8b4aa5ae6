"""The error model and the sample of records that come with the project."""

from __future__ import annotations

import numpy as np

from realtime.skeleton import H36M17
from training.mocap.split import TEST_SUBJECTS, VALIDATION_SUBJECTS
from training.records import BLAZEPOSE_ERRORS, BLAZEPOSE_SAMPLE, OWN_ERRORS, OWN_SAMPLE
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


def test_our_own_net_s_model_explains_its_records_better_than_the_generic_one() -> None:
    own, generic = load_error_model(OWN_ERRORS), load_error_model(BLAZEPOSE_ERRORS)
    records = load_records(OWN_SAMPLE)
    assert OWN_SAMPLE.stat().st_size < 200_000
    assert records.net == own.provenance.net == "integral-regression"
    assert own.log_likelihoods(records)["mixture"] > generic.log_likelihoods(records)["mixture"] + 0.1
    others = load_records(BLAZEPOSE_SAMPLE)
    assert own.log_likelihoods(others)["mixture"] < generic.log_likelihoods(others)["mixture"]


def test_our_own_net_s_records_are_of_people_it_was_not_trained_on() -> None:
    assert set(load_records(OWN_SAMPLE).subject) <= set(TEST_SUBJECTS + VALIDATION_SUBJECTS)


def test_our_own_net_s_joints_lie_where_the_truth_s_do() -> None:
    """It has learnt from exact joints: unlike BlazePose's, its shoulders are off by no constant."""
    model, records = load_error_model(OWN_ERRORS), load_records(OWN_SAMPLE)
    assert (np.abs(offsets(records, model).body[SHOULDERS, 0]) < 0.01).all()

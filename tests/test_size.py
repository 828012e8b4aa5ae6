from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.sample import load_truth
from realtime.size import SIZE_SIGMA, STATURE_RATIO, BodySize, KnownSize, SizeWitness, bone_path_m
from tests.fakes import standing_pose


@given(st.floats(0.5, 2.0), st.floats(1.0, 2.2))
def test_a_known_stature_fixes_the_size(size: float, stature_m: float) -> None:
    pose = standing_pose() * np.float32(size)
    scale = BodySize(KnownSize(stature_m))
    for _ in range(3):
        factor = scale.update(pose)
    assert STATURE_RATIO * bone_path_m(pose * np.float32(factor)) == pytest.approx(stature_m, rel=1e-4)


def test_the_sample_body_has_its_stature() -> None:
    truth = load_truth()
    paths = [bone_path_m(pose - pose[0]) for pose in truth["pose_m"]]
    assert STATURE_RATIO * np.median(paths) == pytest.approx(float(truth["height_m"]), rel=0.002)


def test_one_odd_frame_hardly_changes_the_size() -> None:
    scale = BodySize(KnownSize(1.75))
    for _ in range(100):
        steady = scale.update(standing_pose())
    assert scale.update(standing_pose() * 2) == pytest.approx(steady, rel=0.03)


def looked(log_scale: float, own: float, common: float, seconds: float, jitter: float = 0.0) -> SizeWitness:
    witness, rng = SizeWitness(), np.random.default_rng(0)
    for _ in range(int(30 * seconds)):
        witness.look(log_scale + rng.normal(0, jitter), own, common, 1 / 30)
    return witness


@given(st.floats(-0.15, 0.15))
def test_a_sure_witness_is_believed_and_an_unsure_one_is_weighed(log_scale: float) -> None:
    sure, unsure = looked(log_scale, 0.02, 0.005, 3), looked(log_scale, 0.02, SIZE_SIGMA, 30)
    assert np.log(sure.factor) == pytest.approx(log_scale, abs=0.01)
    assert np.log(unsure.factor) == pytest.approx(log_scale / 2, rel=0.05, abs=1e-3)
    assert sure.sigma < 0.02 < unsure.sigma < SIZE_SIGMA


def test_looks_add_up_but_not_beyond_what_they_share() -> None:
    sigmas = [looked(0.05, 0.05, 0.02, seconds, 0.05).sigma for seconds in (0.1, 1, 10)]
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[-1] >= 0.9 * 0.02


def test_looks_that_disagree_count_less() -> None:
    assert looked(0.1, 0.02, 0.02, 5, jitter=0.1).sigma > 1.5 * looked(0.1, 0.02, 0.02, 5, jitter=0.02).sigma


def test_nothing_seen_is_the_lifters_size() -> None:
    size = BodySize(witness=SizeWitness())
    assert size.update(standing_pose()) == 1.0
    assert size.sigma == SIZE_SIGMA
    assert size.is_known

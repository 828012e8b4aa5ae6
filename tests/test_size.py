from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.sample import load_truth
from realtime.size import STATURE_RATIO, BodySize, KnownSize, bone_path_m
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

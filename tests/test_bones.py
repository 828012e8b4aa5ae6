from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.bones import CARRIED, CHILD, MIRROR, PARENT, bone_of, put_together, take_apart
from realtime.skeleton import H36M17
from tests.fakes import standing_pose


@given(st.integers(0, 100))
def test_apart_and_together_again(seed: int) -> None:
    pose = np.random.default_rng(seed).normal(0, 0.5, (17, 3)).astype(np.float32)
    pose -= pose[0]
    direction, length_m = take_apart(pose)
    np.testing.assert_allclose(put_together(direction, length_m), pose, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=1e-5)


def test_a_pose_without_size_is_no_trouble() -> None:
    direction, length_m = take_apart(np.zeros((17, 3), np.float32))
    assert np.isfinite(direction).all()
    np.testing.assert_array_equal(put_together(direction, length_m), 0)


def test_bones_are_named_by_the_joint_they_end_in_and_mirrored() -> None:
    shank = bone_of("l_ankle")
    assert (H36M17.joints[PARENT[shank]], H36M17.joints[CHILD[shank]]) == ("l_knee", "l_ankle")
    assert MIRROR[shank] == bone_of("r_ankle")
    assert MIRROR[bone_of("head")] == bone_of("head")
    with pytest.raises(ValueError, match="pelvis"):
        bone_of("pelvis")


def test_what_a_bone_carries_is_what_moves_with_it() -> None:
    direction, length_m = take_apart(standing_pose())
    bent = direction.copy()
    bent[bone_of("l_knee")] = (0, 0, -1)
    moved = np.abs(put_together(bent, length_m) - put_together(direction, length_m)).max(axis=1) > 1e-6
    assert moved.sum() == CARRIED[bone_of("l_knee")] == 2

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.bones import bone_of, take_apart
from realtime.limits import within_limits
from realtime.sample import load_truth
from tests.fakes import standing_pose
from tests.turning import turned


def bent(joint: str, degrees: float) -> np.ndarray:
    """A standing person facing the camera, one lower limb of whom is bent towards it."""
    direction = take_apart(standing_pose())[0]
    direction[bone_of(joint)] = (0, math.cos(math.radians(degrees)), -math.sin(math.radians(degrees)))
    return direction


def angle_of(direction: np.ndarray, joint: str) -> float:
    _, y, z = direction[bone_of(joint)]
    return math.degrees(math.atan2(-z, y))


@pytest.mark.parametrize("joint", ["l_ankle", "r_ankle"])
def test_knees_do_not_bend_forward(joint: str) -> None:
    assert angle_of(within_limits(bent(joint, 40)), joint) < 11
    assert angle_of(within_limits(bent(joint, -100)), joint) == pytest.approx(-100, abs=1e-3)


@pytest.mark.parametrize("joint", ["l_wrist", "r_wrist"])
def test_elbows_do_not_bend_backward(joint: str) -> None:
    assert angle_of(within_limits(bent(joint, -50)), joint) > -24
    assert angle_of(within_limits(bent(joint, 120)), joint) == pytest.approx(120, abs=1e-3)


def test_a_neck_does_not_fold() -> None:
    direction = take_apart(standing_pose())[0]
    direction[bone_of("head")] = (math.sin(math.radians(100)), -math.cos(math.radians(100)), 0)
    cosine = float(within_limits(direction)[bone_of("head")] @ direction[bone_of("neck")])
    assert math.degrees(math.acos(cosine)) < 61


def test_a_real_body_is_left_alone() -> None:
    for pose in load_truth()["pose_m"][::10]:
        direction = take_apart((pose - pose[0]).astype(np.float32))[0]
        np.testing.assert_allclose(within_limits(direction), direction, atol=0.02)


@settings(deadline=None)
@given(st.integers(0, 200))
def test_any_pose_comes_out_whole_and_turned_as_it_went_in(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose = standing_pose() + rng.normal(0, 0.2, (17, 3)).astype(np.float32)
    direction = take_apart(pose - pose[0])[0]
    limited = within_limits(direction)
    np.testing.assert_allclose(np.linalg.norm(limited, axis=1), 1, atol=1e-4)
    turn = turned(seed)
    np.testing.assert_allclose(within_limits(direction @ turn.T), limited @ turn.T, atol=2e-3)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["l_ankle", "l_wrist", "head", "l_knee"]), st.integers(0, 30))
def test_limits_never_make_a_jump(joint: str, seed: int) -> None:
    """A bone turned right round, by a degree at a time, about any axis."""
    axis, start = np.random.default_rng(seed).normal(0, 1, (2, 3))
    axis /= np.linalg.norm(axis)
    start = np.cross(axis, start / np.linalg.norm(start))
    start /= np.linalg.norm(start)
    direction, last = take_apart(standing_pose())[0], None
    for degrees in range(0, 361, 2):
        turn = math.radians(degrees)
        direction[bone_of(joint)] = math.cos(turn) * start + math.sin(turn) * np.cross(axis, start)
        now = within_limits(direction.copy())[bone_of(joint)]
        if last is not None:
            assert math.degrees(np.linalg.norm(now - last)) < 40
        last = now


def test_a_body_without_a_pelvis_is_left_alone() -> None:
    direction = np.zeros((16, 3), np.float32)
    np.testing.assert_array_equal(within_limits(direction), direction)

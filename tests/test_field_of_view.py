"""What a wrong field of view does to a depth: one camera cannot tell it from a distance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.camera import Intrinsics
from realtime.lift import LiftedPerson
from realtime.root import place
from realtime.types import FloatArray
from tests.fakes import standing_pose

WIDTH, HEIGHT = 1280, 720


def depth_at(fov_deg: float, pose_m: FloatArray, root_m: FloatArray, true_fov_deg: float) -> float:
    """The depth found when the field of view is taken for `fov_deg`."""
    seen_px = Intrinsics.from_fov(true_fov_deg, WIDTH, HEIGHT).project(pose_m + root_m)
    rays = Intrinsics.from_fov(fov_deg, WIDTH, HEIGHT).rays(seen_px)
    lifted = LiftedPerson(pose_m, math.nan, math.nan)
    found_m, _ = place(lifted, rays, np.ones(17, np.float32))
    return float(found_m[2])


def formula(fov_deg: float, true_fov_deg: float) -> float:
    """Depth found over true depth: that of the focal lengths."""
    return math.tan(math.radians(true_fov_deg) / 2) / math.tan(math.radians(fov_deg) / 2)


def flat_pose() -> FloatArray:
    pose_m = standing_pose()
    pose_m[:, 2] = 0.0
    return pose_m


def test_60_assumed_where_45_is_true_brings_a_person_nearer_by_the_formula() -> None:
    root_m = np.array([0.3, 0.1, 4.0], np.float32)
    assert formula(60, 45) == pytest.approx(0.7174, abs=1e-4)
    assert depth_at(45, flat_pose(), root_m, 45) == pytest.approx(4.0, rel=1e-4)
    assert depth_at(60, flat_pose(), root_m, 45) == pytest.approx(4.0 * formula(60, 45), rel=1e-4)


@given(
    assumed=st.floats(30, 100), true=st.floats(30, 100), x=st.floats(-1, 1), y=st.floats(-0.5, 0.5),
    z=st.floats(2, 8),
)  # fmt: skip
@settings(deadline=None)
def test_any_two_fields_of_view_differ_by_the_formula(
    assumed: float, true: float, x: float, y: float, z: float
) -> None:
    root_m = np.array([x, y, z], np.float32)
    assert depth_at(assumed, flat_pose(), root_m, true) == pytest.approx(z * formula(assumed, true), rel=2e-3)


@pytest.mark.parametrize("z", [2.0, 4.0, 8.0])
def test_a_body_with_depth_of_its_own_follows_it_nearly(z: float) -> None:
    pose_m = standing_pose()
    pose_m[::3, 2] = 0.2
    pose_m[1::3, 2] = -0.2
    root_m = np.array([0.0, 0.0, z], np.float32)
    found = depth_at(60, pose_m, root_m, 45) / z
    # The perspective within the body is second order: it fades with the distance.
    assert found == pytest.approx(formula(60, 45), rel=0.3 / z)

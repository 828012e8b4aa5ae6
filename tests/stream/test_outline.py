from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import realtime.sample as sample
from realtime.decode import iou
from realtime.skeleton import H36M17
from realtime.stream.outline import outline_box, stature_px
from realtime.types import FloatArray

TRUTH = sample.load_truth()


def hull(points_px: FloatArray) -> FloatArray:
    return np.concatenate([points_px.min(axis=0), points_px.max(axis=0)])


def test_it_is_the_box_of_a_rendered_body() -> None:
    camera, overlap, of_joints = sample.camera(), [], []
    for points_px, box_px in zip(TRUTH["keypoints_px"][::10], TRUTH["box_px"][::10], strict=True):
        limits = np.array([camera.width, camera.height] * 2, np.float32) - 1
        said_px = np.clip(outline_box(points_px, hull(points_px)), 0, limits)
        overlap.append(float(iou(said_px, box_px[None])[0]))
        of_joints.append(float(iou(hull(points_px), box_px[None])[0]))
    assert min(overlap) > 0.7
    assert np.mean(overlap) > 0.85 > np.mean(of_joints) + 0.1


@given(st.integers(0, len(TRUTH["keypoints_px"]) - 1), st.floats(0.1, 10), st.floats(-500, 500))
def test_it_moves_and_grows_with_the_person(frame: int, scale: float, shift_px: float) -> None:
    points_px = TRUTH["keypoints_px"][frame].astype(np.float32)
    box_px = outline_box(points_px, hull(points_px))
    moved = (points_px * scale + shift_px).astype(np.float32)
    np.testing.assert_allclose(
        outline_box(moved, hull(moved)), box_px * scale + shift_px, rtol=1e-3, atol=0.1
    )


def test_it_holds_all_that_the_net_gave() -> None:
    points_px = TRUTH["keypoints_px"][0].astype(np.float32)
    finger = np.array([-50.0, 20.0, 700.0, 900.0], np.float32)
    box_px = outline_box(points_px, finger)
    assert (box_px[:2] <= finger[:2]).all()
    assert (box_px[2:] >= finger[2:]).all()


def test_a_joint_in_the_wrong_place_and_a_bone_seen_end_on_do_not_change_the_stature() -> None:
    points_px = TRUTH["keypoints_px"][0].astype(np.float32)
    stature = stature_px(points_px)
    astray = points_px.copy()
    astray[H36M17.index("l_ankle")] += 500
    assert stature_px(astray) == pytest.approx(stature, rel=0.15)
    end_on = points_px.copy()
    end_on[H36M17.index("thorax")] = end_on[H36M17.index("pelvis")]
    assert stature_px(end_on) == pytest.approx(stature, rel=0.15)

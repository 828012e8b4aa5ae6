from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.decode import (
    BlazePoseDetector,
    BlazePoseLandmark,
    detector_decoder,
    estimator_decoder,
    follow_box,
    iou,
    sigmoid,
    upright_region,
    weighted_nms,
)
from realtime.errors import ManifestError
from realtime.manifest import ImageInput, Manifest
from realtime.preprocess import UnitMap
from realtime.types import Region

WHOLE = UnitMap.whole(224, 224)


def detector_outputs(*people: tuple[int, float]) -> dict[str, np.ndarray]:
    """Raw outputs in which the given anchors, with the given logits, each see a person 60 px tall."""
    boxes, scores = np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -20, np.float32)
    for anchor, logit in people:
        # centre, size, hips at the centre, rim straight above them
        boxes[0, anchor] = [0, 0, 40, 60, 0, 0, 0, -30, 0, 0, 0, 0]
        scores[0, anchor] = logit
    return {"boxes": boxes, "scores": scores}


def test_there_is_one_anchor_for_each_raw_box() -> None:
    anchors = BlazePoseDetector()._anchors
    assert anchors.shape == (2254, 2)
    np.testing.assert_allclose(anchors[0], 0.5 / 28)
    np.testing.assert_allclose(anchors[2], (1.5 / 28, 0.5 / 28))
    np.testing.assert_allclose(anchors[-1], 6.5 / 7)


def test_a_detection_lands_on_its_anchor() -> None:
    cell = 2 * (10 * 28 + 6)  # row 10, column 6 of the finest layer
    boxes = BlazePoseDetector().boxes(detector_outputs((cell, 3.0)), WHOLE)
    centre = np.array([6.5, 10.5]) * 8 - 0.5
    assert len(boxes) == 1
    np.testing.assert_allclose(boxes.xyxy_px[0].reshape(2, 2) - centre, [(-20, -30), (20, 30)], atol=1e-3)
    assert boxes.score[0] == pytest.approx(float(sigmoid(np.array(3.0))))
    region = boxes.regions[0]
    assert (region.cx_px, region.cy_px) == pytest.approx(tuple(centre), abs=1e-3)
    assert region.size_px == pytest.approx(2.5 * 30, abs=1e-3)
    assert region.angle_rad == pytest.approx(0, abs=1e-5)


def test_nearby_detections_become_one_distant_ones_stay() -> None:
    near, far = 2 * (10 * 28 + 6), 2 * (20 * 28 + 22)
    boxes = BlazePoseDetector().boxes(detector_outputs((near, 3.0), (near + 1, 2.0), (far, 4.0)), WHOLE)
    assert len(boxes) == 2
    assert boxes.score[0] > boxes.score[1]


def test_nobody_is_an_empty_array() -> None:
    boxes = BlazePoseDetector().boxes(detector_outputs(), WHOLE)
    assert boxes.xyxy_px.shape == (0, 4)
    assert boxes.regions == ()


def test_weighted_nms_averages_by_score() -> None:
    values = np.array([[0, 0, 10, 10, 5], [1, 0, 11, 10, 8], [50, 50, 60, 60, 1]], np.float32)
    kept, score = weighted_nms(values, np.array([0.5, 1.0, 0.7], np.float32), 0.3)
    np.testing.assert_allclose(kept[0], (values[0] * 0.5 + values[1]) / 1.5, rtol=1e-6)
    np.testing.assert_allclose(kept[1], values[2])
    np.testing.assert_allclose(score, [1.0, 0.7])


@given(st.lists(st.tuples(*[st.floats(0, 100)] * 4), min_size=1, max_size=8))
def test_iou_is_a_share_and_one_with_itself(corners: list[tuple[float, ...]]) -> None:
    points = np.sort(np.array(corners, np.float32).reshape(-1, 2, 2), axis=1)
    points[:, 1] += 1
    boxes = points.reshape(-1, 4)
    values = iou(boxes[0], boxes)
    assert ((values >= 0) & (values <= 1 + 1e-6)).all()
    assert values[0] == pytest.approx(1)


@given(st.floats(-3.1, 3.1), st.floats(1, 500))
def test_a_region_turns_the_body_upright(angle: float, length: float) -> None:
    centre = np.array([40, 60], np.float32)
    top = centre + length * np.array([math.sin(angle), -math.cos(angle)], np.float32)
    region = upright_region(centre, top, 2.5)
    assert region.angle_rad == pytest.approx(angle, abs=1e-3)
    upper_middle = region.corners_px()[:2].mean(axis=0)
    direction = (upper_middle - centre) / np.linalg.norm(upper_middle - centre)
    np.testing.assert_allclose(direction, (top - centre) / length, atol=1e-3)


def landmark_outputs(heat_at: tuple[int, int] | None = None) -> dict[str, np.ndarray]:
    table = np.zeros((39, 5), np.float32)
    table[:, :2] = 128
    table[:, 2] = 25.6
    table[:, 3:] = (2, 1)
    table[34, 1] = 28
    heatmap = np.full((1, 64, 64, 39), -20, np.float32)
    if heat_at is not None:
        heatmap[0, heat_at[1], heat_at[0], 0] = 8
    return {
        "landmarks": table.reshape(1, 195),
        "presence": np.array([[0.75]], np.float32),
        "heatmap": heatmap,
    }


def test_landmarks_are_placed_through_the_region() -> None:
    keypoints, following = BlazePoseLandmark().keypoints(landmark_outputs(), Region(300, 200, 512, 0))
    assert keypoints.xy_px.shape == (33, 2)
    np.testing.assert_allclose(keypoints.xy_px, np.tile([300, 200], (33, 1)), atol=1e-3)
    np.testing.assert_allclose(keypoints.depth_px, 51.2, atol=1e-3)
    np.testing.assert_allclose(keypoints.score, sigmoid(np.array(1.0)), atol=1e-6)
    assert keypoints.presence == pytest.approx(0.75)
    assert (following.cx_px, following.cy_px) == pytest.approx((300, 200), abs=1e-3)
    assert following.size_px == pytest.approx(2.5 * 200, abs=1e-2)


def test_heat_refines_its_joint_alone() -> None:
    keypoints, _ = BlazePoseLandmark().keypoints(landmark_outputs((34, 31)), Region(128, 128, 256, 0))
    np.testing.assert_allclose(keypoints.xy_px[0], (34 * 4, 31 * 4), atol=0.05)
    np.testing.assert_allclose(keypoints.xy_px[1:], 128, atol=1e-3)


def test_heat_that_is_no_number_refines_nothing() -> None:
    outputs = landmark_outputs((34, 31))
    outputs["heatmap"][0, 30, 33] = np.nan
    keypoints, _ = BlazePoseLandmark().keypoints(outputs, Region(128, 128, 256, 0))
    np.testing.assert_allclose(keypoints.xy_px, 128, atol=1e-3)


def test_joints_outside_the_crop_are_not_refined() -> None:
    outputs = landmark_outputs((0, 0))
    outputs["landmarks"].reshape(39, 5)[0, :2] = (-40, 300)
    keypoints, _ = BlazePoseLandmark().keypoints(outputs, Region(128, 128, 256, 0))
    np.testing.assert_allclose(keypoints.xy_px[0], (-40, 300), atol=1e-3)


def test_a_region_follows_the_joints_it_is_sure_of() -> None:
    points = np.array([[0, 0], [40, 0], [0, 100], [40, 100], [900, 900]], np.float32)
    score = np.array([1, 1, 1, 1, 0.1], np.float32)
    old = Region(1, 2, 3, 0.5)
    assert follow_box(points, score, 0.75, old) == Region(20, 50, 125, 0.0)
    assert follow_box(points, score * 0, 0.75, old) == old


def test_unknown_decoders_are_named() -> None:
    image = ImageInput("image", 8, 8)
    manifest = Manifest("net", "detector", "f", "", "", "", {}, {}, image, "yolo-99")
    for choose in (detector_decoder, estimator_decoder):
        with pytest.raises(ManifestError, match="yolo-99"):
            choose(manifest)

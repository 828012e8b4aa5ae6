"""Joints in 3D from one crop, as the lifters take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime import sample
from realtime.decode import estimator_decoder
from realtime.decode.integral import px_per_m
from realtime.errors import ManifestError
from realtime.manifest import ImageInput, Manifest, TensorInfo
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray, Region

PELVIS = H36M17.index("pelvis")
MANIFEST = Manifest(
    "net", "estimator", "net.onnx", "", "", "", {"image": TensorInfo((1, 3, 224, 224))},
    {"joints": TensorInfo((1, 17, 4))}, ImageInput("image", 224, 224, "NCHW"), "integral", H36M17.name,
)  # fmt: skip
REGION = Region(300.0, 220.0, 400.0, 0.0)


def said(score: float = 0.9, deep: bool = True) -> dict[str, FloatArray]:
    """Joints all over the crop."""
    rng = np.random.default_rng(2)
    table = np.concatenate(
        [rng.uniform(0.1, 0.9, (17, 2)), rng.normal(0, 0.2, (17, 1)), np.full((17, 1), score)], axis=1
    ).astype(np.float32)
    return {"joints": (table if deep else table[:, [0, 1, 3]])[None]}


def test_places_and_scores_are_the_nets() -> None:
    outputs = said()
    found, _ = estimator_decoder(MANIFEST).keypoints(outputs, REGION)
    # The crop's left edge is half a pixel left of the centre of its first pixel.
    wanted = 400 * (outputs["joints"][0, :, :2] - 0.5) + (300, 220)
    np.testing.assert_allclose(found.xy_px, wanted, atol=1e-3)
    np.testing.assert_allclose(found.score, 0.9, atol=1e-6)
    assert np.isfinite(found.depth_px).all()


def test_a_flat_net_gives_no_depth() -> None:
    flat = replace(MANIFEST, outputs={"joints": TensorInfo((1, 17, 3))})
    found, _ = estimator_decoder(flat).keypoints(said(deep=False), REGION)
    assert np.isnan(found.depth_px).all()
    np.testing.assert_allclose(found.score, 0.9, atol=1e-6)


def test_what_the_decoder_cannot_read_is_said() -> None:
    wide = replace(MANIFEST, outputs={"joints": TensorInfo((1, 17, 5))})
    with pytest.raises(ManifestError, match="reads joints of 3 or 4 values"):
        estimator_decoder(wide)
    with pytest.raises(ManifestError, match="must be those of h36m-17, not coco-17"):
        estimator_decoder(replace(MANIFEST, skeleton="coco-17"))


def test_depth_is_what_lifters_divide_by_the_focal_length() -> None:
    """Exact joints of the sample's person: depth over distance is right but for how large the person is (3 %
    above the mean), and for perspective, which the scale takes no account of."""
    truth, camera = sample.load_truth(), sample.camera()
    decoder, ratios = estimator_decoder(MANIFEST), []
    for frame in range(0, len(truth["pose_m"]), 15):
        points_px, pose_m = truth["keypoints_px"][frame], truth["pose_m"][frame]
        region = decoder.around(np.concatenate([points_px.min(axis=0), points_px.max(axis=0)]))
        unit = (points_px - (region.cx_px, region.cy_px)) / region.size_px + 0.5
        behind_m = pose_m[:, 2] - pose_m[PELVIS, 2]
        table = np.concatenate([unit, behind_m[:, None], np.ones((17, 1))], axis=1).astype(np.float32)
        found, _ = decoder.keypoints({"joints": table[None]}, region)
        wanted = behind_m / pose_m[PELVIS, 2]
        np.testing.assert_allclose(found.depth_px / camera.fx, wanted, rtol=0.16, atol=1e-4)
        ratios.append(float(np.abs(found.depth_px).sum() / camera.fx / np.abs(wanted).sum()))
    assert np.mean(ratios) == pytest.approx(1.03, abs=0.04)


@given(st.integers(0, 10_000), st.floats(20, 800), st.floats(-np.pi, np.pi), st.floats(-1.2, 1.2))
@settings(max_examples=60, deadline=None)
def test_the_scale_is_found_however_a_body_stands(seed: int, scale: float, yaw: float, pitch: float) -> None:
    """A body turned any way and seen from afar; the average body's bones in directions at random."""
    from realtime.bones import put_together
    from realtime.decode import integral

    rng = np.random.default_rng(seed)
    direction = rng.normal(0, 1, (16, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    pose_m = put_together(direction.astype(np.float32), integral._LENGTH_M)
    c, s = np.cos(yaw), np.sin(yaw)
    cp, sp = np.cos(pitch), np.sin(pitch)
    turn = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    turned = (pose_m @ turn.T).astype(np.float32)
    points_px = (scale * turned[:, :2] + 50).astype(np.float32)
    found = px_per_m(points_px, turned[:, 2], np.ones(17, np.float32))
    # Bones that point at the camera count for more than is seen of them.
    assert found == pytest.approx(scale, rel=0.06)


def test_joints_that_do_not_show_hardly_count() -> None:
    truth = sample.load_truth()
    points_px, pose_m = truth["keypoints_px"][0].copy(), truth["pose_m"][0]
    depth_m = pose_m[:, 2] - pose_m[PELVIS, 2]
    score = np.ones(17, np.float32)
    right = px_per_m(points_px, depth_m, score)
    lost = H36M17.index("l_wrist")
    points_px[lost] += 300
    assert px_per_m(points_px, depth_m, score) > 1.5 * right
    score[lost] = 0
    assert px_per_m(points_px, depth_m, score) == pytest.approx(right, rel=0.1)


def test_the_next_crop_is_as_large_as_those_of_the_training() -> None:
    """The box round the joints leaves out the crown and the feet."""
    padded = replace(MANIFEST, options=options(follow_padding=1.5))
    outputs = said()
    points_px = estimator_decoder(MANIFEST).keypoints(outputs, REGION)[0].xy_px
    longest_px = float((points_px.max(axis=0) - points_px.min(axis=0)).max())
    for manifest, padding in ((MANIFEST, 1.25), (padded, 1.5)):
        _, following = estimator_decoder(manifest).keypoints(outputs, REGION)
        assert following.size_px == pytest.approx(padding * longest_px, rel=1e-4)
    box = np.array([0, 0, 100, 200], np.float32)
    assert estimator_decoder(padded).around(box).size_px == pytest.approx(250)
    with pytest.raises(ManifestError, match="'follow_padding' must be 0 or at least 1"):
        estimator_decoder(replace(MANIFEST, options=options(follow_padding=0.5)))


def options(**given: Array | float) -> Mapping[str, float]:
    return {name: float(value) for name, value in given.items()}


def test_a_score_becomes_a_probability_where_the_manifest_says_how() -> None:
    told = replace(MANIFEST, options=options(score_gain=8.0, score_bias=-2.0))
    found, _ = estimator_decoder(told).keypoints(said(score=0.5), REGION)
    np.testing.assert_allclose(found.score, 1 / (1 + np.exp(-2.0)), rtol=1e-5)
    assert found.presence == pytest.approx(1 / (1 + np.exp(-2.0)), rel=1e-5)
    with pytest.raises(ManifestError, match="'score_gain' must not be negative"):
        estimator_decoder(replace(MANIFEST, options=options(score_gain=-1.0)))

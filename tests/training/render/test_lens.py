"""Cameras in the world, and lenses that bend what a pinhole sees."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import Phase, given, reject, settings
from hypothesis import strategies as st

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from training.render.lens import Lens, look_at


@given(height=st.floats(0.2, 3), yaw=st.floats(-3, 3), distance=st.floats(0.5, 8), roll=st.floats(-1.5, 1.5))
def test_a_camera_has_what_it_looks_at_on_its_axis_and_up_where_its_roll_says(
    height: float, yaw: float, distance: float, roll: float
) -> None:
    lens = Intrinsics.from_fov(60, 640, 480)
    position = np.array([0.3, height, -1.0], np.float32)
    target = position + distance * np.array([np.sin(yaw), -0.2, np.cos(yaw)], np.float32)
    view = look_at(lens, position, target, roll)
    assert np.allclose(view.camera_from_world @ view.camera_from_world.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(view.camera_from_world) == pytest.approx(1, abs=1e-5)
    at = view.camera_m(target)
    assert np.allclose(at[:2], 0, atol=1e-4)
    assert at[2] > 0
    # A camera turned clockwise sees the world turned anticlockwise: up leans to its left.
    assert np.arctan2(view.up[0], -view.up[1]) == pytest.approx(-roll, abs=1e-4)


def test_without_distortion_a_picture_passes_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    assert np.array_equal(Lens(Intrinsics.from_fov(60, 64, 48)).through(picture, 1), picture)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    k1=st.floats(-0.25, 0.1), k2=st.floats(0, 0.05), fov=st.floats(35, 85), p1=st.floats(-0.002, 0.002),
    u=st.floats(0.05, 0.95), v=st.floats(0.05, 0.95), oversampling=st.sampled_from([1, 2]),
)  # fmt: skip
def test_what_a_pinhole_sees_lands_where_the_lens_projects_it(
    k1: float, k2: float, fov: float, p1: float, u: float, v: float, oversampling: int
) -> None:
    camera = Intrinsics.from_fov(fov, 320, 240)
    camera = Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy, 320, 240, (k1, k2, p1, -p1, 0.0))
    try:
        lens = Lens(camera)
    except UsageError:
        reject()  # wide and strong: such a lens folds its picture over
    at = np.array([u * 319, v * 239], np.float32)
    ray = np.append(camera.rays(at), 1).astype(np.float32)
    fine = lens.pinhole.scaled_to(lens.pinhole.width * oversampling, lens.pinhole.height * oversampling)
    spot = fine.project(ray)
    grid = np.stack(np.meshgrid(np.arange(fine.width), np.arange(fine.height)), axis=-1)
    blob = np.exp(-((grid - spot) ** 2).sum(axis=-1) / (2 * (1.3 * oversampling) ** 2))
    picture = lens.through(np.repeat((blob * 255)[..., None], 3, axis=2).astype(np.uint8), oversampling)
    assert picture.shape == (240, 320, 3)
    light = picture[..., 0].astype(float)
    y, x = np.mgrid[:240, :320]
    # Near the rim part of the blob is cut off, and its centre with it.
    if 12 < at[0] < 307 and 12 < at[1] < 227:
        centre = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
        assert np.abs(centre - at).max() < 0.3


def test_lenses_that_fold_their_picture_over_are_refused() -> None:
    plain = Intrinsics.from_fov(100, 320, 240)
    for k1 in (-1.5, -0.6):
        bent = Intrinsics(plain.fx, plain.fy, plain.cx, plain.cy, 320, 240, (k1, 0.0, 0.0, 0.0, 0.0))
        with pytest.raises(UsageError, match="distortion"):
            Lens(bent)


def test_every_pixel_of_a_bent_picture_comes_from_inside_the_pinhole() -> None:
    plain = Intrinsics.from_fov(80, 320, 240)
    bent = Intrinsics(plain.fx, plain.fy, plain.cx, plain.cy, 320, 240, (-0.2, 0.02, 0.0, 0.0, 0.0))
    lens = Lens(bent)
    white = np.full((lens.pinhole.height, lens.pinhole.width, 3), 255, np.uint8)
    assert lens.through(white, 1).min() == 255
    assert cv2.countNonZero(lens.through(np.zeros_like(white), 1)[..., 0]) == 0

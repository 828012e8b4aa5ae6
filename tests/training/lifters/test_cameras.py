"""Virtual cameras: proper rotations, people in view, and the same image as the runtime's camera."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.types import FloatArray
from tests.training.walking import walker_m
from training.lifters.cameras import DISTANCE_M, USUAL, Cameras, look_at, rays_of

CLIPS = 200


@pytest.fixture(scope="module")
def world_m() -> FloatArray:
    return np.repeat(walker_m(24)[None], CLIPS, axis=0)


@pytest.fixture(scope="module")
def cameras(world_m: FloatArray) -> Cameras:
    return look_at(np.random.default_rng(0), world_m, np.full(CLIPS, 0.98), candidates=64)


def test_cameras_are_rotated_not_mirrored(cameras: Cameras) -> None:
    rotation = cameras.camera_from_world
    identity = np.broadcast_to(np.eye(3), rotation.shape)
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), identity, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-6)


def test_up_in_the_world_is_up_in_the_image_within_the_tilts(cameras: Cameras) -> None:
    up = cameras.camera_from_world @ np.array([0, 1, 0], np.float32)
    assert (up[:, 1] < -0.8).all()
    roll_deg = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))
    # A camera that looks down has the world's up behind it.
    down_deg = np.degrees(np.arcsin(-up[:, 2]))
    assert -26 < down_deg.min() < 0
    assert 15 < down_deg.max() < 36
    assert np.abs(roll_deg).max() > 4


def test_most_people_are_in_view_at_legal_heights(cameras: Cameras, world_m: FloatArray) -> None:
    shown = cameras.in_image(cameras.joints(world_m)).mean(axis=(1, 2))
    assert np.mean(shown >= 0.98) > 0.95
    heights = cameras.position_m[:, 1]
    assert np.mean((heights >= USUAL.height_m[0]) & (heights <= USUAL.height_m[1])) > 0.95


def test_distances_span_the_range(cameras: Cameras, world_m: FloatArray) -> None:
    distance = np.linalg.norm(cameras.joints(world_m)[:, 12, 0], axis=-1)
    assert distance.min() > DISTANCE_M[0] - 1.0
    assert distance.max() < DISTANCE_M[1] + 1.0
    assert distance.max() / distance.min() > 2.5


def test_partial_views_happen_when_allowed(world_m: FloatArray) -> None:
    cameras = look_at(np.random.default_rng(1), world_m, np.full(CLIPS, 0.5))
    shown = cameras.in_image(cameras.joints(world_m)).mean(axis=(1, 2))
    assert 0.1 < np.mean(shown < 0.98) < 0.9


def test_points_keep_their_distances_in_camera_axes(cameras: Cameras, world_m: FloatArray) -> None:
    camera_m = cameras.joints(world_m)
    before = np.linalg.norm(world_m[:, :, 3] - world_m[:, :, 10], axis=-1)
    after = np.linalg.norm(camera_m[:, :, 3] - camera_m[:, :, 10], axis=-1)
    np.testing.assert_allclose(after, before, rtol=1e-4)


def test_the_image_is_the_one_that_intrinsics_project(cameras: Cameras, world_m: FloatArray) -> None:
    camera_m = cameras.joints(world_m)
    inside = cameras.in_image(camera_m)
    for index in range(0, CLIPS, 20):
        width, height = (1000.0 * cameras.reach[index] / cameras.reach[index].max()).round().astype(int)
        focal = width / 2 / float(cameras.reach[index][0])
        intrinsics = Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, int(width), int(height))
        pixels = intrinsics.project(camera_m[index])
        edge = np.array([width, height]) - 0.5
        beyond = np.maximum(-0.5 - pixels, pixels - edge).max(axis=-1)
        clear = np.abs(beyond) > 1.0
        np.testing.assert_array_equal(inside[index][clear], (beyond < 0)[clear])
        np.testing.assert_allclose(intrinsics.rays(pixels), rays_of(camera_m[index]), atol=1e-5)


def test_a_field_of_view_can_be_fixed(world_m: FloatArray) -> None:
    cameras = look_at(np.random.default_rng(2), world_m, np.ones(CLIPS), fov_deg=(60.0, 60.0))
    np.testing.assert_allclose(cameras.reach.max(axis=1), np.tan(np.radians(30)), rtol=1e-5)


def test_points_behind_the_camera_are_never_in_the_image() -> None:
    camera = Cameras(
        np.eye(3, dtype=np.float32)[None], np.zeros((1, 3), np.float32), np.ones((1, 2), np.float32)
    )
    points = np.array([[[0, 0, -2], [0, 0, 2], [3, 0, 2]]], np.float32)
    assert camera.in_image(points).tolist() == [[False, True, False]]
    assert np.isfinite(rays_of(points)).all()

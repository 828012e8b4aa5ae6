"""The orbit camera against pinhole algebra, and how it follows people."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from realtime.view3d import PRESETS, Follower, OrbitCamera
from tests.drawing_people import drawn_person, poses_of

SIZE = (800.0, 600.0)
coordinates = st.floats(-5, 5, width=32)
points = st.tuples(coordinates, coordinates, coordinates)
cameras = st.builds(
    OrbitCamera,
    points,
    st.floats(-180, 180),
    st.floats(-89, 90),
    st.floats(0.5, 12),
    st.floats(20, 90),
)


@given(cameras, points)
def test_a_point_in_front_lands_where_the_pinhole_says(camera: OrbitCamera, point: tuple[float, ...]) -> None:
    forward = np.array(camera.target_m) - camera.eye_m
    forward /= np.linalg.norm(forward)
    a = math.radians(camera.azimuth_deg)
    right = np.array([math.cos(a), 0.0, math.sin(a)])
    down = np.cross(forward, right)
    offset = np.array(point) - camera.eye_m
    depth = float(offset @ forward)
    assume(depth > 0.3)
    focal = 600 / 2 / math.tan(math.radians(camera.fov_deg) / 2)
    expected = (400 + focal * offset @ right / depth, 300 + focal * offset @ down / depth)
    got = camera.project(np.array(point, np.float32), SIZE)
    np.testing.assert_allclose(got, expected, rtol=1e-2, atol=0.05 + 5e-3 * focal / depth)


@given(cameras)
def test_the_target_is_in_the_middle_at_the_distance(camera: OrbitCamera) -> None:
    target = np.array(camera.target_m, np.float32)
    np.testing.assert_allclose(camera.project(target, SIZE), (400, 300), atol=0.05)
    assert camera.to_view(target)[2] == pytest.approx(camera.distance_m, abs=1e-4)


@given(cameras)
def test_its_axes_are_a_rotation(camera: OrbitCamera) -> None:
    turn = camera.view_from_world
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("preset", "forward", "right"),
    [
        ("front", (0, 0, 1), (1, 0, 0)),
        ("side", (-1, 0, 0), (0, 0, 1)),
        ("top", (0, 1, 0), (1, 0, 0)),
    ],
)
def test_presets_look_along_their_axis(
    preset: str, forward: tuple[float, ...], right: tuple[float, ...]
) -> None:
    turn = OrbitCamera((0, 0, 0), *PRESETS[preset]).view_from_world
    np.testing.assert_allclose(turn[2], forward, atol=1e-6)
    np.testing.assert_allclose(turn[0], right, atol=1e-6)


def test_three_quarter_looks_down_on_people_from_the_cameras_side() -> None:
    eye = OrbitCamera((0, 0, 3), *PRESETS["three-quarter"], distance_m=4).eye_m
    assert eye[0] > 1
    assert eye[1] < -1
    assert eye[2] < 3


@given(cameras, points, points)
def test_segments_are_cut_at_the_eye_and_agree_with_points(
    camera: OrbitCamera, a: tuple[float, ...], b: tuple[float, ...]
) -> None:
    ends = np.array([[a, b]], np.float32)
    depths = camera.to_view(ends)[0, :, 2]
    assume(np.abs(depths - 0.2).min() > 0.01)
    px, depth_m, kept = camera.segments(ends, SIZE)
    assert len(kept) == int(depths.max() > 0.2)
    if len(kept):
        assert np.isfinite(px).all()
        assert depth_m[0] >= 0.19
        for end in np.flatnonzero(depths > 0.2):
            np.testing.assert_allclose(px[0, end], camera.project(ends[0, end], SIZE), atol=0.01)


def test_segments_leave_out_what_is_not_finite() -> None:
    ends = np.array([[(0, 0, 3), (1, 0, 3)], [(np.nan, 0, 3), (0, 0, 3)]], np.float32)
    assert OrbitCamera().segments(ends, SIZE)[2].tolist() == [0]


def test_points_behind_the_eye_have_no_place() -> None:
    camera = OrbitCamera((0, 0, 3), 0, 0, distance_m=2)
    assert np.isnan(camera.project(np.array([0, 0, 0.5], np.float32), SIZE)).all()


@given(
    st.floats(-2, 2),
    st.floats(1.5, 9),
    st.sampled_from(sorted(PRESETS)),
    st.tuples(st.floats(200, 1500), st.floats(200, 1500)),
)
def test_everybody_is_in_view_from_everywhere(
    x: float, z: float, preset: str, size: tuple[float, float]
) -> None:
    poses = poses_of([drawn_person(root_m=(x, 0, z)), drawn_person(root_m=(-x, 0.2, z + 1))])
    follower = Follower()
    follower.preset(preset)
    follower.update(poses, 0.0)
    px = follower.camera(size).project(poses, size)
    assert (px >= 0).all()
    assert (px <= np.array(size)).all()


def test_the_camera_itself_is_in_view_while_people_are_near() -> None:
    follower = Follower()
    follower.update(poses_of([drawn_person()]), 0.0)
    px = follower.camera(SIZE).project(np.zeros(3, np.float32), SIZE)
    assert 0 < px[0] < SIZE[0]
    assert 0 < px[1] < SIZE[1]


def test_it_starts_at_the_people_and_then_follows_without_a_jump() -> None:
    follower, here, there = Follower(), poses_of([drawn_person()]), poses_of([drawn_person(root_m=(2, 0, 3))])
    follower.update(here, 0.0)
    start = follower.camera(SIZE)
    follower.update(there, 1 / 30)
    step = follower.camera(SIZE)
    for frame in range(2, 200):
        follower.update(there, frame / 30)
    end = follower.camera(SIZE)
    fresh = Follower()
    fresh.update(there, 0.0)
    moved, to_go = step.eye_m - start.eye_m, end.eye_m - start.eye_m
    assert 0 < np.linalg.norm(moved) < 0.25 * np.linalg.norm(to_go)
    np.testing.assert_allclose(end.eye_m, fresh.camera(SIZE).eye_m, atol=0.02)


def test_the_floor_lies_under_the_lowest_ankle_and_stays_during_a_jump() -> None:
    follower, standing = Follower(), poses_of([drawn_person()])
    ankle_m = float(standing[..., 1].max())
    follower.update(standing, 0.0)
    assert follower.floor_m == pytest.approx(ankle_m)
    for frame in range(1, 30):
        follower.update(standing, frame / 30)
    for frame in range(30, 45):
        follower.update(standing - np.array([0, 0.4, 0], np.float32), frame / 30)
    assert follower.floor_m == pytest.approx(ankle_m, abs=0.01)


def test_one_wild_frame_does_not_move_the_floor() -> None:
    follower, standing = Follower(), poses_of([drawn_person()])
    for frame in range(30):
        follower.update(standing, frame / 30)
    before = follower.floor_m
    follower.update(standing + np.array([0, 3, 0], np.float32), 1.0)
    follower.update(standing, 1.03)
    assert follower.floor_m == pytest.approx(before, abs=0.01)


def test_nobody_or_a_broken_pose_leaves_the_view_alone() -> None:
    follower = Follower()
    follower.update(poses_of([drawn_person()]), 0.0)
    before = follower.camera(SIZE)
    follower.update(np.zeros((0, 17, 3), np.float32), 0.1)
    follower.update(np.full((1, 17, 3), np.nan, np.float32), 0.2)
    assert follower.camera(SIZE) == before


def test_orbit_stays_above_the_ground_and_zoom_within_limits() -> None:
    follower = Follower()
    follower.orbit(400, 400)
    assert follower.camera(SIZE).elevation_deg == 90
    assert -180 <= follower.camera(SIZE).azimuth_deg < 180
    follower.orbit(0, -400)
    assert follower.camera(SIZE).elevation_deg == -20
    near = follower.camera(SIZE).distance_m
    follower.zoom(2)
    assert follower.camera(SIZE).distance_m == pytest.approx(near / 2)
    follower.zoom(1e9)
    assert follower.camera(SIZE).distance_m > 0.1
    follower.preset("front")
    assert follower.camera(SIZE).azimuth_deg == 0


@pytest.mark.parametrize("preset", ["front", "three-quarter"])
def test_a_jump_stays_in_view(preset: str) -> None:
    """As high as good jumpers get: 50 cm, in the air for 0.64 s."""
    follower, standing = Follower(), poses_of([drawn_person()])
    follower.preset(preset)
    follower.update(standing, 0.0)
    for frame in range(1, 20):
        share = frame / 19
        jump = standing - np.array([0, 2.0 * share * (1 - share), 0], np.float32)
        follower.update(jump, frame / 30)
        assert follower.camera(SIZE).project(jump, SIZE).min() > 0

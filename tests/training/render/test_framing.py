"""Where people and cameras are put: apart from each other, and in sight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.types import FloatArray
from training.mocap.rotations import axis_angle
from training.people.body import Pose
from training.render.framing import FOV_DEG, draw_camera, draw_positions, turned
from training.render.lens import Lens

STANDING = np.array(
    [[0, 0.95, 0]] + [[x, y, 0] for x in (-0.1, 0.1) for y in (0.95, 0.5, 0.08)]
    + [[0, y, 0] for y in (1.2, 1.4, 1.55, 1.65)]
    + [[x * k, y, 0] for x in (0.18, -0.18) for k, y in ((1, 1.4), (1.3, 1.1), (1.4, 0.85))],
    np.float32,
)  # fmt: skip


def walk(frames: int = 20, speed_m: float = 0.04) -> FloatArray:
    """(T, 17, 3) someone who slides along x, about the origin."""
    along = (np.arange(frames) - frames / 2) * speed_m
    return STANDING + np.stack([along, 0 * along, 0 * along], axis=1)[:, None].astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(-3.1, 3.1), x=st.floats(-3, 3), z=st.floats(-3, 3))
def test_a_turned_motion_keeps_its_shape_and_its_heights(angle: float, x: float, z: float) -> None:
    rng = np.random.default_rng(0)
    spins = axis_angle(np.tile([0.0, 0.0, 1.0], (5, 3, 1)), rng.normal(size=(5, 3))).astype(np.float32)
    pose = Pose(spins, rng.normal(size=(5, 3)).astype(np.float32))
    moved = turned(pose, angle, np.array([x, z], np.float32))
    assert np.array_equal(moved.rotations[:, 1:], pose.rotations[:, 1:])
    assert np.allclose(moved.root_m[:, 1], pose.root_m[:, 1], atol=1e-6)
    apart = np.linalg.norm(np.diff(pose.root_m, axis=0), axis=1)
    assert np.allclose(np.linalg.norm(np.diff(moved.root_m, axis=0), axis=1), apart, atol=1e-5)
    back = turned(turned(pose, angle, np.zeros(2, np.float32)), -angle, np.zeros(2, np.float32))
    assert np.allclose(back.root_m, pose.root_m, atol=1e-5)
    assert np.allclose(back.rotations, pose.rotations, atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_three_people_keep_apart(seed: int) -> None:
    paths = [walk()[:, 0], walk(speed_m=-0.05)[:, 0], walk(speed_m=0.0)[:, 0]]
    shifts = draw_positions(np.random.default_rng(seed), paths)
    placed = [path[:, [0, 2]] + shift for path, shift in zip(paths, shifts, strict=True)]
    for first in range(3):
        for second in range(first):
            assert np.linalg.norm(placed[first] - placed[second], axis=1).min() > 0.5


def test_most_cameras_show_most_of_the_person_none_stands_in_them() -> None:
    joints_m = walk()[:, None]
    shown, sizes = [], set()
    for seed in range(60):
        view = draw_camera(np.random.default_rng(seed), joints_m, (320, 640))
        lens = view.intrinsics
        camera_m = view.camera_m(joints_m)
        assert camera_m[..., 2].min() > 0.3
        # cx is off the middle by a few per cent, so the field of view may leave its range by as much.
        assert FOV_DEG[0] - 1 < lens.fov_deg < FOV_DEG[1] + 1
        assert 320 <= max(lens.width, lens.height) <= 640
        assert lens.width % 2 == lens.height % 2 == 0
        Lens(lens)
        at = lens.project(camera_m)
        shown.append(((at > 0) & (at < [lens.width - 1, lens.height - 1])).all(axis=-1).mean())
        sizes.add((lens.width, lens.height))
    assert np.mean(np.array(shown) > 0.9) > 0.6
    assert 0.02 < np.mean(np.array(shown) < 0.8) < 0.4
    assert len(sizes) > 40


def test_the_same_seed_gives_the_same_camera() -> None:
    views = [draw_camera(np.random.default_rng(4), walk()[:, None], (320, 640)) for _ in range(2)]
    assert views[0].intrinsics == views[1].intrinsics
    assert np.array_equal(views[0].position_m, views[1].position_m)

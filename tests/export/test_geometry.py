"""The lifters' shared geometry: exact rotations, exact depths, and rays that are not there."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from export.nets.geometry import FEATURES, JOINTS, View, distance, facing, joint_weights, place, view
from realtime.camera import Intrinsics
from tests.fakes import standing_pose

CAMERA = Intrinsics(1100.0, 1080.0, 955.0, 530.0, 1920, 1080)
seeds = st.integers(0, 2**16)
offsets = st.tuples(st.floats(-0.6, 0.6), st.floats(-0.4, 0.4))


def _ray(x: float, y: float) -> Tensor:
    return torch.tensor([[x, y]], dtype=torch.float64)


def _person(seed: int, offset: tuple[float, float], depth_m: float) -> tuple[Tensor, Tensor]:
    """A pose (17, 3) about its pelvis, and the pelvis (3,), in a real camera's axes."""
    rng = np.random.default_rng(seed)
    pose = standing_pose() + rng.normal(0, 0.08, (JOINTS, 3))
    pose -= pose[:1]
    root = depth_m * np.array([*offset, 1.0])
    return torch.from_numpy(pose), torch.from_numpy(root)


def _placed(seen: View, pose: Tensor, log_size: Tensor) -> tuple[Tensor, Tensor]:
    """A person of this log size (1,), in real camera space."""
    return place(seen, pose, distance(log_size, seen.scale).unsqueeze(-1))


@settings(deadline=None)
@given(offsets)
def test_turning_is_the_least_rotation_that_faces_the_person(offset: tuple[float, float]) -> None:
    turn = facing(_ray(*offset))
    person = torch.tensor([[*offset, 1.0]], dtype=torch.float64)
    ahead = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(person @ turn, person.norm() * ahead, atol=1e-12, rtol=0)
    torch.testing.assert_close(turn @ turn.T, torch.eye(3, dtype=torch.float64), atol=1e-12, rtol=0)
    assert torch.linalg.det(turn) > 0.999
    # The least such rotation: what is square to both directions stays.
    still = torch.linalg.cross(person, ahead)
    torch.testing.assert_close(still @ turn, still, atol=1e-12, rtol=0)


@settings(max_examples=60, deadline=None)
@given(seeds, offsets, st.floats(1.5, 9.0), seeds)
def test_the_true_pose_and_size_give_back_the_true_camera_space(
    seed: int, offset: tuple[float, float], depth_m: float, hidden: int
) -> None:
    """Through the real camera's pixels and back, with joints missing, the pelvis perhaps among them."""
    pose, root = _person(seed, offset, depth_m)
    pixels = CAMERA.project((pose + root).numpy().astype(np.float32))
    rays = torch.from_numpy(CAMERA.rays(pixels)).double()
    score = torch.from_numpy(np.random.default_rng(hidden).random(JOINTS)).clamp(min=0.3)
    score[hidden % JOINTS] = 0.0
    score[0] *= hidden % 2
    seen = view(rays, score, joint_weights().double())
    virtual_depth = (root @ seen.turn)[2:]
    found, root_depth = _placed(seen, pose @ seen.turn, (virtual_depth * seen.scale).log())
    torch.testing.assert_close(found, pose, atol=1e-9, rtol=0)
    # The trickle of weight on the prior costs a few ten thousandths of the sideways distance.
    torch.testing.assert_close(root_depth, root[2], atol=0, rtol=1e-3)


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(2.0, 6.0), st.floats(-0.45, 0.45), st.floats(-0.3, 0.3))
def test_features_hardly_notice_where_the_camera_looks(
    seed: int, depth_m: float, yaw: float, pitch: float
) -> None:
    """A camera turned away from the person sees a sheared person; their virtual camera does not."""
    pose, _ = _person(seed, (0.0, 0.0), depth_m)
    ahead = pose + torch.tensor([0.0, 0.0, depth_m], dtype=torch.float64)
    turned = ahead @ facing(_ray(yaw, pitch)).T
    score, weights = torch.ones(JOINTS, dtype=torch.float64), joint_weights().double()
    straight = view(ahead[:, :2] / ahead[:, 2:], score, weights).features[: FEATURES - 2]
    aside = view(turned[:, :2] / turned[:, 2:], score, weights).features[: FEATURES - 2]
    assert (straight - aside).abs().max() < 0.1


def test_without_the_virtual_camera_they_would_notice() -> None:
    """What the tolerance above is worth: centred and scaled alone, a person far aside is another shape."""
    pose, _ = _person(0, (0.0, 0.0), 3.0)
    ahead = pose + torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64)
    shapes = []
    for points in (ahead, ahead @ facing(_ray(0.8, 0.4)).T):
        rays = points[:, :2] / points[:, 2:]
        centred = rays - rays.mean(dim=0)
        shapes.append(centred / centred.square().sum(dim=1).mean().sqrt())
    assert (shapes[0] - shapes[1]).abs().max() > 0.3


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(0, JOINTS - 1), st.sampled_from([0.0, 1e9, -7.0, float("nan"), float("inf")]))
def test_a_missing_joints_ray_is_never_looked_at(seed: int, joint: int, value: float) -> None:
    pose, root = _person(seed, (0.3, 0.1), 3.0)
    rays = (pose + root)[:, :2] / (pose + root)[:, 2:]
    score, weights = torch.ones(JOINTS, dtype=torch.float64), joint_weights().double()
    score[joint] = 0.0
    spoilt = rays.clone()
    spoilt[joint] = value
    plain, other = view(rays, score, weights), view(spoilt, score, weights)
    assert plain.scale == other.scale
    assert torch.equal(plain.features, other.features)
    for seen in (plain, other):
        found, depth = _placed(seen, pose, torch.zeros(1, dtype=torch.float64))
        assert found.isfinite().all()
        assert depth.isfinite().all()
    first, second = (_placed(seen, pose, torch.zeros(1, dtype=torch.float64))[1] for seen in (plain, other))
    assert first == second


def test_nobody_in_view_gives_finite_numbers() -> None:
    nothing = view(torch.full((JOINTS, 2), float("nan")), torch.zeros(JOINTS), joint_weights())
    assert nothing.features.isfinite().all()
    pose, depth = _placed(nothing, torch.zeros(JOINTS, 3), torch.zeros(1))
    assert pose.isfinite().all()
    assert depth.isfinite().all()


def test_twice_as_large_in_the_image_is_half_as_far() -> None:
    pose, root = _person(1, (0.0, 0.0), 4.0)
    rays = (pose + root)[:, :2] / (pose + root)[:, 2:]
    score, weights, size = torch.ones(JOINTS, dtype=torch.float64), joint_weights().double(), torch.zeros(1)
    flat = torch.zeros(JOINTS, 3, dtype=torch.float64)
    far = _placed(view(rays, score, weights), flat, size.double())[1]
    near = _placed(view(2 * rays, score, weights), flat, size.double())[1]
    torch.testing.assert_close(near, far / 2, rtol=0.02, atol=0)

"""The training losses: zero at the truth, blind to what has no weight, least where they should be."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from export.nets.bones import bones_of
from realtime.size import STATURE_RATIO, KnownSize, bone_path_m
from training.lifters.batch import Batch, Past
from training.lifters.losses import depth_loss, known_size_loss, pose_loss, velocity_loss


def _batch(clips: int, frames: int) -> Batch:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    size = (clips, frames, 17)
    past = Past(
        draw(clips, 1, 17, 2), draw(clips, 1, 17), draw(clips, 1, 17, 3), draw(clips, 1, 17), draw(clips)
    )
    return Batch(
        draw(*size, 2),
        draw(*size),
        draw(*size),
        torch.zeros(clips, frames, 3),
        draw(*size, 3),
        2 + draw(clips, frames),
        torch.ones(size),
        past,
    )


@pytest.fixture
def batch() -> Batch:
    return _batch(2, 8)


def test_the_truth_costs_nothing(batch: Batch) -> None:
    assert pose_loss(batch.pose, batch) == 0
    assert velocity_loss(batch.pose, batch) == 0


def test_pose_is_a_distance_and_a_steady_error_has_no_velocity(batch: Batch) -> None:
    shifted = batch.pose + torch.tensor([0.03, 0.0, 0.04])
    assert float(pose_loss(shifted, batch)) == pytest.approx(0.05, rel=1e-5)
    assert float(velocity_loss(shifted, batch)) < 1e-6


def test_weights_are_shares(batch: Batch) -> None:
    spoilt = batch.pose.clone()
    spoilt[0] += torch.tensor([0.0, 0.3, 0.4])
    batch.weight[0] = 0.5
    assert float(pose_loss(spoilt, batch)) == pytest.approx(0.5 * 0.5 / 1.5, rel=1e-5)


def test_what_has_no_weight_does_not_count(batch: Batch) -> None:
    batch.weight[0, 3:] = 0
    spoilt = batch.pose.clone()
    spoilt[0, 3:] += 9
    depth, sigma = batch.root_depth.clone(), torch.full_like(batch.root_depth, 0.1)
    before = depth_loss(depth, sigma, batch)
    depth[0, 3:] += 5
    assert pose_loss(spoilt, batch) == 0
    assert velocity_loss(spoilt, batch) == 0
    assert depth_loss(depth, sigma, batch) == before


def test_nothing_to_ask_is_no_loss_and_no_nan(batch: Batch) -> None:
    batch.weight.zero_()
    depth, sigma = batch.root_depth + 1, torch.full_like(batch.root_depth, 0.1)
    losses = (
        pose_loss(batch.pose + 1, batch),
        known_size_loss(depth, torch.ones(2, 8, 16), batch),
        velocity_loss(2 * batch.pose, batch),
        depth_loss(depth, sigma, batch),
    )
    assert all(float(value) == 0 for value in losses)


def test_depth_loss_is_least_at_the_spread_of_the_errors() -> None:
    """Laplace errors: the best sigma is the one that holds 68.27 % of them."""
    generator = torch.Generator().manual_seed(1)
    count = 20_000
    uniform = torch.rand(1, count, generator=generator) - 0.5
    miss = -0.07 * uniform.sign() * torch.log1p(-2 * uniform.abs())
    truth = torch.full((1, count), 3.0)
    large = replace(_batch(1, 1), root_depth=truth, weight=torch.ones(1, count, 17))
    found = truth * miss.exp()
    shares = [0.02 * k for k in range(1, 11)]
    losses = [float(depth_loss(found, found * share, large)) for share in shares]
    best = shares[losses.index(min(losses))]
    assert best == pytest.approx(0.08, abs=0.001)
    assert float((miss.abs() <= best).float().mean()) == pytest.approx(0.6827, abs=0.02)


def test_a_known_size_leaves_what_nobody_can_see_out(batch: Batch) -> None:
    """Someone said to be larger and as much further away is right once their height is known."""
    bones_m = bones_of(batch.pose).norm(dim=-1)
    assert float(known_size_loss(1.1 * batch.root_depth, 1.1 * bones_m, batch)) < 1e-6
    missed = known_size_loss(1.1 * batch.root_depth, bones_m, batch)
    assert float(missed) == pytest.approx(math.log(1.1), rel=1e-4)


def test_a_known_size_scales_as_live(batch: Batch) -> None:
    one = replace(
        batch, pose=batch.pose[:1, :1], root_depth=batch.root_depth[:1, :1], weight=torch.ones(1, 1, 17)
    )
    said_m = torch.linspace(0.1, 0.4, 16)
    stature_m = STATURE_RATIO * bone_path_m(one.pose[0, 0].numpy())
    factor = KnownSize(stature_m).factor(said_m.numpy())
    true = one.root_depth / factor
    assert float(known_size_loss(true, said_m.expand(1, 1, 16), one)) < 1e-5

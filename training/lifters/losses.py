"""What a lifter is trained to make small."""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.bones import bones_of
from export.nets.unified import LAPLACE_ONE_SIGMA
from realtime.size import BONE_PATH
from training.lifters.batch import Batch
from training.lifters.systems.parts import mpjpe, weighted_mean


def pose_loss(pose: Tensor, batch: Batch) -> Tensor:
    """Weighted mean distance of joints, metres."""
    return mpjpe(pose, batch.pose, batch.weight)


def velocity_loss(pose: Tensor, batch: Batch) -> Tensor:
    """Weighted mean distance of the joints' frame-to-frame steps, metres."""
    weight = torch.minimum(batch.weight[:, 1:], batch.weight[:, :-1])
    distance = (pose.diff(dim=1) - batch.pose.diff(dim=1)).norm(dim=-1)
    return weighted_mean(distance, weight)


def depth_loss(root_depth: Tensor, sigma: Tensor, batch: Batch) -> Tensor:
    """Laplace negative log-likelihood of the log depth, its spread being the relative sigma given."""
    spread = sigma / root_depth / LAPLACE_ONE_SIGMA
    miss = (root_depth.log() - _true_log(batch)).abs()
    return weighted_mean(miss / spread + spread.log(), batch.weight[..., 0])


def known_size_loss(root_depth: Tensor, bones_m: Tensor, batch: Batch) -> Tensor:
    """Weighted mean miss of the log depth once a person's size is known, as where their height is given.

    The depth is scaled as live (`realtime.size.KnownSize`), by true over said bones from the ankles to the
    head. bones_m: (B, T, 16) as said. What nobody can see, how large a person is, falls out.
    """
    path = torch.from_numpy(BONE_PATH).to(bones_m.device)
    true_m = bones_of(batch.pose).norm(dim=-1) @ path
    scaled = root_depth.log() + true_m.log() - (bones_m @ path).log()
    return weighted_mean((scaled - _true_log(batch)).abs(), batch.weight[..., 0])


def _true_log(batch: Batch) -> Tensor:
    """(B, T) the logarithm of the true depth."""
    return batch.root_depth.clamp(min=0.1).log()

"""What a lifter is trained to make small."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from export.nets.causal_tcn import LAPLACE_ONE_SIGMA


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips as a lifter sees them, and the truth.

    rays (B, T, 17, 2), score (B, T, 17), pose (B, T, 17, 3) root-relative metres in camera axes,
    root_depth (B, T) metres, weight (B, T, 17): how much each joint counts, 0 for none.
    """

    rays: Tensor
    score: Tensor
    pose: Tensor
    root_depth: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True)
class LossWeights:
    """The parts' shares: pose and velocity in metres, depth as a likelihood."""

    velocity: float = 0.5
    depth: float = 0.02


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    mean: Tensor = (values * weight).sum() / weight.sum().clamp(min=1.0)
    return mean


def pose_loss(pose: Tensor, batch: Batch) -> Tensor:
    """Weighted mean distance of joints, metres."""
    distance = (pose - batch.pose).norm(dim=-1)
    return _mean(distance, batch.weight)


def velocity_loss(pose: Tensor, batch: Batch) -> Tensor:
    """Weighted mean distance of the joints' frame-to-frame steps, metres."""
    weight = torch.minimum(batch.weight[:, 1:], batch.weight[:, :-1])
    distance = (pose.diff(dim=1) - batch.pose.diff(dim=1)).norm(dim=-1)
    return _mean(distance, weight)


def depth_loss(root_depth: Tensor, sigma: Tensor, batch: Batch) -> Tensor:
    """Laplace negative log-likelihood of the log depth, its spread being the relative sigma given."""
    spread = sigma / root_depth / LAPLACE_ONE_SIGMA
    miss = (root_depth.log() - batch.root_depth.clamp(min=0.1).log()).abs()
    return _mean(miss / spread + spread.log(), batch.weight[..., 0])


def total_loss(answer: tuple[Tensor, Tensor, Tensor], batch: Batch, weights: LossWeights) -> Tensor:
    """The sum that training descends."""
    pose, root_depth, sigma = answer
    loss = pose_loss(pose, batch) + weights.velocity * velocity_loss(pose, batch)
    return loss + weights.depth * depth_loss(root_depth, sigma, batch)

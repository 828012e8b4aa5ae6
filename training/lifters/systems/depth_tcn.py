"""The temporal net on 2D and depth, trained under noise on both."""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.depth_tcn import DepthTcn
from export.nets.geometry import FEATURES, JOINTS
from export.nets.step import POSE
from training.lifters.batch import Batch
from training.lifters.systems.parts import gaussian, mpjpe
from training.lifters.systems.system import System

NOISE = 0.1


def disturb(features: Tensor, score: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise to the normalised 2D and depth of joints that are there.

    features: (..., FEATURES + 17) of `DepthTcn`, score: (..., 17). Frames without depth get none.
    """
    flat, rest, depth = torch.split(features, [2 * JOINTS, FEATURES - 2 * JOINTS, JOINTS], dim=-1)
    seen = (score > 0).to(features.dtype)
    has_depth = (depth != 0).any(dim=-1, keepdim=True)
    flat = flat + noise * gaussian(flat, generator) * seen.repeat_interleave(2, dim=-1)
    depth = depth + noise * gaussian(depth, generator) * seen * has_depth
    return torch.cat([flat, rest, depth], dim=-1)


def loss(net: DepthTcn, batch: Batch, generator: torch.Generator, noise: float = NOISE) -> Tensor:
    """MPJPE, metres, with noise of that sigma on the normalised input (section 2, stage 2)."""
    features, seen = net.features(batch.given)
    features = disturb(features, batch.score, noise, generator)
    return mpjpe(net.lift(features, seen)[POSE], batch.pose, batch.weight)


SYSTEM = System("depth-tcn", "Depth-aware temporal refinement, stage 2", loss)

"""Pieces that several systems' losses are made of. Metres, unless said otherwise."""

from __future__ import annotations

import torch
from torch import Tensor


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """The mean of values by weights of the same shape; 0 where nothing counts."""
    mean: Tensor = (values * weight).sum() / weight.sum().clamp(min=1.0)
    return mean


def mpjpe(pose: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean distance of joints (..., 17, 3) from their true places, weight (..., 17)."""
    return weighted_mean((pose - truth).norm(dim=-1), weight)


def gaussian(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal draws in a tensor's shape."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype)

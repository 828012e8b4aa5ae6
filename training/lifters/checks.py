"""What a net says of validation batches, and how wrong that is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from export.nets.step import LAG, POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA
from training.lifters.batch import Batch
from training.lifters.losses import pose_loss


def answer(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """What a net says of a batch at lag 0, every clip starting with no past."""
    given = batch.given
    lags: tuple[int, ...] = getattr(net, "lags", ())
    if lags:
        one = torch.tensor([1.0 if lag == 0 else 0.0 for lag in lags])
        given[LAG] = one.expand(*batch.score.shape[:2], len(lags))
    said: dict[str, Tensor] = net(given)
    return said


def depth_ratios(said: Mapping[str, Tensor], batch: Batch) -> Tensor:
    """Depth errors in sigmas, of the frames that count."""
    miss = (said[ROOT_DEPTH] - batch.root_depth).abs()
    return (miss / said[ROOT_DEPTH_SIGMA])[batch.weight[..., 0] > 0]


def errors(said: Mapping[str, Tensor], batch: Batch) -> dict[str, float]:
    """Joint errors in mm, depth errors in per cent, and the share of depths within a sigma."""
    counted = batch.weight[..., 0] > 0
    found = {"mpjpe_mm": 1000 * float(pose_loss(said[POSE], batch)) * 17 / 16}
    if ROOT_DEPTH in said:
        relative = (said[ROOT_DEPTH] - batch.root_depth).abs() / batch.root_depth.clamp(min=0.1)
        found["depth_percent"] = 100 * float(relative[counted].mean())
    if ROOT_DEPTH_SIGMA in said:
        found["coverage"] = float((depth_ratios(said, batch) <= 1).float().mean())
    return found

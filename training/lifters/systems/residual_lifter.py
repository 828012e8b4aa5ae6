"""The residual lifter, trained by the squared error under a limit on its weights' norms."""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.residual_lifter import UNIT_M, ResidualLifter, hold_norms
from export.nets.step import POSE
from training.lifters.batch import Batch
from training.lifters.systems.parts import weighted_mean
from training.lifters.systems.system import System


def loss(net: ResidualLifter, batch: Batch, generator: torch.Generator) -> Tensor:
    """Mean squared distance of joints in standardised units of 0.25 m (equation 1)."""
    miss = (net(batch.given)[POSE] - batch.pose) / UNIT_M
    return weighted_mean(miss.square().sum(dim=-1), batch.weight)


SYSTEM = System(
    "residual-lifter",
    "ECCV 2018 PoseTrack challenge entry with SSD, CPN and a residual lifter, after Martinez et al. (2017)",
    loss,
    hold_norms,
)

"""AbsPoseLifter, trained by absolute errors of the canonical depth and of the pose."""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.abs_lifter import AbsLifter
from export.nets.step import POSE, ROOT_DEPTH
from training.lifters.batch import Batch
from training.lifters.systems.parts import weighted_mean
from training.lifters.systems.system import System

RELATIVE = 1e3
FOCAL_PX = 1145.0
"""Human3.6M's focal length: the paper's canonical depth is in millimetres a pixel of it."""


def loss(net: AbsLifter, batch: Batch, generator: torch.Generator, relative: float = RELATIVE) -> Tensor:
    """L1 of the canonical depth, mm a pixel, plus `relative` times L1 of the pose, metres (equation 7).

    The paper states lambda = 1000 and no unit of the pose; metres are the reading that keeps both terms
    in play.
    """
    answer = net(batch.given)
    miss = (answer[POSE] - batch.pose).abs().sum(dim=-1)
    # The pose term sums over joints, so that their weights' mean is scaled up to a whole pose.
    total = relative * weighted_mean(miss, batch.weight) * batch.weight.shape[-1]
    if ROOT_DEPTH in answer:
        asked = batch.weight.amax(dim=-1)
        canonical = (answer[ROOT_DEPTH] - batch.root_depth).abs() * (1000.0 / FOCAL_PX)
        total = total + weighted_mean(canonical, asked)
    return total


SYSTEM = System("abs-lifter", "AbsPoseLifter: absolute 3D pose from a single noisy 2D pose", loss)

"""The sequence-to-sequence LSTM, trained by squared error and smoothness of whole windows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from export.nets.seq2seq_lstm import UNIT_M, Seq2seqLstm
from realtime.skeleton import H36M17
from training.lifters.batch import Batch
from training.lifters.systems.parts import weighted_mean
from training.lifters.systems.system import System

ALPHA, BETA = 1.0, 5.0
ETA, RHO, TAU = 1.0, 2.5, 4.0


def _stiffness() -> Tensor:
    """(17,): eta for torso and head, rho for knees and elbows, tau for wrists and ankles."""
    kinds = {"knee": RHO, "elbow": RHO, "wrist": TAU, "ankle": TAU}
    return torch.tensor([kinds.get(joint.split("_")[-1], ETA) for joint in H36M17.joints])


def _windows(values: Tensor, size: int) -> Tensor:
    """(B, T, ...) to the window that ends at each frame, (B, T, size, ...), zeros before the first."""
    padded = functional.pad(values, (0, 0) * (values.ndim - 2) + (size - 1, 0))
    return torch.stack([padded[:, k : k + values.shape[1]] for k in range(size)], dim=2)


def loss(
    net: Seq2seqLstm,
    batch: Batch,
    generator: torch.Generator,
    alpha: float = ALPHA,
    beta: float = BETA,
    every: int = 1,
) -> Tensor:
    """alpha MSE + beta smoothness over all frames of the windows, in units of 0.25 m (equations 1 to 3).

    every: train on one window in so many, from a random first one. Differences are taken in real camera
    axes, so that a turning virtual camera is no motion.
    """
    first = int(torch.randint(every, (), generator=generator))
    features, seen = net.windows(batch.given)
    turn, truth, weight = (
        _windows(v, net.window)[:, first::every] for v in (seen.turn, batch.pose, batch.weight)
    )
    features = features[:, first::every]
    poses = net.decode(features.flatten(0, 1)).reshape(truth.shape) @ turn.transpose(-1, -2)
    miss = ((poses - truth) / UNIT_M).square().sum(dim=-1)
    step = (poses.diff(dim=2) / UNIT_M).square().sum(dim=-1) * _stiffness()
    both = torch.minimum(weight[:, :, 1:], weight[:, :, :-1])
    return alpha * weighted_mean(miss, weight) + beta * weighted_mean(step, both)


SYSTEM = System(
    "seq2seq-lstm",
    "Hossain and Little, Exploiting temporal information for 3D human pose estimation (2018)",
    loss,
)

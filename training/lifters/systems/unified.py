"""How the default lifter is trained."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from export.nets.bones import CHILDREN, bones_of
from export.nets.step import POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA
from export.nets.unified import LAGS, Unified
from training.lifters.batch import Batch
from training.lifters.losses import depth_loss, known_size_loss, pose_loss, velocity_loss
from training.lifters.systems.parts import weighted_mean
from training.lifters.systems.system import System

SURE_M = 0.1
"""A joint counts as right within this distance of its place: what confidence is the probability of."""


def loss(
    net: Unified,
    batch: Batch,
    noise: torch.Generator,
    velocity: float = 0.5,
    depth: float = 0.02,
    known_size: float = 0.4,
    lengths: float = 0.5,
    first: float = 0.3,
    sure: float = 0.01,
    other_lag: float = 0.4,
) -> Tensor:
    """Distances in metres, of joints and of their steps; the depth's likelihood; the body's lengths.

    known_size: of the depth's miss where the person's size is known.

    Every batch asks for lag 0 and one other lag, drawn at random.
    """
    other = LAGS[1 + int(torch.randint(len(LAGS) - 1, (1,), generator=noise))] if other_lag else 0
    past = (batch.past.rays, batch.past.score, batch.past.count)
    answers = net.training_answer(batch.given, past, tuple(dict.fromkeys((0, other))))
    total = torch.zeros(())
    for lag, answer in answers.items():
        asked, start, end = _at(batch, lag), max(lag, 0), batch.rays.shape[1] + min(lag, 0)
        cut = {key: value[:, start:end] for key, value in answer.items()}
        part = pose_loss(cut[POSE], asked) + velocity * velocity_loss(cut[POSE], asked)
        part = part + first * pose_loss(cut["first_pose"], asked)
        part = part + depth * depth_loss(cut[ROOT_DEPTH], cut[ROOT_DEPTH_SIGMA], asked)
        part = part + known_size * known_size_loss(cut[ROOT_DEPTH], cut["bones_m"], asked)
        part = part + sure * _sure_loss(cut["sure"], cut[POSE], asked)
        total = total + (1.0 if lag == 0 else other_lag) * part
    true_m = bones_of(batch.pose).norm(dim=-1)
    return total + lengths * weighted_mean(
        (answers[0]["bones_m"] - true_m).abs(), batch.weight[..., CHILDREN]
    )


def _at(batch: Batch, lag: int) -> Batch:
    """The truth of answers `lag` frames behind their inputs, in the frames that have both."""
    behind = slice(0, batch.rays.shape[1] - lag) if lag >= 0 else slice(-lag, None)
    ahead = slice(0, batch.rays.shape[1] + lag)
    weight = batch.weight[:, behind]
    if lag < 0:  # nothing is asked of the future of a frame with nobody in it
        weight = weight * (batch.weight[:, ahead].amax(dim=-1, keepdim=True) > 0)
    rays, score, depth, up, pose, root_depth = (
        t[:, behind] for t in (batch.rays, batch.score, batch.depth, batch.up, batch.pose, batch.root_depth)
    )
    return Batch(rays, score, depth, up, pose, root_depth, weight, batch.past)


def _sure_loss(logits: Tensor, pose: Tensor, batch: Batch) -> Tensor:
    right = ((pose.detach() - batch.pose).norm(dim=-1) < SURE_M).to(logits.dtype)
    miss = functional.binary_cross_entropy_with_logits(logits, right, reduction="none")
    return weighted_mean(miss, batch.weight)


SYSTEM = System("unified", "this project", loss)

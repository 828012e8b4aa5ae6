"""The anatomy-aware net, trained by bone directions, bone lengths and the shifts between joints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from export.nets.anatomy import Anatomy, unit
from export.nets.bones import BONES, bones_of
from export.nets.geometry import JOINTS, View
from export.nets.reservoir import average
from realtime.skeleton import H36M17
from training.lifters.batch import Batch
from training.lifters.systems.parts import mpjpe, weighted_mean
from training.lifters.systems.system import System

LAMBDA_D, LAMBDA_L, LAMBDA_J, LAMBDA_JS = 0.015, 0.05, 1.0, 0.1
_FACTORS = (0.8, 1.25)
_DEPTHS_M = (0.5, 30.0)
_NEAREST_M = 0.1
_BONES = [(H36M17.index(child), H36M17.index(parent)) for child, parent in H36M17.bones]
_PAIRS = [(a, b) for a in range(JOINTS) for b in range(a + 1, JOINTS) if not {(a, b), (b, a)} & set(_BONES)]


@dataclass(frozen=True, slots=True)
class Frames:
    """L frames of each clip's person: rays (B, L, 17, 2), score and weight (B, L, 17), pose (B, L, 17, 3).

    taken: (B, L), which of them stand for a frame.
    """

    rays: Tensor
    score: Tensor
    pose: Tensor
    weight: Tensor
    taken: Tensor


def draw_frames(batch: Batch, count: int, generator: torch.Generator) -> Frames:
    """Frames at random from the past and from a random first part of the clip itself.

    As live: what had been seen at some moment, which may be one frame. Frames with nobody in view are out.
    """
    past, (clips, frames) = batch.past, batch.score.shape[:2]
    until = torch.randint(1, frames + 1, (clips, 1), generator=generator)
    known = torch.arange(past.score.shape[1]) < past.count.unsqueeze(1)
    score = torch.cat([past.score, batch.score], dim=1)
    taken = torch.cat([known, torch.arange(frames) < until], dim=1) & (score > 0).any(dim=-1)
    order = torch.rand(taken.shape, generator=generator) + (~taken).float()
    picks = order.argsort(dim=1)[:, :count]

    def pick(before: Tensor, own: Tensor) -> Tensor:
        return torch.cat([before, own], dim=1)[torch.arange(clips).unsqueeze(1), picks]

    return Frames(
        pick(past.rays, batch.rays),
        pick(past.score, batch.score),
        pick(past.pose, batch.pose),
        pick(past.weight, batch.weight),
        taken.gather(1, picks),
    )


def resynthesise(frames: Frames, pose: Tensor) -> Tensor:
    """Clean rays (B, L, 17, 2) of other poses (B, L, 17, 3) at the place of each frame's own.

    The place is a weak-perspective guess: the depth at which the frame's own pose spreads as its rays do,
    and the pelvis's ray that fits it best.
    """
    share = (frames.score > 0).float().unsqueeze(-1)
    share = share / share.sum(dim=-2, keepdim=True).clamp(min=1.0)

    def mean(values: Tensor) -> Tensor:
        return (share * values).sum(dim=-2, keepdim=True)

    def spread(values: Tensor) -> Tensor:
        return mean((values - mean(values)).square()).sum(dim=-1, keepdim=True).sqrt()

    rays = torch.where(share > 0, frames.rays, torch.zeros(()))
    across, ahead = frames.pose[..., :2], frames.pose[..., 2:]
    depth = (spread(across) / spread(rays).clamp(min=1e-3)).clamp(*_DEPTHS_M)
    centre = mean(rays * (1 + ahead / depth) - across / depth)
    return (centre * depth + pose[..., :2]) / (depth + pose[..., 2:]).clamp(min=_NEAREST_M)


def stretch(net: Anatomy, pose: Tensor, generator: torch.Generator) -> Tensor:
    """Poses (B, L, 17, 3) on bodies with other bone lengths, one body a clip, alike on both sides."""
    draws = torch.rand(len(pose), BONES, generator=generator)
    low, high = _FACTORS
    factors = low * (high / low) ** draws
    children = [child for child, _ in _BONES]
    twins = [children.index(H36M17.mirror[child]) for child in children]
    first_side = torch.tensor([min(bone, twin) for bone, twin in enumerate(twins)])
    return net.paths @ (bones_of(pose) * factors[:, None, first_side, None])


def _lengths(net: Anatomy, joints: Tensor, taken: Tensor) -> Tensor:
    """The attention's average (B, 16) over frames' joints (B, L, 17, 3)."""
    values, weights = net.judge(joints).unbind(dim=-2)
    return average(values, weights, taken.unsqueeze(-1))


def _length_miss(lengths: Tensor, pose: Tensor, asked: Tensor) -> Tensor:
    """Equation 4: squared error of lengths (B, 16) against those of poses (B, L, 17, 3)."""
    truth = bones_of(pose).norm(dim=-1).mean(dim=1)
    return weighted_mean((lengths - truth).square().sum(dim=-1), asked)


def _joints(net: Anatomy, seen: View) -> Tensor:
    joints: Tensor = net.lengths(seen.features.flatten(0, 1))
    return joints.reshape(*seen.features.shape[:2], JOINTS, 3)


def _augmented(net: Anatomy, frames: Frames, asked: Tensor, generator: torch.Generator) -> Tensor:
    """The length loss on re-synthesised frames; it moves the attention alone."""
    pose = stretch(net, frames.pose, generator)
    seen = net.seen(resynthesise(frames, pose), frames.score)
    training = net.lengths.training
    net.lengths.eval()
    with torch.no_grad():
        joints = _joints(net, seen)
    net.lengths.train(training)
    return _length_miss(_lengths(net, joints, frames.taken), pose, asked)


def _direction_miss(found: tuple[Tensor, ...], truth: Tensor, weight: Tensor) -> Tensor:
    """Equation 3 of each sub-network: directions (B, T, 16, 3) against those of poses in virtual axes."""
    wanted = unit(bones_of(truth))
    both = torch.minimum(weight[..., [c for c, _ in _BONES]], weight[..., [p for _, p in _BONES]])
    misses = [weighted_mean((one - wanted).square().sum(dim=-1), both) * BONES for one in found]
    return torch.stack(misses).sum()


def _shift_miss(pose: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Equation 2: errors of the shifts between joints that share no bone, summed over pairs."""
    first, second = [a for a, _ in _PAIRS], [b for _, b in _PAIRS]
    miss = pose - truth
    distance = (miss[..., second, :] - miss[..., first, :]).norm(dim=-1)
    both = torch.minimum(weight[..., first], weight[..., second])
    return weighted_mean(distance, both) * len(_PAIRS)


def loss(
    net: Anatomy,
    batch: Batch,
    generator: torch.Generator,
    joint_loss: bool = True,
    bone_augmentation: bool = True,
    joint_shift: bool = True,
) -> Tensor:
    """lambda_D L_D + lambda_L L_L + lambda_J L_J + lambda_JS L_JS (equation 7), metres.

    Each part moves what the paper lets it: L_J the length net, on one frame a clip; L_L the attention; L_JS
    the directions. Flags are the paper's ablation; without `joint_loss` L_L moves the length net instead.
    """
    seen, frames = net.seen(batch.rays, batch.score), draw_frames(batch, net.reservoir.slots, generator)
    past = net.seen(frames.rays, frames.score)
    joints = _joints(net, past)
    asked = batch.weight.amax(dim=(1, 2)) * frames.taken[:, 0]
    lengths = _lengths(net, joints.detach() if joint_loss else joints, frames.taken)
    truth = batch.pose @ seen.turn
    directions = net.directions(seen.features)

    total = LAMBDA_D * _direction_miss(directions, truth, batch.weight)
    total = total + LAMBDA_L * _length_miss(lengths, batch.pose, asked)
    if joint_loss:
        # Frames come in random order, those taken first: the first of each clip is one at random.
        first = frames.weight[:, 0] * frames.taken[:, :1]
        total = total + LAMBDA_J * mpjpe(joints[:, 0], frames.pose[:, 0] @ past.turn[:, 0], first)
    if bone_augmentation:
        total = total + LAMBDA_L * _augmented(net, frames, asked, generator)
    if joint_shift:
        pose = net.assemble(directions[-1], lengths.detach().unsqueeze(1))
        total = total + LAMBDA_JS * _shift_miss(pose, truth, batch.weight)
    return total


SYSTEM = System(
    "anatomy", "Chen et al., Anatomy-aware 3D human pose estimation in videos (2021), causal", loss
)

"""Affine maps between the units of what a net is shown and those of a stored square, in batches.

A map is (N, 2, 3): from units of the net's input to units of the stored square. Images are read through it,
points go through its inverse, so that both move alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from realtime.skeleton import H36M17

_SUPERSAMPLE_FROM = 1.6


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a square may be off. scale: least and most of its side, as a share of the live one.

    turn_deg: either way at most. shift: either way at most along each axis, as a share of the live side.
    flip: how often left and right change places.
    """

    scale: tuple[float, float] = (0.75, 1.25)
    turn_deg: float = 30.0
    shift: float = 0.08
    flip: float = 0.5


EXACT = Spread((1.0, 1.0), 0.0, 0.0, 0.0)


def draw_maps(many: int, share: float, spread: Spread, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Maps (N, 2, 3) about the middle of the stored square, and which of them flip (N,).

    share: the live square's side as a share of the stored one.
    """
    device = generator.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand((many, *shape), generator=generator, device=device)

    low, high = (math.log(side) for side in spread.scale)
    side = share * uniform(low, high).exp()
    turn = math.radians(spread.turn_deg)
    # A product of two draws: most are nearly upright, as most people's crops are.
    angle = uniform(-turn, turn) * uniform(0.0, 1.0)
    middle = 0.5 + share * uniform(-spread.shift, spread.shift, 2)
    flips = uniform(0.0, 1.0) < spread.flip
    return maps(side, angle, middle, flips), flips


def maps(side: Tensor, angle: Tensor, middle: Tensor, flips: Tensor) -> Tensor:
    """Maps (N, 2, 3) whose unit square is a square of the stored one's units.

    side: (N,). angle: (N,) radians. middle: (N, 2). flips: (N,) bool, mirrored left to right.
    """
    mirror = torch.where(flips, -1.0, 1.0)
    c, s = torch.cos(angle) * side, torch.sin(angle) * side
    linear = torch.stack([torch.stack([c * mirror, -s], -1), torch.stack([s * mirror, c], -1)], -2)
    offset = middle - linear.sum(-1) / 2
    return torch.cat([linear, offset[..., None]], -1)


def inverse(given: Tensor) -> Tensor:
    """The maps (N, 2, 3) the other way."""
    a, b, c, d = given[..., 0, 0], given[..., 0, 1], given[..., 1, 0], given[..., 1, 1]
    linear = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    linear = linear / (a * d - b * c)[..., None, None]
    return torch.cat([linear, -linear @ given[..., 2:]], -1)


def moved(points: Tensor, given: Tensor) -> Tensor:
    """Points (N, K, 2) through maps (N, 2, 3)."""
    return points @ given[..., :2].transpose(-1, -2) + given[..., 2][:, None]


def read_through(images: Tensor, given: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """What the maps show of images (N, 3, S, S): (N, 3, H, W) float32, and (N, 1, H, W) 1 inside, 0 beyond.

    Bilinear; where pixels would be skipped, twice as fine and averaged. Black beyond the rim.
    """
    height, width = size
    side_px = images.shape[-1]
    steps = given[..., :2].norm(dim=1).amax(0) * side_px / given.new_tensor([width, height])
    fine = 2 if float(steps.max()) > _SUPERSAMPLE_FROM else 1
    # torch wants -1 to 1, edge to edge, on both sides: 2u - 1.
    theta = torch.cat([given[..., :2], (2 * given[..., 2] - 1 + given[..., :2].sum(-1))[..., None]], -1)
    grid = functional.affine_grid(theta, [len(images), 3, height * fine, width * fine], align_corners=False)
    shown = functional.grid_sample(images.float(), grid, padding_mode="zeros", align_corners=False)
    inside = (grid.abs().amax(-1) <= 1).float()[:, None]
    if fine > 1:
        shown, inside = functional.avg_pool2d(shown, fine), functional.avg_pool2d(inside, fine)
    return shown, inside


def mirrored(values: Tensor, flips: Tensor) -> Tensor:
    """Values (N, 17, ...) with left and right joints changed where flips (N,) says so."""
    order = torch.tensor(H36M17.mirror, device=values.device)
    which = flips.view(-1, *[1] * (values.ndim - 1))
    return torch.where(which, values[:, order], values)

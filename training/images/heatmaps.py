"""Heatmaps (N, J, h, w): the Gaussians nets are trained against, and three ways to read a place off a map.

Places are units of the input, edge to edge: cell i of w lies at (i + 0.5) / w.
"""

from __future__ import annotations

import torch
from torch import Tensor

DECODINGS = ("argmax", "quarter", "soft-argmax")
_SOFT_CELLS = 4


def gaussians(points: Tensor, size: tuple[int, int], sigma_cells: float) -> Tensor:
    """(N, J, h, w) maps of peak 1 about points (N, J, 2) in units."""
    height, width = size
    x = (torch.arange(width, device=points.device) + 0.5).view(1, 1, 1, -1)
    y = (torch.arange(height, device=points.device) + 0.5).view(1, 1, -1, 1)
    away_x = (x - (points[..., 0] * width)[..., None, None]) / sigma_cells
    away_y = (y - (points[..., 1] * height)[..., None, None]) / sigma_cells
    return torch.exp(-0.5 * away_x**2) * torch.exp(-0.5 * away_y**2)


def decoded(maps: Tensor, how: str) -> tuple[Tensor, Tensor]:
    """Places (N, J, 2) in units and peaks (N, J) of maps, read in one of DECODINGS.

    argmax: the highest cell. quarter: a quarter cell from it towards its higher neighbour. soft-argmax: the
    centre of mass about the highest cell. Sources: as `realtime.decode.topdown`; Sun et al. (2018).
    """
    height, width = maps.shape[-2:]
    peak, best = maps.flatten(2).max(-1)
    x, y = best % width, best // width
    if how == "quarter":
        at = torch.stack([x + 0.25 * _slope(maps, x, y, (1, 0)), y + 0.25 * _slope(maps, x, y, (0, 1))], -1)
    elif how == "soft-argmax":
        at = _mass_centre(maps, x, y)
    else:
        at = torch.stack([x, y], -1).to(maps.dtype)
    return (at + 0.5) / maps.new_tensor([width, height]), peak


def _slope(maps: Tensor, x: Tensor, y: Tensor, step: tuple[int, int]) -> Tensor:
    """-1, 0 or 1: which neighbour is higher; 0 at the rim."""
    height, width = maps.shape[-2:]
    dx, dy = step
    inner = (x >= dx) & (x < width - dx) & (y >= dy) & (y < height - dy)

    def height_at(x: Tensor, y: Tensor) -> Tensor:
        flat = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
        return maps.flatten(2).gather(-1, flat[..., None])[..., 0]

    return torch.sign(height_at(x + dx, y + dy) - height_at(x - dx, y - dy)) * inner


def _mass_centre(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    height, width = maps.shape[-2:]
    across = torch.arange(width, device=maps.device, dtype=maps.dtype).view(1, 1, 1, -1)
    down = torch.arange(height, device=maps.device, dtype=maps.dtype).view(1, 1, -1, 1)
    near = ((across - x[..., None, None]).abs() <= _SOFT_CELLS) & (
        (down - y[..., None, None]).abs() <= _SOFT_CELLS
    )
    mass = maps.clamp(min=0) * near + 1e-9 * near
    total = mass.sum((-2, -1))
    return torch.stack([(mass * across).sum((-2, -1)) / total, (mass * down).sum((-2, -1)) / total], -1)

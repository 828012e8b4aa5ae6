"""SSD's default boxes: where each is, and boxes told as offsets from them.

Boxes are x0, y0, x1, y1, default boxes cx, cy, w, h, both 0 to 1 across the image, edge to edge.
Source: Liu et al., SSD: Single Shot MultiBox Detector (2016), section 2.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

VARIANCES = (0.1, 0.2)
FIRST_SCALE, LEAST_SCALE, GREATEST_SCALE = 0.1, 0.2, 0.9
_MOST_LOG_SIZE = 4.0
"""A box is at most this power of e larger than its default box: untrained nets answer anything."""


def scales(levels: int) -> list[float]:
    """The default boxes' size at each level, and one more, as shares of the image's side."""
    step = (GREATEST_SCALE - LEAST_SCALE) / max(levels - 2, 1)
    return [FIRST_SCALE, *(LEAST_SCALE + step * k for k in range(levels))]


Grids = Sequence[tuple[int, int]]
"""Each level's rows and columns."""


def default_boxes(grids: Grids, ratios: Sequence[Sequence[float]], spanning: Grids | None = None) -> Tensor:
    """All levels' (A, 4). ratios: width over height, a list a level.

    At every cell, in this order: a box of each ratio, and a larger square half way to the next level's.
    spanning: the grids that fill the unit square, `grids` if None; with more cells, boxes lie beyond it too.
    """
    sizes = scales(len(grids))
    made = []
    for level, ((rows, columns), (high, wide)) in enumerate(zip(grids, spanning or grids, strict=True)):
        shapes = [(sizes[level] * math.sqrt(r), sizes[level] / math.sqrt(r)) for r in ratios[level]]
        shapes.append((math.sqrt(sizes[level] * sizes[level + 1]),) * 2)
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres = torch.stack([(x + 0.5) / wide, (y + 0.5) / high], dim=-1).view(-1, 1, 2)
        shape = torch.tensor(shapes).view(1, -1, 2)
        every = len(centres), len(shapes), 2
        both = torch.cat([centres.expand(every), shape.expand(every)], dim=-1)
        made.append(both.reshape(-1, 4))
    return torch.cat(made).float()


def encode(boxes: Tensor, priors: Tensor) -> Tensor:
    """Boxes (..., A, 4) as offsets from the default boxes (A, 4)."""
    centre, size = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-6)
    shift = (centre - priors[:, :2]) / (VARIANCES[0] * priors[:, 2:])
    return torch.cat([shift, torch.log(size / priors[:, 2:]) / VARIANCES[1]], dim=-1)


def decode(offsets: Tensor, priors: Tensor) -> Tensor:
    """Boxes (..., A, 4) of offsets from the default boxes (A, 4)."""
    centre = priors[:, :2] + VARIANCES[0] * priors[:, 2:] * offsets[..., :2]
    growth = (VARIANCES[1] * offsets[..., 2:]).clamp(-_MOST_LOG_SIZE, _MOST_LOG_SIZE)
    half = priors[:, 2:] * torch.exp(growth) / 2
    return torch.cat([centre - half, centre + half], dim=-1)

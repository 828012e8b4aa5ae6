"""What a lifter is trained on: clips as it sees them, the truth, and the person at other times."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from export.nets.step import DEPTH, RAYS, SCORE, UP


@dataclass(frozen=True, slots=True)
class Past:
    """P frames of the same person before the same camera, at random times, in no order.

    rays (B, P, 17, 2), score (B, P, 17), pose (B, P, 17, 3) root-relative metres, weight (B, P, 17) as in
    `Batch`. count (B,) whole numbers up to P: so many of them, the first ones, had been seen before the clip.
    """

    rays: Tensor
    score: Tensor
    pose: Tensor
    weight: Tensor
    count: Tensor

    def to(self, device: torch.device) -> Past:
        """The same on a device."""
        return Past(**_moved(self, device))


@dataclass(frozen=True, slots=True)
class Batch:
    """B clips of T frames as a lifter sees them, and the truth.

    rays (B, T, 17, 2), score and depth (B, T, 17), up (B, T, 3) as in `export.nets.step`; pose (B, T, 17, 3)
    root-relative metres in camera axes, root_depth (B, T) metres, weight (B, T, 17): how much each joint
    counts, 0 for none.
    """

    rays: Tensor
    score: Tensor
    depth: Tensor
    up: Tensor
    pose: Tensor
    root_depth: Tensor
    weight: Tensor
    past: Past

    @property
    def given(self) -> dict[str, Tensor]:
        """The inputs by name."""
        return {RAYS: self.rays, SCORE: self.score, DEPTH: self.depth, UP: self.up}

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(**_moved(self, device))


def _moved(parts: Past | Batch, device: torch.device) -> dict[str, Any]:
    return {f.name: getattr(parts, f.name).to(device) for f in fields(parts)}

"""What the loop asks of a system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from realtime.camera import Intrinsics
from training.images.affine import Spread
from training.images.augment import Painter
from training.images.feed import Cutter
from training.images.pool import Batch
from training.images.samples import Cut, Samples


@dataclass(frozen=True, slots=True)
class Held:
    """Samples that are held out, and the camera of each."""

    samples: Samples
    cameras: tuple[Intrinsics, ...]


@dataclass(frozen=True, slots=True)
class Studio:
    """How batches are made. size: of the net's input, rows and columns. generator: on the device."""

    cut: Cut
    size: tuple[int, int]
    spread: Spread
    painter: Painter
    generator: torch.Generator


class System(Protocol):
    """An image net as it is trained. name: as in `export.nets.images`. best: the measure it is judged by."""

    name: str
    best: str

    @property
    def cutter(self) -> Cutter:
        """What cuts its samples out of a clip."""

    def loss(self, net: nn.Module, batch: Batch, studio: Studio) -> Tensor:
        """The loss of a batch of stored samples."""

    def measures(self, net: nn.Module, held: Held, studio: Studio) -> Mapping[str, float]:
        """How well the net does on held-out samples, seen exactly as live."""


def half(device: torch.device) -> torch.autocast:
    """bfloat16 on CUDA, all of float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")

"""What training needs to know of a lifter: what to make small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.lifters.batch import Batch

Loss = Callable[[Any, Batch, torch.Generator], Tensor]
"""(net in training mode, batch, source of randomness) to a scalar; it runs the net as its paper trains it."""


def _nothing(net: nn.Module) -> None:
    """Most systems hold their weights by nothing but the optimiser."""


@dataclass(frozen=True, slots=True)
class System:
    """A lifting system. paper: where it comes from, in words.

    Its net is `export.nets.catalogue.NETS[name]`. loss: what training makes small. constrain: called after
    every optimiser step.
    """

    name: str
    paper: str
    loss: Loss
    constrain: Callable[[nn.Module], None] = _nothing

"""The single-frame lifter of the ECCV 2018 PoseTrack entry (section 2.2), after Martinez et al. 2017."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.nets.geometry import FEATURES, joint_weights, upright, view
from export.nets.step import POSE, RAYS, SCORE, Tensors
from export.nets.taps import NormedLinear
from export.nets.videopose_tcn import PoseHead

WIDTH, BLOCKS = 1024, 1
UNIT_M = 0.25
MAX_NORM = 1.0


class Layer(nn.Module):
    """Linear, batch norm if asked, ReLU, dropout."""

    def __init__(self, size_in: int, size_out: int, batch_norm: bool, dropout: float) -> None:
        super().__init__()
        self.mix: nn.Module = (NormedLinear if batch_norm else nn.Linear)(size_in, size_out)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(..., size_in) -> (..., size_out)."""
        out: Tensor = self.drop(torch.relu(self.mix(x)))
        return out


class ResidualLifter(nn.Module):
    """The `residual-lifter`: pose from one frame's rays and scores, no state.

    A linear layer, residual blocks of two layers each, a linear layer. Standardised on both sides: its
    input by the shared virtual camera (`geometry.view`, in place of the paper's mean and deviation of image
    coordinates, in its favour, as cameras here are random), its output in units of 0.25 m.

    residual, batch_norm, max_norm: off for the paper's ablation (max_norm: see `hold_norms`). dropout: the
    paper has none.
    """

    name = "residual-lifter"
    inputs: tuple[str, ...] = (RAYS, SCORE)
    outputs: tuple[str, ...] = (POSE,)
    delay = 0
    receptive_field = 1
    state_shapes: tuple[tuple[int, ...], ...] = ()
    joint_weight: Tensor

    def __init__(
        self,
        width: int = WIDTH,
        blocks: int = BLOCKS,
        *,
        residual: bool = True,
        batch_norm: bool = True,
        max_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.residual, self.max_norm = residual, max_norm
        self.stem = Layer(FEATURES, width, batch_norm, dropout)
        self.blocks = nn.ModuleList(
            nn.Sequential(Layer(width, width, batch_norm, dropout), Layer(width, width, batch_norm, dropout))
            for _ in range(blocks)
        )
        self.head = PoseHead(width, UNIT_M)
        self.register_buffer("joint_weight", joint_weights(), persistent=False)

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips, each by itself."""
        seen = view(given[RAYS], given[SCORE], self.joint_weight)
        x = self.stem(seen.features)
        for block in self.blocks:
            x = x + block(x) if self.residual else block(x)
        return {POSE: upright(seen, self.head(x))}

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N people."""
        return self(given), ()


@torch.no_grad()
def hold_norms(net: nn.Module, limit: float = MAX_NORM) -> None:
    """Scale down the weights of every linear layer's units whose norm exceeds the limit.

    Nothing for a net made with `max_norm=False`.
    """
    assert isinstance(net, ResidualLifter)
    if not net.max_norm:
        return
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.copy_(torch.renorm(layer.weight, p=2, dim=0, maxnorm=limit))

"""Building blocks of nets over time that run as whole clips and one frame at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class NormedLinear(nn.Module):
    """A linear layer and batch norm; outside training the two are one product."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size_in, size_out, bias=False)
        self.norm = nn.BatchNorm1d(size_out)

    def forward(self, x: Tensor) -> Tensor:
        """(..., size_in) -> (..., size_out); all leading dimensions are the batch."""
        if self.training:
            mixed: Tensor = self.linear(x)
            normed: Tensor = self.norm(mixed.flatten(0, -2))
            return normed.reshape(mixed.shape)
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        scale = self.norm.weight / (variance + self.norm.eps).sqrt()
        return functional.linear(x, self.linear.weight * scale.unsqueeze(1), self.norm.bias - mean * scale)


class CausalTaps(nn.Module):
    """A causal convolution over time with `taps` taps `dilation` frames apart, as one linear layer over them.

    norm: batch norm after it.
    """

    picks: Tensor

    def __init__(
        self, size_in: int, size_out: int, dilation: int, taps: int = 3, *, norm: bool = False
    ) -> None:
        super().__init__()
        self.size_in, self.dilation, self.taps = size_in, dilation, taps
        self.mix: nn.Module = (NormedLinear if norm else nn.Linear)(taps * size_in, size_out)
        self.register_buffer("picks", torch.arange(taps) * dilation, persistent=False)

    @property
    def reach(self) -> int:
        """How many frames back the oldest tap lies."""
        return (self.taps - 1) * self.dilation

    @property
    def state_shape(self) -> tuple[int, int]:
        """The shape of the frames that `step` must be given, without the batch."""
        return self.reach, self.size_in

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, size_in) -> (N, T, size_out), zeros before the first frame."""
        frames = x.shape[1]
        padded = functional.pad(x, (0, 0, self.reach, 0))
        taps = [padded[:, k * self.dilation : k * self.dilation + frames] for k in range(self.taps)]
        out: Tensor = self.mix(torch.cat(taps, dim=-1))
        return out

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame (N, size_in) and the frames before it (N, reach, size_in), oldest first.

        Gives the frame's answer (N, size_out) and the frames that the next step must be given.
        """
        window = torch.cat([state, x.unsqueeze(1)], dim=1)
        out: Tensor = self.mix(window.index_select(1, self.picks).flatten(1))
        return out, window[:, 1:]


class ResidualTaps(nn.Module):
    """x + linear(relu(causal taps of the layer norm of x))."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.taps = CausalTaps(width, width, dilation)
        self.mix = nn.Linear(width, width)
        nn.init.normal_(self.mix.weight, std=0.5 / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width) -> (N, T, width)."""
        out: Tensor = x + self.mix(torch.relu(self.taps(self.norm(x))))
        return out

    @property
    def ring_sizes(self) -> list[int]:
        """Of the frames that a step must be given: the oldest tap, between, the middle tap, the rest."""
        width, between = self.taps.size_in, (self.taps.dilation - 1) * self.taps.size_in
        return [width, between, width, between]

    def step(self, x: Tensor, ring: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One frame (N, width), and the frames before it in parts (N, ring_sizes), which move on by one."""
        oldest, between, middle, rest = ring
        normed = self.norm(x)
        mixed = self.taps.mix(torch.cat([oldest, middle, normed], dim=-1))
        return x + self.mix(torch.relu(mixed)), [between, middle, rest, normed]

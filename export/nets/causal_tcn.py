"""A causal temporal convolutional lifter that runs one frame at a time.

Residual blocks of dilated causal convolutions as in VideoPose3D (Pavllo et al. 2019, section 3). Two
things differ: linear layers over gathered taps stand for convolutions over time (the same sums, faster
on a CPU), and layer norm stands for batch norm, so that training and running are one function and
nothing is folded at export. A whole clip and a step share their weights; zero state is the clip's zero
padding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.nets.geometry import FEATURES, JOINTS, View, joint_weights, place, view

TAPS = 3
DILATIONS = (1, 3, 9)
WIDTH = 320
_OUTPUTS = 3 * (JOINTS - 1)
_LOG_SIZE_CENTRE = math.log(0.42)
_LOG_SPREAD_CENTRE = math.log(0.08)
_LOG_SPREAD_RANGE = (-4.5, 1.0)
LAPLACE_ONE_SIGMA = 1.1479
"""A Laplace distribution has 68.27 % of its mass within this many of its scale parameters."""


class CausalTaps(nn.Module):
    """A causal convolution over time with `TAPS` taps `dilation` frames apart."""

    def __init__(self, size_in: int, size_out: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.mix = nn.Linear(TAPS * size_in, size_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, size_in) -> (N, T, size_out), zeros before the first frame."""
        frames, reach = x.shape[1], (TAPS - 1) * self.dilation
        padded = functional.pad(x, (0, 0, reach, 0))
        taps = [padded[:, k * self.dilation : k * self.dilation + frames] for k in range(TAPS)]
        out: Tensor = self.mix(torch.cat(taps, dim=-1))
        return out

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame (N, size_in) and the frames before it (N, reach, size_in)."""
        window = torch.cat([state, x.unsqueeze(1)], dim=1)
        picks = torch.arange(TAPS) * self.dilation
        out: Tensor = self.mix(window.index_select(1, picks).flatten(1))
        return out, window[:, 1:]


class Block(nn.Module):
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

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame (N, width)."""
        mixed, state = self.taps.step(self.norm(x), state)
        return x + self.mix(torch.relu(mixed)), state


class CausalTcn(nn.Module):
    """The `causal-tcn` lifter.

    rays (N, T, 17, 2) and score (N, T, 17) to pose (N, T, 17, 3) root-relative metres in camera axes,
    root_depth (N, T) and root_depth_sigma (N, T) metres; `forward_step` the same for one frame.
    """

    name = "causal-tcn"
    delay = 0
    joint_weight: Tensor
    spread_scale: Tensor

    def __init__(self, width: int = WIDTH, dilations: tuple[int, ...] = DILATIONS) -> None:
        super().__init__()
        self.width, self.dilations = width, dilations
        self.stem = CausalTaps(FEATURES, width, dilations[0])
        self.blocks = nn.ModuleList(Block(width, d) for d in dilations[1:])
        self.pose_head = nn.Linear(width + FEATURES, _OUTPUTS)
        self.depth_head = nn.Linear(width + FEATURES, 2)
        for head in (self.pose_head, self.depth_head):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        self.register_buffer("joint_weight", joint_weights(), persistent=False)
        # Multiplies the depth's spread; set from validation so that 68 % of errors lie within one sigma.
        self.register_buffer("spread_scale", torch.ones(()))

    @property
    def receptive_field(self) -> int:
        """Frames that can influence an output, its own among them."""
        return 1 + (TAPS - 1) * sum(self.dilations)

    @property
    def state_shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape of each state tensor, without the batch."""
        sizes = (FEATURES,) + (self.width,) * len(self.blocks)
        return tuple(((TAPS - 1) * d, size) for d, size in zip(self.dilations, sizes, strict=True))

    def initial_state(self, people: int) -> tuple[Tensor, ...]:
        """The state of tracks that have seen nothing: zeros."""
        return tuple(torch.zeros(people, *shape) for shape in self.state_shapes)

    def forward(self, rays: Tensor, score: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Every frame of clips that start with no past."""
        seen = view(rays, score, self.joint_weight)
        x = torch.relu(self.stem(seen.features))
        for block in self.blocks:
            x = block(x)
        return self._answer(x, seen)

    def forward_step(self, rays: Tensor, score: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """One frame of N tracks: rays (N, 17, 2), score (N, 17), states; the answer, then next states."""
        seen = view(rays, score, self.joint_weight)
        x, first = self.stem.step(seen.features, state[0])
        x, following = torch.relu(x), [first]
        for module, past in zip(self.blocks, state[1:], strict=True):
            assert isinstance(module, Block)
            x, after = module.step(x, past)
            following.append(after)
        return (*self._answer(x, seen), *following)

    def _answer(self, x: Tensor, seen: View) -> tuple[Tensor, Tensor, Tensor]:
        """Both heads in one product; rows of zeros put the pelvis at the origin."""
        pelvis = torch.zeros(3, self.width + FEATURES)
        centre = torch.tensor([_LOG_SIZE_CENTRE, _LOG_SPREAD_CENTRE])
        weight = torch.cat([pelvis, self.pose_head.weight, self.depth_head.weight])
        bias = torch.cat([pelvis[:, 0], self.pose_head.bias, self.depth_head.bias + centre])
        out = functional.linear(torch.cat([x, seen.features], dim=-1), weight, bias)
        flat, log_size, log_spread = torch.split(out, [3 * JOINTS, 1, 1], dim=-1)
        pose, root_depth = place(seen, flat.reshape(*x.shape[:-1], JOINTS, 3), log_size)
        spread = log_spread.clamp(*_LOG_SPREAD_RANGE).exp() * (LAPLACE_ONE_SIGMA * self.spread_scale)
        return pose, root_depth[..., 0], (root_depth * spread)[..., 0]

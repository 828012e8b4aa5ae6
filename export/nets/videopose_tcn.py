"""The causal temporal convolutional net of VideoPose3D (Pavllo et al. 2019, section 3), frame by frame.

A stem over `window` frames, then residual blocks whose taps lie window, window^2, ... frames apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.nets.geometry import FEATURES, JOINTS, View, joint_weights, upright, view
from export.nets.step import POSE, RAYS, SCORE, Tensors
from export.nets.taps import CausalTaps, NormedLinear

WIDTH, BLOCKS, WINDOW, DROPOUT = 1024, 4, 3, 0.25
_HEAD_STD = 0.01


class Block(nn.Module):
    """x + causal taps, then a product per frame; batch norm, ReLU and dropout after each.

    size_in: of the input to the taps, which may hold more than x.
    """

    def __init__(self, size_in: int, width: int, dilation: int, window: int, dropout: float) -> None:
        super().__init__()
        self.taps = CausalTaps(size_in, width, dilation, window, norm=True)
        self.mix = NormedLinear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """x (N, T, width), given (N, T, size_in) -> (N, T, width)."""
        return x + self._second(self.taps(given))

    def step(self, x: Tensor, given: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame: x (N, width), given (N, size_in)."""
        mixed, state = self.taps.step(given, state)
        return x + self._second(mixed), state

    def _second(self, mixed: Tensor) -> Tensor:
        out: Tensor = self.drop(torch.relu(self.mix(self.drop(torch.relu(mixed)))))
        return out


class Trunk(nn.Module):
    """Stem and blocks: (N, T, size_in) -> (N, T, width). A window of one frame needs no state."""

    def __init__(self, size_in: int, width: int, blocks: int, window: int, dropout: float) -> None:
        super().__init__()
        self.window = window
        self.stem = CausalTaps(size_in, width, 1, window, norm=True)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(width, width, window ** (b + 1), window, dropout) for b in range(blocks)
        )

    @property
    def receptive_field(self) -> int:
        """window^(blocks + 1)."""
        return int(self.window ** (len(self.blocks) + 1))

    @property
    def state_shapes(self) -> tuple[tuple[int, int], ...]:
        """Of the stem and each block, without the batch."""
        if self.window == 1:
            return ()
        taps = [self.stem, *(block.taps for block in self.blocks)]
        return tuple(t.state_shape for t in taps if isinstance(t, CausalTaps))

    def forward(self, x: Tensor) -> Tensor:
        """Whole clips, zeros before the first frame."""
        x = self.drop(torch.relu(self.stem(x)))
        for block in self.blocks:
            x = block(x, x)
        return x

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One frame (N, size_in) -> (N, width), and the next state."""
        if self.window == 1:
            out: Tensor = self(x.unsqueeze(1))
            return out[:, 0], ()
        mixed, first = self.stem.step(x, state[0])
        x, following = torch.relu(mixed), [first]
        for block, past in zip(self.blocks, state[1:], strict=True):
            assert isinstance(block, Block)
            x, after = block.step(x, x, past)
            following.append(after)
        return x, tuple(following)


class PoseHead(nn.Linear):
    """A linear layer to the pose (..., 17, 3) in the unit given, pelvis at the origin."""

    def __init__(self, size_in: int, unit_m: float = 1.0) -> None:
        super().__init__(size_in, 3 * (JOINTS - 1))
        self.unit_m = unit_m
        nn.init.normal_(self.weight, std=_HEAD_STD)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., size_in) -> (..., 17, 3) metres; rows of zeros put the pelvis, joint 0, at the origin."""
        pelvis = torch.zeros(3, self.in_features).to(self.weight)
        weight = torch.cat([pelvis, self.weight * self.unit_m])
        bias = torch.cat([pelvis[:, 0], self.bias * self.unit_m])
        return joints_of(functional.linear(x, weight, bias))


def joints_of(flat: Tensor) -> Tensor:
    """(..., 51) to (..., 17, 3)."""
    leading = flat.shape[:-1] if flat.ndim > 2 else (-1,)
    return flat.reshape(*leading, JOINTS, 3)


class VideoposeTcn(nn.Module):
    """The `videopose-tcn` lifter: pose from rays and scores.

    Works in the shared virtual camera (`geometry.view`) and turns its pose back: in place of the paper's
    plain image coordinates, in its favour, as cameras here are random.
    """

    name = "videopose-tcn"
    inputs: tuple[str, ...] = (RAYS, SCORE)
    outputs: tuple[str, ...] = (POSE,)
    delay = 0
    size_in = FEATURES
    joint_weight: Tensor

    def __init__(
        self, width: int = WIDTH, blocks: int = BLOCKS, window: int = WINDOW, dropout: float = DROPOUT
    ) -> None:
        super().__init__()
        self.trunk = Trunk(self.size_in, width, blocks, window, dropout)
        self.head = PoseHead(width)
        self.register_buffer("joint_weight", joint_weights(), persistent=False)

    @property
    def receptive_field(self) -> int:
        """Frames that can influence an output, its own among them."""
        return self.trunk.receptive_field

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each state tensor, without the batch."""
        return self.trunk.state_shapes

    def features(self, given: Tensors) -> tuple[Tensor, View]:
        """What the net is fed for each frame (..., size_in), and the view it is from."""
        seen = view(given[RAYS], given[SCORE], self.joint_weight)
        return seen.features, seen

    def lift(self, features: Tensor, seen: View) -> dict[str, Tensor]:
        """The answer to whole clips from `features`, which training may have changed."""
        return {POSE: upright(seen, self.head(self.trunk(features)))}

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips that start with no past."""
        return self.lift(*self.features(given))

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N people: the answer, and the next state."""
        features, seen = self.features(given)
        x, following = self.trunk.step(features, state)
        return {POSE: upright(seen, self.head(x))}, following

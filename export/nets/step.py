"""What every lifter's network is: one function of time in two forms, over whole clips and over single frames.

Tensors go by name. N people, T frames, J = 17.

Inputs, of which a net names those it takes:
- `rays` (N, [T,] 17, 2) undistorted x/z and y/z. `score` (N, [T,] 17) in [0, 1], 0 for a missing joint.
- `depth` (N, [T,] 17): each joint's depth behind the pelvis as the 2D net sees it, in the unit of rays
  (metres a metre of distance); all zeros where the 2D net gives none.
- `up` (N, [T,] 3): the world's up in camera axes, the shorter the less sure it is (`realtime.lift.told_up`);
  all zeros where it is not known.
- `lag` (N, [T,] L): which of the net's `lags` is asked for, as ones and zeros.

Outputs, of which `pose` is always there:
- `pose` (N, [T,] 17, 3) metres, pelvis at the origin, camera axes.
- `root_depth`, `root_depth_sigma` (N, [T]) metres: the pelvis's z, and one standard deviation of it. Without
  them the runtime fits the pose to its rays in closed form.
- `confidence` (N, [T,] 17): the probability that a joint is within 100 mm of its true place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from realtime.lift import CONFIDENCE, DEPTH, LAG, POSE, RAYS, ROOT_DEPTH, ROOT_DEPTH_SIGMA, SCORE, UP

__all__ = [
    "CONFIDENCE", "DEPTH", "LAG", "POSE", "RAYS", "ROOT_DEPTH", "ROOT_DEPTH_SIGMA", "SCORE", "UP", "StepNet",
    "Tensors", "initial_state",
]  # fmt: skip

Tensors = Mapping[str, Tensor]


class StepNet(Protocol):
    """A lifter's network. All of them are `torch.nn.Module`s too.

    inputs, outputs: the names of its tensors, in the order of the ONNX file. state_shapes: of each state
    tensor, without the batch; all float32, and zeros for someone who has not been seen yet.
    receptive_field: frames that can influence an output, its own among them. delay: frames an output lies
    behind the newest input.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    delay: int

    @property
    def receptive_field(self) -> int: ...

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]: ...

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips (N, T, ...) that start with no past."""

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N people (N, ...) with what went before: the answer, and the next state."""


def initial_state(net: StepNet, people: int) -> tuple[Tensor, ...]:
    """The state of people who have not been seen yet: zeros."""
    return tuple(torch.zeros(people, *shape) for shape in net.state_shapes)

"""Muon: momentum made orthogonal, for the weight matrices inside a network (Jordan et al. 2024).

Each step of a matrix has all its singular values near one, so no direction starves. On this task it
needs less than half of AdamW's steps. In float32, as CPUs have no fast bfloat16.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
_ITERATIONS = 5
_QUINTIC = (3.4445, -4.7750, 2.0315)
# Gives a step the root mean square that AdamW's has, so that both share one rate (Liu et al. 2025).
_ADAM_LIKE = 0.2


def orthogonalise(matrix: Tensor) -> Tensor:
    """The matrix with its singular values moved to about one, by a quintic Newton-Schulz iteration."""
    a, b, c = _QUINTIC
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay. Takes matrices only."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every matrix that has a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, group)
        return loss

    def _move(self, matrix: nn.Parameter, group: dict[str, Any]) -> None:
        assert matrix.grad is not None
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum = state["momentum"].mul_(_MOMENTUM).add_(matrix.grad)
        step = orthogonalise(matrix.grad + _MOMENTUM * momentum)
        rate = group["lr"]
        matrix.mul_(1 - rate * group["weight_decay"])
        matrix.add_(step, alpha=-rate * _ADAM_LIKE * math.sqrt(max(matrix.shape)))

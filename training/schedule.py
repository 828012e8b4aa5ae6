"""How much of a training is spent, and the rate that goes with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

MINUTE_NS = 60_000_000_000


class Budget(Protocol):
    """What a training may spend: it ends when either is used up; None: no limit."""

    @property
    def minutes(self) -> float | None: ...

    @property
    def steps(self) -> int | None: ...


@dataclass(slots=True)
class Progress:
    """What has been spent so far."""

    step: int = 0
    spent_ns: int = 0

    def share(self, budget: Budget) -> float:
        """How much of the budget is spent, in [0, 1]."""
        by_time = self.spent_ns / (budget.minutes * MINUTE_NS) if budget.minutes else 0.0
        by_step = self.step / budget.steps if budget.steps else 0.0
        return min(1.0, max(by_time, by_step))


def one_cycle(share: float, warm_up: float) -> float:
    """The rate's factor: a climb through the first `warm_up`, then half a cosine down to a hundredth."""
    if share < warm_up:
        return 0.05 + 0.95 * share / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))

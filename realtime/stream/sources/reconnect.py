"""When to try again to reach a source that was lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Waits that double from `first_s` to `most_s`, until `give_up_s` have passed; 0: never try.

    A wait is shortened by up to a half at random, so that several viewers of one camera that restarts do
    not all come back at the same moment.
    """

    give_up_s: float = 30.0
    first_s: float = 0.25
    most_s: float = 5.0
    random: Callable[[], float] = random.random

    def delay_s(self, attempt: int) -> float:
        """The wait before an attempt, counted from 1."""
        whole_s = min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 30))
        return whole_s * (1 - self.random() / 2)

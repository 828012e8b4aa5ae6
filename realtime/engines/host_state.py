"""Temporal state that stays in the host's memory: what one step writes, the next one reads, with no copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from realtime.engines.base import TensorSpec
from realtime.types import Array


class StepBuffers:
    """What the steps of so many people read and write, always in the same place.

    fed, given: by the tensor's name, a row a person. states: two sets by the state input's name, which swap
    roles after every step. phase: the set that the next step reads.
    """

    def __init__(
        self,
        fed: Mapping[str, TensorSpec],
        given: Mapping[str, TensorSpec],
        state: Mapping[str, TensorSpec],
        people: int,
    ) -> None:
        self.fed, self.given = _zeros(fed, people), _zeros(given, people)
        self.states = _zeros(state, people), _zeros(state, people)
        self.phase = 0

    def feed(self, feeds: Mapping[str, Array]) -> bool:
        """Take what the next step is fed; False if it is not exactly what fits.

        Here and not by `check_feeds`: right after a network's weights have gone through the cache, checking
        by a specification costs more than the copying.
        """
        if len(feeds) != len(self.fed):
            return False
        for name, place in self.fed.items():
            rows = feeds.get(name)
            if rows is None or rows.shape != place.shape or rows.dtype != place.dtype:
                return False
            place[...] = rows
        return True

    def advance(self) -> None:
        """Take what the step wrote as the state; call it once the step has succeeded."""
        self.phase = 1 - self.phase


def _zeros(specs: Mapping[str, TensorSpec], people: int) -> dict[str, Array]:
    return {name: np.zeros((people, *spec.shape[1:]), spec.dtype) for name, spec in specs.items()}  # type: ignore[arg-type]


class HostState:
    """Whose state lies in which row of which buffers. specs: of the state inputs, a row a person."""

    def __init__(self, specs: Mapping[str, TensorSpec]) -> None:
        self.specs = specs
        self._rows: tuple[int | None, ...] = ()
        self._buffers: StepBuffers | None = None
        self._away: dict[int, dict[str, Array]] = {}

    def arrange(self, people: Sequence[int], buffers: StepBuffers) -> None:
        """Make the rows of `buffers` those of `people`; of someone unknown, zeros. Nobody is forgotten."""
        wanted = tuple(people)
        if wanted == self._rows and buffers is self._buffers:
            return
        self._set_aside()
        rows = buffers.states[buffers.phase]
        for row, person in enumerate(wanted):
            known = self._away.pop(person, {})
            for name in self.specs:
                rows[name][row] = known.get(name, 0)
        self._rows, self._buffers = wanted, buffers

    def forget(self, person: int) -> None:
        """Drop a person's state; unknown ones are ignored."""
        self._away.pop(person, None)
        self._rows = tuple(None if other == person else other for other in self._rows)

    def forget_everyone(self) -> None:
        """Drop everyone's state."""
        self._rows, self._buffers = (), None
        self._away.clear()

    def _set_aside(self) -> None:
        if self._buffers is None:
            return
        rows = self._buffers.states[self._buffers.phase]
        for row, person in enumerate(self._rows):
            if person is not None:
                self._away[person] = {name: rows[name][row].copy() for name in self.specs}

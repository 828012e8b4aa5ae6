"""Temporal state that stays on the GPU: what one step writes, the next one reads, with no copy between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from realtime.engines.base import TensorSpec
from realtime.engines.cuda import Cuda
from realtime.engines.lane import nbytes_of


class ResidentState:
    """One row of state a person, in two sets of buffers that swap roles after every step.

    pairs: state inputs and the outputs that become them. specs: of the inputs; rows are along the first,
    free size. Everything here only queues work on the stream.
    """

    def __init__(
        self, cuda: Cuda, pairs: Mapping[str, str], specs: Mapping[str, TensorSpec], largest: int
    ) -> None:
        self._cuda = cuda
        self._pairs = pairs
        self._row_bytes = {name: nbytes_of(specs[name], 1) for name in pairs}
        self._buffers = [
            {name: cuda.allocate(largest * nbytes) for name, nbytes in self._row_bytes.items()}
            for _ in range(2)
        ]
        self._rows: tuple[int | None, ...] = ()
        self._away: dict[int, dict[str, int]] = {}
        self.phase = 0

    def addresses(self, phase: int) -> dict[str, int]:
        """Where a step in this phase reads each state input and writes each state output."""
        now, after = self._buffers[phase], self._buffers[1 - phase]
        return now | {output: after[name] for name, output in self._pairs.items()}

    def arrange(self, people: Sequence[int]) -> None:
        """Make the next step's rows those of `people`; of someone unknown, zeros. Nobody is forgotten."""
        wanted = tuple(people)
        if wanted == self._rows:
            return
        was = {person: row for row, person in enumerate(self._rows) if person is not None}
        for person in was.keys() - set(wanted):
            self._away[person] = self._set_aside(was[person])
        target = self._buffers[1 - self.phase]
        for row, person in enumerate(wanted):
            for name, nbytes in self._row_bytes.items():
                to = target[name] + row * nbytes
                if person in was:
                    self._cuda.copy(to, self._buffers[self.phase][name] + was[person] * nbytes, nbytes)
                elif person in self._away:
                    self._cuda.copy(to, self._away[person][name], nbytes)
                else:
                    self._cuda.zero(to, nbytes)
        for person in wanted:
            self._free(person)
        self._rows = wanted
        self.phase = 1 - self.phase

    def advance(self) -> None:
        """Take what the step wrote as the state; call it once the step has succeeded."""
        self.phase = 1 - self.phase

    def forget(self, person: int) -> None:
        """Drop a person's state; unknown ones are ignored."""
        self._free(person)
        self._rows = tuple(None if other == person else other for other in self._rows)

    def forget_everyone(self) -> None:
        """Drop everyone's state."""
        for person in tuple(self._away):
            self._free(person)
        self._rows = ()

    def _set_aside(self, row: int) -> dict[str, int]:
        kept = {name: self._cuda.allocate(nbytes) for name, nbytes in self._row_bytes.items()}
        for name, nbytes in self._row_bytes.items():
            self._cuda.copy(kept[name], self._buffers[self.phase][name] + row * nbytes, nbytes)
        return kept

    def _free(self, person: int) -> None:
        for address in self._away.pop(person, {}).values():
            self._cuda.free(address)

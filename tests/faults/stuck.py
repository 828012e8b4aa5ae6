"""Parts of a pipeline that fail or hang at a chosen moment, and go on when told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from realtime.stream.source import Source, SourceInfo
from realtime.types import Frame, Result
from tests.fakes import FakePerception

Act = Callable[[], None]


class Stuck:
    """What a hanging thread waits in. `entered` tells that it is there."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        self.released.wait(60)


class FaultySource:
    """Another source, with something that happens at one of its reads."""

    def __init__(self, source: Source, at: int, act: Act) -> None:
        self.source = source
        self.closed = threading.Event()
        self._left = at
        self._act = act

    @property
    def info(self) -> SourceInfo:
        return self.source.info

    def read(self) -> Frame | None:
        self._left -= 1
        if self._left == 0:
            self._act()
        return self.source.read()

    def close(self) -> None:
        self.closed.set()
        self.source.close()


class FaultyPerception(FakePerception):
    """A perception with something that happens at one of its frames."""

    def __init__(self, at: int = 0, act: Act | None = None, nan: bool = False) -> None:
        super().__init__()
        self._left = at
        self._act = act
        self._nan = nan

    def process(self, frame: Frame) -> Sequence[Result]:
        self._left -= 1
        if self._left == 0 and self._act is not None:
            self._act()
        results = super().process(frame)
        return [_without_numbers(result) for result in results] if self._nan else results


def _without_numbers(result: Result) -> Result:
    people = tuple(
        replace(p, pose=replace(p.pose, root_m=np.full(3, np.nan, np.float32))) for p in result.people
    )
    return replace(result, people=people)


class FaultySink:
    """A sink with something that happens at one of its writes, or at its end."""

    label = "the faulty sink"

    def __init__(self, at: int = 0, act: Act | None = None, at_end: Act | None = None) -> None:
        self.results: list[Result] = []
        self.closed = 0
        self._left = at
        self._act = act
        self._at_end = at_end

    def write(self, result: Result) -> None:
        self._left -= 1
        if self._left == 0 and self._act is not None:
            self._act()
        self.results.append(result)

    def close(self) -> None:
        self.closed += 1
        if self._at_end is not None:
            self._at_end()

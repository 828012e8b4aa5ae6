"""A GPU that is none: memory is NumPy bytes.

What it keeps of the real one is what an engine can get wrong. Work is queued, and done only when an event
is waited for: host memory that is changed too soon, or read too soon, gives wrong numbers. Every address is
checked against what was allocated. A graph keeps the addresses of its capture. Nothing may be asked of the
GPU by a thread in which it is not current.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from realtime.engines.cuda import Device, Event, Graph
from realtime.errors import EngineError
from realtime.types import Array

Work = Callable[[], None]

_GAP = 1 << 20


class FakeCuda:
    """One engine's share of a GPU that is not there. capturable: whether graphs can be captured.

    launches: graphs launched; runs: networks enqueued; copied: bytes copied on the device; compiled: shapes
    for which a library compiled kernels.
    """

    device = Device("Fake GPU", (8, 6), "13.0")
    stream = 77

    def __init__(self, capturable: bool = True, memory: int = 1 << 30) -> None:
        self.capturable = capturable
        self.closed = False
        self.compiled: list[str] = []
        self.launches = self.runs = self.copied = self.uploads = 0
        self._memory = memory
        self._allocated: dict[int, Array] = {}
        self._next = 4096
        self._queue: list[Work] = []
        self._captured: list[Work] | None = None
        self._depth = threading.local()
        self._now_ms = 0.0

    @contextmanager
    def active(self) -> Iterator[None]:
        assert not self.closed
        self._depth.value = getattr(self._depth, "value", 0) + 1
        try:
            yield
        finally:
            self._depth.value -= 1

    def allocate(self, nbytes: int) -> int:
        self._check()
        if sum(map(len, self._allocated.values())) + nbytes > self._memory:
            raise EngineError("Fake GPU is out of memory")
        address = self._next
        self._next += nbytes + _GAP
        self._allocated[address] = np.full(nbytes, 0xAB, np.uint8)
        return address

    def free(self, address: int) -> None:
        self._check()
        self._drain()
        del self._allocated[address]

    def pinned(self, nbytes: int) -> Array:
        self._check()
        return np.full(nbytes, 0xCD, np.uint8)

    def upload(self, address: int, host: Array) -> None:
        assert host.flags.c_contiguous
        self.uploads += 1
        self.enqueue(lambda: self._put(address, host))

    def download(self, host: Array, address: int) -> None:
        assert host.flags.c_contiguous
        self.enqueue(lambda: np.copyto(host, self.at(address, host.nbytes)))

    def copy(self, to: int, source: int, nbytes: int) -> None:
        self.copied += nbytes
        self.enqueue(lambda: self._put(to, self.at(source, nbytes).copy()))

    def zero(self, address: int, nbytes: int) -> None:
        self.enqueue(lambda: self.at(address, nbytes).fill(0))

    def event(self) -> Event:
        self._check()
        return FakeEvent(self)

    def capture(self, enqueue: Callable[[], None]) -> Graph:
        if not self.capturable:
            raise EngineError("CUDA failed: the stream cannot be captured")
        assert self._captured is None
        self._captured = []
        try:
            enqueue()
            return FakeGraph(self, self._captured)
        finally:
            self._captured = None

    def close(self) -> None:
        self.closed = True
        self._allocated.clear()

    @property
    def allocated_bytes(self) -> int:
        """How much is allocated now."""
        return sum(map(len, self._allocated.values()))

    def enqueue(self, work: Work) -> None:
        """Put work on the stream, or into the graph that is being captured."""
        self._check()
        (self._queue if self._captured is None else self._captured).append(work)

    def at(self, address: int, nbytes: int) -> Array:
        """Device memory, which must lie within one allocation."""
        for base, memory in self._allocated.items():
            if base <= address and address + nbytes <= base + len(memory):
                return memory[address - base : address - base + nbytes]
        raise AssertionError(f"{nbytes} bytes at {address} are not allocated")

    def wait_until(self, event: FakeEvent) -> None:
        """Do all work up to an event."""
        self._check()
        self._drain(event)

    def _drain(self, event: FakeEvent | None = None) -> None:
        while self._queue and (event is None or event.at_ms is None):
            self._now_ms += 0.25
            self._queue.pop(0)()

    def stamp(self) -> float:
        return self._now_ms

    def _put(self, address: int, data: Array) -> None:
        self.at(address, data.nbytes)[:] = data

    def _check(self) -> None:
        assert not self.closed
        assert getattr(self._depth, "value", 0) > 0, "the GPU is not current in this thread"


class FakeEvent:
    """Passed once the work before it is done."""

    def __init__(self, cuda: FakeCuda) -> None:
        self._cuda = cuda
        self.at_ms: float | None = None

    def record(self) -> None:
        self.at_ms = None
        self._cuda.enqueue(self._pass)

    def wait(self) -> None:
        self._cuda.wait_until(self)

    def ms_since(self, earlier: Event) -> float:
        assert isinstance(earlier, FakeEvent)
        assert self.at_ms is not None
        assert earlier.at_ms is not None
        return self.at_ms - earlier.at_ms

    def _pass(self) -> None:
        self.at_ms = self._cuda.stamp()


class FakeGraph:
    def __init__(self, cuda: FakeCuda, work: list[Work]) -> None:
        self._cuda = cuda
        self._work = work
        self.closed = False

    def launch(self) -> None:
        assert not self.closed
        self._cuda.launches += 1
        for work in self._work:
            self._cuda.enqueue(work)

    def close(self) -> None:
        self.closed = True

"""A GPU and a TensorRT that are none: memory is NumPy bytes, and a plan is an ONNX file.

What they keep of the real ones is what an engine can get wrong. Work is queued, and done only when an event
is waited for: host memory that is changed too soon, or read too soon, gives wrong numbers. Every address is
checked against what was allocated. A graph keeps the addresses of its capture. Nothing may be asked of the
GPU by a thread in which it is not current.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from realtime.engines.build import BuildOptions, Shapes
from realtime.engines.cuda import Device, Event, Graph
from realtime.engines.library import Kind, Library
from realtime.errors import EngineError
from realtime.types import Array

Work = Callable[[], None]

_GAP = 1 << 20


class FakeCuda:
    """One engine's share of a GPU that is not there. capturable: whether graphs can be captured.

    launches: graphs launched; runs: networks enqueued; copied: bytes copied on the device.
    """

    device = Device("Fake GPU", (8, 6), "13.0")
    stream = 77

    def __init__(self, capturable: bool = True, memory: int = 1 << 30) -> None:
        self.capturable = capturable
        self.closed = False
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


class Severity(Enum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class Mode(Enum):
    INPUT, OUTPUT = range(2)


class FakeLogger:
    Severity = Severity

    def log(self, level: Severity, message: str) -> None:
        """What a listener overrides."""


class FakeTensorRt:
    """The parts of TensorRT's Python interface that run a plan; they work on one FakeCuda.

    largest: the batch that plans were built for. fail_next: the next run fails. A plan that begins with
    `broken` is taken for another version's. strategies: how each context was told to capture graphs.
    """

    ILogger = FakeLogger
    TensorIOMode = Mode
    __version__ = "11.4.0.106"

    def __init__(self, cuda: FakeCuda, largest: int = 16) -> None:
        self.cuda = cuda
        self.largest = largest
        self.fail_next = False
        self.strategies: list[str] = []

    def Runtime(self, logger: FakeLogger) -> FakeRuntime:  # noqa: N802
        return FakeRuntime(self, logger)

    @staticmethod
    def nptype(dtype: str) -> type[np.generic]:
        known: dict[str, type[np.generic]] = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        if dtype not in known:
            raise TypeError(f"Could not resolve TensorRT datatype {dtype}")
        return known[dtype]


class FakeTensorRtRtx(FakeTensorRt):
    """As TensorRT-RTX: it captures graphs by itself, as its runtime configuration tells it to."""

    __version__ = "1.7.1.116"
    CudaGraphStrategy = SimpleNamespace(DISABLED="disabled", WHOLE_GRAPH_CAPTURE="whole graph")


class FakeRuntime:
    def __init__(self, trt: FakeTensorRt, logger: FakeLogger) -> None:
        self._trt = trt
        self._logger = logger

    def deserialize_cuda_engine(self, plan: bytes) -> FakePlan | None:
        if plan.startswith(b"broken"):
            self._logger.log(Severity.ERROR, "Error Code 6: the engine plan file is\n not compatible")
            self._logger.log(Severity.ERROR, "what follows from that")
            return None
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        return FakePlan(self._trt, self._logger, ort.InferenceSession(plan, options))


class FakePlan:
    def __init__(self, trt: FakeTensorRt, logger: FakeLogger, session: ort.InferenceSession) -> None:
        self.trt, self.logger, self.session = trt, logger, session
        self.inputs = {node.name: node for node in session.get_inputs()}
        self.tensors = self.inputs | {node.name: node for node in session.get_outputs()}
        self.num_io_tensors = len(self.tensors)

    def get_tensor_name(self, number: int) -> str:
        return list(self.tensors)[number]

    def get_tensor_mode(self, name: str) -> Mode:
        return Mode.INPUT if name in self.inputs else Mode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(size if isinstance(size, int) else -1 for size in self.tensors[name].shape)

    def get_tensor_dtype(self, name: str) -> str:
        return str(self.tensors[name].type)

    def create_runtime_config(self) -> SimpleNamespace:
        return SimpleNamespace(cuda_graph_strategy="disabled")

    def create_execution_context(self, config: SimpleNamespace | None = None) -> FakeContext:
        if config is not None:
            self.trt.strategies.append(config.cuda_graph_strategy)
        return FakeContext(self)


class FakeContext:
    """Runs the ONNX file on what lies at the addresses that are set when a run is enqueued."""

    def __init__(self, plan: FakePlan) -> None:
        self._plan = plan
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shapes[name] = shape
        free = self._plan.get_tensor_shape(name)[:1] == (-1,)
        return not free or shape[0] <= self._plan.trt.largest

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert name in self._plan.tensors
        self._addresses[name] = address
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self._plan.inputs:
            return self._shapes[name]
        return self._run({n: np.zeros(self._shapes[n], np.float32) for n in self._plan.inputs})[name].shape

    def execute_async_v3(self, stream: int) -> bool:
        trt = self._plan.trt
        assert stream == trt.cuda.stream
        if trt.fail_next:
            trt.fail_next = False
            self._plan.logger.log(Severity.ERROR, "Error Code 1: Cuda Runtime\n (an illegal address)")
            return False
        trt.cuda.runs += 1
        addresses = dict(self._addresses)
        assert addresses.keys() == self._plan.tensors.keys()
        trt.cuda.enqueue(lambda: self._compute(addresses))
        return True

    def _compute(self, addresses: dict[str, int]) -> None:
        cuda = self._plan.trt.cuda
        fed = {}
        for name in self._plan.inputs:
            nbytes = 4 * int(np.prod(self._shapes[name]))
            fed[name] = cuda.at(addresses[name], nbytes).copy().view(np.float32).reshape(self._shapes[name])
        for name, value in self._run(fed).items():
            cuda.at(addresses[name], value.nbytes)[:] = np.ascontiguousarray(value).view(np.uint8).ravel()

    def _run(self, fed: dict[str, Array]) -> dict[str, Array]:
        names = [name for name in self._plan.tensors if name not in self._plan.inputs]
        results: list[Array] = self._plan.session.run(names, fed)
        return dict(zip(names, results, strict=True))


def fake_library(cuda: FakeCuda, kind: Kind = "tensorrt", **rest: Any) -> Library:
    """A `Library` whose module is a fake on this GPU."""
    module = FakeTensorRtRtx if kind == "tensorrt-rtx" else FakeTensorRt
    return Library(kind, module(cuda, **rest))


class FakeMachine:
    """A machine with a GPU and both TensorRTs: what `open_engine` finds once `installed` here.

    cudas: the share of the GPU of every engine opened. built: the models that were built. plans: what the
    next builds give, if not the model itself. build_error: why a build fails. memory: the GPU's, in bytes.
    """

    def __init__(self) -> None:
        self.cudas: list[FakeCuda] = []
        self.built: list[Path] = []
        self.build_error = ""
        self.plans: list[bytes] = []
        self.memory = 1 << 30
        self._own = threading.local()

    def install(self, patch: pytest.MonkeyPatch, *kinds: Kind, cache: Path) -> None:
        """Make it look as if this were the machine, with these libraries."""
        patch.setenv("REALTIME_POSE3D_CACHE", str(cache))
        patch.setattr("realtime.engines.open.installed", lambda kind: kind in kinds)
        patch.setattr("realtime.engines.open.why_not", lambda kind: "")
        patch.setattr("realtime.engines.tensorrt.load_library", self._load)
        patch.setattr("realtime.engines.tensorrt.open_cuda", lambda: self._own.cuda)
        patch.setattr("realtime.engines.tensorrt.build_with", self._build)

    def _load(self, kind: Kind) -> Library:
        self._own.cuda = FakeCuda(memory=self.memory)
        self.cudas.append(self._own.cuda)
        return fake_library(self._own.cuda, kind)

    def _build(self, library: Library, model: Path, shapes: Shapes, options: BuildOptions) -> bytes:
        if self.build_error:
            raise EngineError(self.build_error)
        self.built.append(model)
        return self.plans.pop(0) if self.plans else model.read_bytes()

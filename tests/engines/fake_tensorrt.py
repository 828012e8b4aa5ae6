"""A TensorRT that is none, on a FakeCuda: a plan is an ONNX file, and ONNX Runtime computes."""

from __future__ import annotations

from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort

from realtime.engines.library import Kind, Library
from realtime.types import Array
from tests.engines.fake_gpu import FakeCuda


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
        known: dict[str, type[np.generic]] = {
            "tensor(float)": np.float32,
            "tensor(int64)": np.int64,
            "tensor(uint8)": np.uint8,
        }
        if dtype not in known:
            raise TypeError(f"Could not resolve TensorRT datatype {dtype}")
        return known[dtype]


class FakeTensorRtRtx(FakeTensorRt):
    """As TensorRT-RTX: it captures graphs by itself, as its runtime configuration tells it to."""

    __version__ = "1.7.1.116"
    CudaGraphStrategy = SimpleNamespace(DISABLED="disabled", WHOLE_GRAPH_CAPTURE="whole graph")


class FakeKernels:
    """A runtime cache: a line for each shape that was run. Only those of the same driver are taken."""

    def __init__(self, trt: FakeTensorRt) -> None:
        self._trt = trt
        self._header = f"kernels for driver {trt.cuda.device.driver}"
        self.shapes: list[str] = []

    def serialize(self) -> bytes:
        return "\n".join([self._header, *self.shapes]).encode()

    def deserialize(self, content: bytes) -> bool:
        header, *shapes = content.decode().splitlines()
        if header != self._header:
            return False
        self.shapes = shapes
        return True

    def compile(self, shape: str) -> None:
        if shape not in self.shapes:
            self.shapes.append(shape)
            self._trt.cuda.compiled.append(shape)


class FakeRuntimeConfig:
    def __init__(self, trt: FakeTensorRt) -> None:
        self.cuda_graph_strategy = "disabled"
        self.kernels: FakeKernels | None = None
        self._trt = trt

    def create_runtime_cache(self) -> FakeKernels:
        return FakeKernels(self._trt)

    def set_runtime_cache(self, kernels: FakeKernels) -> bool:
        self.kernels = kernels
        return True


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

    def create_runtime_config(self) -> FakeRuntimeConfig:
        return FakeRuntimeConfig(self.trt)

    def create_execution_context(self, config: FakeRuntimeConfig | None = None) -> FakeContext:
        if config is not None:
            self.trt.strategies.append(config.cuda_graph_strategy)
        return FakeContext(self, config.kernels if config else None)


class FakeContext:
    """Runs the ONNX file on what lies at the addresses that are set when a run is enqueued."""

    def __init__(self, plan: FakePlan, kernels: FakeKernels | None) -> None:
        self._plan = plan
        self._kernels = kernels
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
        return self._run({n: np.zeros(self._shapes[n], self._dtype(n)) for n in self._plan.inputs})[
            name
        ].shape

    def execute_async_v3(self, stream: int) -> bool:
        trt = self._plan.trt
        assert stream == trt.cuda.stream
        if trt.fail_next:
            trt.fail_next = False
            self._plan.logger.log(Severity.ERROR, "Error Code 1: Cuda Runtime\n (an illegal address)")
            return False
        trt.cuda.runs += 1
        if self._kernels is not None:
            self._kernels.compile(str(sorted(self._shapes.items())))
        addresses = dict(self._addresses)
        assert addresses.keys() == self._plan.tensors.keys()
        trt.cuda.enqueue(lambda: self._compute(addresses))
        return True

    def _compute(self, addresses: dict[str, int]) -> None:
        cuda = self._plan.trt.cuda
        fed = {}
        for name in self._plan.inputs:
            shape, dtype = self._shapes[name], self._dtype(name)
            nbytes = dtype.itemsize * int(np.prod(shape))
            fed[name] = cuda.at(addresses[name], nbytes).copy().view(dtype).reshape(shape)
        for name, value in self._run(fed).items():
            cuda.at(addresses[name], value.nbytes)[:] = np.ascontiguousarray(value).view(np.uint8).ravel()

    def _dtype(self, name: str) -> np.dtype[np.generic]:
        return np.dtype(self._plan.trt.nptype(self._plan.get_tensor_dtype(name)))

    def _run(self, fed: dict[str, Array]) -> dict[str, Array]:
        names = [name for name in self._plan.tensors if name not in self._plan.inputs]
        results: list[Array] = self._plan.session.run(names, fed)
        return dict(zip(names, results, strict=True))


def fake_library(cuda: FakeCuda, kind: Kind = "tensorrt", **rest: Any) -> Library:
    """A `Library` whose module is a fake on this GPU."""
    module = FakeTensorRtRtx if kind == "tensorrt-rtx" else FakeTensorRt
    return Library(kind, module(cuda, **rest))

"""A TensorRT context at one batch size: fixed addresses, one upload, one launch, one download."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from realtime.engines.base import TensorSpec
from realtime.engines.cuda import Cuda, Graph
from realtime.engines.library import Library
from realtime.errors import EngineError
from realtime.types import Array

log = logging.getLogger(__name__)

BATCHES = (1, 2, 4, 8, 16)
"""What a batch is padded to, so that few shapes are ever run, captured or compiled for."""
_ALIGNMENT = 256


class Arena:
    """Device memory with page-locked host memory of the same layout, moved in one copy."""

    def __init__(self, cuda: Cuda, specs: Mapping[str, TensorSpec], largest: int) -> None:
        self._specs = specs
        nbytes = max(self._layout(largest)[1], _ALIGNMENT)
        self.address = cuda.allocate(nbytes)
        self.host = cuda.pinned(nbytes)
        self.host[:] = 0

    def addresses(self, batch: int) -> dict[str, int]:
        """The device address of each tensor."""
        return {name: self.address + at for name, at in self._layout(batch)[0].items()}

    def views(self, batch: int) -> dict[str, Array]:
        """Each tensor in the host memory."""
        offsets, _ = self._layout(batch)
        return {
            name: self.host[at : at + nbytes_of(self._specs[name], batch)]
            .view(self._specs[name].dtype)
            .reshape(shape_of(self._specs[name], batch))
            for name, at in offsets.items()
        }

    def used(self, batch: int) -> Array:
        """The part of the host memory that this batch needs."""
        return self.host[: self._layout(batch)[1]]

    def _layout(self, batch: int) -> tuple[dict[str, int], int]:
        """Offset of each tensor, and the size of them all, in bytes."""
        offsets, end = {}, 0
        for name, spec in self._specs.items():
            offsets[name] = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = offsets[name] + nbytes_of(spec, batch)
        return offsets, end


def shape_of(spec: TensorSpec, batch: int) -> tuple[int, ...]:
    """A tensor's shape at a batch size."""
    return tuple(batch if size is None else size for size in spec.shape)


def nbytes_of(spec: TensorSpec, batch: int) -> int:
    """A tensor's size at a batch size, in bytes."""
    return int(np.prod(shape_of(spec, batch), dtype=np.int64)) * spec.dtype.itemsize


def padded(batch: int) -> int:
    """The batch size that `batch` rows are run at. Raises EngineError for more than any."""
    for size in BATCHES:
        if batch <= size:
            return size
    raise EngineError(f"an engine takes {BATCHES[-1]} rows at most, not {batch}: follow fewer people")


class Lane:
    """A context of its own with every shape and address set for good, so that a graph of it stays right.

    capture: capture a run as a CUDA graph after one that ran as it is; where that fails, runs go on as
    they are.
    """

    def __init__(self, library: Library, cuda: Cuda, context: Any, capture: bool) -> None:
        self._library = library
        self._cuda = cuda
        self._context = context
        self._graph: Graph | None = None
        self._capture_next = capture
        self._ran = False

    def bind(
        self, inputs: Mapping[str, TensorSpec], batch: int, addresses: Mapping[str, int]
    ) -> Mapping[str, tuple[int, ...]]:
        """Set every input's shape and every tensor's address; returns the shapes of all tensors."""
        for name, spec in inputs.items():
            if not self._context.set_input_shape(name, shape_of(spec, batch)):
                raise EngineError(f"this engine was not built for {batch} rows of {name!r}: build it again")
        for name, address in addresses.items():
            if not self._context.set_tensor_address(name, address):
                raise EngineError(f"{self._library.kind} refuses tensor {name!r}: {self._library.why()}")
        return {name: tuple(self._context.get_tensor_shape(name)) for name in addresses}

    @property
    def captured(self) -> bool:
        """Whether a graph that was captured here is what is launched."""
        return self._graph is not None

    def enqueue(self) -> None:
        """Put one run on the stream."""
        if self._capture_next and self._ran:
            self._try_capture()
        if self._graph is not None:
            self._graph.launch()
        else:
            self._execute()
        self._ran = True

    def close(self) -> None:
        """Free the graph and the context."""
        if self._graph is not None:
            self._graph.close()
        self._graph = self._context = None

    def _execute(self) -> None:
        self._library.forget_errors()
        if not self._context.execute_async_v3(self._cuda.stream):
            raise EngineError(f"{self._library.kind} failed: {self._library.why()}")

    def _try_capture(self) -> None:
        self._capture_next = False
        try:
            self._graph = self._cuda.capture(self._execute)
        except EngineError as error:
            log.info("no CUDA graph, each run is launched piece by piece: %s", error)

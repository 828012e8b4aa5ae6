"""How much work a network is, and how much of it this machine can do: the roofline.

Source: Williams, Waterman, Patterson, Roofline (CACM 2009).
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, shape_inference

_MATRIX = 1024
_COPIED_BYTES = 64 << 20
_PEAK_S = 0.5


@dataclass(frozen=True, slots=True)
class Work:
    """One run of a network. flops: a multiply and an add are two. weight_bytes: each weight read once.
    activation_bytes: each tensor between two operations written once and read once; inputs and outputs once.
    counted: the share of operations whose work is known here."""

    flops: float
    weight_bytes: float
    activation_bytes: float
    counted: float

    @property
    def traffic_bytes(self) -> float:
        """What must be moved if nothing between two operations stays in a cache."""
        return self.weight_bytes + self.activation_bytes


@dataclass(frozen=True, slots=True)
class Peak:
    """What this machine does at best. flops_s: in a product of matrices, float32. bytes_s: copying memory."""

    flops_s: float
    bytes_s: float

    def least_ms(self, work: Work) -> float:
        """The time that work takes at best: weights must come from memory, activations may not."""
        return 1e3 * max(work.flops / self.flops_s, work.weight_bytes / self.bytes_s)

    def bound(self, work: Work) -> str:
        """What limits it: `compute` or `memory`."""
        return "compute" if work.flops / self.flops_s >= work.weight_bytes / self.bytes_s else "memory"


def measure_peak(seconds: float = _PEAK_S, clock: Callable[[], int] = time.perf_counter_ns) -> Peak:
    """Measure both with all cores."""
    a = np.ones((_MATRIX, _MATRIX), np.float32)
    out = np.empty_like(a)
    product_s = _best_s(lambda: np.matmul(a, a, out=out), seconds, clock)
    cores = os.cpu_count() or 1
    parts = [np.ones(_COPIED_BYTES // cores, np.uint8) for _ in range(cores)]
    targets = [np.empty_like(part) for part in parts]
    with ThreadPoolExecutor(cores) as pool:
        copy_s = _best_s(lambda: list(pool.map(np.copyto, targets, parts)), seconds, clock)
    return Peak(2 * _MATRIX**3 / product_s, 2 * sum(part.nbytes for part in parts) / copy_s)


def _best_s(run: Callable[[], object], seconds: float, clock: Callable[[], int]) -> float:
    best, until_ns = math.inf, clock() + int(seconds * 1e9)
    run()
    while (begun_ns := clock()) < until_ns or best == math.inf:
        run()
        best = min(best, (clock() - begun_ns) / 1e9)
    return best


def work_of(path: Path, batch: int = 1) -> Work:
    """Count the work of an ONNX file, its free sizes set to `batch`."""
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        for size in value.type.tensor_type.shape.dim:
            if not size.HasField("dim_value"):
                size.dim_value = batch
    del model.graph.value_info[:]
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    found = [_flops(node, {**shapes, **weights}) for node in graph.node]
    ends = {value.name for value in (*graph.input, *graph.output)} - weights.keys()
    between = {name for node in graph.node for name in node.output} - ends
    activation_bytes = sum(4.0 * math.prod(shapes.get(name, (0,))) for name in ends)
    activation_bytes += sum(8.0 * math.prod(shapes.get(name, (0,))) for name in between)
    known = [flops for flops in found if flops is not None]
    return Work(
        sum(known), sum(map(_nbytes, graph.initializer)), activation_bytes, len(known) / max(len(found), 1)
    )


def _nbytes(tensor: Any) -> float:
    size = 4 if tensor.data_type == TensorProto.FLOAT else np.dtype(_numpy_type(tensor.data_type)).itemsize
    return float(size * math.prod(tensor.dims))


@functools.cache
def _numpy_type(data_type: int) -> Any:
    return onnx.helper.tensor_dtype_to_np_dtype(data_type)


def _flops(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> float | None:
    """Of one operation; None where a shape it takes is not known."""
    if node.op_type in _UNKNOWN or node.output[0] not in shapes:
        return None
    out = float(math.prod(shapes[node.output[0]]))
    if node.op_type not in _PER_OUTPUT:
        return out if node.op_type not in _MOVING else 0.0
    at = _PER_OUTPUT[node.op_type]
    if node.input[at] not in shapes:
        return None
    return 2.0 * out * _mixed(node, shapes[node.input[at]])


def _mixed(node: Any, shape: tuple[int, ...]) -> int:
    """How many products go into one number of the output, by the shape of the operand that tells."""
    if node.op_type == "Conv":
        return math.prod(shape[1:])
    if node.op_type == "MatMul":
        return shape[-1]
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return shape[0] if transposed else shape[-1]


_PER_OUTPUT: Mapping[str, int] = {"Conv": 1, "MatMul": 0, "Gemm": 0}
"""Operations that are products, with the input whose shape tells how many each output takes."""
_MOVING = frozenset(
    (
        "Cast", "Concat", "Constant", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad",
        "Reshape", "Shape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
    )
)  # fmt: skip
"""Operations that only move numbers."""
_UNKNOWN = frozenset(["ConvTranspose", "Einsum", "GRU", "LSTM", "RNN"])
"""Products whose work is not counted here."""

"""A TFLite file as plain data: its one graph, the tensors and the operators.

Only the fields the converter needs are read, by their numbers in the TFLite schema, version 3. Every
constant comes out dense, in the number type it is stored in.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import flatbuffers.number_types as fb
import flatbuffers.table
import numpy as np

from realtime.errors import ModelError
from realtime.types import Array

# fmt: off
_OPERATORS = (
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE",
    "EMBEDDING_LOOKUP", "FLOOR", "FULLY_CONNECTED", "HASHTABLE_LOOKUP", "L2_NORMALIZATION", "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION", "LOGISTIC", "LSH_PROJECTION", "LSTM", "MAX_POOL_2D", "MUL", "RELU",
    "RELU_N1_TO_1", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RNN", "SOFTMAX", "SPACE_TO_DEPTH", "SVDF", "TANH",
    "CONCAT_EMBEDDINGS", "SKIP_GRAM", "CALL", "CUSTOM", "EMBEDDING_LOOKUP_SPARSE", "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "GATHER", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "TRANSPOSE", "MEAN",
    "SUB", "DIV", "SQUEEZE", "UNIDIRECTIONAL_SEQUENCE_LSTM", "STRIDED_SLICE", "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP", "TOPK_V2", "SPLIT", "LOG_SOFTMAX", "DELEGATE", "BIDIRECTIONAL_SEQUENCE_LSTM", "CAST", "PRELU",
    "MAXIMUM", "ARG_MAX", "MINIMUM", "LESS", "NEG", "PADV2", "GREATER", "GREATER_EQUAL", "LESS_EQUAL",
    "SELECT", "SLICE", "SIN", "TRANSPOSE_CONV", "SPARSE_TO_DENSE", "TILE", "EXPAND_DIMS", "EQUAL",
    "NOT_EQUAL", "LOG", "SUM", "SQRT", "RSQRT", "SHAPE", "POW", "ARG_MIN", "FAKE_QUANT", "REDUCE_PROD",
    "REDUCE_MAX", "PACK", "LOGICAL_OR", "ONE_HOT", "LOGICAL_AND", "LOGICAL_NOT", "UNPACK", "REDUCE_MIN",
    "FLOOR_DIV", "REDUCE_ANY", "SQUARE", "ZEROS_LIKE", "FILL", "FLOOR_MOD", "RANGE",
    "RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU", "SQUARED_DIFFERENCE", "MIRROR_PAD", "ABS", "SPLIT_V", "UNIQUE",
    "CEIL", "REVERSE_V2", "ADD_N", "GATHER_ND", "COS", "WHERE", "RANK", "ELU", "REVERSE_SEQUENCE",
    "MATRIX_DIAG", "QUANTIZE", "MATRIX_SET_DIAG", "ROUND", "HARD_SWISH", "IF", "WHILE",
    "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "SCATTER_ND", "SELECT_V2", "DENSIFY",
)
_DTYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8",
}
# fmt: on

_BYTE, _INT = fb.Int8Flags, fb.Int32Flags
_WINDOW = {"padding": (0, _BYTE, 0), "stride_w": (1, _INT, 0), "stride_h": (2, _INT, 0)}

# For each operator with options: the options table's number in its union, and the fields read from it as
# (field number, number type, default).
_OPTIONS: Mapping[str, tuple[int, Mapping[str, tuple[int, Any, int]]]] = {
    "ADD": (11, {"activation": (0, _BYTE, 0)}),
    "CONCATENATION": (10, {"axis": (0, _INT, 0), "activation": (1, _BYTE, 0)}),
    "CONV_2D": (
        1,
        {**_WINDOW, "activation": (3, _BYTE, 0), "dilation_w": (4, _INT, 1), "dilation_h": (5, _INT, 1)},
    ),
    "DEPTHWISE_CONV_2D": (
        2,
        {**_WINDOW, "activation": (4, _BYTE, 0), "dilation_w": (5, _INT, 1), "dilation_h": (6, _INT, 1)},
    ),
    "DEPTH_TO_SPACE": (94, {"block_size": (0, _INT, 0)}),
    "MAX_POOL_2D": (
        5,
        {**_WINDOW, "filter_w": (3, _INT, 0), "filter_h": (4, _INT, 0), "activation": (5, _BYTE, 0)},
    ),
    "RESIZE_BILINEAR": (15, {"align_corners": (2, fb.BoolFlags, 0), "half_pixel": (3, fb.BoolFlags, 0)}),
}

DAMAGED = (struct.error, LookupError, TypeError, ValueError, ArithmeticError, MemoryError)
"""What reading and converting a file raises where its numbers and offsets make no sense."""

_MAX_ELEMENTS = 1 << 28


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph. values: what a constant holds, in `shape`; None where it is computed."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    values: Array | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """One step. inputs, outputs: positions in `Graph.tensors`, -1 for an optional input left out."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """A network: operators in the order they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(data: bytes) -> Graph:
    """Read a TFLite file's only graph.

    Raises ModelError when it is no such file or has several graphs, one of DAMAGED when it is damaged.
    """
    if data[4:8] != b"TFL3":
        raise ModelError("this is not a TFLite model (no TFL3 mark): name a .tflite file of schema version 3")
    return _read_model(_Table.root(data))


class _Table:
    """A flatbuffer table, its fields read by number."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(flatbuffers.table.Table(data, struct.unpack_from("<I", data)[0]))

    def _at(self, number: int) -> int:
        """The field's place relative to the table, 0 where it is absent."""
        return int(self._raw.Offset(4 + 2 * number))

    def number(self, number: int, kind: Any = _INT, default: int = 0) -> int:
        at = self._at(number)
        return int(self._raw.Get(kind, at + self._raw.Pos)) if at else default

    def numbers(self, number: int, kind: Any = _INT) -> Array:
        at = self._at(number)
        if not at:
            return np.empty(0, kind.py_type)
        return np.asarray(self._raw.GetVectorAsNumpy(kind, at))

    def text(self, number: int) -> str:
        at = self._at(number)
        return str(self._raw.String(at + self._raw.Pos), "utf-8", "replace") if at else ""

    def table(self, number: int) -> _Table | None:
        at = self._at(number)
        return self._child(self._raw.Indirect(at + self._raw.Pos)) if at else None

    def tables(self, number: int) -> list[_Table]:
        at = self._at(number)
        if not at:
            return []
        start, count = self._raw.Vector(at), self._raw.VectorLen(at)
        return [self._child(self._raw.Indirect(start + 4 * k)) for k in range(count)]

    def _child(self, position: int) -> _Table:
        return _Table(flatbuffers.table.Table(self._raw.Bytes, position))


def _read_model(model: _Table) -> Graph:
    graphs = model.tables(2)
    if len(graphs) != 1:
        raise ModelError(f"the TFLite file has {len(graphs)} graphs: only files with one are supported")
    graph, buffers = graphs[0], model.tables(4)
    codes = [_operator_name(code) for code in model.tables(1)]
    return Graph(
        tensors=tuple(_read_tensor(tensor, buffers) for tensor in graph.tables(0)),
        operators=tuple(_read_operator(operator, codes) for operator in graph.tables(3)),
        inputs=tuple(graph.numbers(1).tolist()),
        outputs=tuple(graph.numbers(2).tolist()),
    )


def _operator_name(code: _Table) -> str:
    number = max(code.number(0, _BYTE), code.number(3, _INT))
    if 0 <= number < len(_OPERATORS):
        name = _OPERATORS[number]
        return f"CUSTOM {code.text(1)}" if name == "CUSTOM" else name
    return f"number {number}"


def _read_operator(operator: _Table, codes: list[str]) -> Operator:
    name = codes[operator.number(0, fb.Uint32Flags)]
    union, fields = _OPTIONS.get(name, (0, {}))
    table = operator.table(4) if fields and operator.number(3, fb.Uint8Flags) == union else None
    options = {
        key: table.number(number, kind, default) if table else default
        for key, (number, kind, default) in fields.items()
    }
    return Operator(
        name, tuple(operator.numbers(1).tolist()), tuple(operator.numbers(2).tolist()), options
    )  # fmt: skip


def _read_tensor(tensor: _Table, buffers: list[_Table]) -> Tensor:
    name, shape = tensor.text(3), tuple(tensor.numbers(0).tolist())
    code = tensor.number(1, _BYTE)
    dtype = _DTYPES.get(code, f"type {code}")
    buffer = buffers[tensor.number(2, fb.Uint32Flags)]
    if buffer.number(1, fb.Uint64Flags) > 1:
        raise ModelError(f"TFLite tensor {name!r} is stored outside the flatbuffer: this is not supported")
    stored = buffer.numbers(0, fb.Uint8Flags)
    if not stored.size or code not in _DTYPES:
        return Tensor(name, shape, dtype)
    values = np.frombuffer(stored.tobytes(), np.dtype(dtype))
    sparsity = tensor.table(6)
    if sparsity is not None:
        values = _dense(values, shape, sparsity)
    return Tensor(name, shape, dtype, values.reshape(shape))


def _dense(values: Array, shape: tuple[int, ...], sparsity: _Table) -> Array:
    """Spread a sparse constant out. Storage levels are nested: each is dense, or compressed like CSR rows."""
    order, blocks = sparsity.numbers(0).tolist(), sparsity.numbers(1).tolist()
    levels = sparsity.tables(2)
    if len(levels) != len(order) or math.prod(shape) > _MAX_ELEMENTS:
        raise ValueError("a sparse constant's levels do not fit its shape")
    places: list[Array] = []
    count = 1
    for level in levels:
        if level.number(0, _BYTE) == 0:
            size = level.number(1, _INT)
            if not 0 <= count * size <= _MAX_ELEMENTS:
                raise ValueError("a sparse constant is too large")
            parents, place = np.repeat(np.arange(count), size), np.tile(np.arange(size), count)
        else:
            segments, place = _index_vector(level, 2), _index_vector(level, 4)
            parents = np.repeat(np.arange(count), np.diff(segments))
        places = [earlier[parents] for earlier in places] + [place]
        count = len(place)
    return _scatter(values, shape, blocks, dict(zip(order, zip(places, levels, strict=True), strict=True)))


def _index_vector(level: _Table, number: int) -> Array:
    """A compressed level's segments or indices: a union of int32, uint16 and uint8 vectors."""
    kinds = {1: fb.Int32Flags, 2: fb.Uint16Flags, 3: fb.Uint8Flags}
    table = level.table(number + 1)
    if table is None:
        raise ValueError("a sparse constant lacks its indices")
    return table.numbers(0, kinds[level.number(number, fb.Uint8Flags)]).astype(np.int64)


def _scatter(
    values: Array, shape: tuple[int, ...], blocks: list[int], stored: Mapping[int, tuple[Array, _Table]]
) -> Array:
    """Put values at their places. stored: for each dimension, then each block inside one, place and level."""
    index = [stored[dimension][0] for dimension in range(len(shape))]
    for block, dimension in enumerate(blocks):
        inside, level = stored[len(shape) + block]
        index[dimension] = index[dimension] * level.number(1) + inside
    if any(place.size and place.min() < 0 for place in index):
        raise ValueError("a sparse constant has negative indices")
    dense = np.zeros(shape, values.dtype)
    dense[tuple(index)] = values
    return dense

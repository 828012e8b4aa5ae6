"""Writes TFLite files by hand, so that tests need no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import flatbuffers.number_types as fb
import numpy as np

from realtime.types import Array

_DTYPES = {"float32": 0, "float16": 1, "int32": 2, "int8": 9}

# Operator: its number, its options' number in the union, and the options' fields as (field, type).
_I8, _I32, _BOOL = fb.Int8Flags, fb.Int32Flags, fb.BoolFlags
_WINDOW = {"padding": (0, _I8), "stride_w": (1, _I32), "stride_h": (2, _I32)}
_OPERATORS: Mapping[str, tuple[int, int, Mapping[str, tuple[int, Any]]]] = {
    "ADD": (0, 11, {"activation": (0, _I8)}),
    "CONCATENATION": (2, 10, {"axis": (0, _I32), "activation": (1, _I8)}),
    "CONV_2D": (
        3, 1, {**_WINDOW, "activation": (3, _I8), "dilation_w": (4, _I32), "dilation_h": (5, _I32)},
    ),
    "DEPTHWISE_CONV_2D": (
        4, 2,
        {
            **_WINDOW, "multiplier": (3, _I32), "activation": (4, _I8), "dilation_w": (5, _I32),
            "dilation_h": (6, _I32),
        },
    ),
    "DEPTH_TO_SPACE": (5, 94, {"block_size": (0, _I32)}),
    "DEQUANTIZE": (6, 38, {}),
    "LOGISTIC": (14, 0, {}),
    "MAX_POOL_2D": (
        17, 5, {**_WINDOW, "filter_w": (3, _I32), "filter_h": (4, _I32), "activation": (5, _I8)},
    ),
    "RESHAPE": (22, 17, {}),
    "RESIZE_BILINEAR": (23, 15, {"align_corners": (2, _BOOL), "half_pixel": (3, _BOOL)}),
    "PAD": (34, 22, {}),
    "TRANSPOSE": (39, 26, {}),
    "DENSIFY": (124, 99, {}),
}  # fmt: skip


@dataclass(frozen=True)
class Levels:
    """How a sparse constant is stored: see the TFLite schema's SparsityParameters."""

    order: Sequence[int]
    blocks: Sequence[int]
    levels: Sequence[int | tuple[Array, Array]]
    """Each a dense size, or the segments and indices of a compressed level."""


@dataclass(frozen=True)
class FlatTensor:
    """A tensor to write. values: what a constant holds, as it is stored."""

    name: str
    shape: tuple[int, ...]
    values: Array | None = None
    dtype: str = "float32"
    sparsity: Levels | None = None


@dataclass(frozen=True)
class FlatOperator:
    """An operator to write, its tensors by name."""

    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    options: Mapping[str, int] = field(default_factory=dict)


def write_tflite(
    tensors: Sequence[FlatTensor], operators: Sequence[FlatOperator], inputs: Sequence[str],
    outputs: Sequence[str],
) -> bytes:  # fmt: skip
    """A TFLite file of one graph."""
    writer = _FlatWriter()
    index = {tensor.name: k for k, tensor in enumerate(tensors)}

    def positions(names: Sequence[str]) -> int:
        return writer.numbers(np.array([index[name] for name in names], np.int32))

    kinds = sorted({operator.name for operator in operators})
    buffers = [writer.table({})]
    written = []
    for tensor in tensors:
        if tensor.values is not None:
            buffers.append(writer.table({0: writer.blob(tensor.values.tobytes())}))
        written.append(writer.tensor(tensor, len(buffers) - 1 if tensor.values is not None else 0))
    steps = [
        writer.operator(step, kinds.index(step.name), positions(step.inputs), positions(step.outputs))
        for step in operators
    ]
    graph = writer.table(
        {
            0: writer.tables(written), 1: positions(inputs), 2: positions(outputs), 3: writer.tables(steps),
            4: writer.text("main"),
        }
    )  # fmt: skip
    codes = [
        writer.table({0: (_I8, _OPERATORS[kind][0]), 2: (_I32, 1), 3: (_I32, _OPERATORS[kind][0])})
        for kind in kinds
    ]
    return writer.finish(
        {
            0: (fb.Uint32Flags, 3),
            1: writer.tables(codes),
            2: writer.tables([graph]),
            4: writer.tables(buffers),
        }
    )


class _FlatWriter:
    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1024)

    def finish(self, fields: Mapping[int, Any]) -> bytes:
        self._builder.Finish(self.table(fields), file_identifier=b"TFL3")
        return bytes(self._builder.Output())

    def table(self, fields: Mapping[int, Any]) -> int:
        """A table; a field is an offset, or (number type, value)."""
        self._builder.StartObject(max(fields, default=-1) + 1)
        for number, value in fields.items():
            if isinstance(value, tuple):
                self._builder.PrependSlot(value[0], number, value[1], None)
            else:
                self._builder.PrependUOffsetTRelativeSlot(number, value, 0)
        return int(self._builder.EndObject())

    def tables(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def numbers(self, values: Array) -> int:
        return int(self._builder.CreateNumpyVector(values))

    def blob(self, data: bytes) -> int:
        """Bytes, aligned for any number type."""
        self._builder.StartVector(1, len(data), 16)
        for byte in reversed(data):
            self._builder.PrependByte(byte)
        return int(self._builder.EndVector())

    def text(self, text: str) -> int:
        return int(self._builder.CreateString(text))

    def tensor(self, tensor: FlatTensor, buffer: int) -> int:
        fields: dict[int, Any] = {
            0: self.numbers(np.array(tensor.shape, np.int32)),
            3: self.text(tensor.name),
        }
        if tensor.sparsity is not None:
            fields[6] = self._sparsity(tensor.sparsity)
        return self.table({**fields, 1: (_I8, _DTYPES[tensor.dtype]), 2: (fb.Uint32Flags, buffer)})

    def _sparsity(self, sparsity: Levels) -> int:
        vectors = {"int32": 1, "uint16": 2, "uint8": 3}
        levels = []
        for level in sparsity.levels:
            if isinstance(level, int):
                levels.append(self.table({0: (_I8, 0), 1: (_I32, level)}))
                continue
            fields: dict[int, Any] = {}
            for number, values in ((2, level[0]), (4, level[1])):
                fields[number + 1] = self.table({0: self.numbers(values)})
                fields[number] = (fb.Uint8Flags, vectors[str(values.dtype)])
            levels.append(self.table({0: (_I8, 1), **fields}))
        order = self.numbers(np.array(sparsity.order, np.int32))
        blocks = {1: self.numbers(np.array(sparsity.blocks, np.int32))} if sparsity.blocks else {}
        return self.table({0: order, **blocks, 2: self.tables(levels)})

    def operator(self, step: FlatOperator, code: int, inputs: int, outputs: int) -> int:
        _, union, fields = _OPERATORS[step.name]
        options: dict[int, Any] = {fields[key][0]: (fields[key][1], v) for key, v in step.options.items()}
        made = {4: self.table(options)} if union else {}
        return self.table(
            {0: (fb.Uint32Flags, code), 1: inputs, 2: outputs, 3: (fb.Uint8Flags, union), **made}
        )

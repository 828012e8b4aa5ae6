"""What is checked of an ONNX file before a library opens it: that it is one, and stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from realtime.errors import EngineError

# The messages of an ONNX file that lead to tensors: for each, the fields that hold further ones.
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_GRAPH, _EXTERNAL_DATA, _DATA_LOCATION = 7, 13, 14


def check_onnx_file(path: Path) -> None:
    """Raise EngineError unless `path` is an ONNX model with all its weights inside.

    Weights may be named by path, and a library then reads whatever file a model names.
    """
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}; fetch or export the model again") from error
    try:
        whole = any(number == _GRAPH for number, _ in _fields(data))
        outside = _refers_outside(data, "model")
    except (ValueError, IndexError, RecursionError):
        whole = outside = False
    if not whole:
        raise EngineError(f"{path} is not an ONNX model, or is cut short: fetch or export it again")
    if outside:
        raise EngineError(f"{path} keeps weights in other files, which is refused: save it as a single file")


def _refers_outside(message: memoryview, kind: str) -> bool:
    if kind == "tensor":
        return any(n == _EXTERNAL_DATA or (n == _DATA_LOCATION and value) for n, value in _fields(message))
    children = _CHILDREN[kind]
    return any(
        _refers_outside(value, children[number])
        for number, value in _fields(message)
        if number in children and isinstance(value, memoryview)
    )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number, and its value or content. Raises ValueError, IndexError."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind, size = key & 7, 0
        value: int | memoryview = 0
        if kind == 0:
            value, at = _varint(message, at)
        elif kind == 2:
            size, at = _varint(message, at)
            value = message[at : at + size]
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("not a protobuf message")
        at += size
        if at > len(message):
            raise ValueError("cut short")
        yield key >> 3, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("not a protobuf message")

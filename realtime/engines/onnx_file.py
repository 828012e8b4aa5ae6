"""What is read off an ONNX file before a library opens it: that it is one, stands alone, and how precise.

And the one thing written into it: inputs that will not change, as constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from realtime.errors import EngineError
from realtime.types import Array

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
_GRAPH, _DATA_TYPE, _EXTERNAL_DATA, _DATA_LOCATION = 7, 2, 13, 14
_NODE, _INPUT, _OP_TYPE, _TENSOR_NAME = 1, 1, 4, 8
_GRAPH_TENSOR, _GRAPH_INPUT, _INPUT_NAME = 5, 11, 1
_DIMS, _RAW_DATA, _FLOAT = 1, 9, 1
_PRECISIONS: Mapping[int, str] = {17: "fp8", 3: "int8", 16: "bf16", 10: "fp16"}
"""By ONNX's number of a type, the most telling first."""


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


def precision_of(path: Path) -> str:
    """What an ONNX file computes in, going by the types of its constants: fp32, fp16, bf16, int8 or fp8.

    A mixed file is called by its least precise part. Constants that are cast before anything is done with
    them are stored so, which says nothing of the computing. Raises EngineError for a file that is no model.
    """
    check_onnx_file(path)
    model = memoryview(path.read_bytes())
    stored = _only_cast(model)
    tensors = (tensor for tensor in _tensors(model, "model") if _name_of(tensor, _TENSOR_NAME) not in stored)
    types = {value for tensor in tensors for number, value in _fields(tensor) if number == _DATA_TYPE}
    return next((name for number, name in _PRECISIONS.items() if number in types), "fp32")


def with_constants(path: Path, values: Mapping[str, Array]) -> bytes:
    """A model that `check_onnx_file` passed, its inputs of these names constants, so that a library works out
    what hangs on them alone once and for all.

    values: float32. Raises EngineError for inputs that it does not have.
    """
    model, left = bytearray(), set(values)
    for number, value, whole in _parts(memoryview(path.read_bytes())):
        if number != _GRAPH or not isinstance(value, memoryview):
            model += whole
            continue
        graph = bytearray()
        for kind, content, part in _parts(value):
            name = ""
            if kind == _GRAPH_INPUT and isinstance(content, memoryview):
                name = _name_of(content, _INPUT_NAME).decode()
            if name in left:
                left.remove(name)
            else:
                graph += part
        for constant, array in values.items():
            graph += _delimited(_GRAPH_TENSOR, _tensor(constant, array))
        model += _delimited(_GRAPH, graph)
    if left:
        raise EngineError(f"{path} has no input {', '.join(sorted(left))}")
    return bytes(model)


def _tensor(name: str, array: Array) -> bytes:
    dims = b"".join(_key(_DIMS, 0) + _packed(size) for size in array.shape)
    kind = _key(_DATA_TYPE, 0) + _packed(_FLOAT)
    raw = array.astype("<f4").tobytes()
    return dims + kind + _delimited(_TENSOR_NAME, name.encode()) + _delimited(_RAW_DATA, raw)


def _delimited(number: int, content: bytes | bytearray) -> bytes:
    return _key(number, 2) + _packed(len(content)) + bytes(content)


def _key(number: int, kind: int) -> bytes:
    return _packed(number << 3 | kind)


def _packed(value: int) -> bytes:
    """A number of 7 bits a byte."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def _only_cast(model: memoryview) -> set[bytes]:
    """What the main graph does nothing with but cast it."""
    cast: set[bytes] = set()
    used: set[bytes] = set()
    for number, graph in _fields(model):
        if number == _GRAPH and isinstance(graph, memoryview):
            for kind, node in _fields(graph):
                if kind == _NODE and isinstance(node, memoryview):
                    taken = {bytes(v) for n, v in _fields(node) if n == _INPUT and isinstance(v, memoryview)}
                    (cast if _name_of(node, _OP_TYPE) == b"Cast" else used).update(taken)
    return cast - used


def _name_of(message: memoryview, number: int) -> bytes:
    return next((bytes(v) for n, v in _fields(message) if n == number and isinstance(v, memoryview)), b"")


def _refers_outside(message: memoryview, kind: str) -> bool:
    return any(
        number == _EXTERNAL_DATA or (number == _DATA_LOCATION and bool(value))
        for tensor in _tensors(message, kind)
        for number, value in _fields(tensor)
    )


def _tensors(message: memoryview, kind: str) -> Iterator[memoryview]:
    """Every constant of a message of this kind, however deep."""
    if kind == "tensor":
        yield message
        return
    children = _CHILDREN[kind]
    for number, value in _fields(message):
        if number in children and isinstance(value, memoryview):
            yield from _tensors(value, children[number])


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number, and its value or content. Raises ValueError, IndexError."""
    return ((number, value) for number, value, _ in _parts(message))


def _parts(message: memoryview) -> Iterator[tuple[int, int | memoryview, memoryview]]:
    """`_fields`, each with all of its bytes."""
    at = 0
    while at < len(message):
        start = at
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
        yield key >> 3, value, message[start:at]


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

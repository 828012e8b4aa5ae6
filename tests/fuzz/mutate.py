"""Ways in which files, JSON and arrays are damaged, all drawn from one seed."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

from realtime.types import Array

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 1e-320, 1e300, -0.0, float("nan"), float("inf"), 2**63, 2**64, -(2**70),
    10**400, "", "x", "../../etc/passwd", "\0", "é" * 40, "nan", "1e999", [], {}, [[]], [None], [1, "2"],
    {"a": {}},
)  # fmt: skip
_DEEP = 200


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes cut, flipped, blanked, doubled, moved or replaced; sometimes several of these."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(_DAMAGES)(data, chance)
    return data


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(changed), chance.choice((1, 2, 8, 64)))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _blank(data: bytes, chance: random.Random) -> bytes:
    at, size = _part(data, chance)
    return data[:at] + bytes([chance.choice((0, 255))]) * size + data[at + size :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.choice((1, 4, 100))) + data[at:]


def _remove(data: bytes, chance: random.Random) -> bytes:
    at, size = _part(data, chance)
    return data[:at] + data[at + size :]


def _double(data: bytes, chance: random.Random) -> bytes:
    at, size = _part(data, chance)
    return data[: at + size] + data[at:]


def _replace(data: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 10, 1000)))


def _part(data: bytes, chance: random.Random) -> tuple[int, int]:
    at = chance.randrange(len(data) + 1)
    return at, min(len(data) - at, chance.choice((1, 4, 50, 5000)))


_DAMAGES = (_cut, _flip, _flip, _flip, _blank, _insert, _remove, _double, _replace)


def damaged_json(node: Any, chance: random.Random) -> str:
    """A JSON document with values of the wrong kind, missing or strange keys, or broken as text."""
    node = json.loads(json.dumps(node))
    for _ in range(chance.choice((1, 1, 2, 5))):
        node = _change_somewhere(node, chance)
    text = json.dumps(node)
    if chance.random() < 0.05:
        text = text.replace("{", "{" + '"a":[' * _DEEP, 1)
    if chance.random() < 0.15:
        text = damaged(text.encode(), chance).decode("utf-8", "replace")
    return text


def _change_somewhere(node: Any, chance: random.Random) -> Any:
    children: list[Any] = (
        list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    )
    if not children or chance.random() < 0.1:
        return chance.choice(_ODD)
    key = chance.choice(children)
    kind = chance.random()
    if kind < 0.12:
        del node[key]
    elif kind < 0.2 and isinstance(node, dict):
        node[chance.choice(("", "extra", "0"))] = chance.choice(_ODD)
    elif kind < 0.25 and isinstance(node, list):
        node.append(chance.choice((*_ODD, node[key])))
    else:
        node[key] = _change_somewhere(node[key], chance)
    return node


_DTYPES = (
    "uint8",
    "int8",
    "uint16",
    "int64",
    "float16",
    "float32",
    "float64",
    "bool",
    "complex64",
    "object",
    "U3",
)


def odd_array(chance: random.Random) -> Array:
    """An array of any shape, type and memory layout that somebody may take for an image."""
    sides = [chance.choice((0, 1, 2, 3, 7, 64, 481)) for _ in range(chance.choice((0, 1, 2, 3, 3, 3, 4)))]
    if len(sides) == 3 and chance.random() < 0.6:
        sides[2] = 3
    dtype = chance.choice(("uint8", "uint8", "uint8", *_DTYPES))
    array = np.zeros(sides, dtype)
    if dtype == "uint8":
        array = np.frombuffer(chance.randbytes(max(1, array.size)), np.uint8)[: array.size].reshape(sides)
    if array.ndim > 1 and chance.random() < 0.4:
        array = chance.choice((array[::-1], array[:, ::-1], array[::2], array.T, np.asfortranarray(array)))
    return array


def odd_numbers(shape: tuple[int, ...], chance: random.Random) -> Array:
    """What a network might say when all goes wrong: huge, tiny, NaN, infinite or constant numbers."""
    generator = np.random.default_rng(chance.getrandbits(32))
    scale = 10.0 ** chance.choice((-30, -3, 0, 0, 0, 2, 4, 9, 30))
    values = (generator.standard_normal(shape, np.float32) * np.float32(scale)).astype(np.float32)
    kind = chance.random()
    if kind < 0.15:
        values.flat[generator.integers(0, max(1, values.size), 3)] = chance.choice((np.nan, np.inf, -np.inf))
    elif kind < 0.25:
        values[:] = chance.choice((0.0, -1e38, 3e38, np.nan, 1.0))
    return values

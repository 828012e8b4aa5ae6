"""The boxes of an ISO media file (MP4, MOV, M4V): ISO/IEC 14496-12, section 4.2."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

SUFFIXES = frozenset({".mp4", ".m4v", ".mov"})

_HEADER = struct.Struct(">I4s")


class Box(NamedTuple):
    """A box: its kind, where its content begins, and where it ends; `end` may lie beyond the file's."""

    kind: bytes
    start: int
    end: int


class BrokenBoxError(ValueError):
    """A box says it is smaller than its own header."""


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places of a file, in order. Raises BrokenBoxError where none can be found."""
    offset = start
    while offset + _HEADER.size <= end:
        file.seek(offset)
        length, kind = _HEADER.unpack(file.read(_HEADER.size))
        head = _HEADER.size
        if length == 1:
            length, head = int.from_bytes(file.read(8), "big"), head + 8
        elif length == 0:
            length = end - offset
        if length < head:
            raise BrokenBoxError(f"a box of {length} bytes")
        yield Box(kind, offset + head, offset + length)
        offset += length

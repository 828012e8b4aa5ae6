"""JPEG pictures out of a stream of bytes: multipart as HTTP cameras send it, or one after the other."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import cv2
import numpy as np

from realtime.stream.source import Clock
from realtime.types import ImageArray

_MOST_BYTES = 64 << 20
_MOST_LINE = 1 << 12
_CHUNK = 1 << 14
_START, _END = b"\xff\xd8", b"\xff\xd9"
_NEXT_PART = _END + b"\r\n--"
_ASSUMED_FPS = 30.0
_FPS_MEMORY = 30


class Bytes(Protocol):
    """What is read from: read1 gives what has arrived, waiting for something; b"" at the end."""

    def read1(self, size: int, /) -> bytes: ...


class Jpegs:
    """The pictures in a stream, undecoded.

    A part's stated length is believed if a JPEG begins there; where there is none, the picture lasts from
    one start-of-image mark to the next end mark. timeout_s: the longest a picture may take to arrive.
    """

    def __init__(self, body: Bytes, clock: Clock, timeout_s: float | None = None, begun: bytes = b"") -> None:
        self._body = body
        self._clock = clock
        self._timeout_s = timeout_s
        self._rest = begun
        self._begun_ns = 0

    def next(self) -> bytes | None:
        """The bytes of the next one; None at the end. Raises TimeoutError, OSError."""
        self._begun_ns = self._clock()
        length = 0
        while True:
            start, line_end = self._rest.find(_START), self._rest.find(b"\n")
            if start >= 0 and (line_end < 0 or start < line_end):
                self._rest = self._rest[start:]
                return self._sized(length) if 0 < length <= _MOST_BYTES else self._unsized()
            if line_end >= 0:
                length = _length(self._rest[:line_end]) or length
                self._rest = self._rest[line_end + 1 :]
                continue
            if len(self._rest) > _MOST_LINE:
                self._rest = self._rest[-1:]
            if not self._more():
                return None

    def _sized(self, length: int) -> bytes | None:
        while len(self._rest) < length:
            if not self._more():
                return None
        # Of a length that is too long, the next part must not be lost.
        wrong = -1 if _END in self._rest[length - 64 : length] else self._rest.find(_NEXT_PART, 0, length)
        end = length if wrong < 0 else wrong + len(_END)
        return self._take(end)

    def _unsized(self) -> bytes | None:
        looked = len(_START)
        while (end := self._rest.find(_END, looked)) < 0:
            looked = max(len(_START), len(self._rest) - 1)
            if len(self._rest) > _MOST_BYTES:
                return self._take(len(self._rest))
            if not self._more():
                return None
        return self._take(end + len(_END))

    def _take(self, end: int) -> bytes:
        data, self._rest = self._rest[:end], self._rest[end:]
        return data

    def _more(self) -> bool:
        if self._timeout_s is not None and (self._clock() - self._begun_ns) / 1e9 > self._timeout_s:
            raise TimeoutError(f"no whole picture within {self._timeout_s:g} s")
        chunk = self._body.read1(_CHUNK)
        self._rest += chunk
        return bool(chunk)


def _length(line: bytes) -> int:
    """What a line of a part's head says of its length; 0 if it is another line."""
    name, _, value = line.partition(b":")
    stated = name.strip().lower() == b"content-length" and value.strip().isdigit()
    return int(value[:20]) if stated else 0


def decoded(data: bytes) -> ImageArray | None:
    """The picture (H, W, 3) BGR, or None if its end is missing: a decoder shows half a picture silently."""
    if not data.startswith(_START) or _END not in data[-64:]:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)


class Rate:
    """Frames a second, as they come: nothing in such a stream says it."""

    def __init__(self) -> None:
        self._times_ns: deque[int] = deque(maxlen=_FPS_MEMORY)

    def add(self, time_ns: int) -> None:
        """A frame came."""
        self._times_ns.append(time_ns)

    @property
    def fps(self) -> float:
        """Over the last frames; 30 while there are too few."""
        times = self._times_ns
        if len(times) < 3 or times[-1] <= times[0]:
            return _ASSUMED_FPS
        return (len(times) - 1) / ((times[-1] - times[0]) / 1e9)

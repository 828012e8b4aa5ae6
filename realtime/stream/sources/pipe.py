"""Frames from standard input: YUV4MPEG2 as FFmpeg writes it, or JPEGs as camera programs do.

ffmpeg -i film.mkv -pix_fmt yuv420p -f yuv4mpegpipe - | realtime-demo --source pipe:
rpicam-vid -t 0 --codec mjpeg -o - | realtime-demo --source pipe:live
"""

from __future__ import annotations

import os
import select
import sys
import time
import weakref
from fractions import Fraction

import cv2
import numpy as np

from realtime.errors import SourceError, SourceLostError
from realtime.stream.source import Clock, Source
from realtime.stream.sources.capture import EndOfStreamError, Grabbed, Grabber
from realtime.stream.sources.file import FileSource
from realtime.stream.sources.jpegs import Jpegs, Rate, decoded
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.reconnect import Reconnect

NAMES = {"pipe:": False, "-": False, "pipe:live": True}
"""What a user may call it, and whether only the latest frame counts then."""

_TITLE = "the pipe"
_MAGIC = b"YUV4MPEG2"
_COLOURS = ("420", "420jpeg", "420mpeg2", "420paldv")
_MOST_SIDE = 16384
_MOST_LINE = 1024
_CHUNK = 1 << 16


class Pipe:
    """The reading end of a pipe, which can be told to stop waiting from another thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._wake_read, self._wake_write = os.pipe()
        self._stopped = False
        # Not closed by hand: a reader may still be waiting on them.
        for end in (self._wake_read, self._wake_write):
            weakref.finalize(self, os.close, end)

    def read1(self, size: int, /) -> bytes:
        """What has arrived, waiting for something; b"" at the end, or when stopped."""
        # Windows cannot wait for two pipes at once: there a stopped read goes on until something comes.
        if os.name == "posix":
            select.select([self._fd, self._wake_read], [], [])
        return b"" if self._stopped else os.read(self._fd, size)

    def stop(self) -> None:
        """Let reads end at once, now and from now on."""
        if not self._stopped:
            self._stopped = True
            os.write(self._wake_write, b".")


class Y4mGrabber:
    """The frames of a YUV4MPEG2 stream: 8 bits, 4:2:0 with even sides, or grey.

    head: what was already read of it. Raises SourceError for another kind.
    """

    def __init__(self, pipe: Pipe, clock: Clock, head: bytes = b"") -> None:
        self._pipe = pipe
        self._clock = clock
        self._rest = head
        self._index = 0
        line = self._line()
        fields = {word[:1]: word[1:] for word in (line or b"").decode("ascii", "replace").split()[1:]}
        try:
            self._width, self._height = int(fields["W"]), int(fields["H"])
            self.fps = float(Fraction(fields.get("F", "30:1").replace(":", "/")))
        except (KeyError, ValueError, ZeroDivisionError) as error:
            raise SourceError(f"{_TITLE} brings a broken YUV4MPEG2 head: write it with ffmpeg") from error
        if not 0.1 < self.fps < 1000:
            self.fps = 30.0
        colour = fields.get("C", "420")
        self._grey = colour == "mono"
        sides = (self._width, self._height)
        known = self._grey or (colour in _COLOURS and not any(s % 2 for s in sides))
        if not known or not all(2 <= s <= _MOST_SIDE for s in sides):
            raise SourceError(
                f"{_TITLE} brings {sides[0]}x{sides[1]} {colour}: convert it to even sides and 8 bits "
                "(ffmpeg ... -pix_fmt yuv420p -f yuv4mpegpipe -)"
            )

    def grab(self) -> Grabbed:
        """The next frame. Raises SourceLostError for a broken stream, EndOfStreamError at its end."""
        line = self._line()
        if line is None:
            raise EndOfStreamError
        size = self._width * self._height
        data = self._exactly(size if self._grey else size * 3 // 2)
        if not line.startswith(b"FRAME") or data is None:
            raise SourceLostError(f"{_TITLE} broke off in frame {self._index}: see what wrote to it")
        captured_ns = self._clock()
        planes = np.frombuffer(data, np.uint8).reshape(-1, self._width)
        how = cv2.COLOR_GRAY2BGR if self._grey else cv2.COLOR_YUV2BGR_I420
        image = np.asarray(cv2.cvtColor(planes, how), np.uint8)
        self._index += 1
        return Grabbed(image, captured_ns, (self._index - 1) / self.fps)

    def interrupt(self) -> None:
        """Let a grab that waits end."""
        self._pipe.stop()

    def release(self) -> None:
        """The pipe is not ours to close."""
        self._pipe.stop()

    def _line(self) -> bytes | None:
        """The next line; None at the end. Raises SourceLostError for one without an end."""
        while (end := self._rest.find(b"\n")) < 0:
            if len(self._rest) > _MOST_LINE:
                raise SourceLostError(f"{_TITLE} brings no YUV4MPEG2 frame: see what wrote to it")
            chunk = self._pipe.read1(_CHUNK)
            if not chunk:
                return None
            self._rest += chunk
        line, self._rest = self._rest[:end], self._rest[end + 1 :]
        return line

    def _exactly(self, size: int) -> bytes | None:
        parts, have = [self._rest], len(self._rest)
        while have < size:
            chunk = self._pipe.read1(_CHUNK)
            if not chunk:
                return None
            parts.append(chunk)
            have += len(chunk)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]


class JpegPipeGrabber:
    """The JPEGs in a pipe."""

    def __init__(self, pipe: Pipe, clock: Clock, head: bytes = b"") -> None:
        self._pipe = pipe
        self._clock = clock
        self._jpegs = Jpegs(pipe, clock, begun=head)
        self._rate = Rate()

    @property
    def fps(self) -> float:
        """As they come."""
        return self._rate.fps

    def grab(self) -> Grabbed | None:
        """The next picture; None for a damaged one. Raises EndOfStreamError at the end."""
        data = self._jpegs.next()
        if data is None:
            raise EndOfStreamError
        captured_ns = self._clock()
        image = decoded(data)
        if image is None:
            return None
        self._rate.add(captured_ns)
        return Grabbed(image, captured_ns, captured_ns / 1e9)

    def interrupt(self) -> None:
        """Let a grab that waits end."""
        self._pipe.stop()

    def release(self) -> None:
        """The pipe is not ours to close."""
        self._pipe.stop()


def open_pipe(live: bool, clock: Clock = time.perf_counter_ns, fd: int | None = None) -> Source:
    """Read frames from standard input, or another descriptor: all of them, or (live) the latest.

    Raises SourceError when it is a terminal, or brings neither YUV4MPEG2 nor JPEGs.
    """
    try:
        fd = sys.stdin.fileno() if fd is None else fd
    except (AttributeError, OSError, ValueError) as error:
        raise SourceError("there is no standard input to read from: pipe something in") from error
    if os.isatty(fd):
        raise SourceError(
            "nothing is piped in: as in `ffmpeg ... -f yuv4mpegpipe - | realtime-demo --source pipe:`"
        )
    grabber = _grabber(Pipe(fd), clock)
    if not live:
        return FileSource(grabber, _TITLE)
    return LiveSource(_TITLE, lambda: grabber, Reconnect(give_up_s=0), clock)


def _grabber(pipe: Pipe, clock: Clock) -> Grabber:
    head = b""
    while len(head) < len(_MAGIC) and (chunk := pipe.read1(_CHUNK)):
        head += chunk
    if head.startswith(_MAGIC):
        return Y4mGrabber(pipe, clock, head)
    if head.startswith((b"\xff\xd8", b"--")):
        return JpegPipeGrabber(pipe, clock, head)
    if not head:
        raise SourceError(f"{_TITLE} is empty: see what should write to it")
    raise SourceError(
        f"{_TITLE} brings neither YUV4MPEG2 nor JPEGs: convert it "
        "(ffmpeg ... -pix_fmt yuv420p -f yuv4mpegpipe -)"
    )

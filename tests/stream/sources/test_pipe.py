"""Frames through real pipes."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
import pytest

from realtime.errors import SourceError, SourceLostError
from realtime.stream.source import Source
from realtime.stream.sources.file import FileSource
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.open import open_source
from realtime.stream.sources.pipe import open_pipe
from realtime.types import Frame
from tests.scripted_camera import jpeg, part, until


def y4m(frames: int = 5, pixels: str = "yuv420p", size: tuple[int, int] = (64, 48), rate: int = 25) -> bytes:
    """As FFmpeg writes it; frame n is 20 n bright."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="yuv4mpegpipe") as container:
        stream = container.add_stream("wrapped_avframe", rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for n in range(frames):
            image = np.full((size[1], size[0], 3), 20 * n, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = n, Fraction(1, rate)
            container.mux(stream.encode(frame))
    return buffer.getvalue()


class Writer:
    """A program that writes into a pipe, on a thread, and ends."""

    def __init__(self, data: bytes, ends: bool = True) -> None:
        self.read_end, self._write_end = os.pipe()
        self._data = data
        self._ends = ends
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with suppress(BrokenPipeError):
            rest = memoryview(self._data)
            while rest:
                rest = rest[os.write(self._write_end, rest) :]
        if self._ends:
            os.close(self._write_end)

    def close(self) -> None:
        os.close(self.read_end)
        self._thread.join(timeout=20)
        if not self._ends:
            os.close(self._write_end)


@pytest.fixture
def piped() -> Iterator[object]:
    writers: list[Writer] = []

    def start(data: bytes, ends: bool = True) -> int:
        writers.append(Writer(data, ends))
        return writers[-1].read_end

    yield start
    for writer in writers:
        writer.close()


def frames_of(source: Source) -> list[Frame]:
    frames = list(iter(source.read, None))
    source.close()
    return frames


@pytest.mark.parametrize("pixels", ["yuv420p", "gray"])
def test_every_frame_of_a_yuv4mpeg_stream_comes_in_order(pixels: str, piped) -> None:  # type: ignore[no-untyped-def]
    source = open_pipe(False, fd=piped(y4m(9, pixels)))
    assert isinstance(source, FileSource)
    assert (source.info.width, source.info.height, source.info.fps) == (64, 48, 25.0)
    assert not source.info.live
    frames = frames_of(source)
    assert [f.index for f in frames] == list(range(9))
    np.testing.assert_allclose([f.media_s for f in frames], np.arange(9) / 25)
    np.testing.assert_allclose([f.image.mean() for f in frames], 20 * np.arange(9), atol=20)


@pytest.mark.parametrize("framed", [jpeg, lambda value: part(jpeg(value))], ids=["bare", "multipart"])
def test_every_jpeg_comes_in_order(framed, piped) -> None:  # type: ignore[no-untyped-def]
    frames = frames_of(open_pipe(False, fd=piped(b"".join(framed(20 * n) for n in range(8)))))
    assert [round(float(f.image.mean())) for f in frames] == pytest.approx([20 * n for n in range(8)], abs=1)


def test_a_live_pipe_gives_the_latest_and_ends_properly(piped) -> None:  # type: ignore[no-untyped-def]
    source = open_pipe(True, fd=piped(b"".join(jpeg(20 * n) for n in range(8))))
    assert isinstance(source, LiveSource)
    assert source.info.live
    until(lambda: source.status.state == "ended")
    frame = source.read()
    assert frame is not None
    assert frame.index == 7
    assert source.read() is None
    source.close()


def test_a_stream_that_breaks_off_in_a_frame_is_a_loss(piped) -> None:  # type: ignore[no-untyped-def]
    source = open_pipe(False, fd=piped(y4m(3)[:-100]))
    with pytest.raises(SourceLostError, match="broke off in frame 2"):
        frames_of(source)
    source.close()


def test_a_stream_that_loses_its_frames_is_a_loss(piped) -> None:  # type: ignore[no-untyped-def]
    source = open_pipe(False, fd=piped(y4m(2) + bytes(64 * 48 * 2)))
    with pytest.raises(SourceLostError):
        frames_of(source)
    source.close()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b"hello, this is text\n" * 9, "neither YUV4MPEG2 nor JPEGs"),
        (b"YUV4MPEG2 W64\n", "broken YUV4MPEG2 head"),
        (b"YUV4MPEG2 W64 H48 F0:0 C420\n", "broken YUV4MPEG2 head"),
        (b"YUV4MPEG2 W64 H48 F25:1 C444p16\n", "444p16: convert it"),
        (b"YUV4MPEG2 W65 H48 F25:1 C420\n", "65x48"),
        (b"YUV4MPEG2 W640000 H48 F25:1 C420\n", "640000x48"),
        (b"YUV4MPEG2 W64 H48 F25:1 C420\n", "no image"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, complaint: str, piped) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SourceError, match=complaint):
        open_pipe(False, fd=piped(data))


def test_closing_ends_a_read_that_waits(piped) -> None:  # type: ignore[no-untyped-def]
    source = open_pipe(False, fd=piped(y4m(1), ends=False))
    source.read()
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(source.read()))
    reader.start()
    source.close()
    reader.join(timeout=20)
    assert got == [None]


def test_standard_input_is_what_a_user_names(piped, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    for name, live in (("pipe:", False), ("-", False), ("pipe:live", True)):
        with open(piped(y4m(3)), "rb", closefd=False) as file:
            monkeypatch.setattr("sys.stdin", file)
            source = open_source(name)
            assert source.info.live is live
            source.close()


def test_a_terminal_and_no_input_at_all_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with pytest.raises(SourceError, match="nothing is piped in"):
        open_pipe(False, fd=theirs)
    os.close(ours)
    os.close(theirs)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SourceError, match="no standard input"):
        open_pipe(False)

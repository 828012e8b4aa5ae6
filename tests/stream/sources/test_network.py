"""What FFmpeg reads from the network, from real servers on loopback."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.errors import SourceError, UsageError
from realtime.stream.source import redacted
from realtime.stream.sources import network
from realtime.stream.sources.file import FileSource
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.network import LOW_DELAY, OPTIONS_VARIABLE, low_delay, open_stream
from realtime.stream.sources.open import open_source
from realtime.stream.sources.reconnect import Reconnect

NEVER = Reconnect(give_up_s=0)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def encode(path: Path, frames: int, codec: str = "mpeg4", **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30)
        for n in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * n % 250, np.uint8), "rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_video_behind_an_address_is_read_whole_like_a_file(tmp_path: Path) -> None:
    encode(tmp_path / "film.mp4", 20)
    with serving(functools.partial(Quiet, directory=str(tmp_path))) as address:  # type: ignore[arg-type]
        source = open_stream(f"{address}/film.mp4")
        assert isinstance(source, FileSource)
        assert not source.info.live
        assert source.info.frames == 20
        assert [f.index for f in iter(source.read, None)] == list(range(20))
        source.close()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>log in</html>")
    with serving(functools.partial(Quiet, directory=str(tmp_path))) as address:  # type: ignore[arg-type]
        with pytest.raises(SourceError, match="does not answer as a video stream"):
            open_stream(f"{address}/page.html")
        with pytest.raises(SourceError, match="answers 404"):
            open_stream(f"{address}/missing.mp4")


def test_a_live_transport_stream_is_read_as_it_comes(tmp_path: Path) -> None:
    data = encode(tmp_path / "film.ts", 60, "mpeg4", g="10").read_bytes()
    go_on, asked = threading.Event(), threading.Event()

    class Live(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            asked.set()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(data)
                go_on.wait(timeout=20)

    with serving(Live) as address:
        source = open_stream(f"{address}/live", reconnect=NEVER)
        try:
            assert isinstance(source, LiveSource)
            frame = source.read()
            assert frame is not None
            assert frame.image.shape == (48, 64, 3)
        finally:
            go_on.set()
            source.close()


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_stream_that_does_not_answer_fails_without_its_password(
    scheme: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError, match="does not answer") as caught:
        open_source(f"{scheme}://user:secret@127.0.0.1:9/stream?password=hidden")
    told = str(caught.value) + "".join(capfd.readouterr())
    assert "secret" not in told
    assert "hidden" not in told


def test_a_server_that_never_speaks_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "OPEN_TIMEOUT_MS", 200)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for scheme in ("http", "rtsp"):
            with pytest.raises(SourceError, match="does not answer"):
                open_stream(f"{scheme}://127.0.0.1:{port}/stream")


def test_an_unknown_kind_of_address() -> None:
    with pytest.raises(UsageError, match="use rtsp") as caught:
        open_source("ftp://user:secret@host/x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:p%40ss@cam.local:554/x", "rtsp://cam.local:554/x"),
        ("rtsp://user:p@ss@cam.local/x", "rtsp://cam.local/x"),
        ("rtsp://cam.local/x?a=b@c", "rtsp://cam.local/x?a=b@c"),
        ("http://cam/v?user=me&pwd=top&size=1", "http://cam/v?user=***&pwd=***&size=1"),
        ("http://cam/v?Token=abc", "http://cam/v?Token=***"),
        ("film.mp4", "film.mp4"),
    ],
)
def test_credentials_never_show(address: str, shown: str) -> None:
    assert redacted(address) == shown


def test_ffmpegs_options_are_set_only_for_the_moment_of_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OPTIONS_VARIABLE, raising=False)
    with low_delay():
        assert os.environ[OPTIONS_VARIABLE] == LOW_DELAY
    assert OPTIONS_VARIABLE not in os.environ
    with pytest.raises(ZeroDivisionError), low_delay():
        raise ZeroDivisionError
    assert OPTIONS_VARIABLE not in os.environ


def test_the_users_own_ffmpeg_options_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTIONS_VARIABLE, "rtsp_transport;udp")
    with low_delay():
        assert os.environ[OPTIONS_VARIABLE] == "rtsp_transport;udp"
    assert os.environ[OPTIONS_VARIABLE] == "rtsp_transport;udp"

"""RTSP, from a small real server on loopback."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest

from realtime.errors import SourceLostError
from realtime.stream.source import Source, status_of
from realtime.stream.sources import network
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.network import open_stream
from realtime.stream.sources.reconnect import Reconnect
from realtime.types import Frame
from tests.rtsp_camera import RtspCamera, rtsp_camera
from tests.scripted_camera import jpeg, until

AT_ONCE = Reconnect(give_up_s=20, first_s=0.001, most_s=0.01)
NEVER = Reconnect(give_up_s=0)
PROBED = 40
"""Pictures that FFmpeg reads to know a stream."""


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with rtsp_camera([jpeg(40)] * PROBED) as server:
        yield server


def newest(source: Source, wanted: int) -> Frame:
    """The first frame of a brightness."""
    while True:
        frame = source.read()
        assert frame is not None
        if abs(float(frame.image.mean()) - wanted) < 4:
            return frame


def test_pictures_come_through(camera: RtspCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    try:
        assert isinstance(source, LiveSource)
        assert source.info.live
        assert (source.info.width, source.info.height) == (64, 48)
        connection = camera.connection()
        newest(source, 40)
        for value in (90, 140, 190, 240):
            # FFmpeg knows that a packet's picture is whole when the next one begins.
            connection.send(jpeg(value))
            connection.send(jpeg(value))
            newest(source, value)
    finally:
        source.close()


def test_a_camera_that_hangs_up_and_comes_back_goes_on(camera: RtspCamera) -> None:
    source = open_stream(camera.address, reconnect=AT_ONCE)
    try:
        newest(source, 40)
        camera.refuse = True
        camera.connection().hang_up()
        until(lambda: camera.refused >= 2)
        assert status_of(source).state == "reconnecting"
        camera.greeting = [jpeg(220)] * PROBED
        camera.refuse = False
        newest(source, 220)
        assert status_of(source).reconnections == 1
    finally:
        source.close()


def test_without_reconnection_a_hang_up_is_a_loss(camera: RtspCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    camera.connection().hang_up()
    with pytest.raises(SourceLostError, match=r"stopped after \d+ frames: check its cable or network"):
        deque(iter(source.read, None))
    source.close()


def test_a_camera_that_stalls_is_left_and_asked_again(
    camera: RtspCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "READ_TIMEOUT_MS", 300)
    source = open_stream(camera.address, reconnect=AT_ONCE)
    try:
        until(lambda: len(camera.connections) >= 2)
        newest(source, 40)
    finally:
        source.close()


def test_closing_returns_while_ffmpeg_waits(camera: RtspCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "READ_TIMEOUT_MS", 1500)
    source = open_stream(camera.address, reconnect=AT_ONCE)
    newest(source, 40)
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.extend(iter(source.read, None)))
    reader.start()
    source.close()
    reader.join(timeout=20)
    assert not reader.is_alive()
    assert source.read() is None
    # FFmpeg's own timeout ends what was left behind.
    until(lambda: not any(t.name == "grab" for t in threading.enumerate()))


def test_a_stream_that_changes_its_resolution_goes_on(camera: RtspCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    try:
        newest(source, 40)
        connection = camera.connection()
        for _ in range(4):
            connection.send(jpeg(200, 128, 96))
        frame = newest(source, 200)
        assert frame.image.shape == (48, 64, 3)
        assert np.ptp(frame.image) < 8, "the whole picture, not a corner of it"
    finally:
        source.close()

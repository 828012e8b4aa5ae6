"""HTTP cameras: real servers on loopback that stop, stall, send rubbish, change, and come back."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import SourceError, SourceLostError
from realtime.stream.source import Source, status_of
from realtime.stream.sources import network
from realtime.stream.sources.jpegs import Jpegs, Rate, decoded
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.network import open_stream
from realtime.stream.sources.reconnect import Reconnect
from tests.fakes import FakeClock
from tests.scripted_camera import ScriptedCamera, jpeg, part, scripted_camera, until

AT_ONCE = Reconnect(give_up_s=20, first_s=0.001, most_s=0.01)
NEVER = Reconnect(give_up_s=0)


@pytest.fixture
def camera() -> Iterator[ScriptedCamera]:
    with scripted_camera(part(jpeg(40))) as server:
        yield server


def brightness(source: Source) -> tuple[int, int]:
    """Index and brightness of the next frame."""
    frame = source.read()
    assert frame is not None
    return frame.index, round(float(frame.image.mean()))


def test_the_latest_frame_is_what_a_slow_reader_gets(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    try:
        assert isinstance(source, LiveSource)
        assert source.info.live
        assert not source.info.on_demand
        assert (source.info.width, source.info.height) == (64, 48)
        assert brightness(source) == (0, 40)
        connection = camera.connection()
        for value in (60, 80, 100, 120):
            connection.send(part(jpeg(value)))
        until(lambda: status_of(source).overtaken == 3)
        assert brightness(source) == (4, 120)
    finally:
        source.close()
    assert source.read() is None


def test_a_frame_is_given_before_the_next_one_is_sent(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    try:
        connection = camera.connection()
        assert brightness(source) == (0, 40)
        for n in range(1, 6):
            connection.send(part(jpeg(40 + 20 * n)))
            assert brightness(source) == (n, 40 + 20 * n)
    finally:
        source.close()


@pytest.mark.parametrize(
    "rubbish",
    [
        part(b"\xff\xd8" + bytes(300)),
        part(jpeg(90)[:200]),
        part(jpeg(90)[:-2] + b"\0\0"),
        part(b""),
        bytes(range(256)) * 40,
        b"--frame\r\nContent-Length: -5\r\n\r\nhello\r\n",
        b"--frame\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    ],
    ids=["no picture", "half a picture", "no end", "empty", "noise", "bad length", "huge length"],
)
def test_rubbish_between_frames_is_passed_over(camera: ScriptedCamera, rubbish: bytes) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    try:
        assert brightness(source) == (0, 40)
        connection = camera.connection()
        connection.send(rubbish)
        connection.send(part(jpeg(200)))
        connection.send(part(jpeg(200)))
        index, value = brightness(source)
        assert value == 200
        assert 1 <= index <= 3
        assert status_of(source).damaged <= 1
    finally:
        source.close()


def test_damaged_frames_are_counted_and_leave_a_gap_in_the_indices(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    try:
        assert brightness(source) == (0, 40)
        connection = camera.connection()
        connection.send(2 * part(jpeg(90)[:200]) + part(jpeg(200)))
        assert brightness(source) == (3, 200)
        assert str(status_of(source)) == "2 damaged frames skipped"
    finally:
        source.close()


def test_nothing_but_rubbish_is_a_loss(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    assert brightness(source) == (0, 40)
    camera.connection().send(40 * part(b"\xff\xd8" + bytes(100)))
    with pytest.raises(SourceLostError, match="stopped after 1 frames"):
        source.read()
    source.close()


def test_another_resolution_of_the_same_aspect_goes_on(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    try:
        assert brightness(source) == (0, 40)
        connection = camera.connection()
        for width, height in ((32, 24), (128, 96), (64, 48)):
            connection.send(part(jpeg(150, width, height)))
            frame = source.read()
            assert frame is not None
            assert frame.image.shape == (48, 64, 3)
            assert round(float(frame.image.mean())) == 150
    finally:
        source.close()


def test_another_aspect_is_a_loss_that_says_what_to_do(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=AT_ONCE)
    assert brightness(source) == (0, 40)
    camera.connection().send(part(jpeg(150, 48, 64)))
    with pytest.raises(SourceLostError, match=r"from 64x48 to 48x64, another aspect.*keep its resolution"):
        source.read()
    source.close()


def test_a_camera_that_hangs_up_and_comes_back_goes_on(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=AT_ONCE)
    try:
        assert brightness(source) == (0, 40)
        camera.refuse = True
        camera.connection().hang_up()
        until(lambda: camera.refused >= 3)
        assert str(status_of(source)).startswith("reconnecting, attempt ")
        camera.greeting = part(jpeg(220))
        camera.refuse = False
        index, value = brightness(source)
        assert value == 220
        assert index >= 2, "the gap must show in the indices"
        assert status_of(source).reconnections == 1
        assert status_of(source).state == "running"
    finally:
        source.close()


def test_a_camera_that_stalls_is_left_and_asked_again(
    camera: ScriptedCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "OPEN_TIMEOUT_MS", 200)
    source = open_stream(camera.address, reconnect=AT_ONCE)
    try:
        assert brightness(source) == (0, 40)
        assert brightness(source)[1] == 40
        assert len(camera.connections) >= 2
    finally:
        source.close()


def test_without_reconnection_a_hang_up_is_a_loss(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=NEVER)
    assert brightness(source) == (0, 40)
    camera.connection().hang_up()
    with pytest.raises(SourceLostError, match="ended the connection: check its cable or network"):
        source.read()
    with pytest.raises(SourceLostError):
        source.read()
    assert status_of(source).state == "ended"
    source.close()


def test_closing_ends_a_read_that_waits_and_its_thread(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=AT_ONCE)
    assert brightness(source) == (0, 40)
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(source.read()))
    reader.start()
    source.close()
    reader.join(timeout=10)
    assert got == [None]
    until(lambda: not any(t.name == "grab" for t in threading.enumerate()))
    source.close()


def test_closing_ends_a_reconnection(camera: ScriptedCamera) -> None:
    source = open_stream(camera.address, reconnect=Reconnect(give_up_s=600, first_s=100, most_s=100))
    assert brightness(source) == (0, 40)
    camera.connection().hang_up()
    until(lambda: status_of(source).state == "reconnecting")
    source.close()
    assert source.read() is None
    until(lambda: not any(t.name == "grab" for t in threading.enumerate()))


def test_a_name_and_password_are_sent_and_not_shown(camera: ScriptedCamera) -> None:
    address = camera.address.replace("://", "://me:p%40ss@")
    source = open_stream(address, reconnect=NEVER)
    try:
        sent = camera.connection().headers["Authorization"]
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"me:p@ss"
        assert source.info.name == camera.address
    finally:
        source.close()


def test_a_camera_without_a_picture_is_refused() -> None:
    with (
        scripted_camera(part(b"\xff\xd8nothing") * 40) as server,
        pytest.raises(SourceError, match="gives no image") as caught,
    ):
        open_stream(server.address, reconnect=AT_ONCE)
    assert not isinstance(caught.value, SourceLostError)


def test_a_server_that_is_not_there_is_refused_without_its_password() -> None:
    with pytest.raises(SourceError, match="does not answer") as caught:
        open_stream("http://user:secret@127.0.0.1:9/video", reconnect=AT_ONCE)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://", "http://[::1/video", "http://127.0.0.1:port/video"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SourceError, match="is not an address"):
        open_stream(address, reconnect=NEVER)


class Dribble:
    """Bytes that arrive in pieces of given sizes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._file = io.BytesIO(data)
        self._sizes = sizes or [1000]
        self._n = 0

    def read1(self, size: int, /) -> bytes:
        self._n += 1
        return self._file.read(min(size, self._sizes[self._n % len(self._sizes)]))


def all_of(data: bytes, sizes: list[int]) -> list[bytes]:
    jpegs, found = Jpegs(Dribble(data, sizes), FakeClock()), []
    while (one := jpegs.next()) is not None:
        found.append(one)
    return found


@given(
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=5),
    lengths=st.lists(st.sampled_from([-1, None]), min_size=1, max_size=4),
)
def test_pictures_are_found_however_they_arrive(sizes: list[int], lengths: list[int | None]) -> None:
    pictures = [jpeg(30 * n) for n in range(len(lengths))]
    data = b"".join(part(p, length) for p, length in zip(pictures, lengths, strict=True))
    assert all_of(data, sizes) == pictures
    assert all_of(b"".join(pictures), sizes) == pictures


def test_a_length_that_is_too_long_costs_no_picture() -> None:
    pictures = [jpeg(30), jpeg(60), jpeg(90)]
    data = part(pictures[0], len(pictures[0]) + 80) + part(pictures[1]) + part(pictures[2])
    assert all_of(data, [500]) == pictures


@given(noise=st.binary(max_size=4000))
def test_noise_never_breaks_the_reader(noise: bytes) -> None:
    for one in all_of(noise, [64]):
        image = decoded(one)
        assert image is None or image.dtype == np.uint8


def test_a_picture_that_dribbles_too_long_is_given_up() -> None:
    clock = FakeClock(step_ns=1_000_000_000)
    jpegs = Jpegs(Dribble(part(jpeg(40)), [1]), clock, timeout_s=5.0)
    with pytest.raises(TimeoutError):
        jpegs.next()


def test_the_rate_is_that_of_the_frames_that_came() -> None:
    rate = Rate()
    assert rate.fps == 30.0
    for n in range(40):
        rate.add(n * 100_000_000)
    assert rate.fps == pytest.approx(10.0)


def test_an_embedded_preview_does_not_end_a_sized_picture() -> None:
    inner = jpeg(10, 16, 16)
    exif = b"Exif\0\0" + inner
    outer = jpeg(99)
    whole = outer[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + outer[2:]
    assert all_of(part(whole), [300]) == [whole]
    image = decoded(whole)
    assert image is not None
    np.testing.assert_array_equal(image, cv2.imdecode(np.frombuffer(outer, np.uint8), cv2.IMREAD_COLOR))

"""Cameras, with a fake device in OpenCV's place and a fake /sys."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from realtime.errors import SourceError, UsageError
from realtime.stream.source import SourceStatus
from realtime.stream.sources import camera as camera_module
from realtime.stream.sources.camera import CameraEntry, CameraMode, list_cameras, open_camera
from realtime.stream.sources.open import SourceOptions, open_source
from realtime.stream.sources.reconnect import Reconnect
from realtime.types import ImageArray
from tests.fakes import FakeClock
from tests.scripted_camera import picture, until

NEVER = Reconnect(give_up_s=0)
SIZE, FPS = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), cv2.CAP_PROP_FPS
YUY2, MJPG = cv2.VideoWriter.fourcc(*"YUYV"), cv2.VideoWriter.fourcc(*"MJPG")


class FakeCapture:
    """A device that knows 640x480 and 1280x720, 30 frames/s, and MJPG only with 1280x720.

    `frames` pictures come, then it is unplugged.
    """

    def __init__(self, there: bool = True, frames: int = 10**6) -> None:
        self._there = there
        self._left = frames
        self.asked: list[tuple[int, float]] = []
        self._values: dict[int, float] = {SIZE[0]: 640, SIZE[1]: 480, FPS: 30, cv2.CAP_PROP_FOURCC: YUY2}
        self.released = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._there

    def set(self, prop: int, value: float) -> bool:
        self.asked.append((prop, value))
        if prop == cv2.CAP_PROP_FOURCC and value in (YUY2, MJPG):
            self._values[prop] = value
        wanted = {p: v for p, v in self.asked if p in SIZE}
        if tuple(wanted.get(p) for p in SIZE) in ((640, 480), (1280, 720)):
            self._values.update(wanted)
        return True

    def get(self, prop: int) -> float:
        return self._values.get(prop, 0.0)

    def grab(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def retrieve(self) -> tuple[bool, ImageArray]:
        width, height = (int(self._values[p]) for p in SIZE)
        return True, picture(7, width, height)

    def release(self) -> None:
        self.released += 1


Plug = Callable[..., list[FakeCapture]]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    """Put devices behind indices; returns those that were opened."""

    def put(**devices: list[FakeCapture]) -> list[FakeCapture]:
        opened: list[FakeCapture] = []

        def opener(index: int) -> FakeCapture:
            row = devices.get(f"video{index}", [])
            opened.append(row.pop(0) if row else FakeCapture(there=False))
            return opened[-1]

        monkeypatch.setattr(camera_module.cv2, "VideoCapture", opener)
        return opened

    return put


def sysfs(tmp_path: Path, **cameras: str) -> Path:
    """A /sys/class/video4linux; a name that starts with ~ is a camera's second node."""
    for node, name in cameras.items():
        (tmp_path / node).mkdir(parents=True, exist_ok=True)
        (tmp_path / node / "name").write_text(name.lstrip("~") + "\n")
        (tmp_path / node / "index").write_text("1\n" if name.startswith("~") else "0\n")
    return tmp_path


def test_a_camera_as_it_comes(plug: Plug, tmp_path: Path) -> None:
    opened = plug(video0=[FakeCapture()])
    source = open_camera(0, FakeClock(step_ns=1000), reconnect=NEVER, sysfs=tmp_path)
    assert (source.info.width, source.info.height, source.info.fps) == (640, 480, 30.0)
    assert source.info.live
    assert source.info.name == "camera 0"
    assert source.read() is not None
    source.close()
    assert opened[0].asked == [(cv2.CAP_PROP_BUFFERSIZE, 1)]
    until(lambda: opened[0].released == 1)


def test_what_is_asked_for_is_asked_format_first(plug: Plug, tmp_path: Path) -> None:
    opened = plug(video2=[FakeCapture()])
    mode = CameraMode((1280, 720), 30, "mjpg")
    source = open_camera(2, FakeClock(), mode, NEVER, tmp_path)
    assert (source.info.width, source.info.height) == (1280, 720)
    source.close()
    assert opened[0].asked[1:] == [(cv2.CAP_PROP_FOURCC, MJPG), (SIZE[0], 1280), (SIZE[1], 720), (FPS, 30)]


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [
        (CameraMode((1920, 1080)), r"does not do 1920x1080: it gives 640x480 .*leave out --camera-size"),
        (CameraMode(fps=60), r"does not do 60 frames/s: it gives 30 .*--camera-fps"),
        (CameraMode(fourcc="H264"), r"does not do H264: it gives YUYV .*--camera-format"),
        (CameraMode((800, 600), 120), r"800x600 and 120 frames/s: .*--camera-size or --camera-fps"),
    ],
)
def test_what_a_device_did_not_apply_is_refused_with_what_it_did(
    mode: CameraMode, complaint: str, plug: Plug, tmp_path: Path
) -> None:
    opened = plug(video0=[FakeCapture()])
    with pytest.raises(SourceError, match=complaint) as caught:
        open_camera(0, FakeClock(), mode, NEVER, tmp_path)
    assert caught.value.exit_code == 2
    assert opened[0].released == 1


@pytest.mark.parametrize("mode", [CameraMode((640, 480), 29.97, "YUY2"), CameraMode((1280, 720))])
def test_the_same_thing_by_another_name_is_accepted(mode: CameraMode, plug: Plug, tmp_path: Path) -> None:
    plug(video0=[FakeCapture()])
    open_camera(0, FakeClock(), mode, NEVER, tmp_path).close()


@pytest.mark.parametrize(
    ("size", "fps", "fourcc"),
    [((0, 480), None, None), (None, 0.0, None), (None, float("nan"), None), (None, None, "MJPEG!")],
)
def test_impossible_modes(size: tuple[int, int] | None, fps: float | None, fourcc: str | None) -> None:
    with pytest.raises(UsageError):
        CameraMode(size, fps, fourcc)


def test_a_camera_that_is_not_there(plug: Plug, tmp_path: Path) -> None:
    plug()
    named = sysfs(tmp_path, video4="HD Webcam")
    with pytest.raises(SourceError, match=r"no camera 0, or it is in use \(there is 4: HD Webcam\)"):
        open_camera(0, FakeClock(), sysfs=named)
    with pytest.raises(SourceError, match="no camera 97"):
        open_source("97")
    with pytest.raises(SourceError, match="no camera 3"):
        open_source("/dev/video3")


def test_cameras_have_names_where_the_system_tells(tmp_path: Path) -> None:
    named = sysfs(tmp_path, video10="Second", video0="HD Webcam", video1="~HD Webcam", video2="Capture")
    (named / "radio0").mkdir()
    (named / "video3").mkdir()
    assert list_cameras(named) == (
        CameraEntry(0, "HD Webcam"),
        CameraEntry(2, "Capture"),
        CameraEntry(10, "Second"),
    )
    assert str(CameraEntry(0, "HD Webcam")) == "0: HD Webcam"


def test_elsewhere_cameras_are_found_by_opening_them(plug: Plug, tmp_path: Path) -> None:
    opened = plug(video0=[FakeCapture()], video3=[FakeCapture()])
    assert [c.index for c in list_cameras(tmp_path / "none")] == [0, 3]
    assert all(capture.released for capture in opened)


def test_a_camera_that_was_unplugged_is_found_again_under_another_index(plug: Plug, tmp_path: Path) -> None:
    named = sysfs(tmp_path, video0="HD Webcam")
    plug(video0=[FakeCapture(frames=3)], video1=[FakeCapture()])
    clock = FakeClock(step_ns=1000)
    at_once = Reconnect(first_s=0.001, most_s=0.01)
    source = open_camera(0, clock, None, at_once, named)
    assert source.info.name == "camera 0 (HD Webcam)"
    (named / "video0").rename(named / "video1")
    try:
        until(lambda: source.status.reconnections == 1)
        frame = source.read()
        assert frame is not None
        assert frame.index >= 3
    finally:
        source.close()


def test_a_camera_that_is_pulled_for_good_is_a_loss(plug: Plug, tmp_path: Path) -> None:
    plug(video0=[FakeCapture(frames=3)])
    source = open_camera(0, FakeClock(), None, NEVER, tmp_path)
    until(lambda: source.status == SourceStatus("ended", overtaken=source.status.overtaken))
    with pytest.raises(SourceError, match="camera 0 stopped after 3 frames: check its cable"):
        deque(iter(source.read, None))
    source.close()


@pytest.mark.parametrize("name", ["film.mp4", "http://me:secret@127.0.0.1/x", "pipe:", "sample"])
def test_a_mode_is_for_cameras_only(name: str) -> None:
    with pytest.raises(UsageError, match="are for cameras") as caught:
        open_source(name, options=SourceOptions(CameraMode((640, 480))))
    assert "secret" not in str(caught.value)

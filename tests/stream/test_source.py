from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import realtime.stream.source as source_module
from realtime.errors import SourceError, SourceLostError, UsageError
from realtime.stream.source import ImageFolder, SourceInfo, VideoSource, open_file, open_source, redacted
from tests.fakes import FakeClock, http_camera


def write_video(path: Path, frames: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 48))
    assert writer.isOpened()
    for n in range(frames):
        writer.write(np.full((48, 64, 3), 20 * n, np.uint8))
    writer.release()
    return path


def indices(source: object) -> list[int]:
    found = []
    while (frame := source.read()) is not None:  # type: ignore[attr-defined]
        found.append(frame.index)
    source.close()  # type: ignore[attr-defined]
    return found


def test_a_file_gives_every_frame_in_order(tmp_path: Path) -> None:
    source = open_source(str(write_video(tmp_path / "a.mp4")), FakeClock(step_ns=1000))
    assert source.info == SourceInfo(str(tmp_path / "a.mp4"), 64, 48, 25.0, 12, live=False, on_demand=True)
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    source.close()
    assert [f.index for f in frames] == list(range(12))
    np.testing.assert_allclose([f.media_s for f in frames], np.arange(12) / 25, atol=1e-3)
    assert all(a.captured_ns < b.captured_ns for a, b in itertools.pairwise(frames))
    means = [float(f.image.mean()) for f in frames]
    np.testing.assert_allclose(means, 20 * np.arange(12), atol=6)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("missing.mp4", None, "No such file"),
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"hello, this is a text file and not a video at all\n" * 9, "is not a video"),
        ("text.avi", b"hello, this is a text file and not a video at all\n" * 9, "is not a video"),
        ("noindex.mp4", b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x10mdat" + b"x" * 8, "no index"),
        ("broken.mp4", b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x04mdat" + b"x" * 8, "box of 4 bytes"),
    ],
)
def test_what_is_no_video_is_refused(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=complaint):
        open_source(str(tmp_path / name))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_truncated_file_is_refused_before_anything_is_written(tmp_path: Path, share: float) -> None:
    whole = write_video(tmp_path / "whole.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match="cut short"):
        open_file(cut)


class BrokenCapture:
    """A capture that promises ten frames and gives four."""

    def __init__(self) -> None:
        self.left = 4
        self.released = False

    def get(self, prop: int) -> float:
        return {cv2.CAP_PROP_FPS: 25.0, cv2.CAP_PROP_FRAME_COUNT: 10.0}.get(prop, 0.0)

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((48, 64, 3), np.uint8)

    def release(self) -> None:
        self.released = True


def test_a_file_that_ends_early_says_so() -> None:
    source = VideoSource(BrokenCapture(), "film", live=False, counted=True)  # type: ignore[arg-type]
    with pytest.raises(SourceLostError, match="ended at frame 4 of 10"):
        indices(source)


def test_a_camera_that_stops_says_so() -> None:
    source = VideoSource(BrokenCapture(), "camera 0", live=True)  # type: ignore[arg-type]
    with pytest.raises(SourceLostError, match="camera 0 stopped after 4 frames"):
        indices(source)


def test_a_device_that_gives_nothing_is_freed() -> None:
    capture = BrokenCapture()
    capture.left = 0
    with pytest.raises(SourceError, match="gives no image"):
        VideoSource(capture, "camera 0", live=True)  # type: ignore[arg-type]
    assert capture.released


def test_a_folder_of_images_is_a_sequence(tmp_path: Path) -> None:
    for n in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((48, 64, 3), n, np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_source(str(tmp_path))
    assert isinstance(source, ImageFolder)
    assert source.info.frames == 3
    frames = [source.read() for _ in range(4)]
    assert [f.image[0, 0, 0] for f in frames if f is not None] == [0, 1, 2]
    assert frames[3] is None


def test_odd_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no images"):
        open_source(str(tmp_path))
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((48, 64, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((48, 65, 3), np.uint8))
    with pytest.raises(SourceLostError, match="65x48"):
        indices(open_source(str(tmp_path)))
    (tmp_path / "0.png").write_bytes(b"no image")
    with pytest.raises(SourceError, match="not an image"):
        open_source(str(tmp_path))


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="no camera 97"):
        open_source("97")


def test_an_unknown_kind_of_address() -> None:
    with pytest.raises(UsageError, match="use rtsp"):
        open_source("ftp://user:secret@host/x")


def test_credentials_never_show() -> None:
    assert redacted("rtsp://user:p%40ss@cam.local:554/x") == "rtsp://cam.local:554/x"
    assert redacted("rtsp://cam.local/x?a=b@c") == "rtsp://cam.local/x?a=b@c"


def test_a_stream_that_does_not_answer_fails_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "OPEN_TIMEOUT_MS", 500)
    with pytest.raises(SourceError, match="does not answer") as caught:
        open_source("rtsp://user:secret@127.0.0.1:9/stream")
    assert "secret" not in str(caught.value)


@pytest.fixture
def mjpeg_server() -> Iterator[str]:
    """An HTTP camera on loopback that sends 5 images and hangs up."""
    with http_camera([np.full((48, 64, 3), 40 * n, np.uint8) for n in range(5)]) as address:
        yield address


def test_an_http_camera_gives_frames_then_is_lost(mjpeg_server: str) -> None:
    source = open_source(mjpeg_server)
    assert source.info.live
    with pytest.raises(SourceLostError, match="stopped after"):
        indices(source)


@pytest.mark.parametrize(("given", "counted"), [(9, True), (3, False)])
def test_a_promise_of_more_frames_counts_only_where_frames_are_counted(given: int, counted: bool) -> None:
    capture = BrokenCapture()
    capture.left = given
    source = VideoSource(capture, "film", live=False, counted=counted)  # type: ignore[arg-type]
    assert source.info.frames == (10 if counted else 0)
    assert indices(source) == list(range(given))

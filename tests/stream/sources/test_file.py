"""Video files, written here and read back: count, order, times, rotation, damage."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import SourceError, SourceLostError
from realtime.stream.source import Source, SourceInfo
from realtime.stream.sources.capture import CaptureGrabber
from realtime.stream.sources.file import FileSource, MediaClock, of_capture, open_file
from realtime.stream.sources.open import open_source
from realtime.types import Frame, ImageArray
from tests.fakes import FakeClock


def write_video(path: Path, frames: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    assert writer.isOpened()
    for n in range(frames):
        writer.write(np.full((48, 64, 3), 20 * n, np.uint8))
    writer.release()
    return path


def write_timed(
    path: Path, times_ms: Sequence[int], rotation: int | None = None, codec: str = "mpeg4"
) -> Path:
    """A 64x48 video whose frames lie at given times, white in the corner at the top left as stored."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for time_ms in times_ms:
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def all_frames(source: Source) -> list[Frame]:
    frames = list(iter(source.read, None))
    source.close()
    return frames


def test_a_file_gives_every_frame_in_order(tmp_path: Path) -> None:
    source = open_source(str(write_video(tmp_path / "a.mp4")), FakeClock(step_ns=1000))
    assert source.info == SourceInfo(str(tmp_path / "a.mp4"), 64, 48, 25.0, 12, live=False, on_demand=True)
    frames = all_frames(source)
    assert [f.index for f in frames] == list(range(12))
    np.testing.assert_allclose([f.media_s for f in frames], np.arange(12) / 25, atol=1e-3)
    assert all(a.captured_ns < b.captured_ns for a, b in itertools.pairwise(frames))
    means = [float(f.image.mean()) for f in frames]
    np.testing.assert_allclose(means, 20 * np.arange(12), atol=6)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_variable_rate_gives_the_containers_times(suffix: str, tmp_path: Path) -> None:
    times_ms = [0, 10, 50, 60, 160, 170, 400, 410, 1400]
    frames = all_frames(open_file(write_timed(tmp_path / f"a{suffix}", times_ms)))
    assert [f.index for f in frames] == list(range(9))
    np.testing.assert_allclose([f.media_s for f in frames], np.array(times_ms) / 1000, atol=1.1e-3)


# How FFmpeg counts: the display matrix turns anticlockwise; `turns` counts clockwise.
@pytest.mark.parametrize(
    ("rotation", "turns", "corner"),
    [(None, 0, (0, 0)), (0, 0, (0, 0)), (-90, 1, (0, -1)), (180, 2, (-1, -1)), (90, 3, (-1, 0))],
)
def test_a_phone_clip_is_shown_upright(
    rotation: int | None, turns: int, corner: tuple[int, int], tmp_path: Path
) -> None:
    source = open_file(write_timed(tmp_path / "a.mp4", [0, 33, 66], rotation))
    frames = all_frames(source)
    assert source.info.turns == turns
    assert (source.info.width, source.info.height) == ((48, 64) if turns % 2 else (64, 48))
    for frame in frames:
        assert (frame.width, frame.height) == (source.info.width, source.info.height)
        lit = {(y, x) for y in (0, -1) for x in (0, -1) if frame.image[y, x].mean() > 128}
        assert lit == {corner}


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


def test_a_damaged_picture_is_skipped_and_leaves_a_gap(tmp_path: Path) -> None:
    path = write_timed(tmp_path / "a.mkv", [40 * n for n in range(12)], codec="mjpeg")
    data = path.read_bytes()
    starts = [n for n in range(len(data)) if data.startswith(b"\xff\xd8\xff", n)]
    assert len(starts) == 12
    broken = bytearray(data)
    for n in (4, 5):
        end = data.index(b"\xff\xd9", starts[n])
        broken[starts[n] : end] = bytes(end - starts[n])
    path.write_bytes(bytes(broken))
    source = open_file(path)
    frames = all_frames(source)
    assert isinstance(source, FileSource)
    assert [f.index for f in frames] == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    np.testing.assert_allclose([f.media_s for f in frames], [0.04 * f.index for f in frames], atol=2e-3)
    assert source.status.damaged == 2


class ScriptedCapture:
    """A cv2.VideoCapture that gives pictures, or None for one it cannot decode, at given times."""

    def __init__(
        self, pictures: Sequence[ImageArray | None], promised: int = 0, times_ms: Sequence[float] = ()
    ) -> None:
        self._pictures = list(pictures)
        self._promised = promised
        self._times_ms = times_ms
        self._at = -1
        self.released = False

    def get(self, prop: int) -> float:
        if prop == cv2.CAP_PROP_POS_MSEC:
            return self._times_ms[self._at] if self._times_ms else 0.0
        return {cv2.CAP_PROP_FPS: 25.0, cv2.CAP_PROP_FRAME_COUNT: float(self._promised)}.get(prop, 0.0)

    def grab(self) -> bool:
        self._at += 1
        return self._at < len(self._pictures) and self._pictures[self._at] is not None

    def retrieve(self) -> tuple[bool, ImageArray | None]:
        return True, self._pictures[self._at]

    def release(self) -> None:
        self.released = True


def grey(count: int, width: int = 64, height: int = 48) -> list[ImageArray | None]:
    return [np.full((height, width, 3), 5, np.uint8)] * count


def scripted(capture: ScriptedCapture, suffix: str = ".mp4") -> FileSource:
    return of_capture(CaptureGrabber(capture, FakeClock()), "film", suffix)  # type: ignore[arg-type]


def test_a_file_that_ends_early_says_so() -> None:
    with pytest.raises(SourceLostError, match="ended at frame 4 of 10"):
        all_frames(scripted(ScriptedCapture(grey(4), promised=10)))


def test_a_file_of_which_much_is_damaged_says_so() -> None:
    pictures = grey(4) + [None] * 3 + grey(3)
    with pytest.raises(SourceLostError, match=r"only 7 of its 10 frames can be decoded"):
        all_frames(scripted(ScriptedCapture(pictures, promised=10)))


def test_a_file_that_gives_nothing_is_freed() -> None:
    capture = ScriptedCapture([None] * 100)
    with pytest.raises(SourceError, match="gives no image"):
        scripted(capture)
    assert capture.released


@pytest.mark.parametrize(("given", "suffix", "frames"), [(9, ".mp4", 10), (3, ".mkv", 0)])
def test_a_promise_of_more_frames_counts_only_where_frames_are_counted(
    given: int, suffix: str, frames: int
) -> None:
    source = scripted(ScriptedCapture(grey(given), promised=10), suffix)
    assert source.info.frames == frames
    assert len(all_frames(source)) == given


def test_grey_and_four_channel_pictures_are_read() -> None:
    pictures: list[ImageArray | None] = [np.zeros((48, 64), np.uint8), np.zeros((48, 64, 4), np.uint8)]
    assert [f.image.shape for f in all_frames(scripted(ScriptedCapture(pictures)))] == [(48, 64, 3)] * 2


def test_frames_of_another_size_are_brought_to_the_first_ones() -> None:
    source = scripted(ScriptedCapture(grey(1) + grey(1, 128, 96) + grey(1, 33, 25)))
    assert {f.image.shape for f in all_frames(source)} == {(48, 64, 3)}
    with pytest.raises(SourceLostError, match="another aspect"):
        all_frames(scripted(ScriptedCapture(grey(1) + grey(1, 48, 64))))


def test_times_that_jump_back_go_on() -> None:
    times_ms = [0, 40, 80, 20, 60, 100]
    frames = all_frames(scripted(ScriptedCapture(grey(6), times_ms=times_ms)))
    np.testing.assert_allclose([f.media_s for f in frames], [0, 0.04, 0.08, 0.12, 0.16, 0.2], atol=1e-9)


@given(
    st.lists(
        st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0])), max_size=40
    )
)
def test_the_media_clock_always_grows(times_s: list[float]) -> None:
    clock = MediaClock(30.0)
    told = [clock.at(t) for t in times_s]
    assert all(math.isfinite(t) and t >= 0 for t in told)
    assert all(a < b for a, b in itertools.pairwise(told))


def test_a_clock_that_stands_still_is_replaced_by_the_rate() -> None:
    clock = MediaClock(25.0)
    np.testing.assert_allclose([clock.at(0.0) for _ in range(4)], [0, 0.04, 0.08, 0.12])
    assert clock.at(0.0, frames=3) == pytest.approx(0.24)


def test_a_jump_forward_is_believed() -> None:
    clock = MediaClock(25.0)
    assert [clock.at(t) for t in (1.0, 1.04, 9.0)] == [1.0, 1.04, 9.0]


@pytest.mark.parametrize("read_first", [0, 1, 3])
def test_frames_can_be_passed_over(read_first: int, tmp_path: Path) -> None:
    source = open_file(write_video(tmp_path / "a.mp4"))
    for _ in range(read_first):
        source.read()
    assert source.skip(5) == 5
    frame = source.read()
    assert frame is not None
    assert frame.index == read_first + 5
    assert frame.image.mean() == pytest.approx(20 * frame.index, abs=6)
    assert frame.media_s == pytest.approx(frame.index / 25, abs=1e-3)
    assert source.skip(100) == 12 - read_first - 6
    assert source.read() is None
    source.close()


def test_a_closed_file_ends() -> None:
    source = scripted(ScriptedCapture(grey(10), promised=10))
    source.read()
    source.close()
    source.close()
    assert source.read() is None
    assert source.status.state == "ended"

"""The overlay video, read back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.errors import RecordError
from realtime.stream.video import Layout, VideoSink
from realtime.types import Frame, ImageArray, Result
from tests.drawing_people import AGES_MS, drawn_person, drawn_result


def read_back(path: Path) -> tuple[list[ImageArray], float]:
    reader = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, image = reader.read()
        if not ok:
            break
        frames.append(image)
    fps = reader.get(cv2.CAP_PROP_FPS)
    reader.release()
    return frames, fps


def test_every_result_is_a_frame_with_picture_view_and_strip(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    sink = VideoSink(path, 25.0)
    for index in range(8):
        sink.write(drawn_result((drawn_person(),), index, level=40 + 20 * index))
    sink.close()
    frames, fps = read_back(path)
    layout = Layout(640, 480)
    assert len(frames) == 8
    assert fps == pytest.approx(25)
    assert frames[0].shape == (layout.height, layout.width, 3)
    for index, frame in enumerate(frames):
        assert frame[20:200, 20:150].mean() == pytest.approx(40 + 20 * index, abs=6)
    view = frames[-1][: layout.body_height, layout.picture_width :].astype(int)
    bluish, reddish = view[..., 0] - view[..., 2] > 60, view[..., 2] - view[..., 0] > 60
    assert bluish.sum() > 100
    assert reddish.sum() > 100
    assert (frames[-1][layout.body_height :].max(axis=2) > 150).sum() > 100


def test_frames_a_camera_dropped_do_not_shorten_the_video(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    for index, level in ((10, 60), (11, 120), (14, 180)):
        sink.write(drawn_result((), index, level=level))
    sink.close()
    frames, _ = read_back(tmp_path / "out.mp4")
    levels = [round(float(frame[20:200, 20:150].mean())) for frame in frames]
    np.testing.assert_allclose(levels, [60, 120, 180, 180, 180], atol=6)


def test_only_the_named_file_is_left(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    assert list(tmp_path.iterdir()) == []
    sink.write(drawn_result())
    assert [path.name for path in tmp_path.iterdir()] == [".out.part.mp4"]
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_nothing_is_left_when_nothing_was_written(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_an_older_video_is_kept_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"older")
    sink = VideoSink(path, 30.0)
    sink.write(drawn_result())
    assert path.read_bytes() == b"older"
    sink.close()
    assert len(read_back(path)[0]) == 1


def test_a_video_that_did_not_come_out_whole_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    sink.write(drawn_result())
    part = tmp_path / ".out.part.mp4"
    part.unlink()
    part.write_bytes(b"cut short")
    with pytest.raises(RecordError, match="whole"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_format_the_encoder_refuses_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.stream.video._CODECS", ("ZZZZ",))
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    with pytest.raises(RecordError, match="encode"):
        sink.write(drawn_result())
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_the_encoder_says_nothing_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    sink.write(drawn_result())
    sink.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["missing/out.mp4", "out.txt", "out", "folder.mp4"])
def test_places_that_cannot_be_written_are_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(RecordError, match="cannot write"):
        VideoSink(tmp_path / name, 30.0)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_source_that_does_not_know_its_rate_gets_thirty(tmp_path: Path, fps: float) -> None:
    sink = VideoSink(tmp_path / "out.mp4", fps)
    sink.write(drawn_result())
    sink.close()
    assert read_back(tmp_path / "out.mp4")[1] == pytest.approx(30)


def test_a_frame_of_another_size_is_fitted(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    sink.write(drawn_result((drawn_person(width=640),), width=640))
    sink.write(drawn_result((drawn_person(width=320),), 1, width=320))
    sink.close()
    (large, small), _ = read_back(tmp_path / "out.mp4")
    assert large.shape == small.shape
    picture = (slice(0, 480), slice(0, 640))
    assert np.abs(large[picture].astype(int) - small[picture]).mean() < 2


@pytest.mark.parametrize(
    ("width", "height"),
    [(640, 480), (1920, 1080), (1088, 1920), (3840, 2160), (321, 241), (4000, 300), (64, 48)],
)
def test_sizes_are_even_and_sane_and_keep_the_aspect(width: int, height: int) -> None:
    layout = Layout(width, height)
    assert layout.width % 2 == layout.height % 2 == 0
    assert 320 <= layout.height <= 720
    assert layout.width <= 2000
    assert layout.picture_width / layout.picture_height == pytest.approx(width / height, rel=0.03)


def test_a_low_picture_sits_in_the_middle_of_its_band(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", 30.0)
    image = np.full((100, 1000, 3), 200, np.uint8)
    sink.write(Result(Frame(image, 0, 0, 0.0), (), AGES_MS))
    sink.close()
    (frame,), layout = read_back(tmp_path / "out.mp4")[0], Layout(1000, 100)
    band = frame[: layout.body_height, 100:200].mean(axis=(1, 2))
    bright = np.flatnonzero(band > 150)
    assert len(bright) == pytest.approx(layout.picture_height, abs=4)
    assert bright.mean() == pytest.approx(layout.body_height / 2, abs=3)

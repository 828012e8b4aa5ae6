"""H.264 files: what was put in comes out, in number, order and size, and always the same bytes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.errors import RecordError, UsageError
from realtime.types import Array
from training.dataset.video import Coding, planes, read_video, video_frame, write_h264

FAST = Coding("veryfast", 18, 30)
SIZE = 66, 34


def pictures(count: int = 40) -> list[Array]:
    """Smooth pictures, each of its own brightness."""
    ramp = np.linspace(0, 60, SIZE[0])[None, :, None] + np.zeros((SIZE[1], 1, 3))
    return [(ramp + 4 * n).astype(np.uint8) for n in range(count)]


@pytest.mark.parametrize("coding", [FAST, Coding()])
@pytest.mark.parametrize("fps", [30, 29.97, 23.976])
def test_every_frame_comes_back_in_order(tmp_path: Path, coding: Coding, fps: float) -> None:
    path, images = tmp_path / "a.mp4", pictures()
    assert write_h264(path, images, SIZE, fps, coding) == path.stat().st_size
    read = list(read_video(path))
    assert len(read) == len(images)
    for image, wanted in zip(read, images, strict=True):
        assert image.shape == (SIZE[1], SIZE[0], 3)
        assert abs(float(image.mean()) - float(wanted.mean())) < 3
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(fps, abs=1e-3)
    for number in (0, 7, 39):
        np.testing.assert_array_equal(video_frame(path, number), read[number])


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "other.mp4"):
        write_h264(tmp_path / name, pictures(), SIZE, 29.97, FAST)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "other.mp4").read_bytes()


@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (64, 64, 64), (128, 128, 128), (255, 255, 255), (30, 90, 200), (200, 120, 80)]
)
def test_colours_are_kept(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    image = np.full((SIZE[1], SIZE[0], 3), colour, np.uint8)
    write_h264(tmp_path / "a.mp4", [image] * 3, SIZE, 30, FAST)
    for read in read_video(tmp_path / "a.mp4"):
        assert np.abs(read.mean(axis=(0, 1)) - colour).max() < 2.5


def test_colour_planes_are_means_of_four_pixels() -> None:
    stripes = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    stripes[:, ::2] = (250, 30, 10)
    mixed = np.full_like(stripes, (125, 15, 5))
    np.testing.assert_array_equal(planes(stripes)[SIZE[1] :], planes(mixed)[SIZE[1] :])


def test_a_coarser_coding_is_smaller(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (5, SIZE[1], SIZE[0], 3), np.uint8)
    fine, coarse = (write_h264(tmp_path / "a.mp4", noise, SIZE, 30, Coding("fast", c)) for c in (10, 40))
    assert coarse < fine / 2


@pytest.mark.parametrize("size", [(65, 34), (66, 33)])
def test_an_odd_size_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="width and height must be even"):
        write_h264(tmp_path / "a.mp4", [], size, 30)
    assert not (tmp_path / "a.mp4").exists()


def test_what_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot write .*a\.mp4"):
        write_h264(tmp_path / "none" / "a.mp4", pictures(1), SIZE, 30)
    with pytest.raises(UsageError, match="is missing or no video"):
        list(read_video(tmp_path / "a.mp4"))
    write_h264(tmp_path / "a.mp4", pictures(3), SIZE, 30)
    with pytest.raises(UsageError, match="has no frame 3"):
        video_frame(tmp_path / "a.mp4", 3)

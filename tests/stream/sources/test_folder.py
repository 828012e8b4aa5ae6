"""Folders of images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.errors import SourceError, SourceLostError
from realtime.stream.sources.folder import ImageFolder
from realtime.stream.sources.open import open_source
from tests.exif_photos import FOCAL_35MM, SHORT, write_photo
from tests.scripted_camera import picture


def folder(path: Path, *names: str) -> Path:
    """Images whose brightness is their number."""
    for name in names:
        cv2.imwrite(str(path / name), picture(int("".join(filter(str.isdigit, name)))))
    return path


def test_a_folder_of_images_is_a_sequence(tmp_path: Path) -> None:
    folder(tmp_path, "2.png", "0.png", "1.png")
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_source(str(tmp_path))
    assert isinstance(source, ImageFolder)
    assert source.info.frames == 3
    frames = list(iter(source.read, None))
    assert [int(f.image[0, 0, 0]) for f in frames] == [0, 1, 2]
    assert [f.index for f in frames] == [0, 1, 2]
    assert [f.media_s for f in frames] == pytest.approx([0, 1 / 30, 2 / 30])
    assert source.read() is None


def test_numbers_in_names_count_as_numbers(tmp_path: Path) -> None:
    source = ImageFolder(folder(tmp_path, "shot 10.png", "shot 9.png", "shot 100.png", "Shot 2.png"))
    assert [int(f.image[0, 0, 0]) for f in iter(source.read, None)] == [2, 9, 10, 100]


def test_unreadable_images_are_skipped_and_leave_a_gap(tmp_path: Path) -> None:
    folder(tmp_path, "0.png", "1.png", "2.png", "3.png")
    for n in (0, 2):
        (tmp_path / f"{n}.png").write_bytes(b"no image")
    source = ImageFolder(tmp_path)
    frames = list(iter(source.read, None))
    assert [(f.index, int(f.image[0, 0, 0])) for f in frames] == [(1, 1), (3, 3)]
    assert [f.media_s for f in frames] == pytest.approx([1 / 30, 3 / 30])
    assert source.status.damaged == 2


def test_odd_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no images"):
        open_source(str(tmp_path))
    (tmp_path / "0.png").write_bytes(b"no image")
    with pytest.raises(SourceError, match="not an image"):
        open_source(str(tmp_path))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((48, 64, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((48, 65, 3), np.uint8))
    source = open_source(str(tmp_path))
    source.read()
    with pytest.raises(SourceLostError, match="65x48"):
        source.read()


def test_a_long_row_of_rubbish_is_given_up(tmp_path: Path) -> None:
    folder(tmp_path, "0.png")
    for n in range(1, 60):
        (tmp_path / f"{n}.png").write_bytes(b"no image")
    source = ImageFolder(tmp_path)
    source.read()
    with pytest.raises(SourceLostError, match="cannot be read"):
        source.read()


# Where the picture's top left corner is shown (EXIF 2.3, tag 274).
@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))]
)
def test_photos_are_shown_as_their_exif_says(
    orientation: int, corner: tuple[int, int], tmp_path: Path
) -> None:
    image = picture(0)
    image[:16, :16] = 255
    write_photo(tmp_path / "a.jpg", image, {FOCAL_35MM: (SHORT, (28,))}, orientation)
    source = ImageFolder(tmp_path)
    frame = source.read()
    assert frame is not None
    lit = {(y, x) for y in (0, -1) for x in (0, -1) if frame.image[y, x].mean() > 128}
    assert lit == {corner}
    turned = orientation in (6, 8)
    assert (source.info.width, source.info.height) == ((48, 64) if turned else (64, 48))
    assert source.info.camera is not None
    assert (source.info.camera.width, source.info.camera.height) == (frame.width, frame.height)
    assert source.info.camera.source == "metadata"


def test_images_can_be_passed_over(tmp_path: Path) -> None:
    source = ImageFolder(folder(tmp_path, *[f"{n}.png" for n in range(5)]))
    assert source.skip(3) == 3
    frame = source.read()
    assert frame is not None
    assert (frame.index, int(frame.image[0, 0, 0])) == (3, 3)
    assert source.skip(9) == 1
    assert source.read() is None
    assert source.skip(1) == 0


def test_a_closed_folder_ends(tmp_path: Path) -> None:
    source = ImageFolder(folder(tmp_path, "0.png", "1.png"))
    source.read()
    source.close()
    assert source.read() is None

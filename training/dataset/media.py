"""The two forms a clip's pictures are kept in: one H.264 file, or a folder of JPEG files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import cv2

from realtime.errors import UsageError
from realtime.types import ImageArray
from training.dataset.video import Coding, read_video, video_frame, write_h264

Form = Literal["clips", "frames"]

_CODING = Coding("veryfast", 18, 30)
_JPEG_QUALITY = 92


class Media(Protocol):
    """A form. suffix: of a clip's file or folder. coding: what decides the bytes, for the header."""

    suffix: str
    coding: Mapping[str, Any]

    def write(self, path: Path, images: Iterable[ImageArray], size: tuple[int, int], fps: float) -> None:
        """Write BGR images of this width and height. The same images give the same bytes."""

    def read(self, path: Path) -> Iterator[ImageArray]:
        """The images, one by one."""

    def frame(self, path: Path, number: int) -> ImageArray:
        """One image, by its number from 0."""


def media(form: Form) -> Media:
    """The form of this name. Raises UsageError for any other."""
    if form not in get_args(Form):
        raise UsageError(f"unknown form {form!r}: choose clips (one MP4 each) or frames (JPEG files)")
    return _Mp4() if form == "clips" else _JpegFolder()


class _Mp4:
    suffix = ".mp4"
    coding: Mapping[str, Any] = {"codec": "h264", **asdict(_CODING)}

    def write(self, path: Path, images: Iterable[ImageArray], size: tuple[int, int], fps: float) -> None:
        write_h264(path, images, size, fps, _CODING)

    def read(self, path: Path) -> Iterator[ImageArray]:
        return read_video(path)

    def frame(self, path: Path, number: int) -> ImageArray:
        return video_frame(path, number)


class _JpegFolder:
    suffix = ""
    coding: Mapping[str, Any] = {"codec": "jpeg", "quality": _JPEG_QUALITY}

    def write(self, path: Path, images: Iterable[ImageArray], size: tuple[int, int], fps: float) -> None:
        path.mkdir()
        for number, image in enumerate(images):
            path.joinpath(_file(number)).write_bytes(jpeg(image))

    def read(self, path: Path) -> Iterator[ImageArray]:
        for number in range(len(list(path.glob("*.jpg")))):
            yield self.frame(path, number)

    def frame(self, path: Path, number: int) -> ImageArray:
        image = cv2.imread(str(path / _file(number)), cv2.IMREAD_COLOR)
        if image is None:
            raise UsageError(
                f"{path / _file(number)} is missing or damaged: delete {path} and render it again"
            )
        return image  # type: ignore[no-any-return]


def _file(number: int) -> str:
    return f"{number:04d}.jpg"


def jpeg(image: ImageArray) -> bytes:
    """An image as a JPEG file. Raises ValueError for what is no image."""
    coded, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not coded:
        raise ValueError(f"an image of shape {image.shape} cannot be coded")
    return bytes(data)

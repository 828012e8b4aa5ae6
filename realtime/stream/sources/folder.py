"""A folder of images as one sequence."""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path

import cv2
import numpy as np

from realtime.errors import SourceError, SourceLostError
from realtime.metadata import camera_of_photo
from realtime.stream.source import Clock, SourceInfo, SourceStatus
from realtime.types import Frame, ImageArray

log = logging.getLogger(__name__)

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
_MOST_DAMAGED = 30
"""Unreadable images in a row after which a folder is given up."""


class ImageFolder:
    """The images of a folder, in the order of their names (2 before 10), at 30 frames a second.

    They are turned as their EXIF says. What cannot be read is skipped, and the indices jump over it; an
    image of another size is a SourceLostError. Raises SourceError when there is no image at all.
    """

    FPS = 30.0

    def __init__(self, folder: Path, clock: Clock = time.perf_counter_ns) -> None:
        self._files = sorted(
            (p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES), key=lambda p: _natural(p.name)
        )
        self._clock = clock
        self._index = 0
        self._damaged = 0
        self._closed = False
        if not self._files:
            raise SourceError(f"the folder {folder} holds no images ({', '.join(sorted(_SUFFIXES))})")
        self._first = self._next()
        if self._first is None:
            raise SourceError(
                f"{self._files[0]} is not an image that OpenCV can read, nor are those after it: convert them"
            )
        height, width = self._first.shape[:2]
        camera = camera_of_photo(self._files[self._index], width, height)
        self.info = SourceInfo(
            str(folder), width, height, self.FPS, len(self._files), False, True, camera=camera
        )

    @property
    def status(self) -> SourceStatus:
        """How many images were unreadable so far."""
        return SourceStatus("ended" if self._closed else "running", damaged=self._damaged)

    def read(self) -> Frame | None:
        """The next image, or None after the last."""
        captured_ns = self._clock()
        image, self._first = self._first if self._first is not None else self._next(), None
        if image is None:
            return None
        path = self._files[self._index]
        if image.shape[:2] != (self.info.height, self.info.width):
            raise SourceLostError(
                f"{path} is {image.shape[1]}x{image.shape[0]}, the images before it "
                f"{self.info.width}x{self.info.height}: a folder must hold one camera's images"
            )
        frame = Frame(image, self._index, captured_ns, self._index / self.FPS)
        self._index += 1
        return frame

    def skip(self, frames: int) -> int:
        """Pass over so many images, or as many as there are; returns how many."""
        passed = min(frames, len(self._files) - self._index)
        if passed > 0:
            self._first = None
            self._index += passed
        return max(0, passed)

    def close(self) -> None:
        """End it; nothing is held open."""
        self._closed = True

    def _next(self) -> ImageArray | None:
        """The next image that can be read; `_index` is then its place. Raises SourceLostError."""
        skipped = 0
        while not self._closed and self._index < len(self._files):
            path = self._files[self._index]
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is not None:
                return np.asarray(image, np.uint8)
            log.warning("skipped %s: it is not an image that OpenCV can read", path)
            self._index += 1
            self._damaged += 1
            skipped += 1
            if skipped > _MOST_DAMAGED and self._index < len(self._files):
                raise SourceLostError(f"{path} and the {skipped - 1} images before it cannot be read")
        return None


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sorts numbers in names by their value."""
    return [
        (0, int(part)) if part.isdecimal() else (1, part.lower()) for part in re.split(r"(\d+)", name) if part
    ]

"""Sources to measure with: a camera that is never late, and frames of another size."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from realtime.stream.paced import Wait
from realtime.stream.source import Source, SourceInfo
from realtime.types import Frame, ImageArray


class PacedCamera:
    """Frames held in memory, given at a fixed rate as a camera does: each once, taken or not.

    A frame is stamped with the moment it was due. frames: how many to give before the end.
    """

    def __init__(
        self,
        images: Sequence[ImageArray],
        fps: float,
        frames: int,
        clock: Callable[[], int] = time.perf_counter_ns,
        wait: Wait | None = None,
    ) -> None:
        height, width = images[0].shape[:2]
        self.info = SourceInfo(f"{fps:g} frames a second", width, height, fps, 0, live=True, on_demand=False)
        self._images = itertools.cycle(_there_and_back(images))
        self._period_ns = 1e9 / fps
        self._frames = frames
        self._clock = clock
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._start_ns: int | None = None
        self._index = 0

    def read(self) -> Frame | None:
        """The next frame, when it is due; None after the last."""
        if self._index >= self._frames or self._closing.is_set():
            return None
        if self._start_ns is None:
            self._start_ns = self._clock()
        due_ns = self._start_ns + round(self._index * self._period_ns)
        while (early_ns := due_ns - self._clock()) > 0 and not self._closing.is_set():
            self._wait(early_ns / 1e9)
        frame = Frame(next(self._images), self._index, due_ns, self._index * self._period_ns / 1e9)
        self._index += 1
        return frame

    def close(self) -> None:
        """End any waiting."""
        self._closing.set()


def _there_and_back(images: Sequence[ImageArray]) -> list[ImageArray]:
    """Forwards and then backwards, so that people do not jump where it begins again."""
    return [*images, *images[-2:0:-1]]


class ResizedSource:
    """A source whose frames are made another size, keeping their aspect, with the rest black."""

    def __init__(self, source: Source, width: int, height: int) -> None:
        self._source = source
        self._size = width, height

    @property
    def info(self) -> SourceInfo:
        """Of the source, in the new size."""
        return replace(self._source.info, width=self._size[0], height=self._size[1])

    def read(self) -> Frame | None:
        """The next frame in the new size."""
        frame = self._source.read()
        return None if frame is None else replace(frame, image=letterboxed(frame.image, *self._size))

    def close(self) -> None:
        """Free the source."""
        self._source.close()


def letterboxed(image: ImageArray, width: int, height: int) -> ImageArray:
    """An image as large as fits, its aspect kept, in the middle of a black one of this size."""
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=cv2.INTER_AREA
    )
    return canvas

"""Images through OpenCV: what files, cameras and FFmpeg's streams have in common."""

from __future__ import annotations

import threading
from typing import NamedTuple, Protocol

import cv2

from realtime.stream.source import Clock
from realtime.types import ImageArray


class Grabbed(NamedTuple):
    """An image (H, W, 3) BGR, when it was grabbed (before decoding), and its place on the media clock."""

    image: ImageArray
    captured_ns: int
    media_s: float


class EndOfStreamError(Exception):
    """There are no more images, as it should be."""


class Grabber(Protocol):
    """Delivers the images of one device or connection, from one thread.

    grab: the next image; None when what came is damaged, or nothing comes any more: OpenCV does not tell
    these apart, so whoever asks counts. Where it is known, raises SourceLostError for frames that stop,
    EndOfStreamError for a proper end.
    interrupt: from any thread, makes a grab that waits return soon, where that is possible at all.
    """

    @property
    def fps(self) -> float: ...

    def grab(self) -> Grabbed | None: ...

    def interrupt(self) -> None: ...

    def release(self) -> None: ...


class CaptureGrabber:
    """An OpenCV capture, open."""

    def __init__(self, capture: cv2.VideoCapture, clock: Clock) -> None:
        self._capture = capture
        self._clock = clock
        # A capture must not be released under a thread that is inside it.
        self._inside = threading.Lock()
        self._released = False

    @property
    def fps(self) -> float:
        """Frames a second as it states them; 30 where it states nothing sensible."""
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        return fps if 0.1 < fps < 1000 else 30.0

    @property
    def frames(self) -> int:
        """How many frames it says it has; 0 where it does not say."""
        count = float(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        return int(count) if 0 < count < 1e9 else 0

    @property
    def turns(self) -> int:
        """Quarters clockwise by which the container says its pictures must be turned; OpenCV turns them."""
        if not self._capture.get(cv2.CAP_PROP_ORIENTATION_AUTO):
            return 0
        return round(float(self._capture.get(cv2.CAP_PROP_ORIENTATION_META)) / 90) % 4

    def grab(self) -> Grabbed | None:
        """The next image, or None."""
        with self._inside:
            if self._released or not self._capture.grab():
                return None
            captured_ns = self._clock()
            media_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
            ok, image = self._capture.retrieve()
        if not ok or image is None or not image.size:
            return None
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        return Grabbed(image[..., :3], captured_ns, media_s)

    def skip(self) -> bool:
        """Pass over a frame without converting it; False if there is none."""
        with self._inside:
            return not self._released and bool(self._capture.grab())

    def interrupt(self) -> None:
        """OpenCV has no way: its own timeouts end a grab."""

    def release(self) -> None:
        """Free it, once nobody is inside."""
        with self._inside:
            if not self._released:
                self._released = True
                self._capture.release()

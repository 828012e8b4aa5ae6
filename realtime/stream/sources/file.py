"""A video file: every frame, in order, with the container's own times."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

import cv2

from realtime import iso_media
from realtime.errors import SourceError, SourceLostError
from realtime.metadata import camera_of_video
from realtime.stream.source import Clock, SourceInfo, SourceStatus
from realtime.stream.sources.capture import CaptureGrabber, EndOfStreamError, Grabbed, Grabber
from realtime.stream.sources.size import SizeKeeper
from realtime.types import Frame

log = logging.getLogger(__name__)

# Edit lists hide some of the frames that a container counts.
_WHOLE = 0.9
_MOST_DAMAGED = 30
"""Failed grabs in a row after which a file has ended."""
# Elsewhere (Matroska, WebM) OpenCV guesses the count from the duration, far off at a variable rate.
_COUNTING_SUFFIXES = iso_media.SUFFIXES | {".avi"}


class MediaClock:
    """Times that always grow, made of a container's, which may stand still, jump back or be missing.

    A time that does not lie after the one before is taken for one frame after it, and all later ones are
    moved along. A jump forward is believed.
    """

    def __init__(self, fps: float) -> None:
        self._interval_s = 1.0 / fps
        self._last_s: float | None = None
        self._moved_s = 0.0

    def at(self, media_s: float, frames: int = 1) -> float:
        """The time of a frame, `frames` after the one before it. Seconds."""
        if self._last_s is None:
            self._last_s = media_s if math.isfinite(media_s) and media_s > 0 else 0.0
            self._moved_s = self._last_s - (media_s if math.isfinite(media_s) else 0.0)
            return self._last_s
        told_s = media_s + self._moved_s
        if not told_s > self._last_s or not math.isfinite(told_s):
            told_s = self._last_s + frames * self._interval_s
            if math.isfinite(media_s):
                self._moved_s = told_s - media_s
        self._last_s = told_s
        return told_s


class FileSource:
    """The frames of something that is read as fast as they are asked for. Its first frame is read at once.

    frames: how many there are where that is known for sure, so that fewer mean damage. turns: quarters
    clockwise by which the grabber turned them. Single damaged frames are skipped, and the indices jump over
    them. Raises SourceError when there is no frame at all.
    """

    def __init__(self, grabber: Grabber, name: str, frames: int = 0, turns: int = 0) -> None:
        self._grabber = grabber
        self._index = 0
        self._damaged = 0
        self._closed = False
        self._first = self._next()
        if self._first is None:
            grabber.release()
            raise SourceError(f"{name} opens but gives no image: it is empty, damaged, or in use elsewhere")
        height, width = self._first.image.shape[:2]
        camera = camera_of_video(Path(name), width, height)
        self.info = SourceInfo(
            name, width, height, grabber.fps, frames, False, True, turns=turns, camera=camera
        )
        self._clock = MediaClock(grabber.fps)
        self._size = SizeKeeper(name, width, height)
        self._delivered = -1

    @property
    def status(self) -> SourceStatus:
        """How many frames were damaged so far."""
        return SourceStatus("ended" if self._closed else "running", damaged=self._damaged)

    def read(self) -> Frame | None:
        """The next frame, or None at the end. Raises SourceLostError when frames are missing at the end."""
        grabbed, self._first = self._first or self._next(), None
        if grabbed is None:
            self._check_whole()
            return None
        image = self._size.fit(grabbed.image)
        media_s = self._clock.at(grabbed.media_s, self._index - self._delivered)
        frame = Frame(image, self._index, grabbed.captured_ns, media_s)
        self._delivered = self._index
        self._index += 1
        return frame

    def skip(self, frames: int) -> int:
        """Pass over so many frames, or as many as there are; returns how many."""
        passed = 0
        while passed < frames and self._pass():
            passed += 1
        return passed

    def _pass(self) -> bool:
        """Pass over the next frame; a capture need not convert it."""
        if self._first is not None:
            self._first = None
        elif isinstance(self._grabber, CaptureGrabber) and not self._closed and self._grabber.skip():
            pass
        elif self._next() is None:
            return False
        self._index += 1
        return True

    def close(self) -> None:
        """Free the file."""
        self._closed = True
        self._grabber.interrupt()
        self._grabber.release()

    def _next(self) -> Grabbed | None:
        """The next image that can be decoded; `_index` is then its place in the file."""
        for failed in range(_MOST_DAMAGED):
            if self._closed:
                return None
            try:
                grabbed = self._grabber.grab()
            except EndOfStreamError:
                return None
            if grabbed is not None:
                self._index += failed
                if failed:
                    self._damaged += failed
                    log.warning("skipped %d damaged frames before frame %d", failed, self._index)
                return grabbed
        return None

    def _check_whole(self) -> None:
        given = self._index - self._damaged
        if self._closed or given >= _WHOLE * self.info.frames:
            return
        what = f"only {given} of its {self.info.frames} frames can be decoded"
        if not self._damaged:
            what = f"ended at frame {given} of {self.info.frames}"
        raise SourceLostError(f"{self.info.name} {what}: it is damaged or cut short; copy or record it again")


def open_file(path: Path, clock: Clock = time.perf_counter_ns) -> FileSource:
    """Open a video file. Raises SourceError when it is missing, empty, cut short, or no video."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"cannot open {path}: {error.strerror}") from error
    if size == 0:
        raise SourceError(f"{path} is empty (0 bytes): copy or record it again")
    _refuse_truncated(path, size)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise SourceError(f"{path} is not a video that this build of OpenCV can read: convert it to MP4")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return of_capture(CaptureGrabber(capture, clock), str(path), path.suffix)


def of_capture(grabber: CaptureGrabber, name: str, suffix: str) -> FileSource:
    """The video that a capture has open. suffix: of its file, which tells whether frames are counted."""
    frames = grabber.frames if suffix.lower() in _COUNTING_SUFFIXES else 0
    return FileSource(grabber, name, frames, grabber.turns)


def _refuse_truncated(path: Path, size: int) -> None:
    """Raise SourceError if an ISO media file (MP4, MOV) lacks its index or promises more than it holds.

    Decoders play such a file up to the cut, or not at all, without saying why. Only the headers of the
    top-level boxes are read.
    """
    if path.suffix.lower() not in iso_media.SUFFIXES:
        return
    kinds: set[bytes] = set()
    end = 0
    with path.open("rb") as file:
        try:
            for box in iso_media.boxes(file, 0, size):
                if not kinds and box.kind not in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
                    raise SourceError(f"{path} is not a video: its content is not what its name says")
                kinds.add(box.kind)
                end = box.end
        except iso_media.BrokenBoxError as error:
            raise SourceError(f"{path} is damaged: it holds {error}; copy it again") from error
    if end > size:
        raise SourceError(f"{path} is cut short: {size} bytes of at least {end}; copy it again")
    if b"moov" not in kinds:
        raise SourceError(f"{path} has no index (moov): its recording was cut off; record it again")

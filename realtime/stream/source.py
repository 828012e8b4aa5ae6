"""Where frames come from: a camera, a video file, a folder of images, a network stream."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from realtime.errors import SourceError, SourceLostError, UsageError
from realtime.types import Frame, ImageArray

Clock = Callable[[], int]

OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 5000
_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
# Edit lists hide some of the frames that a container counts.
_WHOLE = 0.9
_STREAM_PREFIXES = ("rtsp://", "rtsps://", "http://", "https://")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source is.

    name: for people, without credentials. frames: 0 when not known. live: it goes on by itself, so that a
    slow reader must lose frames. on_demand: it is read as fast as the pipeline asks, so a frame's age
    counts from the moment the pipeline takes it; otherwise from the grab.
    """

    name: str
    width: int
    height: int
    fps: float
    frames: int
    live: bool
    on_demand: bool


class Source(Protocol):
    """Delivers frames in order, from one thread.

    read: the next frame, or None at the end. Raises SourceLostError when frames stop before it.
    close: frees the device or file; harmless to repeat. It may be called while `read` waits.
    """

    @property
    def info(self) -> SourceInfo: ...

    def read(self) -> Frame | None: ...

    def close(self) -> None: ...


def open_source(name: str, clock: Clock = time.perf_counter_ns) -> Source:
    """Open what a user named: a camera index, a file, a folder of images, or a stream address.

    Raises SourceError when it is missing, empty, damaged, or does not answer.
    """
    if re.fullmatch(r"\d+", name):
        return open_camera(int(name), clock)
    if name.lower().startswith(_STREAM_PREFIXES):
        return _open_stream(name, clock)
    if "://" in name:
        raise UsageError(f"unknown kind of address {redacted(name)}: use rtsp:// or http(s)://")
    path = Path(name)
    if path.is_dir():
        return ImageFolder(path, clock)
    return open_file(path, clock)


def redacted(address: str) -> str:
    """An address without its user name and password."""
    return re.sub(r"://[^/@]*@", "://", address)


class VideoSource:
    """Frames through OpenCV. The capture must be open; its first frame is read at once, to know it.

    counted: the container states its number of frames, so that fewer mean damage.
    """

    def __init__(
        self,
        capture: cv2.VideoCapture,
        name: str,
        live: bool,
        clock: Clock = time.perf_counter_ns,
        counted: bool = False,
    ) -> None:
        self._capture = capture
        self._clock = clock
        self._index = 0
        self._first = self._grab()
        if self._first is None:
            capture.release()
            raise SourceError(f"{name} opens but gives no image: it is empty, damaged, or in use elsewhere")
        fps = capture.get(cv2.CAP_PROP_FPS)
        fps = fps if 0.1 < fps < 1000 else 30.0
        frames = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))) if counted else 0
        height, width = self._first[0].shape[:2]
        self.info = SourceInfo(name, width, height, fps, frames, live, on_demand=not live)

    def read(self) -> Frame | None:
        """The next frame, or None at the end of a file."""
        grabbed, self._first = self._first or self._grab(), None
        if grabbed is None:
            if self.info.live:
                raise SourceLostError(
                    f"{self.info.name} stopped after {self._index} frames: check its cable or network"
                )
            if self._index < _WHOLE * self.info.frames:
                raise SourceLostError(
                    f"{self.info.name} ended at frame {self._index} of {self.info.frames}: "
                    "it is damaged or cut short"
                )
            return None
        image, captured_ns, media_s = grabbed
        if self.info.live:
            media_s = captured_ns / 1e9
        elif not media_s and self._index:
            media_s = self._index / self.info.fps
        frame = Frame(image, self._index, captured_ns, media_s)
        self._index += 1
        return frame

    def close(self) -> None:
        """Free the device or file."""
        self._capture.release()

    def _grab(self) -> tuple[ImageArray, int, float] | None:
        """The next image, when it was grabbed (before decoding), and its place on the media clock."""
        if not self._capture.grab():
            return None
        captured_ns = self._clock()
        media_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        ok, image = self._capture.retrieve()
        if not ok or image is None:
            return None
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        return image[..., :3], captured_ns, media_s


class ImageFolder:
    """The images of a folder, in the order of their names, as one sequence at 30 frames a second."""

    FPS = 30.0

    def __init__(self, folder: Path, clock: Clock = time.perf_counter_ns) -> None:
        self._files = sorted(p for p in folder.iterdir() if p.suffix.lower() in _IMAGE_SUFFIXES)
        self._clock = clock
        self._index = 0
        if not self._files:
            raise SourceError(f"the folder {folder} holds no images ({', '.join(sorted(_IMAGE_SUFFIXES))})")
        height, width = self._load(self._files[0]).shape[:2]
        self.info = SourceInfo(str(folder), width, height, self.FPS, len(self._files), False, True)

    def read(self) -> Frame | None:
        """The next image, or None after the last."""
        if self._index >= len(self._files):
            return None
        path = self._files[self._index]
        captured_ns = self._clock()
        image = self._load(path)
        if image.shape[:2] != (self.info.height, self.info.width):
            raise SourceLostError(
                f"{path} is {image.shape[1]}x{image.shape[0]}, the images before it "
                f"{self.info.width}x{self.info.height}: a folder must hold one camera's images"
            )
        frame = Frame(image, self._index, captured_ns, self._index / self.FPS)
        self._index += 1
        return frame

    def close(self) -> None:
        """Nothing is held open."""

    @staticmethod
    def _load(path: Path) -> ImageArray:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise SourceError(f"{path} is not an image that OpenCV can read: remove it or convert it")
        return np.asarray(image, np.uint8)


def open_camera(index: int, clock: Clock = time.perf_counter_ns) -> VideoSource:
    """Open a camera by index. Raises SourceError when there is none."""
    if not (capture := cv2.VideoCapture(index)).isOpened():
        raise SourceError(
            f"there is no camera {index}, or it is in use: name another index, a file, or `sample`"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return VideoSource(capture, f"camera {index}", live=True, clock=clock)


def open_file(path: Path, clock: Clock = time.perf_counter_ns) -> VideoSource:
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
    counted = path.suffix.lower() in _COUNTING_SUFFIXES
    return VideoSource(capture, str(path), live=False, clock=clock, counted=counted)


def _open_stream(address: str, clock: Clock) -> VideoSource:
    name = redacted(address)
    settings = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        OPEN_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        READ_TIMEOUT_MS,
    ]
    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, settings)
    if not capture.isOpened():
        raise SourceError(
            f"{name} does not answer as a video stream within {OPEN_TIMEOUT_MS / 1000:g} s: "
            "check the address, the network and the credentials"
        )
    return VideoSource(capture, name, live=True, clock=clock)


_BOX_HEADER = struct.Struct(">I4s")
_ISO_SUFFIXES = {".mp4", ".m4v", ".mov"}
# Elsewhere (Matroska, WebM) OpenCV guesses the count from the duration, far off at a variable rate.
_COUNTING_SUFFIXES = _ISO_SUFFIXES | {".avi"}


def _refuse_truncated(path: Path, size: int) -> None:
    """Raise SourceError if an ISO media file (MP4, MOV) lacks its index or promises more than it holds.

    Decoders play such a file up to the cut, or not at all, without saying why. Only the headers of the
    top-level boxes are read (ISO/IEC 14496-12, section 4.2).
    """
    if path.suffix.lower() not in _ISO_SUFFIXES:
        return
    kinds: set[bytes] = set()
    offset = 0
    with path.open("rb") as file:
        while offset + _BOX_HEADER.size <= size:
            file.seek(offset)
            length, kind = _BOX_HEADER.unpack(file.read(_BOX_HEADER.size))
            if not kinds and kind not in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
                raise SourceError(f"{path} is not a video: its content is not what its name says")
            kinds.add(kind)
            if length == 1:
                length = int.from_bytes(file.read(8), "big")
            if length == 0:
                length = size - offset
            if length < _BOX_HEADER.size:
                raise SourceError(f"{path} is damaged: it holds a box of {length} bytes; copy it again")
            offset += length
    if offset > size:
        raise SourceError(f"{path} is cut short: {size} bytes of at least {offset}; copy it again")
    if b"moov" not in kinds:
        raise SourceError(f"{path} has no index (moov): its recording was cut off; record it again")

"""The overlay video: the camera's picture with 2D skeletons beside the 3D view."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.draw import draw_latency, draw_people, draw_view, fit_image
from realtime.errors import RecordError
from realtime.scene import absolute_poses_m
from realtime.scenery import shown_level
from realtime.stream.lines import check_writable
from realtime.types import ImageArray, Result
from realtime.view3d import Follower

log = logging.getLogger(__name__)

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")

# Best first. The wheels of OpenCV carry no H.264 encoder, but some systems bring one.
_CODECS = ("avc1", "mp4v")
_STRIP_PX = 32
_MIN_HEIGHT_PX, _MAX_HEIGHT_PX = 448, 688
_MAX_PICTURE_PX = 1280
_MOST_REPEATS = 300


class Layout:
    """Where the parts of a frame of the video go, for camera images of one size. All sizes are even.

    The picture keeps its aspect; the 3D view beside it is square; a strip of text lies below both.
    """

    def __init__(self, image_width: int, image_height: int) -> None:
        fit = min(max(image_height, _MIN_HEIGHT_PX), _MAX_HEIGHT_PX) / image_height
        scale = min(fit, _MAX_PICTURE_PX / image_width)
        self.picture_width = _even(image_width * scale)
        self.picture_height = _even(image_height * scale)
        self.body_height = max(self.picture_height, _MIN_HEIGHT_PX)
        self.width = self.picture_width + self.body_height
        self.height = self.body_height + _STRIP_PX


def _even(size: float) -> int:
    return max(2, round(size / 2) * 2)


class VideoSink:
    """Writes a video of every result. Its size follows the first frame; later ones are fitted to it.

    A frame stands in for those dropped before it, so the video lasts as long as what it shows.

    fps: of the frames, as the source counts them. intrinsics: to draw the camera; assumed when absent.
    The file appears under its name when closed, if anything was written; until then it is a hidden
    file beside it. Raises RecordError when it cannot be written.
    """

    label = "the video"

    def __init__(self, path: Path, fps: float, intrinsics: Intrinsics | None = None) -> None:
        self._path = path
        self._part = check_video(path)
        self._fps = fps if 0 < fps <= 1000 else 30.0
        self._intrinsics = intrinsics
        self._follower = Follower()
        self._layout: Layout | None = None
        self._writer: cv2.VideoWriter | None = None
        self._last_index: int | None = None
        self._frames = 0

    def write(self, result: Result) -> None:
        """Append one frame."""
        if self._layout is None:
            self._layout = Layout(result.frame.width, result.frame.height)
        if self._writer is None:
            self._writer = _open_writer(self._part, self._fps, self._layout.width, self._layout.height)
        image = self._compose(result, self._layout)
        for _ in range(self._times(result.frame.index)):
            self._writer.write(image)
            self._frames += 1

    def close(self) -> None:
        """Finish the file and give it its name. Raises RecordError when it did not come out whole."""
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        try:
            # The encoder reports no failed write: a full disk shows only in what can be read back.
            if _frames_in(self._part) != self._frames:
                raise RecordError(f"{self._path} did not come out whole: is the disk full?")
            self._part.replace(self._path)
        except OSError as error:
            raise RecordError(f"cannot write {self._path}: {error.strerror}") from error
        finally:
            self._part.unlink(missing_ok=True)

    def _times(self, index: int) -> int:
        """How often to write a frame so that ones a camera dropped before it do not shorten the video."""
        missed = 0 if self._last_index is None else index - self._last_index - 1
        self._last_index = index
        return 1 + min(max(missed, 0), _MOST_REPEATS)

    def _compose(self, result: Result, layout: Layout) -> ImageArray:
        frame = result.frame
        standing = shown_level(result.people, result.up, self._follower)
        self._follower.update(absolute_poses_m(standing), frame.media_s)
        canvas = np.zeros((layout.height, layout.width, 3), np.uint8)
        top = (layout.body_height - layout.picture_height) // 2
        picture = canvas[top : top + layout.picture_height, : layout.picture_width]
        picture[:] = fit_image(frame.image, layout.picture_width, layout.picture_height)
        draw_people(picture, result.people, layout.picture_width / frame.width)
        intrinsics = self._intrinsics or Intrinsics.assumed(frame.width, frame.height)
        view = canvas[: layout.body_height, layout.picture_width :]
        draw_view(view, standing, self._follower, intrinsics)
        draw_latency(canvas[layout.body_height :], result)
        return canvas


def check_video(path: Path) -> Path:
    """Where a video grows until it is whole. Raises RecordError unless it can be written; changes nothing."""
    if path.suffix.lower() not in SUFFIXES:
        raise RecordError(f"cannot write {path}: a video's name must end in {', '.join(SUFFIXES)}")
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    check_writable(path)
    check_writable(part)
    return part


def _open_writer(path: Path, fps: float, width: int, height: int) -> cv2.VideoWriter:
    for codec in _CODECS:
        with quiet():
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
        if writer.isOpened():
            log.debug("%s is encoded as %s", path, codec)
            return writer
        writer.release()
    path.unlink(missing_ok=True)
    raise RecordError(f"cannot write {path}: this OpenCV can encode none of {', '.join(_CODECS)}")


def _frames_in(path: Path) -> int:
    with quiet():
        reader = cv2.VideoCapture(str(path))
    try:
        return int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
    finally:
        reader.release()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what the codec libraries print off stderr: they write to the descriptor itself."""
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)

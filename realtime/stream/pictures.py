"""The pictures of a session: lossless, each with its index, for 2D nets to be run on again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from realtime.errors import RecordError, RecordFileError, SessionError
from realtime.records import complete_lines, parse, whole_number
from realtime.stream.lines import LineFile, line
from realtime.stream.session import FRAME_INDEX, FRAMES, begin_folder, check_folder
from realtime.stream.video import quiet
from realtime.types import ImageArray, Result

_CODEC = "FFV1"


class PictureSink:
    """Writes every result's picture without loss. Raises RecordError when it cannot."""

    label = "the session's pictures"

    def __init__(self, folder: Path, fps: float) -> None:
        check_folder(folder)
        self._folder = folder
        self._fps = fps if 0 < fps <= 1000 else 30.0
        self._index = LineFile(folder / FRAME_INDEX)
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, result: Result) -> None:
        """Append one picture."""
        frame = result.frame
        if self._writer is None:
            self._size = (frame.width, frame.height)
            self._writer = self._open()
        if (frame.width, frame.height) != self._size:
            raise RecordError(f"the pictures changed to {frame.width}x{frame.height}: keep their size")
        self._writer.write(np.ascontiguousarray(frame.image))
        self._index.write(line({"frame": frame.index}))

    def close(self) -> None:
        """Finish the files."""
        self._index.close()
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def _open(self) -> cv2.VideoWriter:
        begin_folder(self._folder)
        path = self._folder / FRAMES
        fourcc = cv2.VideoWriter.fourcc(*_CODEC)
        with quiet():
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, self._fps, self._size)
        if not writer.isOpened():
            raise RecordError(f"cannot write {path}: this OpenCV cannot encode {_CODEC}, or the disk is full")
        return writer


def read_pictures(folder: Path) -> Iterator[tuple[int, ImageArray]]:
    """A session's pictures in order, each with its frame's index. Raises SessionError for damaged ones."""
    path = folder / FRAMES
    try:
        lines, _ = complete_lines(folder / FRAME_INDEX)
        indices = [whole_number(parse(text)["frame"]) for text in lines]
    except (RecordFileError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SessionError(f"the pictures of {folder} cannot be read: {error}") from error
    with quiet():
        reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        for index in indices:
            got, image = reader.read()
            if not got or image is None:
                return  # a killed writer leaves more lines than whole pictures
            yield index, np.asarray(image, np.uint8)
    finally:
        reader.release()

"""A source seen turned, or through a window: for cameras mounted on their side, and parts of a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from realtime.errors import UsageError
from realtime.stream.source import Source, SourceInfo, SourceStatus, Window, status_of
from realtime.types import Frame

_ROTATIONS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True, slots=True)
class View:
    """turns: quarters clockwise, as seen on screen. window: then cut out; None for all of it."""

    turns: int = 0
    window: Window | None = None

    def of(self, source: Source) -> Source:
        """The source seen so, or itself if there is nothing to do. Raises UsageError, and closes it, when the
        window leaves the picture."""
        if not (self.turns % 4 or self.window):
            return source
        try:
            return ViewSource(source, self)
        except BaseException:
            source.close()
            raise


class ViewSource:
    """A source whose frames are turned and cut. Raises UsageError when the window leaves the picture."""

    def __init__(self, source: Source, view: View) -> None:
        self._source = source
        self._view = view
        info = source.info
        sideways = view.turns % 2 == 1
        full = (info.height, info.width) if sideways else (info.width, info.height)
        left, top, width, height = view.window or (0, 0, *full)
        if min(left, top) < 0 or min(width, height) < 1 or left + width > full[0] or top + height > full[1]:
            raise UsageError(
                f"the window {left},{top},{width},{height} leaves the {full[0]}x{full[1]} picture: "
                "give left,top,width,height within it"
            )
        self.info: SourceInfo = replace(
            info,
            width=width,
            height=height,
            turns=(info.turns + view.turns) % 4,
            window=view.window,
            full_size=full,
            camera=info.camera and info.camera.rotated(view.turns),
        )

    @property
    def status(self) -> SourceStatus:
        """Of the source behind."""
        return status_of(self._source)

    def read(self) -> Frame | None:
        """The next frame, turned and cut."""
        frame = self._source.read()
        if frame is None:
            return None
        image = frame.image
        if self._view.turns % 4:
            image = np.asarray(cv2.rotate(image, _ROTATIONS[self._view.turns % 4]), np.uint8)
        if self._view.window:
            left, top, width, height = self._view.window
            image = np.ascontiguousarray(image[top : top + height, left : left + width])
        return replace(frame, image=image)

    def close(self) -> None:
        """Close the source behind."""
        self._source.close()

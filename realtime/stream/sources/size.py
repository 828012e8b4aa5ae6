"""Images of one size from a source that may change it."""

from __future__ import annotations

import logging

import cv2
import numpy as np

from realtime.errors import SourceLostError
from realtime.types import ImageArray

log = logging.getLogger(__name__)

_ASPECT_TOLERANCE = 0.01


class SizeKeeper:
    """Brings every image to the size of the first.

    A stream that changes its resolution (a camera that adapts to the network, another substream) goes on:
    its pictures are resized, so the intrinsics, the boxes and what is recorded stay true. Another aspect is
    another view, of which the intrinsics say nothing any more: that is a SourceLostError, not wrong metres.
    """

    def __init__(self, name: str, width: int, height: int) -> None:
        self._name = name
        self._width = width
        self._height = height
        self._last = (width, height)

    def fit(self, image: ImageArray) -> ImageArray:
        """The image at the first one's size."""
        height, width = image.shape[:2]
        if (width, height) == (self._width, self._height):
            self._last = (width, height)
            return image
        # One row or column more or less is rounding.
        slack = _ASPECT_TOLERANCE * self._width * height + max(self._width, height)
        if abs(width * self._height - self._width * height) > slack:
            raise SourceLostError(
                f"{self._name} changed from {self._width}x{self._height} to {width}x{height}, another "
                "aspect, so the camera's intrinsics no longer hold: keep its resolution fixed, or start again"
            )
        if (width, height) != self._last:
            self._last = (width, height)
            log.warning(
                "%s now gives %dx%d: resized to %dx%d",
                self._name, width, height, self._width, self._height,
            )  # fmt: skip
        shrinks = width > self._width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, (self._width, self._height), interpolation=how), np.uint8)

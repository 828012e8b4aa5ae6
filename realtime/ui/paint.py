"""What the views paint on: a layer that OpenCV and Qt share, colours as Qt's, and words on a plate."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import lru_cache

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter
from PySide6.QtWidgets import QWidget

from realtime.strokes import Rgb
from realtime.types import ImageArray

_LEVELS = 16


@lru_cache(maxsize=2048)
def colour(rgb: Rgb, level: int = _LEVELS) -> QColor:
    """A colour, see-through below level 16."""
    return QColor(*rgb, round(255 * level / _LEVELS))


class Layer:
    """A picture of a widget's size on its screen: `pixels` for OpenCV, `image` for Qt, the same memory.

    What is painted there is shown again and again for the price of a copy, until there is something new.

    pixels: (H, W, 4) uint8, blue first, the fourth unused. density: screen pixels to a unit of the widget.
    """

    def __init__(self, widget: QWidget) -> None:
        self.density = widget.devicePixelRatioF()
        width, height = _size_px(widget)
        self.pixels: ImageArray = np.empty((height, width, 4), np.uint8)
        self.image = QImage(self.pixels.data, width, height, width * 4, QImage.Format.Format_RGB32)
        self.image.setDevicePixelRatio(self.density)

    def fits(self, widget: QWidget) -> bool:
        """Whether it is of the widget's size."""
        height, width = self.pixels.shape[:2]
        return self.density == widget.devicePixelRatioF() and (width, height) == _size_px(widget)

    def fill(self, rgb: Rgb) -> None:
        """Paint everything in one colour."""
        self._fill(self.pixels, rgb)

    def fill_round(self, rgb: Rgb, left: int, top: int, width: int, height: int) -> None:
        """Paint all but a part in one colour."""
        self._fill(self.pixels[:top], rgb)
        self._fill(self.pixels[top + height :], rgb)
        self._fill(self.pixels[top : top + height, :left], rgb)
        self._fill(self.pixels[top : top + height, left + width :], rgb)

    @staticmethod
    def _fill(part: ImageArray, rgb: Rgb) -> None:
        red, green, blue = rgb
        # One number a pixel: several times as fast as a colour of four.
        part.view(np.uint32).fill(0xFF << 24 | red << 16 | green << 8 | blue)

    def put(self, image: ImageArray, left: int, top: int) -> ImageArray:
        """Lay a picture (h, w, 3), blue first, at a place in pixels; returns what it fills of `pixels`."""
        height, width = image.shape[:2]
        part = self.pixels[top : top + height, left : left + width]
        cv2.cvtColor(image, cv2.COLOR_BGR2BGRA, part)
        return part


class KeptLayer:
    """A widget's layer, which is painted again only once it is outdated or no longer fits.

    paint: fills it.
    """

    def __init__(self, widget: QWidget, paint: Callable[[Layer], None]) -> None:
        self._widget, self._paint = widget, paint
        self._layer: Layer | None = None
        self._is_current = False

    def outdate(self) -> None:
        """There is something new to show."""
        self._is_current = False

    def painted(self) -> Layer:
        """The layer as it is to be shown now."""
        if self._layer is None or not self._layer.fits(self._widget):
            self._layer, self._is_current = Layer(self._widget), False
        if not self._is_current:
            self._is_current = True
            self._paint(self._layer)
        return self._layer


class Sprite:
    """Something small that is painted again only when what it shows changes."""

    def __init__(self) -> None:
        self._shown: Hashable = None
        self._image = QImage()

    def paint(
        self, painter: QPainter, box: QRectF, shows: Hashable, draw: Callable[[QPainter, QRectF], None]
    ) -> None:
        """Lay it on a canvas. shows: all that `draw` goes by, but for the painter's font."""
        density = painter.device().devicePixelRatioF()
        wanted = (shows, box.width(), box.height(), density, painter.font().toString())
        if wanted != self._shown:
            self._shown = wanted
            width, height = math.ceil(box.width() * density), math.ceil(box.height() * density)
            self._image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
            self._image.setDevicePixelRatio(density)
            self._image.fill(Qt.GlobalColor.transparent)
            with QPainter(self._image) as own:
                own.setRenderHint(QPainter.RenderHint.Antialiasing)
                own.setFont(painter.font())
                draw(own, QRectF(0, 0, box.width(), box.height()))
        painter.drawImage(box.topLeft(), self._image)


def image_of(image: ImageArray) -> QImage:
    """A BGR image (H, W, 3) as Qt sees it, without a copy where rows are contiguous; keeps it alive."""
    if image.strides[1:] != (3, 1):
        image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    return QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888)


def _size_px(widget: QWidget) -> tuple[int, int]:
    density = widget.devicePixelRatioF()
    return max(1, round(widget.width() * density)), max(1, round(widget.height() * density))


def paint_plate(
    painter: QPainter, text: str, at: QPointF, bounds: QRectF, rgb: Rgb, backing: Rgb = (22, 25, 31)
) -> None:
    """Words on a plate whose lower left corner is at `at`, kept inside `bounds`."""
    padding = 5.0
    flags = int(Qt.AlignmentFlag.AlignCenter)
    measured = QFontMetricsF(painter.font()).boundingRect(bounds, flags, text)
    plate = QRectF(0, 0, measured.width() + padding * 2, measured.height() + padding)
    plate.moveBottomLeft(at)
    plate.moveLeft(min(max(plate.left(), bounds.left()), max(bounds.right() - plate.width(), bounds.left())))
    plate.moveTop(min(max(plate.top(), bounds.top()), max(bounds.bottom() - plate.height(), bounds.top())))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(backing, 13))
    painter.drawRoundedRect(plate, 4, 4)
    painter.setPen(colour(rgb))
    painter.drawText(plate, flags, text)

"""The camera's picture with 2D skeletons over it."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime.draw import bone_px, draw_corners, fit_image, overlay_strokes, person_tag
from realtime.scene import Side
from realtime.strokes import paint_bodies_through
from realtime.types import FloatArray, ImageArray, Person, Result
from realtime.ui.paint import Layer, paint_plate
from realtime.ui.theme import DARK, Theme


class ImageView(QWidget):
    """Shows one result: the image at its aspect, and people over it.

    shown: emitted when a result is painted for the first time: its frame's index, and its age in ms.
    """

    shown = Signal(int, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Camera picture with 2D skeletons")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self._theme = DARK
        self._mirrored = False
        self._result: Result | None = None
        self._layer: Layer | None = None
        self._is_painted = False
        self._is_new = False

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._repaint()

    @property
    def mirrored(self) -> bool:
        """Whether left and right of the picture are swapped, as in a mirror."""
        return self._mirrored

    def set_mirrored(self, mirrored: bool) -> None:
        """Show the picture as a mirror does, or as the camera sees it."""
        self._mirrored = mirrored
        self._repaint()

    def show_result(self, result: Result | None) -> None:
        """Replace what is shown; None for nothing."""
        self._result = result
        self._is_new = result is not None
        self._repaint()

    @property
    def picture(self) -> QRectF:
        """Where the image lies in the widget, in device-independent pixels; empty without one."""
        if self._result is None:
            return QRectF()
        frame, density = self._result.frame, self.devicePixelRatioF()
        # Whole device pixels, or Qt would resample the picture once more.
        across, down = round(self.width() * density), round(self.height() * density)
        scale = min(across / frame.width, down / frame.height)
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        left, top = (across - width) // 2, (down - height) // 2
        return QRectF(left / density, top / density, width / density, height / density)

    def paintEvent(self, event: QPaintEvent) -> None:
        layer = self._layer
        if layer is None or not layer.fits(self):
            layer = self._layer = Layer(self)
            self._is_painted = False
        if not self._is_painted:
            self._paint_layer(layer)
            self._is_painted = True
        with QPainter(self) as painter:
            painter.drawImage(0, 0, layer.image)
        if self._is_new and self._result is not None:
            self._is_new = False
            frame = self._result.frame
            self.shown.emit(frame.index, (time.perf_counter_ns() - frame.captured_ns) / 1e6)

    def _repaint(self) -> None:
        self._is_painted = False
        self.update()

    def _paint_layer(self, layer: Layer) -> None:
        layer.fill(self._theme.canvas)
        if self._result is None:
            return
        area, density, people = self.picture, layer.density, self._result.people
        left, top = round(area.left() * density), round(area.top() * density)
        fitted = fit_image(
            self._result.frame.image, round(area.width() * density), round(area.height() * density)
        )
        picture = layer.put(cv2.flip(fitted, 1) if self._mirrored else fitted, left, top)
        self._draw_people(picture, people, self._result.frame.width)
        with QPainter(layer.image) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self.font())
            for person in people:
                self._paint_tag(painter, person, area)

    def _draw_people(self, picture: ImageArray, people: tuple[Person, ...], frame_width: int) -> None:
        """Paint skeletons and the corners of boxes on the picture's part of the layer."""
        height, width = picture.shape[:2]
        scale = width / frame_width
        strokes = overlay_strokes(people, scale, bone_px(width, height))
        if self._mirrored:
            flip, shift = np.array([-1, 1], np.float32), np.array([width - 1, 0], np.float32)
            strokes = replace(strokes, ends_px=strokes.ends_px * flip + shift)
        ids = [person.id for person in people]
        paint_bodies_through(picture, strokes, lambda side, who: _ON_PICTURE.body(side, ids[who]), _RIM)
        for person in people:
            if np.isfinite(person.box_px).all():
                box_px = self._on_picture(person.box_px, scale, width)
                draw_corners(picture, box_px - np.float32(0.5), _ON_PICTURE.body(Side.MIDDLE, person.id))

    def _on_picture(self, box_px: FloatArray, scale: float, width: float) -> FloatArray:
        """A frame's box on the shown picture, which is `width` wide, in continuous coordinates."""
        box = (box_px + np.float32(0.5)) * np.float32(scale)
        return (
            np.array([width - box[2], box[1], width - box[0], box[3]], np.float32) if self._mirrored else box
        )

    def _paint_tag(self, painter: QPainter, person: Person, area: QRectF) -> None:
        assert self._result is not None
        if not np.isfinite(person.box_px).all():
            return
        box = self._on_picture(person.box_px, area.width() / self._result.frame.width, area.width())
        corner = area.topLeft() + QPointF(float(box[0]), float(box[1]) - 5)
        paint_plate(painter, person_tag(person), corner, area, _ON_PICTURE.body(Side.MIDDLE, person.id))


# Over a picture, the bright colours with their dark rims serve in either theme.
_ON_PICTURE = DARK
_RIM = (11, 12, 16)

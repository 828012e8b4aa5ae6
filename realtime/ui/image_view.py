"""The camera's picture with 2D skeletons over it."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import time

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime.draw import colour_of, draw_bodies, draw_corners, fit_image, person_tag, shown_box
from realtime.scene import Side
from realtime.types import ImageArray, Person, Result
from realtime.ui.paint import KeptLayer, Layer, paint_plate
from realtime.ui.theme import DARK, Theme


class ImageView(QWidget):
    """Shows one result: the image at its aspect, and people over it.

    shown: emitted when a result is painted for the first time: its frame's index, and its age in ms. resized:
    what lies over it has to find its place again.
    """

    shown = Signal(int, float)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Camera picture with 2D skeletons")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self._theme = DARK
        self._mirrored = False
        self._result: Result | None = None
        self._kept = KeptLayer(self, self._paint_layer)
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.drawImage(0, 0, self._kept.painted().image)
        if self._is_new and self._result is not None:
            self._is_new = False
            frame = self._result.frame
            self.shown.emit(frame.index, (time.perf_counter_ns() - frame.captured_ns) / 1e6)

    def _repaint(self) -> None:
        self._kept.outdate()
        self.update()

    def _paint_layer(self, layer: Layer) -> None:
        if self._result is None:
            layer.fill(self._theme.canvas)
            return
        area, density = self.picture, layer.density
        left, top = round(area.left() * density), round(area.top() * density)
        width, height = round(area.width() * density), round(area.height() * density)
        layer.fill_round(self._theme.canvas, left, top, width, height)
        picture = layer.put(fit_image(self._result.frame.image, width, height), left, top)
        self._draw_people(picture, self._result.people, width / self._result.frame.width)
        if self._mirrored:
            picture[:] = cv2.flip(picture, 1)
        with QPainter(layer.image) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self.font())
            for person in self._result.people:
                self._paint_tag(painter, person, area, area.width() / self._result.frame.width)

    def _draw_people(self, picture: ImageArray, people: tuple[Person, ...], scale: float) -> None:
        """Paint skeletons and the corners of boxes, in the bright colours that serve in either theme."""
        draw_bodies(picture, people, scale)
        for person in people:
            if (box_px := shown_box(person, scale)) is not None:
                draw_corners(picture, box_px, colour_of(Side.MIDDLE, person.id))

    def _paint_tag(self, painter: QPainter, person: Person, area: QRectF, scale: float) -> None:
        """Words stay readable in a mirrored picture, so they are painted on it last."""
        if (box_px := shown_box(person, scale)) is None:
            return
        left, top, right, _ = (box_px + np.float32(0.5)).tolist()
        corner = area.topLeft() + QPointF(area.width() - right if self._mirrored else left, top - 5)
        paint_plate(painter, person_tag(person), corner, area, colour_of(Side.MIDDLE, person.id))

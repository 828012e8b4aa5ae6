"""The camera's picture with 2D skeletons over it."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime.draw import bone_px, fit_image, overlay_strokes, person_tag
from realtime.scene import Side
from realtime.types import ImageArray, Person, Result
from realtime.ui.paint import colour, fits, fresh_layer, paint_bodies, paint_plate
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
        self._layer: QPixmap | None = None
        self._is_new = False

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._layer = None
        self.update()

    @property
    def mirrored(self) -> bool:
        """Whether left and right of the picture are swapped, as in a mirror."""
        return self._mirrored

    def set_mirrored(self, mirrored: bool) -> None:
        """Show the picture as a mirror does, or as the camera sees it."""
        self._mirrored = mirrored
        self._layer = None
        self.update()

    def show_result(self, result: Result | None) -> None:
        """Replace what is shown; None for nothing."""
        self._result = result
        self._layer = None
        self._is_new = result is not None
        self.update()

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
        if layer is None or not fits(layer, self):
            layer = self._layer = self._paint_layer()
        with QPainter(self) as painter:
            painter.drawPixmap(0, 0, layer)
        if self._is_new and self._result is not None:
            self._is_new = False
            frame = self._result.frame
            self.shown.emit(frame.index, (time.perf_counter_ns() - frame.captured_ns) / 1e6)

    def _paint_layer(self) -> QPixmap:
        layer = fresh_layer(self)
        with QPainter(layer) as painter:
            painter.setFont(self.font())
            painter.fillRect(self.rect(), colour(self._theme.canvas))
            if self._result is not None:
                area = self.picture
                painter.drawImage(area.topLeft(), self._fitted(self._result.frame.image, area))
                self._paint_people(painter, self._result, area)
        return layer

    def _fitted(self, image: ImageArray, area: QRectF) -> QImage:
        """The image at the size it has on the screen; OpenCV scales it some three times as fast as Qt."""
        density = self.devicePixelRatioF()
        width, height = round(area.width() * density), round(area.height() * density)
        fitted = fit_image(image, width, height)
        scaled = image_of(np.ascontiguousarray(fitted[:, ::-1]) if self._mirrored else fitted)
        scaled.setDevicePixelRatio(density)
        return scaled

    def _paint_people(self, painter: QPainter, result: Result, area: QRectF) -> None:
        people = result.people
        scale = area.width() / result.frame.width
        strokes = overlay_strokes(people, scale, bone_px(area.width(), area.height()))
        if self._mirrored:
            flip, shift = np.array([-1, 1], np.float32), np.array([area.width() - 1, 0], np.float32)
            flipped = strokes.ends_px * flip + shift
            strokes = replace(strokes, ends_px=flipped)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        painter.setClipRect(area)
        # Continuous canvas coordinates put a pixel's centre at one half.
        painter.translate(area.left() + 0.5, area.top() + 0.5)
        paint_bodies(painter, strokes, [person.id for person in people], self._theme_on_picture(), False)
        painter.restore()
        for person in people:
            self._paint_box(painter, person, area, scale)

    def _theme_on_picture(self) -> Theme:
        """Over a picture, the bright colours with their dark rims serve in either theme."""
        return DARK

    def _paint_box(self, painter: QPainter, person: Person, area: QRectF, scale: float) -> None:
        if not np.isfinite(person.box_px).all():
            return
        rgb = self._theme_on_picture().body(Side.MIDDLE, person.id)
        x0, y0, x1, y1 = ((float(v) + 0.5) * scale for v in person.box_px)
        if self._mirrored:
            x0, x1 = area.width() - x1, area.width() - x0
        box = QRectF(QPointF(x0, y0), QPointF(x1, y1)).translated(area.topLeft())
        arm = min(box.width(), box.height()) * 0.12
        painter.setPen(QPen(colour(rgb), 1.2))
        for corner, dx, dy in (
            (box.topLeft(), arm, arm),
            (box.topRight(), -arm, arm),
            (box.bottomRight(), -arm, -arm),
            (box.bottomLeft(), arm, -arm),
        ):
            painter.drawPolyline([corner + QPointF(dx, 0), corner, corner + QPointF(0, dy)])
        paint_plate(painter, person_tag(person), box.topLeft() - QPointF(0, 5), area, rgb)


def image_of(image: ImageArray) -> QImage:
    """A BGR image (H, W, 3) as Qt sees it, without a copy where rows are contiguous; keeps it alive."""
    if image.strides[1:] != (3, 1):
        image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    return QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888)

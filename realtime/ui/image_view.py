"""The camera's picture with 2D skeletons over it."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime.draw import ALARM, BACKGROUND, TEXT, bone_px, colour_of, fit_image, overlay_strokes, person_tag
from realtime.scene import Side
from realtime.types import ImageArray, Person, Result
from realtime.ui.paint import colour, paint_plate, paint_strokes


class ImageView(QWidget):
    """Shows one result: the image at its aspect, people over it, and at most one notice.

    shown: emitted when a result is painted for the first time, with its age then in milliseconds.
    """

    shown = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Camera picture with 2D skeletons")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self._result: Result | None = None
        self._scaled: QImage | None = None
        self._is_new = False
        self._notice = ""
        self._notice_colour = TEXT

    def sizeHint(self) -> QSize:
        return QSize(720, 540)

    def show_result(self, result: Result) -> None:
        """Replace what is shown."""
        self._result = result
        self._scaled = None
        self._is_new = True
        self.update()

    def set_notice(self, text: str, alarming: bool = False) -> None:
        """Words over the picture; empty for none."""
        colour_now = ALARM if alarming else TEXT
        if (text, colour_now) != (self._notice, self._notice_colour):
            self._notice, self._notice_colour = text, colour_now
            self.update()

    @property
    def notice(self) -> str:
        """The words over the picture now."""
        return self._notice

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
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), colour(BACKGROUND))
            if self._result is not None:
                area = self.picture
                painter.drawImage(area.topLeft(), self._fitted(self._result.frame.image, area))
                self._paint_people(painter, self._result, area)
            if self._notice:
                middle = QPointF(self.width() / 2, self.height() * (0.88 if self._result else 0.5))
                paint_plate(
                    painter, self._notice, middle, QRectF(self.rect()), self._notice_colour, centred=True
                )
        if self._is_new and self._result is not None:
            self._is_new = False
            self.shown.emit((time.perf_counter_ns() - self._result.frame.captured_ns) / 1e6)

    def _fitted(self, image: ImageArray, area: QRectF) -> QImage:
        """The image at the size it has on the screen; OpenCV scales it some three times as fast as Qt."""
        if self._scaled is None or self._scaled.deviceIndependentSize() != area.size():
            density = self.devicePixelRatioF()
            width, height = round(area.width() * density), round(area.height() * density)
            self._scaled = image_of(fit_image(image, width, height))
            self._scaled.setDevicePixelRatio(density)
        return self._scaled

    def _paint_people(self, painter: QPainter, result: Result, area: QRectF) -> None:
        people = result.people
        scale = area.width() / result.frame.width
        strokes = overlay_strokes(people, scale, bone_px(area.width(), area.height()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        painter.setClipRect(area)
        # Continuous canvas coordinates put a pixel's centre at one half.
        painter.translate(area.left() + 0.5, area.top() + 0.5)
        paint_strokes(painter, strokes, lambda side, who: colour_of(side, people[who].id), False)
        painter.restore()
        for person in people:
            self._paint_box(painter, person, area, scale)

    def _paint_box(self, painter: QPainter, person: Person, area: QRectF, scale: float) -> None:
        if not np.isfinite(person.box_px).all():
            return
        rgb = colour_of(Side.MIDDLE, person.id)
        x0, y0, x1, y1 = ((float(v) + 0.5) * scale for v in person.box_px)
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

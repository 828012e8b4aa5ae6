"""The 3D view: people in metres, the floor, the camera. Painted in software; drag, wheel, presets."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

from itertools import groupby

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime.camera import Intrinsics
from realtime.draw import BACKGROUND, CAMERA, GRID, LEFT, MUTED, RIGHT, SHADOW, Rgb, colour_of
from realtime.scene import GRID_STEP_M, Label, Side, Strokes, absolute_poses_m, scene
from realtime.types import Person
from realtime.ui.paint import colour, paint_strokes
from realtime.view3d import Follower, OrbitCamera, Size

_DEG_PER_PX = 0.35
_ZOOM_PER_STEP = 1.15
_WHEEL_STEP = 120


class SkeletonView(QWidget):
    """Paints people where they stand. Dragging walks around them, the wheel comes closer.

    A double click returns to the three-quarter view.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("3D view")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self._follower = Follower()
        self._people: tuple[Person, ...] = ()
        self._intrinsics: Intrinsics | None = None
        self._grabbed: QPointF | None = None

    def sizeHint(self) -> QSize:
        return QSize(540, 540)

    @property
    def camera(self) -> OrbitCamera:
        """The view as it would be painted now."""
        return self._follower.camera(self._size)

    @property
    def _size(self) -> Size:
        return float(self.width()), float(self.height())

    def show_people(self, people: tuple[Person, ...], intrinsics: Intrinsics | None, now_s: float) -> None:
        """Replace who is shown. now_s: when they were seen, on any steady clock."""
        self._people, self._intrinsics = people, intrinsics
        self._follower.update(absolute_poses_m(people), now_s)
        self.update()

    def preset(self, name: str) -> None:
        """Take one of the named viewpoints."""
        self._follower.preset(name)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None:
            moved = event.position() - self._grabbed
            self._grabbed = event.position()
            # The scene turns with the hand, so the eye goes the other way.
            self._follower.orbit(-moved.x() * _DEG_PER_PX, moved.y() * _DEG_PER_PX)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = None
            self.setCursor(Qt.CursorShape.OpenHandCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.preset("three-quarter")

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._follower.zoom(_ZOOM_PER_STEP ** (event.angleDelta().y() / _WHEEL_STEP))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        people = self._people
        seen = scene(self._follower, people, self._intrinsics, self._size)
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), colour(BACKGROUND))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            _paint_shadows(painter, seen.shadows)
            _paint_scene(painter, seen.floor, GRID)
            _paint_scene(painter, seen.ruler, MUTED)
            _paint_scene(painter, seen.camera, CAMERA)
            for number in seen.numbers:
                _paint_label(painter, number, MUTED)
            paint_strokes(painter, seen.people, lambda side, who: colour_of(side, people[who].id), True)
            for name in seen.names:
                _paint_label(painter, name, colour_of(Side.MIDDLE, people[name.person].id))
            _paint_legend(painter)


def _paint_scene(painter: QPainter, strokes: Strokes, rgb: Rgb) -> None:
    """Paint lines of one colour, grouped by strength: few calls for many lines."""
    levels = np.ceil(strokes.strength * 8).astype(int) * 2
    order = np.argsort(levels, kind="stable")
    ends = strokes.ends_px[order].reshape(-1, 4).tolist()
    widths = strokes.width_px[order].tolist()
    rows = zip(levels[order].tolist(), widths, ends, strict=True)
    for (level, width), group in groupby(rows, key=lambda row: row[:2]):
        painter.setPen(QPen(colour(rgb, level), width))
        painter.drawLines([QLineF(*line) for _, _, line in group])


def _paint_shadows(painter: QPainter, strokes: Strokes) -> None:
    pen = QPen(colour(SHADOW))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    for line, width in zip(strokes.ends_px.reshape(-1, 4).tolist(), strokes.width_px.tolist(), strict=True):
        pen.setWidthF(width)
        painter.setPen(pen)
        painter.drawLine(QLineF(*line))


def _paint_label(painter: QPainter, label: Label, rgb: Rgb) -> None:
    painter.setPen(colour(rgb))
    painter.drawText(QPointF(label.x_px, label.y_px), label.text)


def _paint_legend(painter: QPainter) -> None:
    """Which colour is which side, and how wide a square of the floor is."""
    x, y = 14.0, 24.0
    for rgb, words in ((LEFT, "L left"), (RIGHT, "R right"), (None, f"squares {GRID_STEP_M:g} m")):
        if rgb is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(rgb))
            painter.drawEllipse(QPointF(x + 4, y - 4.5), 4.5, 4.5)
            x += 15
        painter.setPen(colour(MUTED))
        painter.drawText(QPointF(x, y), words)
        x += painter.fontMetrics().horizontalAdvance(words) + 16

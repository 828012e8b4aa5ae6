"""What the views paint with: colours as Qt's, strokes, and words on a plate."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from realtime.draw import Rgb
from realtime.scene import Side, Strokes
from realtime.types import Array
from realtime.ui.theme import Theme

_LEVELS = 16
_RIM_PX = 2.0
_HOLLOW = 0.5
_SMALLEST_HOLLOW_PX = 4.0


@lru_cache(maxsize=2048)
def colour(rgb: Rgb, level: int = _LEVELS, over: Rgb | None = None) -> QColor:
    """A colour at level / 16 of its strength: mixed into what is behind it, or see-through without that."""
    if over is None:
        return QColor(*rgb, round(255 * level / _LEVELS))
    share = level / _LEVELS
    return QColor(*(round(under + (top - under) * share) for under, top in zip(over, rgb, strict=True)))


def paint_bodies(
    painter: QPainter, strokes: Strokes, ids: list[int], theme: Theme, over_canvas: bool
) -> None:
    """Paint body strokes in order, each with a rim against what lies behind it; right joints are hollow.

    ids: of the people. over_canvas: whether strength mixes the colour into the plain canvas (the 3D view) or
    lets the picture through.
    """
    over = theme.canvas if over_canvas else None
    rim_rgb = theme.shade if over_canvas else (11, 12, 16)
    ends, widths = strokes.ends_px.tolist(), strokes.width_px.tolist()
    levels = (strokes.strength * _LEVELS).round().astype(int).tolist()
    pen = QPen()
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    for (a, b), width, level, side, person in zip(
        ends, widths, levels, strokes.side.tolist(), strokes.person.tolist(), strict=True
    ):
        start, end = QPointF(*a), QPointF(*b)
        rim = colour(rim_rgb, _LEVELS if over_canvas else level, over)
        shades = [(rim, width + _RIM_PX), (colour(theme.body(side, ids[person]), level, over), width)]
        if a == b and side == Side.RIGHT and width >= _SMALLEST_HOLLOW_PX:
            shades.append((rim, width * _HOLLOW))
        for shade, wide in shades:
            pen.setColor(shade)
            pen.setWidthF(wide)
            painter.setPen(pen)
            if a == b:
                painter.drawPoint(start)
            else:
                painter.drawLine(start, end)


def paint_lines(painter: QPainter, strokes: Strokes, rgb: Rgb, over: Rgb) -> None:
    """Paint lines of one colour, grouped by strength and width: few calls for many lines."""
    if not len(strokes):
        return
    levels = np.ceil(strokes.strength * 8).astype(int) * 2
    widths_px = np.maximum(np.round(strokes.width_px), 1)
    order = np.lexsort((widths_px, levels))
    rows = zip(levels[order].tolist(), widths_px[order].tolist(), _lines(strokes.ends_px[order]), strict=True)
    for (level, width), group in groupby(rows, key=lambda row: row[:2]):
        pen = QPen(colour(rgb, level, over), width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines([line for _, _, line in group])


def _lines(ends_px: Array) -> list[QLineF]:
    return [QLineF(*line) for line in ends_px.reshape(-1, 4).tolist()]


def fresh_layer(widget: QWidget) -> QPixmap:
    """An empty picture of a widget's size on its screen. What is painted there is shown again and again for
    the price of a copy, until there is something new."""
    density = widget.devicePixelRatioF()
    layer = QPixmap(max(1, round(widget.width() * density)), max(1, round(widget.height() * density)))
    layer.setDevicePixelRatio(density)
    return layer


def fits(layer: QPixmap, widget: QWidget) -> bool:
    """Whether a layer is of a widget's size."""
    density = widget.devicePixelRatioF()
    across, down = round(widget.width() * density), round(widget.height() * density)
    return layer.devicePixelRatioF() == density and (layer.width(), layer.height()) == (across, down)


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

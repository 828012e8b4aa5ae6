"""What the views paint with: the palette as Qt colours, strokes, and words on a plate."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from realtime.draw import BACKGROUND, SHADOW, TEXT, Rgb, mixed
from realtime.scene import Strokes

_LEVELS = 16
_RIM_PX = 2.0


@lru_cache(maxsize=1024)
def colour(rgb: Rgb, level: int = _LEVELS, over_background: bool = True) -> QColor:
    """A colour at level / 16 of its strength: mixed into the 3D view's background, or see-through."""
    if over_background:
        return QColor(*mixed(rgb, level / _LEVELS))
    return QColor(*rgb, round(255 * level / _LEVELS))


def paint_strokes(
    painter: QPainter, strokes: Strokes, rgb_of: Callable[[int, int], Rgb], over_background: bool
) -> None:
    """Paint body strokes in order, each with a dark rim that sets it off from what lies behind.

    rgb_of: the colour for a (side, person). over_background: whether strength mixes the colour into the
    plain background (the 3D view) or lets the picture through.
    """
    ends, widths = strokes.ends_px.tolist(), strokes.width_px.tolist()
    levels = (strokes.strength * _LEVELS).round().astype(int).tolist()
    pen = QPen()
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    for (a, b), width, level, side, person in zip(
        ends, widths, levels, strokes.side.tolist(), strokes.person.tolist(), strict=True
    ):
        start, end = QPointF(*a), QPointF(*b)
        rim = colour(SHADOW, _LEVELS if over_background else level, over_background)
        line = colour(rgb_of(side, person), level, over_background)
        for shade, wide in ((rim, width + _RIM_PX), (line, width)):
            pen.setColor(shade)
            pen.setWidthF(wide)
            painter.setPen(pen)
            if a == b:
                painter.drawPoint(start)
            else:
                painter.drawLine(start, end)


def paint_plate(
    painter: QPainter, text: str, at: QPointF, bounds: QRectF, rgb: Rgb = TEXT, centred: bool = False
) -> None:
    """Words on a dark plate, kept inside `bounds`. at: its lower left corner, or its centre."""
    padding = 5.0
    flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
    room = bounds.adjusted(padding * 2, padding * 2, -padding * 2, -padding * 2)
    measured = QFontMetricsF(painter.font()).boundingRect(room, flags, text)
    plate = QRectF(0, 0, measured.width() + padding * 2, measured.height() + padding)
    if centred:
        plate.moveCenter(at)
    else:
        plate.moveBottomLeft(at)
    plate.moveLeft(min(max(plate.left(), bounds.left()), max(bounds.right() - plate.width(), bounds.left())))
    plate.moveTop(min(max(plate.top(), bounds.top()), max(bounds.bottom() - plate.height(), bounds.top())))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(BACKGROUND, 13, over_background=False))
    painter.drawRoundedRect(plate, 4, 4)
    painter.setPen(colour(rgb))
    painter.drawText(plate, flags, text)

"""The window's icons, drawn: they follow the theme and stay sharp on every screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from realtime.ui.theme import Theme

_SIZE = 20
_DENSITIES = (1, 2, 3)

Draw = Callable[[QPainter, QColor], None]


def icon(name: str, theme: Theme, rgb: tuple[int, int, int] | None = None) -> QIcon:
    """An icon by name, in the theme's text colour unless told otherwise; muted where it is disabled."""
    made = QIcon()
    for mode, tint in ((QIcon.Mode.Normal, rgb or theme.text), (QIcon.Mode.Disabled, theme.line)):
        for density in _DENSITIES:
            made.addPixmap(pixmap(name, QColor(*tint), _SIZE, density), mode)
    return made


def pixmap(name: str, tint: QColor, size: int, density: float = 1) -> QPixmap:
    """An icon as a picture of `size` device-independent pixels."""
    picture = QPixmap(round(size * density), round(size * density))
    picture.fill(Qt.GlobalColor.transparent)
    with QPainter(picture) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(size * density / _SIZE, size * density / _SIZE)
        pen = QPen(tint, 1.6)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        _DRAWN[name](painter, tint)
    picture.setDevicePixelRatio(density)
    return picture


def names() -> tuple[str, ...]:
    """Every icon there is."""
    return tuple(_DRAWN)


def _play(painter: QPainter, tint: QColor) -> None:
    painter.setBrush(tint)
    painter.drawPolygon(QPolygonF([QPointF(6, 4), QPointF(15.5, 10), QPointF(6, 16)]))


def _pause(painter: QPainter, tint: QColor) -> None:
    painter.setBrush(tint)
    for x in (5.0, 11.5):
        painter.drawRoundedRect(QRectF(x, 4, 3.5, 12), 1, 1)


def _step(painter: QPainter, tint: QColor) -> None:
    painter.setBrush(tint)
    painter.drawPolygon(QPolygonF([QPointF(4, 4.5), QPointF(11.5, 10), QPointF(4, 15.5)]))
    painter.drawRoundedRect(QRectF(13.5, 4.5, 2, 11), 1, 1)


def _again(painter: QPainter, tint: QColor) -> None:
    painter.drawArc(QRectF(4, 4, 12, 12), 60 * 16, 290 * 16)
    painter.setBrush(tint)
    painter.drawPolygon(QPolygonF([QPointF(11.5, 1.8), QPointF(15.5, 4.8), QPointF(11, 7.4)]))


def _record(painter: QPainter, tint: QColor) -> None:
    painter.drawEllipse(QRectF(3, 3, 14, 14))
    painter.setBrush(tint)
    painter.drawEllipse(QRectF(6.5, 6.5, 7, 7))


def _stop(painter: QPainter, tint: QColor) -> None:
    painter.drawEllipse(QRectF(3, 3, 14, 14))
    painter.setBrush(tint)
    painter.drawRoundedRect(QRectF(7, 7, 6, 6), 1, 1)


def _photo(painter: QPainter, tint: QColor) -> None:
    painter.drawRoundedRect(QRectF(2.5, 5.5, 15, 11), 2, 2)
    painter.drawEllipse(QRectF(7, 8, 6, 6))
    painter.drawLine(QPointF(7, 5.5), QPointF(8.2, 3.5))
    painter.drawLine(QPointF(8.2, 3.5), QPointF(11.8, 3.5))
    painter.drawLine(QPointF(11.8, 3.5), QPointF(13, 5.5))


def _sliders(painter: QPainter, tint: QColor) -> None:
    for y, x in ((5, 12), (10, 6), (15, 13)):
        painter.drawLine(QPointF(3, y), QPointF(x - 2, y))
        painter.drawLine(QPointF(x + 2, y), QPointF(17, y))
        painter.drawEllipse(QPointF(x, y), 2, 2)


def _help(painter: QPainter, tint: QColor) -> None:
    painter.drawEllipse(QRectF(2.5, 2.5, 15, 15))
    path = QPainterPath(QPointF(7.6, 7.6))
    path.cubicTo(QPointF(7.8, 4.6), QPointF(12.6, 4.8), QPointF(12.4, 7.8))
    path.cubicTo(QPointF(12.3, 9.6), QPointF(10, 9.6), QPointF(10, 11.8))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
    painter.drawPoint(QPointF(10, 14.4))


def _theme(painter: QPainter, tint: QColor) -> None:
    painter.drawEllipse(QRectF(3, 3, 14, 14))
    painter.setBrush(tint)
    painter.drawPie(QRectF(3, 3, 14, 14), 90 * 16, 180 * 16)


def _mirror(painter: QPainter, tint: QColor) -> None:
    painter.drawLine(QPointF(10, 3), QPointF(10, 17))
    painter.drawPolygon(QPolygonF([QPointF(7, 6), QPointF(7, 14), QPointF(2.5, 14)]))
    painter.setBrush(tint)
    painter.drawPolygon(QPolygonF([QPointF(13, 6), QPointF(13, 14), QPointF(17.5, 14)]))


def _camera(painter: QPainter, tint: QColor) -> None:
    painter.drawRoundedRect(QRectF(2, 5.5, 11, 9), 2, 2)
    painter.drawPolygon(QPolygonF([QPointF(13, 9), QPointF(18, 6), QPointF(18, 14), QPointF(13, 11)]))


def _person(painter: QPainter, tint: QColor) -> None:
    painter.drawEllipse(QRectF(7.4, 2.2, 5.2, 5.2))
    painter.drawLine(QPointF(10, 7.6), QPointF(10, 12.5))
    painter.drawLine(QPointF(5.5, 9.6), QPointF(14.5, 9.6))
    painter.drawLine(QPointF(10, 12.5), QPointF(7, 17.5))
    painter.drawLine(QPointF(10, 12.5), QPointF(13, 17.5))


def _moon(painter: QPainter, tint: QColor) -> None:
    path = QPainterPath()
    path.addEllipse(QRectF(3, 3, 14, 14))
    bite = QPainterPath()
    bite.addEllipse(QRectF(8, 1, 12, 12))
    painter.setBrush(tint)
    painter.drawPath(path.subtracted(bite))


def _arrows(painter: QPainter, tint: QColor) -> None:
    for x, turn in ((4.0, 1), (16.0, -1)):
        painter.drawLine(QPointF(x, 10), QPointF(x + turn * 4.5, 10))
        painter.drawLine(QPointF(x, 10), QPointF(x + turn * 2, 8))
        painter.drawLine(QPointF(x, 10), QPointF(x + turn * 2, 12))
    painter.drawLine(QPointF(10, 4), QPointF(10, 16))


def _frame(painter: QPainter, tint: QColor) -> None:
    painter.drawRect(QRectF(3, 4, 14, 12))
    painter.drawEllipse(QRectF(8.2, 7.5, 3.6, 3.6))
    painter.drawArc(QRectF(5.5, 12, 9, 8), 10 * 16, 160 * 16)


def _slow(painter: QPainter, tint: QColor) -> None:
    painter.drawArc(QRectF(2.5, 4, 15, 15), 0, 180 * 16)
    painter.drawLine(QPointF(10, 11.5), QPointF(5.5, 8.5))
    painter.drawLine(QPointF(2.5, 14), QPointF(17.5, 14))


def _alarm(painter: QPainter, tint: QColor) -> None:
    painter.drawPolygon(QPolygonF([QPointF(10, 2.5), QPointF(18, 16.5), QPointF(2, 16.5)]))
    painter.drawLine(QPointF(10, 7.5), QPointF(10, 11.5))
    painter.drawPoint(QPointF(10, 14))


def _plug(painter: QPainter, tint: QColor) -> None:
    painter.drawRoundedRect(QRectF(5.5, 7, 9, 6), 2, 2)
    for x in (8.0, 12.0):
        painter.drawLine(QPointF(x, 7), QPointF(x, 3.5))
    painter.drawLine(QPointF(10, 13), QPointF(10, 17))


def _down(painter: QPainter, tint: QColor) -> None:
    painter.drawLine(QPointF(10, 3), QPointF(10, 12))
    painter.drawLine(QPointF(6.5, 8.8), QPointF(10, 12))
    painter.drawLine(QPointF(13.5, 8.8), QPointF(10, 12))
    painter.drawLine(QPointF(4, 16.5), QPointF(16, 16.5))


def _gear(painter: QPainter, tint: QColor) -> None:
    painter.drawEllipse(QRectF(6.5, 6.5, 7, 7))
    for turn in range(0, 360, 45):
        painter.save()
        painter.translate(10, 10)
        painter.rotate(turn)
        painter.drawLine(QPointF(0, -5.4), QPointF(0, -7.4))
        painter.restore()


def _ledger(painter: QPainter, tint: QColor) -> None:
    for x, y in ((4, 11), (8, 7), (12, 9), (16, 4)):
        painter.drawLine(QPointF(x, 16.5), QPointF(x, y))


_DRAWN: Mapping[str, Draw] = {
    "play": _play, "pause": _pause, "step": _step, "again": _again, "record": _record, "stop": _stop,
    "photo": _photo, "sliders": _sliders, "help": _help, "theme": _theme, "mirror": _mirror,
    "camera": _camera, "person": _person, "dark": _moon, "close": _arrows, "cut": _frame, "slow": _slow,
    "alarm": _alarm, "plug": _plug, "download": _down, "gear": _gear, "ledger": _ledger,
}  # fmt: skip

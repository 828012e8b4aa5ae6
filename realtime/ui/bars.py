"""Stacked bars: what every frame spent in every stage, over time."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime.stream.ledger import CAPTURE, DISPLAY, STAGES, TOTAL, WAIT, Entry, Snapshot
from realtime.types import Array
from realtime.ui.paint import colour
from realtime.ui.theme import DARK, Theme

PARTS = (CAPTURE, WAIT, *STAGES, DISPLAY)
_BAR_PX, _GAP_PX = 4, 1
_LEFT_PX, _TOP_PX, _BOTTOM_PX = 40, 24, 6
_LEAST_MS = 10.0
_WIDE_PX = 560
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class Bars(QWidget):
    """One bar a frame, the newest at the right; a dashed line at the 95th percentile."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Milliseconds of each stage, frame by frame")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(180, 90)
        self.setToolTip("Each bar is one picture; the numbers are medians")
        self._theme = DARK
        self._snapshot = Snapshot()
        self._shares = Shares()

    def sizeHint(self) -> QSize:
        return QSize(480, 140)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Replace what is shown."""
        self._snapshot = snapshot
        self.update()

    @property
    def shares_ms(self) -> Array:
        """(frames, parts) milliseconds of the bars that fit, oldest first."""
        fits = max(1, int((self.width() - _LEFT_PX) // (_BAR_PX + _GAP_PX)))
        return self._shares.of(self._snapshot.recent[-fits:])

    def paintEvent(self, event: QPaintEvent) -> None:
        table = self.shares_ms
        tops = table.sum(axis=1)
        top_ms = ceiling(float(np.quantile(tops, 0.98)) if len(tops) else _LEAST_MS)
        area = QRectF(self.rect()).adjusted(_LEFT_PX, _TOP_PX, 0, -_BOTTOM_PX)
        with QPainter(self) as painter:
            self._paint_scale(painter, area, top_ms)
            self._paint_bars(painter, area, table, top_ms)
            self._paint_mark(painter, area, top_ms)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_legend(painter)

    def _paint_scale(self, painter: QPainter, area: QRectF, top_ms: float) -> None:
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            painter.setPen(colour(self._theme.line))
            painter.drawLine(QLineF(area.left(), y, area.right(), y))
            painter.setPen(colour(self._theme.muted))
            box = QRectF(0, y - 8, _LEFT_PX - 8, 16)
            painter.drawText(
                box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"{share * top_ms:g}"
            )

    def _paint_bars(self, painter: QPainter, area: QRectF, table: Array, top_ms: float) -> None:
        """As one picture a pixel high and wide as the screen's: a thousand rectangles would take ten times
        as long."""
        if not len(table):
            return
        density = self.devicePixelRatioF()
        bar_px, gap_px = round(_BAR_PX * density), round(_GAP_PX * density)
        height = max(1, round(area.height() * density))
        tops_px = np.minimum(table.cumsum(axis=1), top_ms) / top_ms * height
        middle_px = height - 0.5 - np.arange(height)
        part = (middle_px[:, None, None] > tops_px).sum(axis=2)
        rgb = [self._theme.stages[name] for name in PARTS]
        inks = np.array([(*ink[::-1], 255) for ink in rgb] + [(0, 0, 0, 0)], np.uint8).view(np.uint32).ravel()
        picture = np.zeros((height, len(table), bar_px + gap_px), np.uint32)
        picture[..., :bar_px] = inks[part][..., None]
        width = len(table) * (bar_px + gap_px)
        image = QImage(picture.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(density)
        painter.drawImage(QPointF(area.right() - width / density, area.top()), image)

    def _paint_mark(self, painter: QPainter, area: QRectF, top_ms: float) -> None:
        total = self._snapshot.stages.get(TOTAL)
        if total is None or not self._snapshot.frames or total.p95_ms > top_ms:
            return
        y = area.bottom() - total.p95_ms / top_ms * area.height()
        painter.setPen(QPen(colour(self._theme.text, 9), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QLineF(area.left(), y, area.right(), y))
        plate = QRectF(area.left() + 2, y - 18, painter.fontMetrics().horizontalAdvance("p95") + 8, 15)
        painter.fillRect(plate, colour(self._theme.surface))
        painter.setPen(colour(self._theme.text))
        painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), "p95")

    def _paint_legend(self, painter: QPainter) -> None:
        x = float(_LEFT_PX)
        for name in PARTS:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(self._theme.stages[name]))
            painter.drawRoundedRect(QRectF(x, 3, 9, 9), 2, 2)
            stage = self._snapshot.stages.get(name)
            told = stage is not None and self._snapshot.frames and self.width() > _WIDE_PX
            words = f"{name} {stage.p50_ms:.1f}" if told and stage is not None else name
            painter.setPen(colour(self._theme.muted))
            painter.drawText(QPointF(x + 13, 12), words)
            x += 13 + painter.fontMetrics().horizontalAdvance(words) + 9
        painter.drawText(QRectF(0, 0, _LEFT_PX - 8, 16), _RIGHT, "ms")


class Shares:
    """What frames spent in each part; remembers those it was asked for last, as most are asked for again."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Entry, list[float]]] = {}

    def of(self, entries: Sequence[Entry]) -> Array:
        """(frames, parts) milliseconds."""
        # A frame has another entry once it was painted; as long as one is kept its id is its own.
        known = self._known
        self._known = {id(entry): known.get(id(entry)) or _row(entry) for entry in entries}
        table = [row for _, row in self._known.values()]
        return np.array(table, np.float64).reshape(len(entries), len(PARTS))


def _row(entry: Entry) -> tuple[Entry, list[float]]:
    return entry, [_spent_ms(entry, part) for part in PARTS]


def _spent_ms(entry: Entry, part: str) -> float:
    if part != DISPLAY:
        return entry.age_ms.get(part, 0.0)
    age_ms = entry.age_at_display_ms
    return 0.0 if age_ms is None else max(0.0, age_ms - entry.age_ms.get(TOTAL, age_ms))


def ceiling(highest_ms: float) -> float:
    """The next round number over the highest bars: 10, 20, 40, 50, 100, 200 ..."""
    need = max(highest_ms * 1.1, _LEAST_MS)
    decade = 10.0 ** math.floor(math.log10(need))
    return next(step * decade for step in (1, 2, 4, 5, 10) if step * decade >= need)

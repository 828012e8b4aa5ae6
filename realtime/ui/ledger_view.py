"""Where the time goes: one large number, bars a frame, and what else matters. It only shows snapshots."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import math
import statistics
from collections import deque

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from realtime.camera import Intrinsics
from realtime.live.state import State
from realtime.stream.ledger import TOTAL, Snapshot
from realtime.stream.source import SourceStatus
from realtime.types import FloatArray
from realtime.ui.bars import Bars
from realtime.ui.theme import Theme

_AGES = 120
_FIGURES = ("pictures", "left out", "lag", "engine", "camera", "3D view")


class ElidedLabel(QLabel):
    """One line, cut where there is no room; the whole of it as a tool tip."""

    def __init__(self, text: str = "–") -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._whole = ""
        self.set_text(text)

    @property
    def whole(self) -> str:
        """All that it says."""
        return self._whole

    def set_text(self, text: str) -> None:
        """Replace what it says."""
        if text != self._whole:
            self._whole = text
            self.setToolTip(text if len(text) > 1 else "")
            self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        fits = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, max(self.width(), 20))
        self.setText(fits)


class LedgerView(QWidget):
    """A panel under the views. It paints snapshots; it keeps nothing but the ages at display."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Latency")
        self._ages_ms: deque[float] = deque(maxlen=_AGES)
        self._up: FloatArray | None = None
        self.bars = Bars()
        self._big, self._spread, self._work = QLabel("–"), QLabel(), QLabel()
        self._big.setObjectName("big")
        self._big.setAccessibleName("Age at display, milliseconds")
        self._big.setToolTip("How old a picture is when it is painted: from the grab to the screen, median")
        self._work.setToolTip("From the grab to the result, median and percentiles")
        for label in (self._spread, self._work):
            label.setObjectName("caption")
        self._figures = {name: ElidedLabel() for name in _FIGURES}
        self._fallback = ElidedLabel("")
        self._fallback.setObjectName("caption")
        self._fallback.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 10, 20, 12)
        layout.setSpacing(28)
        layout.addLayout(self._make_big())
        layout.addWidget(self.bars, 7)
        layout.addLayout(self._make_figures(), 4)

    def sizeHint(self) -> QSize:
        return QSize(1280, 168)

    def minimumSizeHint(self) -> QSize:
        return QSize(560, 150)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.bars.set_theme(theme)

    def add_age(self, age_ms: float) -> None:
        """Take note of how old a frame was when it was painted."""
        self._ages_ms.append(age_ms)

    def clear(self) -> None:
        """Another pipeline: forget the ages, and the tilt, of the one before."""
        self._ages_ms.clear()
        self._up = None

    def text(self, figure: str) -> str:
        """What a figure says now; `age`, `spread` and `work` are those of the large number."""
        special = {"age": self._big, "spread": self._spread, "work": self._work}
        return special[figure].text() if figure in special else self._figures[figure].whole

    @property
    def fallback(self) -> str:
        """What is said of a fallback now."""
        return self._fallback.whole

    @property
    def fallback_is_shown(self) -> bool:
        """Whether the line about a fallback is there."""
        return not self._fallback.isHidden()

    def refresh(self, snapshot: Snapshot, state: State, status: SourceStatus) -> None:
        """Show a snapshot, and what state says of the pipeline it is of."""
        self.bars.show_snapshot(snapshot)
        total = snapshot.stages.get(TOTAL)
        has_any = total is not None and snapshot.frames > 0
        ages = sorted(self._ages_ms)
        self._big.setText(f"{statistics.median(ages):.0f} ms" if ages else "– ms")
        self._spread.setText("grab to screen" + (f"   p95 {_at(ages, 0.95):.0f}" if ages else ""))
        if has_any and total is not None:
            tail = f"p95 {total.p95_ms:.0f}   p99 {total.p99_ms:.0f}"
            self._work.setText(f"to result {total.p50_ms:.0f}   {tail}")
        else:
            self._work.setText("")
        fps_in = state.source.fps if state.source is not None else 0.0
        rate = f"{snapshot.fps:.1f} of {fps_in:.0f} a second" if has_any else "–"
        self._figures["pictures"].set_text(rate)
        self._figures["left out"].set_text(left_out(snapshot, status))
        self._figures["lag"].set_text(lag_words(state.lag_frames, fps_in))
        self._figures["engine"].set_text(engine_words(state) + device_words(snapshot))
        self._figures["engine"].setToolTip("\n".join(f"{net} ({net.licence})" for net in state.nets))
        self._figures["camera"].set_text(describe(state.intrinsics) + tilt_words(self._up))
        self._fallback.set_text(state.fallback)
        self._fallback.setVisible(bool(state.fallback))

    def show_tilt(self, up: FloatArray | None) -> None:
        """Take note of the world's up (3,) in camera axes, for the next refresh; None if it is not known."""
        self._up = up

    def show_drawing(self, drawing: str, reason: str) -> None:
        """Say what draws the 3D view, and why."""
        words = {"opengl": "OpenGL", "painter": "software"}[drawing]
        self._figures["3D view"].set_text(f"{words}: {reason}" if reason else words)

    def _make_big(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addStretch(1)
        for label in (self._big, self._spread, self._work):
            column.addWidget(label)
        column.addStretch(1)
        self._big.setMinimumWidth(self.fontMetrics().horizontalAdvance("to result 000   p95 000   p99 000"))
        return column

    def _make_figures(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(2)
        for row, (name, value) in enumerate(self._figures.items(), 1):
            caption = QLabel(name)
            caption.setObjectName("caption")
            value.setAccessibleName(name)
            grid.addWidget(caption, row, 0)
            grid.addWidget(value, row, 1)
        grid.addWidget(self._fallback, len(self._figures) + 1, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        for row in (0, len(self._figures) + 2):
            grid.setRowStretch(row, 1)
        return grid


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def left_out(snapshot: Snapshot, status: SourceStatus) -> str:
    """How many frames were let go, and why."""
    parts = [f"{count}: {reason}" for reason, count in snapshot.drops.items() if count]
    if status.overtaken:
        parts.append(f"{status.overtaken}: a newer one was there first")
    if status.damaged:
        parts.append(f"{status.damaged}: damaged")
    return ", ".join(parts) or "none"


def lag_words(frames: int, fps: float) -> str:
    """How far answers lie behind the newest frame, or ahead of it."""
    if not frames:
        return "none"
    time = f" ({abs(frames) / fps * 1e3:.0f} ms)" if fps > 0 else ""
    return f"{abs(frames)} frame{'s' * (abs(frames) != 1)} {'late' if frames > 0 else 'ahead'}{time}"


def engine_words(state: State) -> str:
    """What runs the networks, the same back ends together."""
    backends = dict.fromkeys(f"{net.backend} {net.precision}" for net in state.nets)
    return ", ".join(backends) or "–"


def device_words(snapshot: Snapshot) -> str:
    """What the networks take by their device's own clock, medians; nothing where it has none."""
    parts = [f"{stage} {took.p50_ms:.2f}" for stage, took in snapshot.device.items()]
    return f" ({', '.join(parts)} ms there)" if parts else ""


def describe(intrinsics: Intrinsics | None) -> str:
    """How the camera is known, in words."""
    if intrinsics is None:
        return "–"
    field = f"{intrinsics.fov_deg:.0f}° field of view"
    return {
        "assumed": f"assumed {field}",
        "fov": f"{field}, as given",
        "metadata": f"{field}, from the file",
        "calibrated": f"calibrated, {field}",
    }[intrinsics.source]


def tilt_words(up: FloatArray | None) -> str:
    """How the camera is tilted, in whole degrees, to follow other words; nothing where it is not known."""
    if up is None:
        return ""
    x, y, z = up.tolist()
    down = round(math.degrees(math.asin(max(-1.0, min(1.0, -z)))))
    roll = round(math.degrees(math.atan2(x, -y)))
    looks = f"looks {'down' if down > 0 else 'up'} {abs(down)}°" if down else "level"
    return f", {looks}" + (f", rolled {abs(roll)}°" if roll else "")

"""Where the time goes: stacked bars a frame, and the numbers that matter."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from realtime.camera import Intrinsics
from realtime.draw import BACKGROUND, MUTED, STAGE_COLOURS, Rgb
from realtime.stream.ledger import CAPTURE, STAGES, TOTAL, Entry, Snapshot

_BARS = 160
_PARTS = (CAPTURE, *STAGES)
_FIGURES = ("frames a second", "total", "shown after", "dropped", "models", "camera")


class LedgerView(QWidget):
    """A panel under the views. It paints snapshots; it keeps nothing but the ages at display."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Latency")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._ages_ms: deque[float] = deque(maxlen=120)
        self._legend = QLabel()
        self._plot, self._bars = _make_plot()
        self._values = {name: QLabel("–") for name in _FIGURES}
        self._fallback = QLabel()
        self._fallback.setObjectName("caption")
        # A wrapped label would make the whole panel's height follow its width; a long reason is cut instead.
        self._fallback.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._fallback.hide()
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addWidget(self._legend)
        left.addWidget(self._plot)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(24)
        layout.addLayout(left, 3)
        layout.addLayout(self._make_figures(), 2)

    def sizeHint(self) -> QSize:
        return QSize(720, 176)

    def add_age(self, age_ms: float) -> None:
        """Take note of how old a frame was when it was painted."""
        self._ages_ms.append(age_ms)

    def text(self, figure: str) -> str:
        """What a figure says now."""
        return self._values[figure].text()

    def refresh(
        self, snapshot: Snapshot, models: Sequence[tuple[str, str]], intrinsics: Intrinsics | None
    ) -> None:
        """Show a snapshot. models: (name, backend) of each net."""
        self._refresh_bars(snapshot.recent[-_BARS:])
        squares = (
            f'<span style="color:{_hex(STAGE_COLOURS[part])}">■</span> {part}'
            + (f" {snapshot.stages[part].p50_ms:.1f}" if part in snapshot.stages else "")
            for part in _PARTS
        )
        self._legend.setText("&nbsp;&nbsp; ".join(squares) + "&nbsp;&nbsp; ms, median")
        total = snapshot.stages.get(TOTAL)
        if total is not None and snapshot.frames:
            self._values["frames a second"].setText(f"{snapshot.fps:.1f}")
            self._values["total"].setText(
                f"{total.p50_ms:.0f} ms   p95 {total.p95_ms:.0f}   p99 {total.p99_ms:.0f}"
            )
        if self._ages_ms:
            self._values["shown after"].setText(f"{statistics.median(self._ages_ms):.0f} ms")
        drops = ", ".join(f"{count} ({reason})" for reason, count in snapshot.drops.items() if count)
        self._values["dropped"].setText(drops or "none")
        self._values["models"].setText("\n".join(f"{name} · {backend}" for name, backend in models) or "–")
        self._values["camera"].setText(describe(intrinsics))

    def show_fallback(self, reason: str) -> None:
        """Say what would run the nets faster and why it does not; nothing if there is nothing to say."""
        self._fallback.setText(reason)
        self._fallback.setToolTip(reason)
        self._fallback.setVisible(bool(reason))

    @property
    def fallback(self) -> str:
        """What is said of a fallback now."""
        return self._fallback.text()

    @property
    def fallback_is_shown(self) -> bool:
        """Whether the line about a fallback is there."""
        return not self._fallback.isHidden()

    def _refresh_bars(self, entries: Sequence[Entry]) -> None:
        shares = np.array([[entry.age_ms.get(part, 0.0) for part in _PARTS] for entry in entries])
        shares = shares.reshape(len(entries), len(_PARTS))
        tops = shares.cumsum(axis=1)
        x = np.arange(-len(entries), 0) + 0.5
        for part, bar in enumerate(self._bars):
            bar.setOpts(x=x, y0=tops[:, part] - shares[:, part], height=shares[:, part])
        highest = float(np.quantile(tops[:, -1], 0.98)) if len(entries) else 40.0
        self._plot.setYRange(0, max(highest * 1.15, 10.0), padding=0)

    def _make_figures(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        for row, (name, value) in enumerate(self._values.items()):
            caption = QLabel(name)
            caption.setObjectName("caption")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
            grid.addWidget(caption, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._fallback, len(self._values), 0, 1, 2)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(len(self._values) + 1, 1)
        return grid


def _make_plot() -> tuple[pg.PlotWidget, list[pg.BarGraphItem]]:
    plot = pg.PlotWidget(background=BACKGROUND)
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.setMouseEnabled(x=False, y=False)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.hideAxis("bottom")
    axis = plot.getAxis("left")
    axis.setPen(MUTED)
    axis.setTextPen(MUTED)
    axis.setLabel("ms a frame")
    plot.showGrid(y=True, alpha=0.15)
    plot.setXRange(-_BARS, 0, padding=0)
    bars = []
    for part in _PARTS:
        bar = pg.BarGraphItem(x=[], y0=[], height=[], width=0.86, brush=STAGE_COLOURS[part], pen=None)
        plot.addItem(bar)
        bars.append(bar)
    return plot, bars


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


def _hex(rgb: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)

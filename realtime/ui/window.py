"""The live window: picture, 3D view, latency. It reads the newest result on a timer and never waits."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QMainWindow, QSplitter, QVBoxLayout, QWidget

from realtime.camera import Intrinsics
from realtime.draw import BACKGROUND, MUTED, TEXT
from realtime.stream.ledger import Snapshot
from realtime.types import Result
from realtime.ui.image_view import ImageView
from realtime.ui.ledger_view import LedgerView
from realtime.ui.skeleton_view import SkeletonView

_TICK_MS = 16
_LEDGER_EVERY_TICKS = 9
_LONELY_NS = 1_000_000_000

_NO_ONE = "No one in view: step back until your whole body is in the picture"
_HELP = (
    ("Space", "pause the view"),
    ("1  2  3  0", "front, side, top, three-quarter"),
    ("drag, wheel", "walk around, come closer"),
    ("F", "full screen"),
    ("?", "this help"),
    ("Esc, Q", "quit"),
)
_STYLE = f"""
QMainWindow, QWidget {{ background: rgb{BACKGROUND}; color: rgb{TEXT}; }}
QLabel#caption {{ color: rgb{MUTED}; }}
QLabel#help {{ background: rgba(11, 12, 16, 235); border: 1px solid rgb(70, 79, 94);
    border-radius: 8px; padding: 18px 26px; }}
QSplitter::handle {{ background: rgb(11, 12, 16); }}
"""


class Live(Protocol):
    """A running pipeline as the window sees it. Nothing here may wait."""

    @property
    def intrinsics(self) -> Intrinsics | None: ...

    @property
    def finished(self) -> bool: ...

    @property
    def error(self) -> BaseException | None: ...

    @property
    def models(self) -> Sequence[tuple[str, str]]: ...

    @property
    def fallback(self) -> str: ...

    def latest(self) -> Result | None: ...

    def snapshot(self) -> Snapshot: ...

    def stop(self) -> object: ...


class Window(QMainWindow):
    """Shows a live pipeline until it is closed, then stops it."""

    def __init__(self, live: Live, title: str) -> None:
        super().__init__()
        self._live = live
        self._title = title
        self._result: Result | None = None
        self._someone_ns: int | None = None
        self._paused = False
        self._ticks = 0
        self.image_view, self.skeleton_view, self.ledger_view = ImageView(), SkeletonView(), LedgerView()
        self.image_view.shown.connect(self.ledger_view.add_age)
        self.setStyleSheet(_STYLE)
        self.setWindowTitle(title)
        self.setCentralWidget(self._lay_out())
        self._help = self._make_help()
        self._keys = self._make_keys()
        self.resize(1280, 760)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_TICK_MS)
        self._tick()

    @property
    def paused(self) -> bool:
        """Whether the view stands still; the pipeline runs on."""
        return self._paused

    @property
    def help_is_shown(self) -> bool:
        """Whether the list of keys lies over the window."""
        return not self._help.isHidden()

    def toggle_pause(self) -> None:
        """Stand still, or follow again."""
        self._paused = not self._paused
        self._tick()

    def toggle_full_screen(self) -> None:
        """Fill the screen, or go back."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_help(self) -> None:
        """Show the list of keys, or hide it."""
        self._help.setVisible(self._help.isHidden())
        self._place_help()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = self._keys.get("?" if event.text() == "?" else event.key())
        if action is None:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            action()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_help()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._timer.isActive():
            self._timer.stop()
            self._live.stop()
        event.accept()

    def _tick(self) -> None:
        result = self._live.latest()
        if result is not None and result is not self._result and not self._paused:
            self._show(result)
        self._show_state()
        if self._ticks % _LEDGER_EVERY_TICKS == 0:
            self.ledger_view.refresh(self._live.snapshot(), self._live.models, self._live.intrinsics)
            self.ledger_view.show_fallback(self._live.fallback)
        self._ticks += 1

    def _show(self, result: Result) -> None:
        self._result = result
        if result.people or self._someone_ns is None:
            self._someone_ns = result.frame.captured_ns
        self.image_view.show_result(result)
        self.skeleton_view.show_people(result.people, self._live.intrinsics, result.frame.captured_ns / 1e9)

    def _show_state(self) -> None:
        """Put into words what the picture alone does not say; the gravest first."""
        error, finished = self._live.error, self._live.finished
        notice, state = "", ""
        if error is not None:
            notice, state = str(error) or type(error).__name__, "stopped by an error"
        elif self._paused:
            notice, state = "Paused: Space goes on", "paused"
        elif finished:
            state = "finished"
            notice = "" if self._result is not None else "Finished without a single frame"
        elif self._result is None:
            notice = "Waiting for the first frame"
        elif self._someone_ns is not None:
            lonely_ns = self._result.frame.captured_ns - self._someone_ns
            notice = _NO_ONE if lonely_ns > _LONELY_NS else ""
        self.image_view.set_notice(notice, alarming=error is not None)
        self.setWindowTitle(f"{self._title} – {state}" if state else self._title)

    def _lay_out(self) -> QWidget:
        views = QSplitter(Qt.Orientation.Horizontal)
        views.setHandleWidth(4)
        views.setChildrenCollapsible(False)
        views.addWidget(self.image_view)
        views.addWidget(self.skeleton_view)
        views.setSizes([720, 560])
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(views, 1)
        layout.addWidget(self.ledger_view)
        return central

    def _make_help(self) -> QLabel:
        rows = "".join(
            f'<tr><td style="padding-right:22px"><b>{keys}</b></td><td>{what}</td></tr>'
            for keys, what in _HELP
        )
        label = QLabel(f'<table cellspacing="6">{rows}</table>', self)
        label.setObjectName("help")
        label.hide()
        return label

    def _place_help(self) -> None:
        self._help.adjustSize()
        self._help.move(self.rect().center() - self._help.rect().center())
        self._help.raise_()

    def _make_keys(self) -> dict[int | str, Callable[[], object]]:
        look = self.skeleton_view.preset
        return {
            Qt.Key.Key_Escape: self.close,
            Qt.Key.Key_Q: self.close,
            Qt.Key.Key_Space: self.toggle_pause,
            Qt.Key.Key_F: self.toggle_full_screen,
            "?": self.toggle_help,
            Qt.Key.Key_F1: self.toggle_help,
            Qt.Key.Key_1: lambda: look("front"),
            Qt.Key.Key_2: lambda: look("side"),
            Qt.Key.Key_3: lambda: look("top"),
            Qt.Key.Key_0: lambda: look("three-quarter"),
        }

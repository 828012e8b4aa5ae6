"""A Qt application without a screen, and a window on a player that does what the test says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.ui.app import display_available
from tests.ui.fake_player import FakePlayer


@pytest.fixture(scope="session")
def qt() -> Any:
    """The application; skips where Qt cannot start. Off screen unless DISPLAY names one."""
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("DISPLAY"):
            patch.setenv("QT_QPA_PLATFORM", "offscreen")
        reason = display_available()
        if reason is not None:
            pytest.skip(reason)
        from PySide6.QtWidgets import QApplication

        return QApplication.instance() or QApplication(["tests"])


@pytest.fixture
def live() -> FakePlayer:
    """A player that has delivered nothing yet."""
    return FakePlayer()


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Where the window keeps its layout."""
    return tmp_path / "settings" / "window.ini"


@pytest.fixture
def make_window(qt: Any, live: FakePlayer, settings: Path, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Opens real windows on `live`, one after another, and closes them."""
    from dataclasses import replace

    from PySide6.QtTest import QTest

    from realtime.ui.preferences import Preferences
    from realtime.ui.window import Window

    made = []

    def make() -> Any:
        preferences = Preferences(settings)
        if not settings.exists():
            preferences.view = replace(preferences.view, drawing="painter")
            preferences.folder = tmp_path / "files"
        window = Window(live, "Poses", preferences)
        made.append(window)
        window.show()
        window.activateWindow()
        assert QTest.qWaitForWindowExposed(window)
        return window

    yield make
    for window in made:
        window.close()
        window.deleteLater()
    qt.processEvents()


@pytest.fixture
def window(make_window: Callable[[], Any]) -> Any:
    """The real window on `live`, shown."""
    return make_window()


def wait_until(condition: Callable[[], bool]) -> None:
    """Let the window run until a condition holds; its own timer makes it come about."""
    from PySide6.QtCore import QCoreApplication, QDeadlineTimer, QEventLoop, QTimer

    deadline = QDeadlineTimer(10_000)
    QTimer.singleShot(10_000, lambda: None)
    while not condition():
        assert not deadline.hasExpired(), "it did not come about within 10 s"
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def pixels(widget: Any) -> np.ndarray:
    """What a widget shows: (H, W, 3) RGB in device-independent pixels."""
    wait_until(lambda: not getattr(widget, "is_behind", False))
    from PySide6.QtGui import QImage

    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    image = image.scaled(widget.width(), widget.height())
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def press(window: Any, key: str, shift: bool = False) -> None:
    """Press a key on the window."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    for _ in range(5):  # shortcuts are the active window's
        window.raise_()
        window.activateWindow()
        if QTest.qWaitForWindowActive(window, 1000):
            break
    if len(key) == 1 and not key.isalnum():
        QTest.keyClicks(window, key)
        return
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    QTest.keyClick(window, getattr(Qt.Key, f"Key_{key}"), modifier)


def is_shown(window: Any) -> bool:
    """Whether the window has painted a result."""
    return not window.image_view.picture.isEmpty()

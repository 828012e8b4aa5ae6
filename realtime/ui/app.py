"""Whether a window can be opened here, and opening it. Importing this needs no Qt."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime.ui.live import Live

_PROBE_TIMEOUT_S = 20.0
_CLOSE_TIMEOUT_S = 10.0
_PROBE = "from PySide6.QtWidgets import QApplication; QApplication([])"
_DEBIAN_PACKAGES = (
    "libegl1 libgl1 libfontconfig1 libdbus-1-3 libglib2.0-0 "
    "libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
)


class DisplayProbe:
    """Finds out whether a window can be opened here; begins at once, so that other work can go on meanwhile.

    Qt ends the process when its platform plugin does not load, so a child process tries first.
    """

    def __init__(self) -> None:
        self._known = _reason_without_trying()
        self._child: subprocess.Popen[str] | None = None
        if not self._known:
            try:
                self._child = subprocess.Popen(
                    [sys.executable, "-c", _PROBE],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            except OSError as error:
                self._known = f"Qt could not be tried: {error.strerror}"

    def reason(self) -> str | None:
        """None if a window can be opened here, else why not, in words. Waits for the answer."""
        child = self._child
        if child is None:
            return self._known or None
        try:
            _, said = child.communicate(timeout=_PROBE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return f"the display did not answer within {_PROBE_TIMEOUT_S:g} s"
        return None if child.returncode == 0 else _reason(said)

    def abandon(self) -> None:
        """Nobody wants to know any more."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()


def display_available() -> str | None:
    """None if a window can be opened here, else why not, in words."""
    return DisplayProbe().reason()


def _reason_without_trying() -> str:
    if importlib.util.find_spec("PySide6") is None:
        return "PySide6 is not installed"
    named = os.environ.get("QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not named:
        if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
            return "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
    return ""


def _reason(stderr: str) -> str:
    """The line of Qt's or Python's words that says most."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for line in lines:
        if "could not connect to display" in line:
            return f"Qt {line.split(': ', 1)[-1]}"
    for line in lines:
        if "cannot open shared object file" in line or "is needed to load" in line:
            what = line.split("ImportError: ")[-1].split("qt.qpa.plugin: ")[-1]
            return f"Qt cannot start ({what}); on Debian or Ubuntu: apt-get install {_DEBIAN_PACKAGES}"
    return f"Qt cannot start ({lines[0] if lines else 'it says nothing'})"


def run_window(
    live: Live, title: str, settings: Path | None = None, started: Callable[[], object] = lambda: None
) -> int:
    """Show and start a player until the window is closed, then stop it. Returns an exit status.

    Ctrl-C closes the window. Call it on the main thread, once `display_available` says a window can be.
    settings: where the window's layout is kept; the user's own file without it. started: is called on this
    thread once the player has begun.
    """
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from realtime.ui.preferences import Preferences
    from realtime.ui.window import Window

    app = QApplication.instance() or QApplication([title])
    preferences = Preferences(settings)
    window = Window(live, title, preferences)

    def interrupt(*_: Any) -> None:
        window.close()

    def begin() -> None:
        live.start()
        started()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        window.show()
        # The window is there before anything heavy begins to compete with it.
        QTimer.singleShot(0, begin)
        status = app.exec()
    finally:
        signal.signal(signal.SIGINT, before)
        live.close(_CLOSE_TIMEOUT_S)
        preferences.flush()
    return status or int(live.state.problem is not None)

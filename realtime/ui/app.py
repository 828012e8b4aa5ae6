"""Whether a window can be opened here, and opening it. Importing this needs no Qt."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime.ui.window import Live

_PROBE_TIMEOUT_S = 20.0
_PROBE = "import PySide6.QtOpenGLWidgets; from PySide6.QtWidgets import QApplication; QApplication([])"
_DEBIAN_PACKAGES = (
    "libegl1 libgl1 libfontconfig1 libdbus-1-3 libglib2.0-0 "
    "libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
)


def display_available() -> str | None:
    """None if a window can be opened here, else why not, in words.

    Qt ends the process when its platform plugin does not load, so a child process tries first.
    """
    for package in ("PySide6", "pyqtgraph"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    named = os.environ.get("QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not named:
        if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
            return "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return f"the display did not answer within {_PROBE_TIMEOUT_S:g} s"
    except OSError as error:
        return f"Qt could not be tried: {error.strerror}"
    return None if probe.returncode == 0 else _reason(probe.stderr)


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


def run_window(live: Live, title: str) -> int:
    """Show a live pipeline until the window is closed, then stop the pipeline. Returns an exit status.

    Ctrl-C closes the window. Call it on the main thread, once `display_available` says a window can be.
    """
    from PySide6.QtWidgets import QApplication

    from realtime.ui.window import Window

    app = QApplication.instance() or QApplication([title])
    window = Window(live, title)

    def interrupt(*_: Any) -> None:
        window.close()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        window.show()
        status = app.exec()
    finally:
        signal.signal(signal.SIGINT, before)
    return status or int(live.error is not None)

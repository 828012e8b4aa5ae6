"""Whether a window can be opened, and running one from end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from realtime.ui.app import display_available, run_window
from tests.ui.conftest import FakeLive

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are Linux's here")


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


@linux_only
def test_no_display_is_said_to_be_none() -> None:
    assert display_available() == "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"


@linux_only
def test_a_display_that_does_not_answer_is_a_reason_not_an_abort(
    qt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":4077")
    reason = display_available()
    assert reason is not None
    assert reason.startswith("Qt ")
    assert "\n" not in reason


def test_a_platform_that_does_not_exist_is_a_reason(qt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    reason = display_available()
    assert reason is not None
    assert "nonsense" in reason


def test_off_screen_counts_as_a_display(qt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert display_available() is None


@pytest.mark.parametrize("package", ["PySide6", "pyqtgraph"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else object())
    assert display_available() == f"{package} is not installed"


def test_missing_system_libraries_are_named_with_the_packages_to_install(
    qt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "raise ImportError('libEGL.so.1: cannot open shared object file: No such file or directory')"
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr("realtime.ui.app._PROBE", broken)
    reason = display_available()
    assert reason is not None
    assert "libEGL.so.1" in reason
    assert "apt-get install" in reason
    assert "libegl1" in reason


def test_a_display_that_hangs_is_given_up(qt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr("realtime.ui.app._PROBE", "import threading; threading.Event().wait()")
    monkeypatch.setattr("realtime.ui.app._PROBE_TIMEOUT_S", 0.3)
    assert display_available() == "the display did not answer within 0.3 s"


def test_asking_needs_no_qt_in_this_process() -> None:
    code = (
        "import sys, realtime.ui.app, realtime.draw, realtime.scene, realtime.view3d, realtime.stream.video\n"
        "assert not any(name.split('.')[0] in ('PySide6', 'pyqtgraph') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("error", "status"), [(None, 0), (RuntimeError("gone"), 1)])
def test_it_runs_until_the_window_is_closed(
    qt: Any, live: FakeLive, error: BaseException | None, status: int
) -> None:
    from PySide6.QtCore import QTimer

    live.push()
    live.error = error
    QTimer.singleShot(0, qt.closeAllWindows)
    assert run_window(live, "Poses") == status
    assert live.stops == 1


_CTRL_C = """
import os, signal
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from realtime.ui.app import run_window
from tests.ui.conftest import FakeLive

app, live = QApplication([]), FakeLive()
before = signal.getsignal(signal.SIGINT)
QTimer.singleShot(0, lambda: os.kill(os.getpid(), signal.SIGINT))
status = run_window(live, "Poses")
print(status, live.stops, signal.getsignal(signal.SIGINT) is before)
"""


def test_ctrl_c_closes_the_window_and_the_old_handler_returns(
    qt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: this one may hold libraries that handle signals in their way."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _CTRL_C], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.split()) == (0, ["0", "1", "True"]), done.stderr

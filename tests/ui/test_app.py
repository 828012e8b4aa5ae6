"""Whether a window can be opened, and running one from end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from realtime.live.state import Problem, Trouble
from realtime.ui.app import display_available, run_window
from tests.ui.fake_player import FakePlayer

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


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "PySide6" else object())
    assert display_available() == "PySide6 is not installed"


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
        "import realtime.live.player, realtime.ui.notices, realtime.ui.theme, realtime.ui.live\n"
        "assert not any(name.split('.')[0] == 'PySide6' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("problem", "status"), [(None, 0), (Problem(Trouble.SOURCE, "the camera is gone"), 1)]
)
def test_it_runs_until_the_window_is_closed(
    qt: Any, live: FakePlayer, settings: Path, problem: Problem | None, status: int
) -> None:
    from PySide6.QtCore import QTimer

    live.push()
    live.set(problem=problem)
    QTimer.singleShot(0, qt.closeAllWindows)
    assert run_window(live, "Poses", settings) == status
    assert live.calls == [("start", None)]
    assert live.closed == 2  # by the window without waiting, then for good
    assert settings.exists()


_CTRL_C = """
import os, signal, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from realtime.ui.app import run_window
from tests.ui.fake_player import FakePlayer

app, live = QApplication([]), FakePlayer()
before = signal.getsignal(signal.SIGINT)
QTimer.singleShot(0, lambda: os.kill(os.getpid(), signal.SIGINT))
status = run_window(live, "Poses", Path(sys.argv[1]))
print(status, live.closed, signal.getsignal(signal.SIGINT) is before)
"""


def test_ctrl_c_closes_the_window_and_the_old_handler_returns(
    qt: Any, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: this one may hold libraries that handle signals in their way."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _CTRL_C, str(settings)], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.split()) == (0, ["0", "2", "True"]), done.stderr

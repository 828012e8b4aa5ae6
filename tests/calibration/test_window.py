"""The capture's window, off screen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import pytest

from calibration.capture import AutoCapture
from calibration.detect import Finder
from realtime.stream.sources.folder import ImageFolder
from realtime.ui.app import display_available
from tests.calibration.rendered import BOARD, picture, poses


@pytest.fixture
def qt(monkeypatch: pytest.MonkeyPatch) -> Any:
    if not os.environ.get("DISPLAY"):
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    reason = display_available()
    if reason is not None:
        pytest.skip(reason)
    from PySide6.QtWidgets import QApplication

    return QApplication.instance() or QApplication(["tests"])


def test_it_closes_by_itself_and_leaves_the_views(qt: Any, tmp_path: Path) -> None:
    from calibration.window import run_capture

    image = picture(BOARD, poses(5)[4])
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n}.png"), image)
    capture = AutoCapture(Finder(BOARD), wanted=3)
    run_capture(ImageFolder(tmp_path), capture)
    assert len(capture.views.seen) == 1

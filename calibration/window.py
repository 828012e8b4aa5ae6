"""The window of a live capture: the picture, the board, what is covered, and what to do next."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import threading
from contextlib import suppress

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from calibration.capture import AutoCapture, Progress, Session
from realtime.errors import PoseError
from realtime.stream.source import Source
from realtime.ui.paint import image_of

_REFRESH_MS = 30
_COVERED = QColor(60, 200, 120, 70)
_BOARD = QColor(255, 170, 40)
_KEPT = QColor(60, 220, 120)


class CaptureView(QWidget):
    """The latest picture, the board's corners on it, and the covered part tinted."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(480, 360)
        self.setAccessibleName("Camera picture with the board and the covered area")
        self._progress: Progress | None = None

    def show_progress(self, progress: Progress) -> None:
        """Replace what is shown."""
        self._progress = progress
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(20, 20, 22))
            if self._progress is None:
                return
            height, width = self._progress.image.shape[:2]
            scale = min(self.width() / width, self.height() / height)
            left, top = (self.width() - width * scale) / 2, (self.height() - height * scale) / 2
            area = QRectF(left, top, width * scale, height * scale)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(area, image_of(self._progress.image))
            painter.drawImage(area, _tint(self._progress))
            painter.setPen(QPen(_KEPT if self._progress.accepted else _BOARD, 2))
            for x, y in self._progress.corners_px:
                x_at, y_at = left + (float(x) + 0.5) * scale, top + (float(y) + 0.5) * scale
                painter.drawEllipse(QRectF(x_at - 3, y_at - 3, 6, 6))


def _tint(progress: Progress) -> QImage:
    """The covered part of the picture as a translucent image."""
    rows, cols = progress.coverage.shape
    image = QImage(cols, rows, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    for row, col in zip(*progress.coverage.nonzero(), strict=True):
        image.setPixelColor(int(col), int(row), _COVERED)
    return image


class CaptureWindow(QWidget):
    """Runs a session on a thread of its own, shows how it goes, closes when it is done."""

    def __init__(self, source: Source, capture: AutoCapture) -> None:
        super().__init__()
        self.setWindowTitle("Calibration: close the window to end and solve")
        self.view, self.text = CaptureView(), QLabel("show the board")
        layout = QVBoxLayout(self)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.text)
        self._latest: Progress | None = None
        self.session = Session(source, capture, self._tell)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(_REFRESH_MS)
        self._thread.start()

    def _tell(self, progress: Progress) -> None:
        self._latest = progress

    def _run(self) -> None:
        with suppress(PoseError):  # kept in the session
            self.session.run()

    def _refresh(self) -> None:
        if self._latest is not None:
            self.view.show_progress(self._latest)
            self.text.setText(str(self._latest))
        if self.session.ended:
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._timer.stop()
        self.session.stop()
        self._thread.join(timeout=10)
        event.accept()


def run_capture(source: Source, capture: AutoCapture) -> None:
    """Capture in a window until it is done or closed. Raises what the source raised."""
    app = QApplication.instance() or QApplication(["realtime-calibrate"])
    window = CaptureWindow(source, capture)
    window.show()
    app.exec()
    if window.session.error is not None:
        raise window.session.error

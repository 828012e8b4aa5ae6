"""Small questions: a stream's address, and how to calibrate. None of them holds up the window."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QProcess, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

_OK = QDialogButtonBox.StandardButton.Ok
_OPEN = QDialogButtonBox.StandardButton.Open
_CANCEL = QDialogButtonBox.StandardButton.Cancel
_PREFIXES = ("rtsp://", "rtsps://", "http://", "https://")


class AddressDialog(QDialog):
    """Asks for a stream's address. chosen: one that can be one."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("A stream's address")
        self.address = QLineEdit()
        self.address.setPlaceholderText("rtsp://192.0.2.7/stream")
        self.address.setMinimumWidth(380)
        self.address.setAccessibleName("Address")
        hint = QLabel("RTSP or HTTP (MJPEG). A name and password in it are never shown or logged.")
        hint.setObjectName("caption")
        self.buttons = QDialogButtonBox(_OPEN | _CANCEL)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self.address.textChanged.connect(self._check)
        layout = QVBoxLayout(self)
        for widget in (self.address, hint, self.buttons):
            layout.addWidget(widget)
        self._check("")

    def _check(self, text: str) -> None:
        fits = text.strip().lower().startswith(_PREFIXES) and len(text.strip().split("://", 1)[1]) > 0
        self.buttons.button(_OPEN).setEnabled(fits)

    def _accept(self) -> None:
        self.accept()
        self.chosen.emit(self.address.text().strip())


class CalibrateDialog(QDialog):
    """Says what to do, then runs `realtime-calibrate camera` beside the window.

    starting: the camera must be free now. measured: a camera file, or None if there is none; the camera
    may be taken back.
    """

    starting = Signal()
    measured = Signal(object)

    def __init__(self, source: str, output: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Calibrate this camera")
        self._source, self._output = source, output
        self._said = ""
        self.process = QProcess(self)
        self.process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self.process.readyReadStandardOutput.connect(self._read)
        self.process.finished.connect(self._finished)
        self.process.errorOccurred.connect(lambda: self._say(self.process.errorString()))
        self.columns, self.rows, self.square_mm = QSpinBox(), QSpinBox(), QDoubleSpinBox()
        for box, value in ((self.columns, 9), (self.rows, 6)):
            box.setRange(3, 30)
            box.setValue(value)
        self.square_mm.setRange(1, 500)
        self.square_mm.setValue(25)
        self.square_mm.setSuffix(" mm")
        self.words = QLabel(
            "Print a board with `realtime-calibrate board --pdf board.pdf`, and measure one of its squares. "
            "A window opens: move the board until the picture is covered. Pictures are taken by themselves."
        )
        self.words.setWordWrap(True)
        self.buttons = QDialogButtonBox(_OK | _CANCEL)
        self.buttons.button(_OK).setText("Start")
        self.buttons.accepted.connect(self.begin)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow("Inner corners across", self.columns)
        form.addRow("Inner corners down", self.rows)
        form.addRow("Side of a square", self.square_mm)
        layout = QVBoxLayout(self)
        layout.addWidget(self.words)
        layout.addLayout(form)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)

    @property
    def command(self) -> list[str]:
        """What it runs."""
        board = f"{self.columns.value()}x{self.rows.value()}"
        square = f"{self.square_mm.value():g}"
        camera = ["--source", self._source, "--board", board, "--square-mm", square]
        return [sys.executable, "-m", "calibration.cli", "camera", *camera, "-o", str(self._output)]

    def begin(self) -> None:
        """Free the camera and start."""
        self.buttons.button(_OK).setEnabled(False)
        self.starting.emit()
        self._say("Measuring: look at the other window")
        program, *arguments = self.command
        self.process.start(program, arguments)

    def reject(self) -> None:
        """Stop measuring, if it runs, and close."""
        if self.process.state() != QProcess.ProcessState.NotRunning:
            self.process.kill()
            return  # `finished` says the rest
        super().reject()

    def _read(self) -> None:
        lines = bytes(self.process.readAllStandardOutput().data()).decode(errors="replace").split("\n")
        words = [line.strip() for line in lines if line.strip()]
        if words:
            self._say(words[-1])

    def _say(self, words: str) -> None:
        self._said = words
        self.words.setText(words)

    def _finished(self, status: int) -> None:
        if status == 0:
            self.measured.emit(self._output)
            self.accept()
        else:
            self.buttons.button(_OK).setEnabled(True)
            self.measured.emit(None)

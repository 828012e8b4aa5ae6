"""What the window asks for by dialogs and files: sources, folders, records, screenshots, calibration."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from realtime.errors import RecordError
from realtime.types import ImageArray
from realtime.ui.controls import Controls
from realtime.ui.dialogs import AddressDialog, CalibrateDialog
from realtime.ui.live import Live
from realtime.ui.preferences import Preferences
from realtime.ui.transport import TransportBar

if TYPE_CHECKING:
    from realtime.ui.window import Window

_VIDEOS = "Videos (*.mp4 *.m4v *.mov *.mkv *.avi *.webm);;All files (*)"
_CAMERA_FILES = "Camera files (*.yaml *.yml *.toml *.xml *.json);;All files (*)"


class Asking:
    """The window's questions. Files are named by the time, and written by the session."""

    def __init__(self, window: Window, live: Live, preferences: Preferences) -> None:
        self._window = window
        self._live = live
        self._preferences = preferences
        self.address: AddressDialog | None = None
        self.calibration: CalibrateDialog | None = None

    def connect_parts(self, bar: TransportBar, controls: Controls) -> None:
        """Answer the questions of the window's parts."""
        bar.file_asked.connect(self.open_file)
        bar.folder_asked.connect(self.open_folder)
        bar.address_asked.connect(self.open_address)
        controls.calibrate_asked.connect(self.calibrate)
        controls.intrinsics_asked.connect(self.load_intrinsics)
        controls.folder_asked.connect(self.choose_folder)
        controls.show_folder(str(self._preferences.folder))

    def open_file(self) -> None:
        """Let the user choose a video."""
        path, _ = QFileDialog.getOpenFileName(self._window, "A video file", "", _VIDEOS)
        if path:
            self._live.open(path)

    def open_folder(self) -> None:
        """Let the user choose a folder of images."""
        path = QFileDialog.getExistingDirectory(self._window, "A folder of images")
        if path:
            self._live.open(path)

    def open_address(self) -> None:
        """Ask for a stream's address."""
        self.address = AddressDialog(self._window)
        self.address.chosen.connect(self._live.open)
        self.address.show()

    def choose_folder(self) -> None:
        """Let the user choose where files go."""
        path = QFileDialog.getExistingDirectory(self._window, "Where files go", str(self._preferences.folder))
        if path:
            self._preferences.folder = Path(path)
            self._window.controls.show_folder(path)

    def load_intrinsics(self) -> None:
        """Let the user choose a camera file."""
        path, _ = QFileDialog.getOpenFileName(self._window, "A camera file", "", _CAMERA_FILES)
        if path:
            self._live.change(intrinsics=Path(path), fov_deg=None)

    def calibrate(self) -> None:
        """Measure the camera in use, beside the window."""
        source = self._live.state.wish.source or "0"
        output = self._stem("camera").with_suffix(".yaml")
        self.calibration = CalibrateDialog(source, output, self._window)
        self.calibration.starting.connect(self._live.release)
        self.calibration.measured.connect(self._calibrated)
        self.calibration.show()

    def _calibrated(self, path: Path | None) -> None:
        if path is not None:
            self._live.change(intrinsics=path, fov_deg=None)
        else:
            self._live.open(self._live.state.wish.source)

    def toggle_recording(self) -> None:
        """Begin to record, or finish."""
        if self._live.recording.active:
            self._live.stop_recording()
        else:
            self._live.record(self._stem("record"), self._window.controls.view_choices.with_video)

    def save_screenshot(self) -> None:
        """Save the window as a picture; it is taken here and encoded by the session."""
        image = bgr_of(self._window.grab().toImage())
        self._live.save(self._stem("window").with_suffix(".png"), lambda path: write_png(path, image))

    def save_ledger(self) -> None:
        """Save where the time went."""
        self._live.save_ledger(self._stem("latency").with_suffix(".json"))

    def _stem(self, what: str) -> Path:
        return self._preferences.folder / f"{what}_{datetime.now():%Y-%m-%d_%H-%M-%S}"


def bgr_of(image: QImage) -> ImageArray:
    """A copy of a Qt image as (H, W, 3) BGR."""
    image = image.convertToFormat(QImage.Format.Format_BGR888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def write_png(path: Path, image: ImageArray) -> None:
    """Write a picture. Raises RecordError when it cannot be encoded, OSError when it cannot be written."""
    import cv2  # it lets other threads run while it encodes; Qt does not

    encoded, data = cv2.imencode(".png", image)
    if not encoded:
        raise RecordError(f"cannot write {path}: this OpenCV cannot encode PNG")
    path.write_bytes(data.tobytes())

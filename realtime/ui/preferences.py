"""What the window remembers: its place, its docks, and what was chosen for it alone."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from realtime.ui.choices import Drawing, ViewChoices
from realtime.ui.theme import THEMES

_FILE = "window.ini"
_LAYOUT_VERSION = 1


def settings_path() -> Path:
    """The file in the user's own folder of settings."""
    return Path(platformdirs.user_config_dir("realtime-pose3d", appauthor=False)) / _FILE


class Preferences:
    """Reads and writes the file of settings; a damaged or foreign one is as good as none."""

    def __init__(self, path: Path | None = None) -> None:
        self._settings = QSettings(str(path or settings_path()), QSettings.Format.IniFormat)

    @property
    def view(self) -> ViewChoices:
        """What was chosen for the window."""
        chosen = ViewChoices()
        for field in fields(ViewChoices):
            default = getattr(chosen, field.name)
            stored = self._settings.value(f"view/{field.name}")
            if isinstance(default, bool):
                value: Any = str(stored).lower() == "true" if stored is not None else default
            else:
                value = str(stored) if stored is not None else default
            chosen = replace(chosen, **{field.name: value})
        if chosen.theme not in THEMES:
            chosen = replace(chosen, theme="dark")
        if chosen.drawing not in get_args(Drawing):
            chosen = replace(chosen, drawing="auto")
        return chosen

    @view.setter
    def view(self, chosen: ViewChoices) -> None:
        for field in fields(ViewChoices):
            self._settings.setValue(f"view/{field.name}", getattr(chosen, field.name))

    @property
    def layout(self) -> tuple[QByteArray, QByteArray] | None:
        """The window's geometry and docks; None before they were ever kept."""
        parts = [self._settings.value(f"layout/{name}") for name in ("geometry", "docks")]
        version = self._settings.value("layout/version")
        if str(version) != str(_LAYOUT_VERSION):
            return None
        geometry, docks = parts
        if not isinstance(geometry, QByteArray) or not isinstance(docks, QByteArray):
            return None
        return geometry, docks

    def keep_layout(self, geometry: QByteArray, docks: QByteArray) -> None:
        """Remember where everything is."""
        self._settings.setValue("layout/version", _LAYOUT_VERSION)
        self._settings.setValue("layout/geometry", geometry)
        self._settings.setValue("layout/docks", docks)

    @property
    def folder(self) -> Path:
        """Where records, videos, screenshots and ledgers go."""
        stored = self._settings.value("files/folder")
        return Path(str(stored)) if stored else Path(platformdirs.user_documents_dir()) / "realtime-pose3d"

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._settings.setValue("files/folder", str(folder))

    def flush(self) -> None:
        """Write what was changed; called when the window has closed."""
        self._settings.sync()

"""The bar on top: source, play, step, seek, record, screenshot, settings, help."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSlider, QToolButton, QWidget

from realtime.live.recorder import Recording
from realtime.live.state import Phase, State
from realtime.sample import NAME as SAMPLE
from realtime.stream.source import redacted
from realtime.ui.icons import icon
from realtime.ui.theme import DARK, Theme

_ICON = QSize(20, 20)


class TransportBar(QWidget):
    """Shows what plays, and asks for something else.

    source_chosen: a source by the name `realtime-demo --source` takes. file_asked, folder_asked,
    address_asked: it is to be named in a dialog. menu_opened: the list of cameras should be fresh.
    sought: a frame.
    """

    source_chosen = Signal(str)
    file_asked = Signal()
    folder_asked = Signal()
    address_asked = Signal()
    menu_opened = Signal()
    sought = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = DARK
        self._icons: dict[QToolButton, str] = {}
        self.source = QToolButton()
        self.source.setObjectName("source")
        self.source.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.source.setToolTip("What to look at: a camera, a file, a stream (O)")
        self.source.setAccessibleName("Source")
        self.source.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.menu = QMenu(self.source)
        self.menu.aboutToShow.connect(self.menu_opened)
        self.source.setMenu(self.menu)
        self.play, self.step = self._button("pause"), self._button("step")
        self.seek, self.time = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.seek.setAccessibleName("Place in the file")
        self.seek.setToolTip("Go to a place in the file (left and right arrows)")
        self.seek.setTracking(True)
        self.seek.valueChanged.connect(self._seek_moved)
        self.time.setObjectName("caption")
        self.record, self.record_words = self._button("record"), QLabel()
        self.record.setObjectName("record")
        self.record_words.setObjectName("caption")
        self.photo, self.ledger = self._button("photo"), self._button("ledger")
        self.mirror, self.settings = self._button("mirror"), self._button("sliders")
        self.help = self._button("help")
        for button in (self.record, self.settings, self.mirror):
            button.setCheckable(True)
        self._lay_out()
        self._cameras_shown: tuple[tuple[int, str], ...] | None = None
        self._fill_menu(())

    def bind(self, button: QToolButton, action: QAction) -> None:
        """Let a button do what an action does, and say the same."""
        button.clicked.connect(action.trigger)
        keys = action.shortcut().toString()
        button.setToolTip(f"{action.toolTip()} ({keys})" if keys else action.toolTip())
        button.setAccessibleName(action.text())

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.source.setIcon(icon("camera", theme))
        for button, name in self._icons.items():
            button.setIcon(icon(name, theme, theme.alarm if name == "record" else None))

    def show_state(self, state: State, frame: int | None, held: bool) -> None:
        """Show what plays and where it is. frame: the one shown. held: a live view stands still."""
        cameras = tuple((camera.index, camera.name) for camera in state.cameras)
        if cameras != self._cameras_shown:
            self._cameras_shown = cameras
            self._fill_menu(cameras)
        self.source.setText(f"  {source_words(state)}")
        seekable = state.can_seek and state.phase in (Phase.RUNNING, Phase.ENDED, Phase.LOADING)
        for widget in (self.seek, self.time, self.step):
            widget.setVisible(not state.is_live)
            widget.setEnabled(seekable)
        ended = state.phase is Phase.ENDED
        self._set_icon(self.play, "again" if ended else "play" if state.paused or held else "pause")
        self.play.setEnabled(state.phase in (Phase.RUNNING, Phase.ENDED))
        if state.source is not None and state.can_seek:
            with QSignalBlocker(self.seek):
                self.seek.setRange(0, state.source.frames - 1)
                if frame is not None and not self.seek.isSliderDown():
                    self.seek.setValue(frame)
            fps = state.source.fps
            at_s, whole_s = self.seek.value() / fps, state.source.frames / fps
            self.time.setText(f"{clock_words(at_s)} / {clock_words(whole_s)}")
        else:
            self.time.setText("")

    def show_recording(self, recording: Recording, can_record: bool) -> None:
        """Show whether it records, for how long, and how large the files are."""
        self.record.setChecked(recording.active)
        self.record.setEnabled(can_record or recording.active)
        self._set_icon(self.record, "stop" if recording.active else "record")
        words = (
            f"{clock_words(recording.seconds)}   {size_words(recording.size_bytes)}"
            if recording.active
            else ""
        )
        self.record_words.setText(words)

    def _set_icon(self, button: QToolButton, name: str) -> None:
        if self._icons[button] != name:
            self._icons[button] = name
            button.setIcon(icon(name, self._theme, self._theme.alarm if name == "record" else None))

    def _seek_moved(self, frame: int) -> None:
        self.sought.emit(frame)

    def _button(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setIconSize(_ICON)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._icons[button] = name
        return button

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 14, 8)
        layout.setSpacing(6)
        layout.addWidget(self.source)
        layout.addSpacing(10)
        layout.addWidget(self.play)
        layout.addWidget(self.step)
        layout.addWidget(self.seek, 1)
        layout.addWidget(self.time)
        layout.addStretch(0)
        layout.addSpacing(10)
        for widget in (
            self.record,
            self.record_words,
            self.photo,
            self.ledger,
            self.mirror,
            self.settings,
            self.help,
        ):
            layout.addWidget(widget)

    def _fill_menu(self, cameras: tuple[tuple[int, str], ...]) -> None:
        self.menu.clear()
        if not cameras:
            self.menu.addAction("No camera found").setEnabled(False)
        for index, name in cameras:
            action = self.menu.addAction(name or f"Camera {index}")
            action.triggered.connect(lambda _=False, chosen=str(index): self.source_chosen.emit(chosen))
        self.menu.addSeparator()
        self.menu.addAction("A video file…").triggered.connect(self.file_asked)
        self.menu.addAction("A folder of images…").triggered.connect(self.folder_asked)
        self.menu.addAction("A stream's address…").triggered.connect(self.address_asked)
        self.menu.addSeparator()
        self.menu.addAction("The sample clip").triggered.connect(lambda: self.source_chosen.emit(SAMPLE))


def source_words(state: State) -> str:
    """What plays, short."""
    if state.is_sample:
        return "The sample clip"
    if state.source is not None and state.phase not in (Phase.OPENING, Phase.STARTING):
        name = state.source.name
    else:
        name = redacted(state.wish.source or "Camera 0")
    name = f"Camera {name}" if name.isdigit() else name
    if "://" not in name:
        name = name.replace("\\", "/").rstrip("/").rsplit("/", maxsplit=1)[-1]
    return name if len(name) <= 32 else f"{name[:14]}…{name[-16:]}"


def clock_words(seconds: float) -> str:
    """Minutes and seconds, and hours where there are any."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def size_words(size_bytes: int) -> str:
    """A file's size for people."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"

"""The settings: people, steadiness, networks, camera, view, recording. It only asks."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import contextlib
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from realtime.live.state import Choices, Phase, State
from realtime.types import Result
from realtime.ui.choices import ViewChoices
from realtime.ui.ledger_view import ElidedLabel, describe, lag_words

_SETTLE_MS = 300
_CALIBRATE = "Measure this camera with a printed board"
_UNKNOWN_M = 0.49
_SMOOTH_STEPS = 20
_DRAWINGS = (("auto", "Whatever is quick"), ("opengl", "OpenGL"), ("painter", "Software"))


class Controls(QScrollArea):
    """A panel of settings.

    asked: options of the pipeline to change, by name, once they have stood still for a moment. view_asked:
    what is chosen for the window. calibrate_asked, intrinsics_asked, folder_asked: a button was pressed.
    """

    asked = Signal(dict)
    view_asked = Signal(object)
    calibrate_asked = Signal()
    intrinsics_asked = Signal()
    folder_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(330)
        self._choices: Choices | None = None
        self._shown: State | None = None
        self._latest: State | None = None
        self._wanted: dict[str, Any] = {}
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._ask)
        self._make_widgets()
        self._lay_out()
        self._connect()

    def _make_widgets(self) -> None:
        self.models, self.lifter, self.engine = QComboBox(), QComboBox(), QComboBox()
        self.people, self.height_m = QSpinBox(), QDoubleSpinBox()
        self.people.setRange(1, 16)
        self.height_m.setRange(_UNKNOWN_M, 2.6)
        self.height_m.setSingleStep(0.01)
        self.height_m.setDecimals(2)
        self.height_m.setSuffix(" m")
        self.height_m.setSpecialValueText("not known")
        self.body_words, self.floor = QLabel("–"), QCheckBox("People stand on a level floor")
        self.body_words.setObjectName("caption")
        self.lag, self.lag_words = QSlider(Qt.Orientation.Horizontal), QLabel("none")
        self.lag.setPageStep(1)
        self.lag_words.setObjectName("caption")
        self.smoothing, self.smoothing_words = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.smoothing.setRange(0, _SMOOTH_STEPS)
        self.smoothing_words.setObjectName("caption")
        self.camera_words = QLabel("–")
        self.camera_words.setWordWrap(True)
        self.calibrate, self.load_intrinsics = QPushButton("Calibrate…"), QPushButton("Load a camera file…")
        self.mirror, self.trails = QCheckBox("Mirror"), QCheckBox("Trails")
        self.trails.setChecked(True)
        self.theme, self.drawing = QComboBox(), QComboBox()
        for combo in (self.models, self.lifter, self.engine, self.theme, self.drawing):
            combo.setMinimumContentsLength(8)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.theme.addItem("Dark", "dark")
        self.theme.addItem("Light", "light")
        for value, words in _DRAWINGS:
            self.drawing.addItem(words, value)
        self.with_video = QCheckBox("A video too")
        self.with_video.setChecked(True)
        self.folder, self.folder_words = QPushButton("Choose a folder…"), ElidedLabel("")
        self.folder_words.setObjectName("caption")

    def _lay_out(self) -> None:
        self._content = QWidget()
        column = QVBoxLayout(self._content)
        column.setContentsMargins(18, 8, 18, 18)
        column.setSpacing(6)
        rows: tuple[tuple[str, tuple[tuple[str, QWidget | None, str], ...]], ...] = (
            ("PEOPLE", (
                ("Follow at most", self.people, "More people cost more time a picture"),
                ("Body height", self.height_m, "Fixes the scale, which one camera cannot see"),
                ("", self.body_words, "The height that goes with the bones seen so far"),
                ("", self.floor, "Feet that stand do not slide, and are on the floor"),
            )),
            ("STEADINESS", (
                ("Lag", self.lag, "Wait for later pictures: steadier and later; to the left it is foretold"),
                ("", self.lag_words, ""),
                ("Smoothing", self.smoothing, "Calmer at rest, a little later in motion"),
                ("", self.smoothing_words, ""),
            )),
            ("NETWORKS", (
                ("2D pose", self.models, "The network that finds joints in the picture"),
                ("Lifter", self.lifter, "The network that makes 3D of them"),
                ("Engine", self.engine, "What runs the networks"),
            )),
            ("CAMERA", (
                ("", self.camera_words, "How the focal length is known: it decides all distances"),
                ("", self.calibrate, _CALIBRATE),
                ("", self.load_intrinsics, "Use a camera file you have"),
            )),
            ("VIEW", (
                ("", self.mirror, "Show the picture and the 3D view as a mirror does (M)"),
                ("", self.trails, "Show where people and hands were (T)"),
                ("Theme", self.theme, "Dark or light"),
                ("3D drawing", self.drawing, "OpenGL needs a graphics card to be quick"),
            )),
            ("RECORDING", (
                ("", self.with_video, "Write the picture beside the 3D view, next to the record"),
                ("", self.folder_words, "Where files go"),
                ("", self.folder, "Where records, videos, screenshots and ledgers go"),
            )),
        )  # fmt: skip
        for title, items in rows:
            column.addSpacing(8)
            heading = QLabel(title)
            heading.setObjectName("section")
            column.addWidget(heading)
            form = QFormLayout()
            form.setHorizontalSpacing(14)
            form.setVerticalSpacing(8)
            form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
            for name, widget, tip in items:
                assert widget is not None
                widget.setToolTip(tip)
                widget.setAccessibleName(name or tip)
                form.addRow(*((name, widget) if name else (widget,)))
            column.addLayout(form)
        column.addStretch(1)
        self.setWidget(self._content)

    def _connect(self) -> None:
        self.people.valueChanged.connect(lambda value: self._want(people=value))
        self.height_m.valueChanged.connect(
            lambda value: self._want(stature_m=None if value <= _UNKNOWN_M else round(value, 2), limb=None)
        )
        self.floor.toggled.connect(lambda on: self._want(floor=on))
        self.smoothing.valueChanged.connect(lambda value: self._want(smooth=value / _SMOOTH_STEPS))
        self.lag.valueChanged.connect(self._want_lag)
        self.models.activated.connect(lambda: self._want(models=self.models.currentText()))
        self.lifter.activated.connect(self._want_lifter)
        self.engine.activated.connect(lambda: self._want(engine=self.engine.currentText()))
        self.calibrate.clicked.connect(self.calibrate_asked)
        self.load_intrinsics.clicked.connect(self.intrinsics_asked)
        self.folder.clicked.connect(self.folder_asked)
        for box in (self.mirror, self.trails, self.with_video):
            box.toggled.connect(self._ask_view)
        for combo in (self.theme, self.drawing):
            combo.activated.connect(self._ask_view)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self._stand_upright)

    def _stand_upright(self) -> None:
        """Scroll where there is no room; without this the rows would be squeezed to fit."""
        layout = self._content.layout()
        if layout is not None:
            layout.invalidate()
            self._content.setMinimumHeight(layout.sizeHint().height())

    @property
    def view_choices(self) -> ViewChoices:
        """What is chosen for the window."""
        return ViewChoices(
            self.mirror.isChecked(),
            self.trails.isChecked(),
            str(self.theme.currentData()),
            self.drawing.currentData(),
            self.with_video.isChecked(),
        )

    def show_view_choices(self, chosen: ViewChoices) -> None:
        """Show what is chosen for the window, without asking for it."""
        boxes = (
            (self.mirror, chosen.mirror),
            (self.trails, chosen.trails),
            (self.with_video, chosen.with_video),
        )
        for box, value in boxes:
            with QSignalBlocker(box):
                box.setChecked(value)
        for combo, name in ((self.theme, chosen.theme), (self.drawing, chosen.drawing)):
            combo.setCurrentIndex(max(0, combo.findData(name)))

    def show_folder(self, folder: str) -> None:
        """Say where files go."""
        self.folder_words.set_text(folder)

    def show_state(self, state: State) -> None:
        """Show what is chosen and what it costs; what the user is changing now stays as it is."""
        self._latest = state
        if state.choices is not self._choices:
            self._choices = state.choices
            _fill(self.models, state.choices.models)
            _fill(self.lifter, tuple(state.choices.lifters))
            _fill(self.engine, state.choices.engines)
            self._shown = None
        self.camera_words.setText(_camera_words(state))
        is_camera = state.is_live and "://" not in (state.wish.source or "")
        self.calibrate.setEnabled(is_camera)
        self.calibrate.setToolTip(_CALIBRATE if is_camera else "For cameras: choose one as the source")
        if self._wanted or (self._shown is not None and state.wish.options == self._shown.wish.options):
            self._show_costs(state)
            return
        self._shown = state
        options = state.wish.options
        _select(self.models, options.models)
        _select(self.lifter, options.lifter)
        _select(self.engine, options.engine)
        with contextlib.ExitStack() as quiet:
            for widget in (self.people, self.height_m, self.lag, self.smoothing, self.floor):
                quiet.enter_context(QSignalBlocker(widget))
            self.people.setValue(options.people)
            self.height_m.setValue(options.stature_m or _UNKNOWN_M)
            self.smoothing.setValue(round(options.smooth * _SMOOTH_STEPS))
            self.floor.setChecked(options.floor)
            lags = self._lags
            self.lag.setRange(0, len(lags) - 1)
            self.lag.setEnabled(len(lags) > 1)
            self.lag.setValue(lags.index(options.lag) if options.lag in lags else 0)
        self._show_costs(state)

    def show_result(self, result: Result | None) -> None:
        """Show what smoothing costs just now, and the body height that was learnt."""
        lag_ms = result.smoothing_lag_ms if result is not None else 0.0
        self.smoothing_words.setText(f"{lag_ms:.0f} ms late just now" if self.smoothing.value() else "none")
        heights = [p.pose.stature_m for p in result.people if p.pose.stature_m] if result is not None else []
        self.body_words.setText(f"seems to be {heights[0]:.2f} m" if heights else "")

    @property
    def _lags(self) -> list[int]:
        """The lags of the lifter chosen, rising."""
        known = self._choices.lifters.get(self.lifter.currentText(), (0,)) if self._choices else (0,)
        return sorted(known)

    def _show_costs(self, state: State) -> None:
        lags = self._lags
        lag = lags[min(self.lag.value(), len(lags) - 1)]
        fps = state.source.fps if state.source is not None else 0.0
        words = lag_words(lag, fps) if len(lags) > 1 else "this lifter has no choice"
        feel = "steadier" if lag > 0 else "foretold" if lag < 0 else ""
        self.lag_words.setText(f"{words}, {feel}" if feel and len(lags) > 1 else words)

    def _want_lag(self, place: int) -> None:
        lags = self._lags
        self._want(lag=lags[min(place, len(lags) - 1)])

    def _want_lifter(self) -> None:
        lags = self._lags
        lag = self._shown.wish.options.lag if self._shown is not None else 0
        self._want(lifter=self.lifter.currentText(), lag=lag if lag in lags else 0)

    def _want(self, **options: Any) -> None:
        self._wanted.update(options)
        self._settle.start()
        if self._latest is not None:
            self._show_costs(self._latest)

    def _ask(self) -> None:
        wanted, self._wanted = self._wanted, {}
        if wanted:
            self.asked.emit(wanted)

    def _ask_view(self) -> None:
        self.view_asked.emit(self.view_choices)


def _camera_words(state: State) -> str:
    words = describe(state.intrinsics)
    if state.intrinsics is None:
        return "not known yet" if state.phase is not Phase.FAILED else "–"
    if state.intrinsics.source == "assumed":
        return f"{words}: distances are a guess until the camera is calibrated"
    return words


def _fill(combo: QComboBox, names: tuple[str, ...]) -> None:
    with QSignalBlocker(combo):
        combo.clear()
        combo.addItems(list(names))


def _select(combo: QComboBox, name: str) -> None:
    """Show a choice, also one that is not in the list: a manifest's path."""
    with QSignalBlocker(combo):
        if combo.findText(name) < 0:
            combo.addItem(name)
        combo.setCurrentText(name)

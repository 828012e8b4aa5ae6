"""The live window: picture, 3D view, latency. It reads the newest result when told of it, and never waits."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QMainWindow, QToolBar

from realtime.live.advice import Advice, Advisor
from realtime.live.state import Phase, State
from realtime.types import Result
from realtime.ui.actions import make_actions
from realtime.ui.asking import Asking
from realtime.ui.choices import ViewChoices
from realtime.ui.controls import Controls
from realtime.ui.docks import Toast, dock, preset_buttons, titled
from realtime.ui.help import HelpPage
from realtime.ui.image_view import ImageView
from realtime.ui.ledger_view import LedgerView
from realtime.ui.live import Live
from realtime.ui.notice_card import NoticeCard
from realtime.ui.notices import CHOOSE_SOURCE, PLAY_AGAIN, RETRY, notice_for
from realtime.ui.preferences import Preferences
from realtime.ui.skeleton_view import SkeletonView
from realtime.ui.theme import DARK, THEMES, Theme, style_sheet
from realtime.ui.transport import TransportBar

_TICK_MS = 40
_PANEL_TICKS, _PANEL_PATIENCE_TICKS = 4, 6
"""The panel is due with the first result after so many ticks that the 3D view leaves room for; then, without
one."""
_ADVICE_EVERY_MS = 100
_PRESETS = ("front", "side", "top", "follow")
_TURN_DEG = 10.0


class Window(QMainWindow):
    """Shows a live session until it is closed. preferences: what it remembers from one time to the next.

    A result is painted as soon as it is there, while the pipeline waits for the next frame, and the panel
    with one; the timer is for all else.
    """

    came = Signal()

    def __init__(self, live: Live, title: str, preferences: Preferences | None = None) -> None:
        super().__init__()
        self._live = live
        self._title = title
        self.preferences = preferences or Preferences()
        self._result: Result | None = None
        self._run = 0
        self._held = False
        self._said = 0
        self._panel_age_ticks = _PANEL_PATIENCE_TICKS
        self._laid_out = False
        self._advisor = Advisor()
        self._advice: Advice | None = None
        self._advised_ns = -1
        self._shown_state: State | None = None
        self.theme = DARK
        self.image_view, self.skeleton_view, self.ledger_view = ImageView(), SkeletonView(), LedgerView()
        self.bar, self.controls = TransportBar(), Controls()
        self.card, self.toast = NoticeCard(self.image_view), Toast(self.skeleton_view)
        self.help: HelpPage | None = None
        self.asking = Asking(self, live, self.preferences)
        self.actions_by_name = make_actions(self, self._deeds())
        self.setWindowTitle(title)
        self._lay_out()
        self._connect()
        self._look(self.preferences.view)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_TICK_MS)
        self.came.connect(self._take_newest, Qt.ConnectionType.QueuedConnection)
        live.listen(self.came.emit)
        self._tick()

    @property
    def held(self) -> bool:
        """Whether the view of a live source stands still; the pipeline runs on."""
        return self._held

    @property
    def result(self) -> Result | None:
        """What is shown."""
        return self._result

    def toggle_play(self) -> None:
        """Stand still, or go on. A live source goes on behind a view that stands still."""
        state = self._live.state
        if state.is_live:
            self._held = not self._held
            self._show_state(state)
        elif state.paused or state.phase is Phase.ENDED:
            self._live.play()
        else:
            self._live.pause()

    def seek_by(self, seconds: float) -> None:
        """Go on or back in a file."""
        state = self._live.state
        if state.can_seek and state.source is not None and self._result is not None:
            frame = self._result.frame.index + round(seconds * state.source.fps)
            self._live.seek(min(max(frame, 0), state.source.frames - 1))

    def toggle_full_screen(self) -> None:
        """Fill the screen, or go back."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_settings(self) -> None:
        """Show the settings, or hide them."""
        shown = self.settings_dock.isHidden()
        picture = self.picture_dock.width() / max(1, self.picture_dock.width() + self.skeleton_view.width())
        self.settings_dock.setVisible(shown)
        self.bar.settings.setChecked(shown)
        # Picture and 3D view make room alike.
        room = self.width() - (self.controls.minimumWidth() if shown else 0)
        self.resizeDocks([self.picture_dock], [round(room * picture)], Qt.Orientation.Horizontal)

    def toggle_help(self) -> None:
        """Show the page of help, or close it."""
        if self.help is not None and self.help.isVisible():
            self.help.close()
            return
        self.help = HelpPage(list(self.actions_by_name.values()), self.theme, self)
        self.help.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.help.destroyed.connect(self._forget_help)
        self.help.show()

    def choose_view(self, **changes: object) -> None:
        """Change what is chosen for the window alone, and remember it."""
        self._look(replace(self.controls.view_choices, **changes))  # type: ignore[arg-type]

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._laid_out:
            self._laid_out = True
            layout = self.preferences.layout
            if layout is None:
                self.resizeDocks([self.picture_dock], [round(self.width() * 0.48)], Qt.Orientation.Horizontal)
                self.resizeDocks([self.ledger_dock], [198], Qt.Orientation.Vertical)
            else:
                self.restoreState(layout[1])
            self.bar.settings.setChecked(not self.settings_dock.isHidden())

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._timer.isActive():
            self._timer.stop()
            self._live.listen(None)
            self.preferences.keep_layout(self.saveGeometry(), self.saveState())
            self.preferences.view = self.controls.view_choices
            self.skeleton_view.close_drawing()
            if self.help is not None:
                self.help.close()
            self._live.close(0.0)
        event.accept()

    def _tick(self) -> None:
        self._take_newest()
        state = self._live.state
        if self._panel_age_ticks >= _PANEL_PATIENCE_TICKS:
            self._show_panel()
        elif state is not self._shown_state:
            self._show_state(state)
        self._panel_age_ticks += 1

    def _show_panel(self) -> None:
        self._panel_age_ticks = 0
        state = self._live.state
        self._show_state(state)
        self.ledger_view.refresh(self._live.snapshot(), state, self._live.source_status)

    def _take_newest(self) -> None:
        state = self._live.state
        if state.run != self._run:
            self._run, self._held, self._advice, self._advised_ns = state.run, False, None, -1
            self._advisor.clear()
            self.ledger_view.clear()
            self._result = None
        result = self._live.latest()
        if result is not None and result is not self._result and not self._held:
            self._show(result, state)

    def _show(self, result: Result, state: State) -> None:
        self._result = result
        self.image_view.show_result(result)
        self.ledger_view.show_tilt(result.up)
        now_s = result.frame.captured_ns / 1e9
        self.skeleton_view.show_people(result.people, state.intrinsics, now_s, result.up)
        # Advice has to hold for a second before it is given: there is no need to ask every frame.
        if not 0 <= result.frame.captured_ns - self._advised_ns < _ADVICE_EVERY_MS * 1e6:
            self._advised_ns = result.frame.captured_ns
            fps = state.source.fps if state.source is not None else 0.0
            self._advice = self._advisor.look(result, self._live.snapshot(), fps, state.is_live)

    def _show_state(self, state: State) -> None:
        """Put into words what the picture alone does not say; the gravest first."""
        self._shown_state = state
        seen, status = self._result is not None, self._live.source_status
        notice = notice_for(state, seen, self._advice, status, self._held)
        self.card.show_notice(notice)
        if state.phase in (Phase.FAILED, Phase.LOST) and not seen:
            self.image_view.show_result(None)
        frame = self._result.frame.index if self._result is not None else None
        self.bar.show_state(state, frame, self._held)
        self.bar.show_recording(self._live.recording, state.phase is Phase.RUNNING and seen)
        self.controls.show_state(state)
        self.controls.show_result(self._result)
        if state.said_count != self._said:
            self._said = state.said_count
            self.toast.say(state.said)
        word = "paused" if state.paused or self._held else state.phase.value
        title = self._title if word == Phase.RUNNING.value else f"{self._title} – {word}"
        if title != self.windowTitle():
            self.setWindowTitle(title)

    def _look(self, chosen: ViewChoices) -> None:
        """Take what is chosen for the window."""
        self.controls.show_view_choices(chosen)
        self._show_choices(chosen)

    def _show_choices(self, chosen: ViewChoices) -> None:
        self._set_theme(THEMES[chosen.theme])
        self.image_view.set_mirrored(chosen.mirror)
        self.skeleton_view.set_mirrored(chosen.mirror)
        self.skeleton_view.set_trails(chosen.trails)
        self.bar.mirror.setChecked(chosen.mirror)
        if chosen.drawing != self.skeleton_view.wanted_drawing:
            self.skeleton_view.set_drawing(chosen.drawing)
        self.ledger_view.show_drawing(self.skeleton_view.drawing, self.skeleton_view.drawing_reason)

    def _set_theme(self, theme: Theme) -> None:
        if theme is self.theme and self.styleSheet():
            return
        self.theme = theme
        self.setStyleSheet(style_sheet(theme))
        for part in (self.image_view, self.skeleton_view, self.ledger_view, self.bar, self.card):
            part.set_theme(theme)

    def _lay_out(self) -> None:
        top = QToolBar("Controls")
        top.setObjectName("controls")
        top.setMovable(False)
        top.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        top.addWidget(self.bar)
        self.addToolBar(top)
        self.setCentralWidget(
            titled("In 3D", self.skeleton_view, preset_buttons(_PRESETS, self.skeleton_view.preset))
        )
        self.picture_dock = dock("picture", "Picture", self.image_view, self)
        self.ledger_dock = dock("latency", "Latency", self.ledger_view, self)
        self.settings_dock = dock("settings", "Settings", self.controls, self)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self.picture_dock)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.ledger_dock)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.settings_dock)
        self.settings_dock.hide()
        self.resize(1280, 800)
        layout = self.preferences.layout
        if layout is not None:
            self.restoreGeometry(layout[0])

    def _connect(self) -> None:
        self.image_view.shown.connect(self._painted)
        self.image_view.resized.connect(self.card.place)
        self.skeleton_view.resized.connect(self.toast.place)
        self.skeleton_view.drawing_changed.connect(self.ledger_view.show_drawing)
        self.card.acted.connect(self._act_on_card)
        self.controls.asked.connect(lambda options: self._live.change(**options))
        self.controls.view_asked.connect(self._show_choices)
        self.bar.sought.connect(self._live.seek)
        self.bar.source_chosen.connect(self._live.open)
        self.bar.menu_opened.connect(self._live.list_cameras)
        self.asking.connect_parts(self.bar, self.controls)
        pairs = (
            (self.bar.play, "play"), (self.bar.step, "step"), (self.bar.record, "record"),
            (self.bar.photo, "photo"), (self.bar.ledger, "ledger"), (self.bar.mirror, "mirror"),
            (self.bar.settings, "settings"), (self.bar.help, "help"),
        )  # fmt: skip
        for button, name in pairs:
            self.bar.bind(button, self.actions_by_name[name])

    def _painted(self, frame: int, age_ms: float) -> None:
        self.ledger_view.add_age(age_ms)
        self._live.displayed(frame, time.perf_counter_ns())
        if self._panel_age_ticks >= _PANEL_TICKS + self.skeleton_view.is_next:
            self._panel_age_ticks = 0
            # After the views: a panel that is painted with them would make them late.
            QTimer.singleShot(0, self._show_panel)

    def _act_on_card(self, action: str) -> None:
        if action == PLAY_AGAIN:
            self._live.play()
        elif action == CHOOSE_SOURCE:
            self.bar.source.showMenu()
        elif action == RETRY:
            self._live.open(self._live.state.wish.source)

    def _forget_help(self) -> None:
        self.help = None

    def _deeds(self) -> dict[str, Callable[[], object]]:
        view, controls = self.skeleton_view, self.controls
        deeds: dict[str, Callable[[], object]] = {
            "play": self.toggle_play,
            "step": lambda: self._live.step(),
            "back": lambda: self.seek_by(-1.0),
            "forward": lambda: self.seek_by(1.0),
            "record": self.asking.toggle_recording,
            "photo": self.asking.save_screenshot,
            "ledger": self.asking.save_ledger,
            "mirror": lambda: self.choose_view(mirror=not controls.mirror.isChecked()),
            "trails": lambda: self.choose_view(trails=not controls.trails.isChecked()),
            "turn left": lambda: view.orbit(-_TURN_DEG, 0),
            "turn right": lambda: view.orbit(_TURN_DEG, 0),
            "closer": lambda: view.zoom(1),
            "away": lambda: view.zoom(-1),
            "source": lambda: self.bar.source.showMenu(),
            "settings": self.toggle_settings,
            "theme": lambda: self.choose_view(theme="light" if self.theme is DARK else "dark"),
            "full screen": self.toggle_full_screen,
            "help": self.toggle_help,
            "quit": self.close,
        }
        looks = {name: (lambda chosen=name: view.preset(chosen)) for name in (*_PRESETS, "three-quarter")}
        return {**deeds, **looks}

"""The title strips of the window's parts, and the short-lived line that says what was done."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from realtime.ui.actions import SPECS

_TOAST_MS = 4500
_MARGIN_PX = 14


class TitleStrip(QWidget):
    """A thin line over a part of the window: its name, and buttons that belong to it."""

    def __init__(self, name: str, widgets: Sequence[QWidget] = ()) -> None:
        super().__init__()
        self.setObjectName("title")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        label = QLabel(name.upper())
        label.setObjectName("title")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 4, 8, 4)
        layout.setSpacing(2)
        layout.addWidget(label)
        layout.addStretch(1)
        for widget in widgets:
            layout.addWidget(widget)

    def sizeHint(self) -> QSize:
        return QSize(160, 30)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 30)


def dock(name: str, title: str, content: QWidget, parent: QWidget) -> QDockWidget:
    """A part that can be moved, floated, closed and resized. name: under which its place is remembered."""
    made = QDockWidget(title, parent)
    made.setObjectName(name)
    made.setTitleBarWidget(TitleStrip(title))
    made.setWidget(content)
    return made


def titled(title: str, content: QWidget, extra: Sequence[QWidget] = ()) -> QWidget:
    """The same look for the part in the middle, which stays."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(TitleStrip(title, extra))
    column.addWidget(content, 1)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    return made


def preset_buttons(names: Sequence[str], choose: Callable[[str], object]) -> list[QWidget]:
    """Buttons for named viewpoints."""
    buttons: list[QWidget] = []
    for name in names:
        button = QPushButton(name.capitalize())
        button.setFlat(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setObjectName("preset")
        button.setToolTip(f"{SPECS[name].tip} ({SPECS[name].keys[0]})")
        button.clicked.connect(lambda _=False, chosen=name: choose(chosen))
        buttons.append(button)
    return buttons


class Toast(QLabel):
    """A line at the lower right of its parent that goes by itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setStyleSheet(
            "QLabel#toast { background: rgba(16, 19, 24, 235); color: rgb(230, 233, 238); "
            "border-radius: 8px; padding: 9px 14px; }"
        )
        self.setAccessibleName("What was done")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_TOAST_MS)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def say(self, words: str) -> None:
        """Show words for a moment."""
        self.setText(words)
        self.show()
        self.place()
        self._timer.start()

    def place(self) -> None:
        """Go where it belongs in its parent, which has another size now."""
        parent = self.parentWidget()
        if parent is not None and not self.isHidden():
            self.setMaximumWidth(max(80, parent.width() - 2 * _MARGIN_PX))
            self.adjustSize()
            x, y = parent.width() - self.width() - _MARGIN_PX, parent.height() - self.height() - _MARGIN_PX
            self.move(max(0, x), max(0, y))
            self.raise_()

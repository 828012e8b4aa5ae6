"""The card over the picture that shows a notice."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from realtime.ui.icons import pixmap
from realtime.ui.notices import Notice
from realtime.ui.theme import DARK, Theme

_WIDEST_PX = 460
_MARGIN_PX = 18
_ICON_PX = 34


class NoticeCard(QFrame):
    """Lies over its parent: a hint low down, anything graver in the middle. acted: its button was pressed."""

    acted = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._theme = DARK
        self._notice: Notice | None = None
        self._icon, self._title, self._hint = QLabel(), QLabel(), QLabel()
        self._title.setObjectName("cardtitle")
        self._hint.setObjectName("caption")
        for label in (self._title, self._hint):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._button = QPushButton()
        self._button.setObjectName("primary")
        self._button.clicked.connect(lambda: self.acted.emit(self._button.text()))
        self._lay_out()
        self.hide()

    @property
    def notice(self) -> Notice | None:
        """What it shows now."""
        return self._notice

    @property
    def text(self) -> str:
        """All its words; empty while it is hidden."""
        if self._notice is None:
            return ""
        return ". ".join(part for part in (self._notice.title, self._notice.hint) if part)

    @property
    def button(self) -> QPushButton:
        """Its button."""
        return self._button

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._refresh()

    def show_notice(self, notice: Notice | None) -> None:
        """Replace what is shown; None hides it."""
        if notice != self._notice:
            self._notice = notice
            self._refresh()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self._title)
        words.addWidget(self._hint)
        words.addWidget(self._bar)
        words.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(20, 16, 22, 16)
        layout.setSpacing(16)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)

    def _refresh(self) -> None:
        notice = self._notice
        self.setVisible(notice is not None)
        if notice is None:
            return
        tint = self._theme.alarm if notice.alarming else self._theme.accent
        self._icon.setPixmap(pixmap(notice.icon, QColor(*tint), _ICON_PX, self.devicePixelRatioF()))
        self._title.setText(notice.title)
        self._hint.setText(notice.hint)
        self._hint.setVisible(bool(notice.hint))
        self._bar.setVisible(notice.busy)
        self._bar.setRange(0, 0 if notice.done is None else 1000)
        self._bar.setValue(round((notice.done or 0) * 1000))
        self._button.setText(notice.action)
        self._button.setVisible(bool(notice.action))
        self.setAccessibleName(self.text)
        self.place()

    def place(self) -> None:
        """Go where it belongs in its parent, which has another size now."""
        parent = self.parentWidget()
        if self._notice is None or parent is None:
            return
        width = max(120, min(_WIDEST_PX, parent.width() - 2 * _MARGIN_PX))
        self.setFixedWidth(width)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        height = max(layout.totalHeightForWidth(width), layout.totalSizeHint().height())
        self.setFixedHeight(min(height, max(40, parent.height() - 2 * _MARGIN_PX)))
        x = (parent.width() - width) // 2
        low = parent.height() - self.height() - _MARGIN_PX
        self.move(x, low if self._notice.calm else (parent.height() - self.height()) // 2)
        self.raise_()

"""The page of help: what one sees, what keys do, what one camera cannot know."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QScrollArea, QVBoxLayout, QWidget

from realtime.ui.theme import Theme, hexed

_MOUSE = (
    ("Drag in 3D", "walk around"),
    ("Wheel", "come closer, go away"),
    ("Double click", "three-quarter view"),
)
_SECTIONS = (
    (
        "What you see",
        "On the left is the camera's picture with the joints that the 2D network finds. On the right are "
        "the same people in metres, as the camera sees the world: the squares on the floor are 1 m, the "
        "outline is the camera; its x points right, y down, z forward. <b>Left limbs are {left}; right limbs "
        "are {right}, with hollow joints.</b> A faint joint is one that the network is not sure of. The ± "
        "beside a distance is one standard deviation.",
    ),
    (
        "The large number",
        "How old a picture is when it reaches the screen. The bars show what each picture spent in each "
        "stage. A lag trades time for steadiness; below zero the pose is foretold.",
    ),
    (
        "What one camera cannot know",
        "Size and distance look the same to one camera, and so do distance and focal length. Set your "
        "height, and calibrate the camera: until then distances are a guess, and the window says so.",
    ),
)


class HelpPage(QDialog):
    """A window of its own that can stay open beside the other."""

    def __init__(self, actions: Sequence[QAction], theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        self.setModal(False)
        self.text = QLabel(help_text(actions, theme))
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.text.setContentsMargins(22, 14, 22, 14)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.text)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addWidget(buttons)
        self.resize(620, 640)


def help_text(actions: Sequence[QAction], theme: Theme) -> str:
    """The page as rich text; keys are those that the actions have."""
    left = f'<span style="color:{hexed(theme.left)}">blue</span>'
    right = f'<span style="color:{hexed(theme.right)}">orange</span>'
    sections = "".join(
        f"<h3>{title}</h3><p>{words.format(left=left, right=right)}</p>" for title, words in _SECTIONS
    )
    keyed = [(", ".join(k.toString() for k in action.shortcuts()), action.text()) for action in actions]
    rows = "".join(
        f'<tr><td style="padding:3px 26px 3px 0"><b>{keys}</b></td><td>{what}</td></tr>'
        for keys, what in (*keyed, *_MOUSE)
    )
    return f"{sections}<h3>Keys and mouse</h3><table>{rows}</table>"

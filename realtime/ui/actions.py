"""Everything the keys do, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True)
class Spec:
    """An action: its words, its tool tip, its keys (the first is the one that is shown)."""

    text: str
    tip: str
    keys: tuple[str, ...] = ()


SPECS: Mapping[str, Spec] = {
    "play": Spec("Play or pause", "Play, or stand still", ("Space",)),
    "step": Spec("Next picture", "Show the next picture and stand still", (".",)),
    "back": Spec("A second back", "Go back in the file", ("Left",)),
    "forward": Spec("A second on", "Go on in the file", ("Right",)),
    "record": Spec("Record or stop", "Write a record of what is seen, until stopped", ("R",)),
    "photo": Spec("Screenshot", "Save the window as a picture", ("S",)),
    "ledger": Spec("Save the latencies", "Save where the time went, as JSON", ("L",)),
    "mirror": Spec("Mirror", "Show left and right as a mirror does", ("M",)),
    "trails": Spec("Trails", "Show where people and hands were", ("T",)),
    "front": Spec("3D from the front", "As the camera sees it", ("1",)),
    "side": Spec("3D from the side", "From the camera's right", ("2",)),
    "top": Spec("3D from above", "From above", ("3",)),
    "follow": Spec("3D follows people", "Stay close to the people", ("4",)),
    "three-quarter": Spec("3D, three-quarter view", "From the side and a little above", ("0",)),
    "turn left": Spec("Turn 3D to the left", "Walk around", ("Shift+Left",)),
    "turn right": Spec("Turn 3D to the right", "Walk around", ("Shift+Right",)),
    "closer": Spec("3D comes closer", "Come closer", ("+", "=")),
    "away": Spec("3D goes away", "Go away", ("-",)),
    "source": Spec("Choose a source", "A camera, a file, a stream", ("O",)),
    "settings": Spec("Settings", "Networks, lag, body height, camera, view", ("C",)),
    "theme": Spec("Dark or light", "Change between the dark and the light theme", ("D",)),
    "full screen": Spec("Full screen", "Fill the screen, or go back", ("F", "F11")),
    "help": Spec("Help", "What is shown, and what keys do", ("F1", "?")),
    "quit": Spec("Quit", "Close the window", ("Q", "Esc")),
}


def make_actions(owner: QWidget, does: Mapping[str, Callable[[], object]]) -> dict[str, QAction]:
    """Actions for all of SPECS on a window, with their keys. does: what each does."""
    made = {}
    for name, spec in SPECS.items():
        action = QAction(spec.text, owner)
        action.setToolTip(spec.tip)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setAutoRepeat(name in ("back", "forward", "step", "turn left", "turn right", "closer", "away"))
        action.triggered.connect(lambda _=False, do=does[name]: do())
        owner.addAction(action)
        made[name] = action
    return made

"""The window's colours, dark and light, and the style sheet made of them. Importing this needs no Qt.

Left is blue and right is orange in both themes (Okabe and Ito: told apart with every common kind of
colour blindness), and right joints are hollow, so that no side is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from realtime.draw import BACKGROUND, GRID, LEFT, MUTED, PEOPLE, RIGHT, SHADOW, STAGE_COLOURS, TEXT
from realtime.scene import Side
from realtime.strokes import Rgb


@dataclass(frozen=True)
class Theme:
    """One look. Colours are RGB.

    canvas: behind the picture, the 3D view and the bars. surface: behind the controls. raised: buttons and
    cards. line: hairlines. accent: the one colour that says "this matters". shade: rims and shadows.
    """

    name: str
    canvas: Rgb
    surface: Rgb
    raised: Rgb
    line: Rgb
    text: Rgb
    muted: Rgb
    accent: Rgb
    on_accent: Rgb
    alarm: Rgb
    grid: Rgb
    shade: Rgb
    shadow: Rgb
    left: Rgb
    right: Rgb
    people: tuple[Rgb, ...]
    stages: Mapping[str, Rgb]

    def body(self, side: int, person_id: int) -> Rgb:
        """The colour of a part of a person's body."""
        if side == Side.LEFT:
            return self.left
        return self.right if side == Side.RIGHT else self.people[person_id % len(self.people)]


DARK = Theme(
    "dark",
    canvas=BACKGROUND,
    surface=(28, 32, 39),
    raised=(40, 45, 55),
    line=(52, 58, 70),
    text=TEXT,
    muted=MUTED,
    accent=(96, 214, 178),
    on_accent=(10, 26, 22),
    alarm=(255, 150, 124),
    grid=GRID,
    shade=SHADOW,
    shadow=(11, 12, 16),
    left=LEFT,
    right=RIGHT,
    people=PEOPLE,
    stages={"wait": (62, 70, 84), "display": (206, 112, 150), **STAGE_COLOURS},
)

LIGHT = Theme(
    "light",
    canvas=(244, 245, 247),
    surface=(255, 255, 255),
    raised=(236, 238, 242),
    line=(214, 218, 225),
    text=(24, 28, 36),
    muted=(92, 100, 114),
    accent=(0, 122, 94),
    on_accent=(255, 255, 255),
    alarm=(178, 48, 20),
    grid=(176, 183, 194),
    shade=(255, 255, 255),
    shadow=(206, 210, 218),
    left=(0, 114, 178),
    right=(204, 102, 0),
    people=((52, 58, 70), (0, 128, 96), (168, 72, 128), (128, 112, 0)),
    stages={
        "capture": (150, 158, 172),
        "wait": (204, 208, 216),
        "detect": (32, 140, 130),
        "estimate": (112, 94, 196),
        "lift": (196, 154, 24),
        "display": (176, 72, 116),
    },
)

THEMES: Mapping[str, Theme] = {theme.name: theme for theme in (DARK, LIGHT)}


def hexed(rgb: Rgb) -> str:
    """A colour as style sheets and rich text write it."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def style_sheet(theme: Theme) -> str:
    """The window's style sheet."""
    names = ("canvas", "surface", "raised", "line", "text", "muted", "accent", "on_accent", "alarm")
    colours = {name: hexed(getattr(theme, name)) for name in names}
    sheet = _SHEET
    for name in sorted(names, key=len, reverse=True):
        sheet = sheet.replace(f"@{name}", colours[name])
    return sheet


_SHEET = """
QMainWindow, QDialog { background: @surface; }
QWidget { color: @text; font-size: 13px; }
QMainWindow::separator { background: @line; width: 1px; height: 1px; margin: 2px; }
QMainWindow::separator:hover { background: @accent; }
QDockWidget { background: @surface; color: @muted; }
QWidget#bar, QWidget#panel, QScrollArea, QScrollArea > QWidget > QWidget
    { background: @surface; border: none; }
QWidget#title { background: @surface; }
QLabel { background: transparent; }
QLabel#title, QLabel#section { color: @muted; font-size: 11px; font-weight: 600; letter-spacing: 1px; }
QLabel#caption { color: @muted; font-size: 12px; }
QLabel#big { font-size: 46px; font-weight: 300; }
QLabel#middle { font-size: 20px; }
QLabel#good { color: @accent; }
QLabel#alarm { color: @alarm; font-weight: 600; }
QPushButton, QToolButton { background: @raised; border: 1px solid transparent; border-radius: 6px;
    padding: 6px 12px; }
QToolButton { padding: 6px; background: transparent; }
QToolButton#source { background: @raised; padding: 6px 28px 6px 10px; min-width: 120px; }
QToolButton#source::menu-indicator
    { subcontrol-position: right center; subcontrol-origin: padding; right: 9px; }
QPushButton:hover, QToolButton:hover { background: @raised; border-color: @line; }
QPushButton:focus, QToolButton:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus, QLineEdit:focus
    { border: 1px solid @accent; }
QPushButton:pressed, QToolButton:pressed { background: @line; }
QPushButton:disabled, QToolButton:disabled, QLabel:disabled, QCheckBox:disabled { color: @muted; }
QPushButton#preset { background: transparent; color: @muted; padding: 3px 9px; font-size: 12px; }
QPushButton#preset:hover { color: @text; background: @raised; }
QToolBar { background: @surface; border: none; border-bottom: 1px solid @line; padding: 0; spacing: 0; }
QPushButton#primary { background: @accent; color: @on_accent; font-weight: 600; }
QToolButton#record:checked { background: @alarm; color: @surface; }
QComboBox, QSpinBox, QDoubleSpinBox, QLineEdit { background: @raised; border: 1px solid transparent;
    border-radius: 6px; padding: 5px 8px; min-height: 18px; selection-background-color: @accent;
    selection-color: @on_accent; }
QSpinBox, QDoubleSpinBox { padding: 0 0 0 4px; min-height: 28px; }
QAbstractSpinBox QLineEdit { background: transparent; border: none; padding: 0 4px; min-height: 0; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; border: none; }
QComboBox::drop-down { border: none; width: 18px; }
QComboBox QAbstractItemView { background: @raised; border: 1px solid @line; outline: none;
    selection-background-color: @accent; selection-color: @on_accent; }
QMenu { background: @raised; border: 1px solid @line; padding: 6px; }
QMenu::item { padding: 6px 28px 6px 14px; border-radius: 4px; }
QMenu::item:selected { background: @accent; color: @on_accent; }
QMenu::item:disabled { color: @muted; background: transparent; }
QMenu::separator { height: 1px; background: @line; margin: 5px 8px; }
QCheckBox { spacing: 8px; }
QCheckBox::indicator { width: 15px; height: 15px; border-radius: 4px; background: @canvas;
    border: 1px solid @muted; }
QCheckBox::indicator:checked { background: @accent; border: 4px solid @canvas; }
QCheckBox::indicator:focus { border-color: @text; }
QSlider { min-height: 20px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: @line; }
QSlider::sub-page:horizontal { border-radius: 2px; background: @accent; }
QSlider::sub-page:horizontal:disabled { background: @muted; }
QSlider::handle:horizontal { width: 14px; margin: -5px 0; border-radius: 7px; background: @text; }
QSlider::handle:horizontal:focus { background: @accent; }
QSlider::handle:horizontal:disabled { background: @muted; }
QProgressBar { background: @line; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QFrame#card { background: @surface; border: 1px solid @line; border-radius: 12px; }
QFrame#rule { background: @line; border: none; max-height: 1px; min-height: 1px; }
QLabel#cardtitle { font-size: 17px; font-weight: 600; }
QToolTip { background: @raised; color: @text; border: 1px solid @line; padding: 5px; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar::handle:vertical { background: @line; border-radius: 4px; min-height: 24px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
"""

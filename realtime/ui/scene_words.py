"""Words of the 3D view, and its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter

from realtime.scene import Label, Scene, Strokes
from realtime.types import Person
from realtime.ui.paint import colour


def distance_words(people: Sequence[Person]) -> list[str]:
    """How far each person's pelvis is from the camera, and one standard deviation of its depth."""
    words = []
    for person in people:
        distance_m = float(np.linalg.norm(person.pose.root_m))
        sigma_m = person.pose.root_sigma_m
        name = f"#{person.id}  " if len(people) > 1 else ""
        sure = f" ± {sigma_m:.2f}" if np.isfinite(sigma_m) else ""
        words.append(f"{name}{distance_m:.2f} m{sure}" if np.isfinite(distance_m) else f"{name}–")
    return words


def paint_label(painter: QPainter, label: Label, rgb: tuple[int, int, int]) -> None:
    """Words where the scene has them."""
    painter.setPen(colour(rgb))
    painter.drawText(QPointF(label.x_px, label.y_px), label.text)


def mirrored_scene(seen: Scene, width: float) -> Scene:
    """The same with left and right of the canvas swapped; words stay readable."""
    flip, shift = np.array([-1, 1], np.float32), np.array([width, 0], np.float32)

    def strokes(of: Strokes) -> Strokes:
        return replace(of, ends_px=of.ends_px * flip + shift)

    def labels(of: list[Label]) -> list[Label]:
        return [replace(label, x_px=width - label.x_px) for label in of]

    return Scene(
        shadows=strokes(seen.shadows),
        floor=strokes(seen.floor),
        ruler=strokes(seen.ruler),
        camera=strokes(seen.camera),
        axes=strokes(seen.axes),
        trails=strokes(seen.trails),
        numbers=labels(seen.numbers),
        people=strokes(seen.people),
        names=labels(seen.names),
    )

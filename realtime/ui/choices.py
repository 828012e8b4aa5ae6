"""What is chosen for the window alone. Importing this needs no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Drawing = Literal["auto", "opengl", "painter"]


@dataclass(frozen=True)
class ViewChoices:
    """mirror: left and right swapped. drawing: of the 3D view. with_video: beside every record."""

    mirror: bool = False
    trails: bool = True
    theme: str = "dark"
    drawing: Drawing = "auto"
    with_video: bool = True

"""Boards: what they look like and where their corners lie. Board space: metres, x right, y down, z away."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np

from realtime.errors import UsageError
from realtime.types import FloatArray

Layout = Literal["checkerboard", "charuco", "charuco-classic"]

MARKER_RATIO = 0.75
"""Side of a ChArUco marker by that of its square, if nothing else is said."""

_MIN_CORNERS, _MAX_CORNERS = 3, 40


@dataclass(frozen=True, slots=True)
class Board:
    """A flat board of squares with cols x rows inner corners.

    layout: charuco is what OpenCV draws since 4.6 (black square top left), charuco-classic what it drew
    before (differs where the number of squares down is even). marker_m: a marker's side. dictionary:
    the markers' family as OpenCV names it, without DICT_. Both matter for ChArUco only.
    """

    cols: int
    rows: int
    square_m: float
    layout: Layout = "checkerboard"
    marker_m: float = 0.0
    dictionary: str = "4X4_250"

    def __post_init__(self) -> None:
        if not _MIN_CORNERS <= min(self.cols, self.rows) <= max(self.cols, self.rows) <= _MAX_CORNERS:
            raise UsageError(
                f"a board needs {_MIN_CORNERS} to {_MAX_CORNERS} inner corners each way, not "
                f"{self.cols}x{self.rows}: count where four squares meet, one less than there are squares"
            )
        if not 0.001 <= self.square_m <= 1.0:
            raise UsageError(
                f"squares of {self.square_m * 1000:g} mm cannot be: give their side in millimetres, 1 to 1000"
            )
        if self.is_charuco:
            self._check_markers()

    def _check_markers(self) -> None:
        if not 0 < self.marker_m < self.square_m:
            raise UsageError(
                f"markers of {self.marker_m * 1000:g} mm do not fit squares of {self.square_m * 1000:g} mm: "
                "measure a marker's black side, and give it with --marker-mm"
            )
        held, wanted = len(self._family().bytesList), (self.cols + 1) * (self.rows + 1) // 2
        if held < wanted:
            raise UsageError(
                f"the board has {wanted} markers, {self.dictionary} only {held}: name a larger --dictionary"
            )

    @property
    def is_charuco(self) -> bool:
        return self.layout != "checkerboard"

    @property
    def corners_m(self) -> FloatArray:
        """(cols * rows, 3) inner corners, row by row, z = 0; the first one at the origin."""
        grid = np.mgrid[0 : self.cols, 0 : self.rows].T.reshape(-1, 2)
        return np.hstack([grid * self.square_m, np.zeros((len(grid), 1))]).astype(np.float32)

    @property
    def centre_m(self) -> FloatArray:
        """(3,) the middle of the inner corners."""
        return np.asarray(self.corners_m.mean(axis=0), np.float32)

    def transposed(self) -> Board:
        """The board with its numbers of corners exchanged."""
        return replace(self, cols=self.rows, rows=self.cols)

    def opencv(self) -> Any:
        """OpenCV's ChArUco board of this layout."""
        size = (self.cols + 1, self.rows + 1)
        board = cv2.aruco.CharucoBoard(size, self.square_m, self.marker_m, self._family())
        board.setLegacyPattern(self.layout == "charuco-classic")
        return board

    def _family(self) -> Any:
        name = f"DICT_{self.dictionary.upper().removeprefix('DICT_')}"
        names = {n.upper(): n for n in dir(cv2.aruco) if n.startswith("DICT_")}
        if name not in names:
            known = ", ".join(sorted(n.removeprefix("DICT_") for n in names))
            raise UsageError(f"there is no marker dictionary {self.dictionary}; known: {known}")
        return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, names[name]))

    def __str__(self) -> str:
        return f"{self.cols}x{self.rows} {self.layout}, {self.square_m * 1000:g} mm squares"


def parse_size(text: str) -> tuple[int, int]:
    """Inner corners across and down, of `9x6`. Raises UsageError."""
    match = re.fullmatch(r"\s*(\d{1,3})\s*[xX×,*]\s*(\d{1,3})\s*", text)
    if match is None:
        raise UsageError(
            f"--board {text!r} is not a size: write inner corners as in 9x6 (a board of 10 by 7 squares)"
        )
    return int(match[1]), int(match[2])

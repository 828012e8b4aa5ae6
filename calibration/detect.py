"""Finding a board in an image, and saying why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from calibration.board import Board, Layout
from calibration.grid import extended_size, is_regular, lies_in_larger_grid
from calibration.sharpness import BLURRED, blur
from realtime.types import Array, FloatArray, ImageArray

_FIND = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_EXHAUSTIVE
_SEARCH_PX = 960
_MARGINS = (0.35, 0.2, 0.6)
_MIN_CHARUCO_CORNERS = 6


@dataclass(frozen=True, slots=True)
class Sighting:
    """A board seen in one image. ids: (N,) which of the board's corners; corners_px: (N, 2) where.

    blur: of the image where the board is, 0 sharp to 1 (see `calibration.sharpness`).
    """

    ids: Array
    corners_px: FloatArray
    blur: float


@dataclass(frozen=True, slots=True)
class Miss:
    """Why an image shows no board that can be used. other: the size of the board that is there instead."""

    reason: str
    other: tuple[int, int] | None = None


class Finder:
    """Finds one board in images of one camera. `board` is what it turned out to be.

    Of a ChArUco board the numbers of corners may be exchanged, and with `any_layout` its layout may be
    either of OpenCV's; the first image that shows it decides.
    """

    def __init__(self, board: Board, any_layout: bool = False) -> None:
        self._candidates = [board]
        if board.is_charuco:
            layouts: tuple[Layout, ...] = ("charuco", "charuco-classic") if any_layout else (board.layout,)
            turned = [board] if board.cols == board.rows else [board, board.transposed()]
            self._candidates = [replace(b, layout=layout) for b in turned for layout in layouts]

    @property
    def board(self) -> Board:
        return self._candidates[0]

    def find(self, image: ImageArray) -> Sighting | Miss:
        """The board in an image (H, W, 3) or (H, W), as exactly as can be: some tenths of a second."""
        gray = to_gray(image)
        seen = self._find_charuco(gray) if self.board.is_charuco else _find_checkerboard(gray, self.board)
        if isinstance(seen, Sighting):
            if not self.board.is_charuco and (
                larger := lies_in_larger_grid(gray, self.board, seen.corners_px)
            ):
                return Miss(f"a larger board is there, of {larger[0]}x{larger[1]} inner corners", larger)
            return seen
        return seen or _explain(gray, self.board)

    def glance(self, image: ImageArray) -> Sighting | None:
        """The board in a live image, roughly and at once: for showing, and for choosing when to look well."""
        gray = to_gray(image)
        if self.board.is_charuco:
            seen = self._find_charuco(gray)
            return seen if isinstance(seen, Sighting) else None
        size = (self.board.cols, self.board.rows)
        scale = min(1.0, _SEARCH_PX / 1.5 / max(gray.shape))
        small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
        ok, corners = cv2.findChessboardCorners(small, size, flags=flags)
        return _sighting(gray, _full_scale(corners, scale)) if ok else None

    def _find_charuco(self, gray: ImageArray) -> Sighting | Miss | None:
        markers = 0
        for board in self._candidates:
            detector = cv2.aruco.CharucoDetector(board.opencv())
            corners, ids, _, marker_ids = detector.detectBoard(gray)
            markers = max(markers, 0 if marker_ids is None else len(marker_ids))
            if ids is not None and len(ids) >= _MIN_CHARUCO_CORNERS and _spread(board, ids.ravel()):
                self._candidates = [board]
                return _sighting(gray, np.asarray(corners, np.float64).reshape(-1, 2), ids.ravel())
        if markers >= 4:
            return Miss(
                f"{markers} markers are there, but not as this board has them: check --board, --layout, "
                "--marker-mm and --dictionary"
            )
        return None


def to_gray(image: ImageArray) -> ImageArray:
    """(H, W) uint8 of an image, BGR or grey."""
    return np.asarray(image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _spread(board: Board, ids: Array) -> bool:
    """Whether corners span two rows and two columns at least, by three of one: no degenerate view."""
    cols, rows = len(np.unique(ids % board.cols)), len(np.unique(ids // board.cols))
    return min(cols, rows) >= 2 and max(cols, rows) >= 3


def _sighting(gray: ImageArray, corners_px: Array, ids: Array | None = None) -> Sighting:
    ids = np.arange(len(corners_px)) if ids is None else ids
    (left, top), (right, bottom) = corners_px.min(axis=0).astype(int), corners_px.max(axis=0).astype(int)
    part = gray[max(0, top) : bottom + 1, max(0, left) : right + 1]
    return Sighting(ids, corners_px.astype(np.float32), blur(np.ascontiguousarray(part)))


def _full_scale(corners: Array, scale: float) -> Array:
    """Corners found in an image made smaller, in the full one's pixels."""
    return (np.asarray(corners, np.float64).reshape(-1, 2) + 0.5) / scale - 0.5


def _find_checkerboard(gray: ImageArray, board: Board) -> Sighting | None:
    """Find about where the board is, then place its corners well in that part of the image.

    OpenCV's sector-based search (Duda and Frese 2018) with its exhaustive option finds boards in photos
    that the older one misses, and places corners several times better; the older one is ten times faster.
    """
    size = (board.cols, board.rows)
    ok, old = cv2.findChessboardCorners(gray, size)
    rough = np.asarray(old, np.float64).reshape(-1, 2) if ok else None
    found = None if rough is None else _search_near(gray, size, rough)
    if found is None and (scale := _SEARCH_PX / max(gray.shape)) < 1:
        small = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        guess = _search(small, size)
        found = None if guess is None else _search_near(gray, size, _full_scale(guess, scale))
    if found is None:
        found = _search(gray, size)
    if found is None and rough is not None and _regular(rough, size):
        found = _refined(gray, rough, size)
    return None if found is None else _sighting(gray, found)


def _search(gray: ImageArray, size: tuple[int, int]) -> Array | None:
    """Corners (N, 2) by OpenCV's better search, or None."""
    ok, found = cv2.findChessboardCornersSB(gray, size, flags=_FIND)
    corners = np.asarray(found, np.float64).reshape(-1, 2) if ok else None
    return corners if corners is not None and _regular(corners, size) else None


def _search_near(gray: ImageArray, size: tuple[int, int], rough_px: Array) -> Array | None:
    """Corners in the part of the image around the rough ones; another part is tried if one yields none."""
    low, high = rough_px.min(axis=0), rough_px.max(axis=0)
    for share in _MARGINS:
        margin = share * (high - low).max()
        left, top = np.maximum(0, low - margin).astype(int)
        right, bottom = np.minimum(gray.shape[::-1], high + margin).astype(int)
        found = _search(np.ascontiguousarray(gray[top:bottom, left:right]), size)
        if found is not None:
            return np.asarray(found + np.array([left, top]))
    return None


def _regular(corners: Array, size: tuple[int, int]) -> bool:
    return is_regular(corners.reshape(size[1], size[0], 2))


def _refined(gray: ImageArray, corners_px: Array, size: tuple[int, int]) -> Array:
    """Corners moved to the saddle points next to them, within a third of a square."""
    grid = corners_px.reshape(size[1], size[0], 2)
    square = min(np.linalg.norm(np.diff(grid, axis=a), axis=-1).min() for a in (0, 1))
    half = int(np.clip(square / 3, 2, 11))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-3)
    start = np.ascontiguousarray(corners_px[:, None], np.float32)
    return np.asarray(cv2.cornerSubPix(gray, start, (half, half), (-1, -1), stop), np.float64).reshape(-1, 2)


def _explain(gray: ImageArray, board: Board) -> Miss:
    """Why there is no board: another size, a blurred image, or nothing of the kind."""
    size = None if board.is_charuco else extended_size(gray)
    if size and sorted(size) != sorted((board.cols, board.rows)):
        return Miss(f"a board of {size[0]}x{size[1]} inner corners is there", size)
    if blur(gray) > BLURRED:
        return Miss("no board found; the image is blurred")
    return Miss("no board found")

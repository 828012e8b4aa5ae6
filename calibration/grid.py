"""Whether a grid of corners goes on beyond those that were found: the way to a board's true size."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.board import Board
from realtime.types import Array, ImageArray

_SEEDS = ((3, 3), (3, 4), (4, 4), (4, 5))
_BEND = 0.35
_PATCH = 0.3
_LIKE_INNER = 0.5
_MOST = 0.8
_MAX_GROWTH = 40
_SEARCH_PX = 960


def lies_in_larger_grid(gray: ImageArray, board: Board, corners_px: Array) -> tuple[int, int] | None:
    """The size (cols, rows) of the larger board that the corners found are part of, if they are."""
    start = corners_px.reshape(board.rows, board.cols, 2).astype(np.float64)
    grown = _grow(gray, start)
    size = (grown.shape[1], grown.shape[0])
    return None if size == (board.cols, board.rows) else size


def extended_size(gray: ImageArray) -> tuple[int, int] | None:
    """The size (cols, rows) of whatever board is in an image, or None."""
    scale = min(1.0, _SEARCH_PX / max(gray.shape))
    small = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    for seed in _SEEDS:
        ok, corners, marks = cv2.findChessboardCornersSBWithMeta(small, seed, flags=cv2.CALIB_CB_LARGER)
        if not ok or marks is None:
            continue
        rows, cols = marks.shape
        grid = np.asarray(corners, np.float64).reshape(rows, cols, 2)
        if is_regular(grid):
            grown = _grow(small, grid)
            return grown.shape[1], grown.shape[0]
    return None


def is_regular(grid: Array) -> bool:
    """Whether corners (rows, cols, 2) lie as squares seen in perspective and through a lens do.

    OpenCV's search, asked for a size that is not there, may return corners of a board in disorder.
    """
    across, down = np.diff(grid, axis=1), np.diff(grid, axis=0)
    for steps, axis in ((across, 1), (down, 0)):
        change = np.linalg.norm(np.diff(steps, axis=axis), axis=-1)
        if (change > _BEND * np.linalg.norm(np.delete(steps, 0, axis=axis), axis=-1)).any():
            return False
    a, d = across[:-1], down[:, :-1]
    turn = a[..., 0] * d[..., 1] - a[..., 1] * d[..., 0]
    return bool((turn > 0).all() or (turn < 0).all())


def _grow(gray: ImageArray, grid: Array) -> Array:
    """The grid (rows, cols, 2) with every row and column added that continues it, in pixels."""
    for _ in range(_MAX_GROWTH):
        for turn in range(4):
            # Each turn brings another side to the top.
            grid = np.rot90(grid, axes=(0, 1))
            row = _next_row(gray, grid)
            if row is not None:
                grid = np.concatenate([row[None], grid])
                grid = np.rot90(grid, -turn - 1, axes=(0, 1))
                break
        else:
            return grid
    return grid


def _next_row(gray: ImageArray, grid: Array) -> Array | None:
    """The row of corners (cols, 2) above a grid, or None where there is none."""
    rows, cols = grid.shape[:2]
    near = grid[: min(rows, 4)]
    where = np.stack(np.meshgrid(np.arange(cols), np.arange(len(near))), axis=-1).reshape(-1, 2)
    plane, _ = cv2.findHomography(where.astype(np.float64), near.reshape(-1, 2))
    if plane is None:
        return None
    above = np.stack([np.arange(cols), np.full(cols, -1)], axis=-1).astype(np.float64)
    inner = _saddles(gray, plane, where.astype(np.float64))
    outer = _saddles(gray, plane, above)
    # Neighbours have opposite signs, so that the whole board has one sign once those are undone.
    sign = np.sign(np.median(inner))
    inside = np.isfinite(outer)
    if inside.sum() < _MOST * cols:
        return None
    alike = outer[inside] * sign > _LIKE_INNER * abs(np.median(inner))
    return _at(plane, above) if alike.mean() >= _MOST else None


def _saddles(gray: ImageArray, plane: Array, where: Array) -> Array:
    """How much each place (N, 2) of the grid looks like a corner of squares, signed by its parity.

    The mean of two opposite quadrants less that of the others, in grey levels; NaN outside the image.
    """
    offsets = _PATCH * np.array([[-1, -1], [1, 1], [1, -1], [-1, 1]])
    points = np.stack([_at(plane, where + offset) for offset in offsets], axis=1)
    size = np.array(gray.shape[::-1]) - 1
    inside = ((points >= 0) & (points <= size)).all(axis=(1, 2))
    grey = cv2.remap(gray, points.astype(np.float32), None, cv2.INTER_LINEAR).astype(np.float64)
    # One quadrant unlike its opposite is no corner: the weaker of the two pairs counts.
    first, second = grey[:, :2], grey[:, 2:]
    gap = np.where(first.mean(axis=1) > second.mean(axis=1), 1.0, -1.0)
    bright = np.where(gap > 0, first.min(axis=1), second.min(axis=1))
    dark = np.where(gap > 0, second.max(axis=1), first.max(axis=1))
    parity = np.where(where.sum(axis=1) % 2 == 0, 1.0, -1.0)
    return np.where(inside, gap * np.maximum(0, bright - dark) * parity, np.nan)


def _at(plane: Array, where: Array) -> Array:
    return np.asarray(cv2.perspectiveTransform(where[:, None].astype(np.float64), plane)).reshape(-1, 2)

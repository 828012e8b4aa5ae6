"""Boards seen by a camera that is known exactly: their corners, and pictures of them."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from calibration.board import Board
from calibration.sheet import rectangles
from calibration.views import View, Views
from realtime.camera import Intrinsics
from realtime.types import Array, ImageArray

CAMERA = Intrinsics(820.0, 815.0, 652.0, 348.0, 1280, 720, (-0.12, 0.05, 0.0005, -0.0004, 0.0))
SMALL = CAMERA.scaled_to(640, 360)
BOARD = Board(9, 6, 0.03)


def poses(count: int, seed: int = 0, tilt_deg: float = 40.0, near: float = 0.45) -> list[tuple[Array, Array]]:
    """Board poses (rotation matrix, translation of the board's centre) spread over the image."""
    rng = np.random.default_rng(seed)
    out = []
    for n in range(count):
        axis = rng.normal(size=2)
        axis /= np.linalg.norm(axis)
        turn, _ = cv2.Rodrigues(np.radians(rng.uniform(0.3, 1) * tilt_deg) * np.array([*axis, 0.0]))
        spin, _ = cv2.Rodrigues(np.array([0.0, 0.0, rng.uniform(-0.3, 0.3)]))
        z = near * rng.uniform(1, 1.8)
        ray = np.array([((n % 3) - 1) * 0.4, ((n // 3) % 3 - 1) * 0.2]) + rng.uniform(-0.05, 0.05, 2)
        out.append((spin @ turn, np.array([ray[0] * z, ray[1] * z, z])))
    return out


def placed(board: Board, pose: tuple[Array, Array]) -> Array:
    """The board's corners (N, 3) in camera space."""
    turn, centre = pose
    return np.asarray((board.corners_m - board.centre_m) @ turn.T + centre)


def views(
    camera: Intrinsics = CAMERA,
    count: int = 15,
    noise_px: float = 0.1,
    seed: int = 0,
    tilt_deg: float = 40.0,
) -> Views:
    """Views with corners that err independently; what lies outside the image is left out."""
    rng = np.random.default_rng(seed + 1000)
    seen = []
    for n, pose in enumerate(poses(count, seed, tilt_deg)):
        px = camera.project(placed(BOARD, pose).astype(np.float32))
        inside = ((px >= 0) & (px < (camera.width, camera.height))).all(axis=1)
        noisy = (px + rng.normal(0, noise_px, px.shape)).astype(np.float32)
        seen.append(View(f"view {n}", noisy[inside], BOARD.corners_m[inside]))
    return Views(tuple(seen), (), camera.width, camera.height, BOARD)


@cache
def _rays(camera: Intrinsics) -> Array:
    """(2H, 2W, 2) rays of an image's quarter pixels."""
    across, down = ((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in (camera.width, camera.height))
    return camera.rays(np.stack(np.meshgrid(across, down), axis=-1).astype(np.float32))


def picture(board: Board, pose: tuple[Array, Array], camera: Intrinsics = SMALL) -> ImageArray:
    """A photo (H, W, 3) of a board, from the very rectangles that are printed; 2 x 2 samples a pixel."""
    rays = _rays(camera).astype(np.float64)
    turn, centre = pose
    # Where each ray meets the board's plane, in the board's own coordinates.
    direction = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=-1)
    along = (turn[:, 2] @ centre) / (direction @ turn[:, 2])
    on_board = (direction * along[..., None] - centre) @ turn + board.centre_m
    scale, margin = 4.0, 1.0
    side = board.square_m
    squares = np.array([board.rows + 1, board.cols + 1]) + 2 * margin
    sheet = np.full((squares * side * 1000 * scale).astype(int), 235, np.uint8)
    for left, top, width, height in rectangles(board):
        a = [round((v + margin * side * 1000) * scale) for v in (left, top)]
        b = [round((v + margin * side * 1000) * scale) for v in (left + width, top + height)]
        sheet[a[1] : b[1], a[0] : b[0]] = 20
    # The first inner corner lies one square and the margin from the sheet's corner.
    at = ((on_board[..., :2] + (1 + margin) * side) * 1000 * scale - 0.5).astype(np.float32)
    seen = cv2.remap(sheet, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=110)
    seen = cv2.resize(seen, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).normal(0, 2, seen.shape)
    gray = np.clip(cv2.GaussianBlur(seen, (0, 0), 0.7) + noise, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)

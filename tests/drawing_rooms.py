"""Rooms whose camera is known, as straight edges and as pictures."""

from __future__ import annotations

import math

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.types import FloatArray, ImageArray


def turn(roll_deg: float, pitch_deg: float, yaw_deg: float) -> np.ndarray:
    """(3, 3), the rows the room's right, up and ahead in the axes of a camera turned so."""
    roll, pitch, yaw = (math.radians(v) for v in (roll_deg, pitch_deg, yaw_deg))
    up = np.array((0, -math.cos(pitch), -math.sin(pitch)))
    right, ahead = np.array((1.0, 0, 0)), np.array((0, -math.sin(pitch), math.cos(pitch)))
    right, ahead = (
        math.cos(yaw) * right + math.sin(yaw) * ahead,
        math.cos(yaw) * ahead - math.sin(yaw) * right,
    )
    about = np.array(((math.cos(roll), -math.sin(roll), 0), (math.sin(roll), math.cos(roll), 0), (0, 0, 1)))
    return np.stack([right, up, ahead]) @ about.T


def lines_of_room(
    rng: np.random.Generator, camera: Intrinsics, room: np.ndarray, count: int = 60, stray: int = 25
) -> FloatArray:
    """Edges along the room's axes, and some along anything, as this camera sees them, half a pixel off."""
    lines: list[FloatArray] = []
    size = np.array((camera.width, camera.height))
    while len(lines) < count + stray:
        axis = room[rng.choice(3, p=(0.3, 0.4, 0.3))] if len(lines) < count else rng.normal(size=3)
        middle = np.array((*rng.uniform(-1, 1, 2), 1.0)) * rng.uniform(2, 6) * (0.8, 0.8, 1)
        ends = middle + np.outer((-0.5, 0.5), axis / np.linalg.norm(axis) * rng.uniform(0.4, 1.6))
        if ends[:, 2].min() < 0.5:
            continue
        seen = camera.project(ends.astype(np.float32))
        if not ((seen > 0) & (seen < size)).all() or np.linalg.norm(seen[1] - seen[0]) < 30:
            continue
        lines.append((seen + rng.normal(0, 0.3, (2, 2))).astype(np.float32).ravel())
    order = np.argsort([-np.hypot(line[2] - line[0], line[3] - line[1]) for line in lines])
    return np.stack(lines)[order]


def doors(camera: Intrinsics, room: np.ndarray, times: int = 1) -> ImageArray:
    """A wall with doors, each a frame in a wall, painted as by a camera of `times` the resolution."""
    picture = np.full((camera.height * times, camera.width * times, 3), 200, np.uint8)
    right, up, ahead = room
    for across in np.arange(-4, 4.1, 1.3):
        for high, wide, low in ((2.0, 0.9, -1.2), (0.5, 0.6, 1.1)):
            corners = [
                4.5 * ahead + (across + x) * right + y * up
                for x, y in ((0, low), (wide, low), (wide, low + high), (0, low + high))
            ]
            seen = (camera.project(np.array(corners, np.float32)) + 0.5) * times - 0.5
            if np.isfinite(seen).all():
                shade = int(60 + 20 * (across % 3))
                cv2.fillPoly(picture, [np.round(seen * 16).astype(np.int32)], (shade,) * 3, cv2.LINE_AA, 4)
    return picture

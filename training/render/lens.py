"""Where a camera stands, and how a pinhole picture becomes what its lens shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.interpolate import RectBivariateSpline

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from realtime.types import Array, FloatArray, ImageArray

_LARGEST_PINHOLE = 2.5
"""A lens so strong that its picture needs a pinhole this many times as wide is refused."""
_MARGIN_PX = 2
_RAY_STEP_PX = 8


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A camera in the world (metres, y up). camera_from_world: (3, 3). position_m: (3,)."""

    intrinsics: Intrinsics
    camera_from_world: FloatArray
    position_m: FloatArray

    def camera_m(self, world_m: FloatArray) -> FloatArray:
        """World points (..., 3) in camera space."""
        return ((world_m - self.position_m) @ self.camera_from_world.T).astype(np.float32)

    @property
    def up(self) -> FloatArray:
        """(3,) the world's up in camera space."""
        return np.ascontiguousarray(self.camera_from_world[:, 1])


def look_at(
    intrinsics: Intrinsics, position_m: FloatArray, target_m: FloatArray, roll_rad: float = 0.0
) -> Viewpoint:
    """A camera at `position_m` that looks at `target_m`, neither straight up nor straight down.

    roll_rad: turns the camera clockwise about its axis; level at 0.
    """
    forward = target_m - position_m
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    rows = np.stack([c * right + s * down, c * down - s * right, forward])
    return Viewpoint(intrinsics, rows.astype(np.float32), np.asarray(position_m, np.float32))


class Lens:
    """A camera's lens: the pinhole that sees all it shows, and the way from that picture to the camera's.

    pinhole: intrinsics without distortion at the camera's focal length, large enough for all its rays.
    """

    def __init__(self, intrinsics: Intrinsics) -> None:
        self.intrinsics = intrinsics
        self.pinhole = intrinsics
        self._maps: tuple[Array, Array] | None = None
        if intrinsics.distortion:
            rays = _rays(intrinsics)
            self.pinhole = _covering(intrinsics, rays)
            at = self.pinhole.project(np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1))
            self._maps = cv2.convertMaps(at[..., 0], at[..., 1], cv2.CV_16SC2)

    def through(self, picture: ImageArray, oversampling: int) -> ImageArray:
        """(H, W, 3) what the camera shows of a pinhole picture drawn `oversampling` times as fine."""
        if oversampling > 1:
            size = (self.pinhole.width, self.pinhole.height)
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self._maps is None:
            return picture
        return np.asarray(cv2.remap(picture, *self._maps, cv2.INTER_LINEAR), np.uint8)


def _rays(intrinsics: Intrinsics) -> FloatArray:
    """(H, W, 2) rays of all pixels. Raises UsageError for a lens that folds its picture over.

    Found at every few pixels and between them by cubic splines: a lens bends smoothly.
    """
    x, y = (
        np.append(np.arange(0, side - 1, _RAY_STEP_PX), side - 1)
        for side in (intrinsics.width, intrinsics.height)
    )
    rays = intrinsics.rays(np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32))
    advance = np.minimum(np.diff(rays[..., 0], axis=1).min(), np.diff(rays[..., 1], axis=0).min())
    if not np.isfinite(rays).all() or advance <= 0:
        raise UsageError(f"a lens with distortion {intrinsics.distortion} folds its picture over")
    rows, columns = np.arange(intrinsics.height), np.arange(intrinsics.width)
    parts = [RectBivariateSpline(y, x, rays[..., k])(rows, columns) for k in range(2)]
    return np.stack(parts, axis=-1).astype(np.float32)


def _covering(intrinsics: Intrinsics, rays: FloatArray) -> Intrinsics:
    """The pinhole at the camera's focal length whose picture holds these rays."""
    focal = np.array([intrinsics.fx, intrinsics.fy])
    low, high = (bound * focal for bound in (rays.min(axis=(0, 1)), rays.max(axis=(0, 1))))
    width, height = (int(np.ceil(span)) + 1 + 2 * _MARGIN_PX for span in high - low)
    if width > _LARGEST_PINHOLE * intrinsics.width or height > _LARGEST_PINHOLE * intrinsics.height:
        raise UsageError(f"a lens with distortion {intrinsics.distortion} is too strong for its view")
    cx, cy = _MARGIN_PX - low
    return replace(
        intrinsics, cx=float(cx), cy=float(cy), width=width, height=height, distortion=(), model="plumb_bob"
    )

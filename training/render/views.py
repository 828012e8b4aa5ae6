"""From the world to OpenGL's clip space: cameras and the key light. World: metres, y up."""

from __future__ import annotations

import numpy as np

from realtime.camera import Intrinsics
from realtime.types import Array, FloatArray
from training.render.lens import Viewpoint

NEAR_M, FAR_M = 0.10, 250.0
_LIGHT_DEPTH_M = 60.0


def seen_by(view: Viewpoint) -> Array:
    """(4, 4) from the world to the clip space of a camera without distortion."""
    return np.asarray(_projection(view.intrinsics) @ _rigid(view))


def depth_m(raw: FloatArray) -> FloatArray:
    """Metres along the optical axis of values in a depth buffer."""
    far, near = np.float32(FAR_M), np.float32(NEAR_M)
    return np.asarray(2 * near * far / (far + near - (2 * raw - 1) * (far - near)))


def _projection(lens: Intrinsics) -> Array:
    """(4, 4) from camera space to OpenGL's clip space, with row 0 of the image at the buffer's row 0.

    The centre of the first pixel lies at (0, 0) here and at (0.5, 0.5) in OpenGL.
    """
    near, far = NEAR_M, FAR_M
    return np.array(
        [
            [2 * lens.fx / lens.width, 0, 2 * (lens.cx + 0.5) / lens.width - 1, 0],
            [0, 2 * lens.fy / lens.height, 2 * (lens.cy + 0.5) / lens.height - 1, 0],
            [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, 1, 0],
        ]
    )


def _rigid(view: Viewpoint) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = view.camera_from_world
    matrix[:3, 3] = -view.camera_from_world @ view.position_m
    return matrix


def light_matrix(towards: FloatArray, centre: Array, span_m: float, size_px: int) -> tuple[bytes, float]:
    """The key light's parallel projection of a sphere, in steps of whole texels; and a texel's size."""
    forward = -np.asarray(towards, np.float64)
    right = np.cross(forward, [0.0, 1.0, 0.0] if abs(forward[1]) < 0.99 else [1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    texel_m = span_m / size_px
    at = axes @ np.asarray(centre, np.float64)
    at[:2] = np.round(at[:2] / texel_m) * texel_m
    matrix = np.eye(4)
    scale = np.array([2 / span_m, 2 / span_m, 2 / _LIGHT_DEPTH_M])
    matrix[:3, :3] = axes * scale[:, None]
    matrix[:3, 3] = -at * scale
    return columns(matrix), texel_m


def columns(matrix: Array) -> bytes:
    """A matrix as OpenGL takes it."""
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()

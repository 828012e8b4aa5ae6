"""Turns in space, as (..., 3, 3) matrices on column vectors, and directions, in any right-handed axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]


def smooth(values: Float64Array, sigma_frames: float) -> Float64Array:
    """Gaussian smoothing along the first axis, the ends held; below a tenth of a frame it does nothing."""
    if sigma_frames < 0.1:
        return values
    reach = int(np.ceil(3 * sigma_frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_frames) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([values[:1].repeat(reach, 0), values, values[-1:].repeat(reach, 0)])
    return np.asarray(sum(k * padded[i : i + len(values)] for i, k in enumerate(kernel)))


def ease(share: Float64Array) -> Float64Array:
    """Smoothstep: from 0 to 1 with level ends."""
    t = np.clip(share, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def frame(primary: Float64Array, secondary: Float64Array) -> Float64Array:
    """(..., 3, 3) right-handed axes as columns: along `primary`, then `secondary` made square to it."""
    first = unit(primary)
    second = unit(secondary - (secondary * first).sum(axis=-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def swing(start: Float64Array, end: Float64Array) -> Float64Array:
    """(..., 3, 3) the smallest turn that carries direction `start` to `end`; opposite ones are undefined."""
    a, b = np.broadcast_arrays(unit(start), unit(end))
    # Two reflections: exact to rounding however near to opposite the directions are.
    return _reflection(unit(a + b)) @ _reflection(a)


def _reflection(normal: Float64Array) -> Float64Array:
    """(..., 3, 3) the mirror image in the plane square to a unit vector (..., 3)."""
    return np.asarray(np.eye(3) - 2 * normal[..., :, None] * normal[..., None, :])


def axis_angle(axis: Float64Array, angle_rad: Float64Array | float) -> Float64Array:
    """(..., 3, 3) turns by angles (...) about unit axes (..., 3)."""
    a = np.asarray(axis, np.float64)
    c, s = np.cos(angle_rad)[..., None, None], np.sin(angle_rad)[..., None, None]
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    return np.asarray(c * np.eye(3) + s * skew + (1 - c) * a[..., :, None] * a[..., None, :])


def unit(vectors: Float64Array) -> Float64Array:
    """Vectors (..., 3) of length one; zero stays zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def part(rotation: Float64Array, share: Float64Array | float) -> Float64Array:
    """A share in [0, 1] of turns (..., 3, 3), each short of half a circle."""
    cosine = np.clip((np.trace(rotation, axis1=-2, axis2=-1) - 1) / 2, -1, 1)
    axis = np.stack([rotation[..., i, j] - rotation[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))], axis=-1)
    return axis_angle(unit(axis), share * np.arccos(cosine))


def nearest_turn(matrices: Float64Array) -> Float64Array:
    """(..., 3, 3) the turns nearest to matrices (..., 3, 3): the orthogonal Procrustes problem."""
    left, _, right = np.linalg.svd(matrices)
    scale = np.ones(matrices.shape[:-1])
    scale[..., 2] = np.linalg.det(left @ right)
    return np.asarray((left * scale[..., None, :]) @ right)


def about(axis: Float64Array, turns: Float64Array) -> Float64Array:
    """(...) angles of turns (..., 3, 3) about a unit axis (3,), when what tips the axis is taken out."""
    across = unit(np.cross(axis, np.eye(3)[np.abs(axis).argmin()]))
    level = np.swapaxes(swing(axis, turns @ axis), -1, -2) @ turns @ across
    return np.asarray(np.arctan2(level @ np.cross(axis, across), level @ across))

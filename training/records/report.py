"""How far a 2D net's joints lie from the exact ones, joint by joint, and in which direction of the body.

An offset that is constant in the body's own axes is no noise: net and motion data mean different points by
the joint's name, and the map in `realtime.skeleton` is the place to mend it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.records.em import WINDOW
from training.records.error_model import HIDDEN, VISIBLE, ErrorModel, shares
from training.records.store import Records

_PROBE_M = 0.01
_LEAST_SIZE_PX = 1e-3
_LEAST_ERROR_PX = 1e-3
_LEAST_SPREAD = 1e-9
# A body axis seen end on in nearly all frames cannot be told from the frames.
_LEAST_SEEN = 1e-3


@dataclass(frozen=True, slots=True)
class Offsets:
    """Each joint's mean offset from the exact joint, in shares of stature, frames with the joint in view.

    image: (17, 2) along x right and y down. body: (17, 3) up the trunk, to the person's left, forward, by
    least squares through the camera. explained: (17,) share of the squared error that the body offset takes
    away, of the errors within the mixture's window.
    """

    image: Array
    body: Array
    explained: Array


@dataclass(frozen=True, slots=True)
class Medians:
    """Median distance from the exact joint in one class of visibility; NaN without samples.

    error_px: (17,). error: (17,) in shares of stature.
    """

    error_px: Array
    error: Array


@dataclass(frozen=True, slots=True)
class SizeTest:
    """How well errors scale with a measure of the person's size in the image.

    exponent: the slope of log error on log size; 1 when errors are a share of it, 0 when pixels.
    spread: standard deviation of log(error / size) over frames; the less, the better the measure.
    """

    exponent: float
    spread: float


def medians(records: Records) -> dict[str, Medians]:
    """By visible and hidden."""
    errors, used = shares(records)
    error = np.linalg.norm(errors, axis=-1)
    error_px = error * np.nan_to_num(records.sizes_px)
    parts = {VISIBLE: used & records.visible.T, HIDDEN: used & ~records.visible.T}
    return {k: Medians(_median(error_px, part), _median(error, part)) for k, part in parts.items()}


def _median(values: Array, part: Array) -> Array:
    return np.array([np.median(v[p]) if p.any() else np.nan for v, p in zip(values, part, strict=True)])


def trunk_axes(pose_m: FloatArray) -> FloatArray:
    """(F, 3, 3) rows: unit vectors up the trunk, to the person's left, forward, of poses (F, 17, 3)."""
    joint = {name: pose_m[:, i].astype(np.float64) for i, name in enumerate(H36M17.joints)}
    up = _unit(joint["thorax"] - joint["pelvis"])
    left = joint["l_shoulder"] - joint["r_shoulder"] + joint["l_hip"] - joint["r_hip"]
    left = _unit(left - up * (left * up).sum(axis=-1, keepdims=True))
    return np.stack([up, left, np.cross(left, up)], axis=1).astype(np.float32)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def offsets(records: Records, model: ErrorModel) -> Offsets:
    """The mean offsets of the visible joints, by the samples that the model's Gaussian accounts for."""
    errors, used = shares(records)
    fitted = model.behaviour[VISIBLE].mixture
    within = (np.abs(errors) <= fitted.window / 2).all(axis=-1)
    weight = fitted.inlier(errors) * (used & records.visible.T & within)
    shown = _axes_in_image(records)
    normal = np.einsum("jf,fjak,fjbk->jab", weight, shown, shown)
    moment = np.einsum("jf,fjak,jfk->ja", weight, shown, errors)
    body = np.einsum("jab,jb->ja", np.linalg.pinv(normal, rcond=_LEAST_SEEN, hermitian=True), moment)
    total = np.einsum("jf,jfk->j", weight, errors**2)
    rest = np.einsum("jf,jfk->j", weight, (errors - np.einsum("ja,fjak->jfk", body, shown)) ** 2)
    mean = np.einsum("jf,jfk->jk", weight, errors) / np.maximum(weight.sum(axis=1), 1e-12)[:, None]
    return Offsets(mean, body, 1 - rest / np.maximum(total, _LEAST_SPREAD**2))


def _axes_in_image(records: Records) -> Array:
    """(F, 17, 3, 2) how a joint moves in the image, in the person's size, for one stature along each axis."""
    probe = _PROBE_M * trunk_axes(records.pose_m)
    moved_px = records.projected(records.pose_m[:, :, None] + probe[:, None])
    stature = records.height_m[records.clip_of] / _PROBE_M / records.sizes_px
    moved = (moved_px - records.exact_px[:, :, None]) * stature[:, None, None, None]
    return np.nan_to_num(moved)


def size_tests(records: Records) -> dict[str, SizeTest]:
    """Stature at the pelvis's depth (`sizes_px`) against the longer side of the box around the joints.

    Each frame counts with the median error in pixels of its visible joints.
    """
    errors, used = shares(records)
    error_px = np.linalg.norm(errors, axis=-1) * np.nan_to_num(records.sizes_px)
    used = used & records.visible.T & (np.abs(errors) <= WINDOW / 2).all(axis=-1)
    frame = used.sum(axis=0) >= len(H36M17) // 2
    if not frame.any():
        return {}
    typical = np.nanmedian(np.where(used, error_px, np.nan)[:, frame], axis=0)
    exact_px = records.exact_px[frame]
    box_px = (exact_px.max(axis=1) - exact_px.min(axis=1)).max(axis=-1)
    sizes = {"stature": records.sizes_px[frame], "box": box_px}
    return {name: _size_test(typical, np.nan_to_num(size)) for name, size in sizes.items()}


def _size_test(error_px: Array, size_px: Array) -> SizeTest:
    error = np.log(np.maximum(error_px, _LEAST_ERROR_PX)).astype(np.float64)
    size = np.log(np.maximum(size_px, _LEAST_SIZE_PX)).astype(np.float64)
    centred = size - size.mean()
    exponent = (centred * error).sum() / max((centred**2).sum(), _LEAST_SPREAD)
    return SizeTest(float(exponent), float((error - size).std()))

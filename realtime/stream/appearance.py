"""What a person's clothes look like: colours sampled on the trunk and on the legs, and how alike two are."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray, ImageArray

_BINS = 8
_CHROMA_REACH = 48.0
"""Lab's a and b lie within this of neutral for clothes and skin; what lies beyond counts as the last bin."""
_SHARES = np.linspace(0.12, 0.88, 8, dtype=np.float32)
_TRUNK = H36M17.indices("l_shoulder", "r_shoulder", "l_hip", "r_hip")
_LEGS = (H36M17.indices("l_hip", "r_hip"), H36M17.indices("l_knee", "r_knee"))
LOOK_SIZE = 2 * 3 * _BINS


def prepare_lab() -> None:
    """Let OpenCV work out its tables of Lab now, in 0.2 s, rather than in the first frame with somebody."""
    cv2.cvtColor(np.zeros((1, 1, 3), np.uint8), cv2.COLOR_BGR2LAB)


def look_of(image: ImageArray, points_px: FloatArray) -> FloatArray:
    """(48,) the colours of a person with joints (17, 2): histograms of L, a and b of trunk and thighs.

    Each of the six sums to 1; where a part lies outside the image its three are 0.
    """
    height, width = image.shape[:2]
    out = np.zeros((2, 3, _BINS), np.float32)
    places = (_trunk_places(points_px), _leg_places(points_px))
    for part, place in enumerate(places):
        column, row = np.rint(place).astype(np.int64).T
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        if inside.sum() < len(place) / 4:
            continue
        colours = image[row[inside], column[inside]]
        lab = cv2.cvtColor(colours[None], cv2.COLOR_BGR2LAB)[0].astype(np.float32)
        out[part] = _histograms(lab)
    return out.reshape(-1)


def look_distance(a: FloatArray, b: FloatArray) -> FloatArray:
    """How unlike looks (..., 48) are, from 0 to 1: the mean Hellinger distance of what both show.

    NaN where they show nothing in common.
    """
    shape = (*np.broadcast_shapes(a.shape, b.shape)[:-1], 2 * 3, _BINS)
    p, q = (np.broadcast_to(x.reshape(*x.shape[:-1], 2 * 3, _BINS), shape) for x in (a, b))
    seen = (p.sum(axis=-1) > 0) & (q.sum(axis=-1) > 0)
    apart = np.sqrt(np.clip(1 - np.sqrt(p * q).sum(axis=-1), 0, 1))
    count = seen.sum(axis=-1)
    mean = np.where(seen, apart, 0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).astype(np.float32)


def _trunk_places(points_px: FloatArray) -> FloatArray:
    left_top, right_top, left_low, right_low = points_px[_TRUNK]
    across, down = _SHARES[None, :, None], _SHARES[:, None, None]
    top = left_top + across * (right_top - left_top)
    low = left_low + across * (right_low - left_low)
    return np.asarray(top + down * (low - top), np.float32).reshape(-1, 2)


def _leg_places(points_px: FloatArray) -> FloatArray:
    hips, knees = (points_px[joints][:, None] for joints in _LEGS)
    return np.asarray(hips + _SHARES[:, None] * (knees - hips), np.float32).reshape(-1, 2)


def _histograms(lab: FloatArray) -> Array:
    """(3, bins) of colours (N, 3), each spread over its two nearest bins."""
    unit = np.empty_like(lab)
    unit[:, 0] = lab[:, 0] / 255
    unit[:, 1:] = (lab[:, 1:] - 128 + _CHROMA_REACH) / (2 * _CHROMA_REACH)
    at = np.clip(unit, 0, 1) * (_BINS - 1)
    low = np.minimum(at.astype(np.int64), _BINS - 2)
    share = at - low
    slot = (low + _BINS * np.arange(3)).ravel()
    counts = np.bincount(
        np.concatenate([slot, slot + 1]), np.concatenate([1 - share, share]).ravel(), 3 * _BINS
    )
    return np.asarray(counts.reshape(3, _BINS) / len(lab), np.float32)

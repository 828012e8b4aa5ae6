"""What a 2D pose net does to true keypoints: jitter, bias, outliers, swaps, missing joints, scores.

A plain model; sizes are shares of the person's extent in the image. Rays are (B, T, 17, 2), scores
(B, T, 17) in [0, 1] with 0 for a missing joint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

_LOWER_BODY = np.array([j.endswith(("knee", "ankle")) for j in H36M17.joints])
_HIPS = np.array([j.endswith(("hip", "pelvis")) for j in H36M17.joints])
_UNSURE = np.array(
    [1.6 if j.endswith(("wrist", "ankle")) else 1.2 if j.endswith(("elbow", "knee")) else 0.9
     for j in H36M17.joints],
    np.float32,
)  # fmt: skip
_SCORE_FALLOFF = 0.06


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """How bad the 2D is. Shares of the person's extent, and probabilities a clip or a joint and frame."""

    jitter: tuple[float, float] = (0.010, 0.015)
    bias: float = 0.010
    outlier: float = 0.010
    outlier_size: float = 0.25
    swap: float = 0.004
    missing: float = 0.010
    hidden_spans: float = 0.3
    hidden_legs: float = 0.12
    lost_frames: float = 0.05


STANDARD = NoiseModel()


def extent(rays: FloatArray) -> FloatArray:
    """The longer side of the box around all joints, (...,), between 0.02 and 3."""
    span = (rays.max(axis=-2) - rays.min(axis=-2)).max(axis=-1)
    return np.asarray(np.clip(span, 0.02, 3.0), np.float32)


def corrupt(
    rng: np.random.Generator, rays: FloatArray, model: NoiseModel = STANDARD
) -> tuple[FloatArray, FloatArray]:
    """Noisy rays, and scores that fall with the error made."""
    clips, frames, joints, _ = rays.shape
    size = extent(rays)[..., None, None]
    error = _jitter(rng, rays.shape, model) + rng.normal(0, model.bias, (clips, 1, joints, 2))
    wild = rng.random((clips, frames, joints, 1)) < model.outlier
    error = np.where(wild, rng.uniform(-model.outlier_size, model.outlier_size, rays.shape), error)
    noisy = rays + error * size
    swapped = rng.random((clips, frames, 1, 1)) < model.swap
    noisy = np.where(swapped, noisy[:, :, H36M17.mirror], noisy)
    miss = np.linalg.norm(noisy - rays, axis=-1) / size[..., 0]
    score = np.exp(-miss / _SCORE_FALLOFF) * rng.uniform(0.8, 1.2, miss.shape)
    score *= rng.uniform(0.8, 1.1, (clips, 1, 1))
    # A net is sometimes sure of a wrong joint: one outlier in three keeps a high score.
    fooled = wild[..., 0] & (rng.random(miss.shape) < 1 / 3)
    score = np.where(fooled, rng.uniform(0.6, 1.0, miss.shape), score)
    score = np.where(rng.random(miss.shape) < model.missing, 0.0, np.clip(score, 0.02, 1.0))
    return noisy.astype(np.float32), score.astype(np.float32)


def _jitter(rng: np.random.Generator, shape: tuple[int, ...], model: NoiseModel) -> Array:
    """Gaussian error per joint, correlated in time by a first-order filter of a random strength a clip."""
    clips, frames = shape[:2]
    sigma = rng.uniform(*model.jitter, (clips, 1, 1)) * _UNSURE[:, None]
    keep = rng.uniform(0.0, 0.9, (clips, 1, 1))
    fresh = rng.normal(0, 1, shape)
    walk = np.empty(shape)
    walk[:, 0] = fresh[:, 0]
    for t in range(1, frames):
        walk[:, t] = keep * walk[:, t - 1] + np.sqrt(1 - keep**2) * fresh[:, t]
    return np.asarray(walk * sigma[:, None])


def hide(rng: np.random.Generator, score: FloatArray, model: NoiseModel = STANDARD) -> FloatArray:
    """Scores with joints missing for spans, legs below the picture, and frames lost."""
    size: tuple[int, int, int] = score.shape
    clips, frames, joints = size
    score, time = score.copy(), np.arange(frames)
    for _ in range(3):
        joint = rng.integers(joints, size=clips)
        start, length = rng.integers(frames, size=clips), rng.integers(3, 31, size=clips)
        covered = (time >= start[:, None]) & (time < (start + length)[:, None])
        covered &= (rng.random(clips) < model.hidden_spans)[:, None]
        score[covered, np.broadcast_to(joint[:, None], covered.shape)[covered]] = 0.0
    legless = rng.random(clips) < model.hidden_legs
    hipless = legless & (rng.random(clips) < 0.5)
    score[np.broadcast_to(legless[:, None, None] & _LOWER_BODY, score.shape)] = 0.0
    score[np.broadcast_to(hipless[:, None, None] & _HIPS, score.shape)] = 0.0
    lost = rng.random((clips, frames)) < 0.2 * model.lost_frames
    gap = rng.integers(frames, size=clips)
    gapped = (time >= gap[:, None]) & (time < (gap + rng.integers(2, 15, size=clips))[:, None])
    lost |= gapped & (rng.random(clips) < model.lost_frames)[:, None]
    score[lost] = 0.0
    return score

"""Training batches: augmented clips, seen by random cameras, through a noisy 2D net."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.augment import ClipSampler
from training.lifters.cameras import look_at, rays_of
from training.lifters.losses import Batch
from training.lifters.noise import corrupt, hide

_PELVIS = H36M17.index("pelvis")
_CLEAN_SHARE = 0.25
_WHOLE_SHARE = 0.75
_UNSEEN_WEIGHT = 0.5
_OUTSIDE_KEPT = 0.3
_NEAREST_PELVIS_M = 0.8


@dataclass(frozen=True, slots=True)
class BatchSize:
    """Clips a batch and frames a clip; longer than a receptive field, so that full states are met.

    Many short clips learn faster than few long ones: neighbouring frames say the same.
    """

    clips: int = 40
    frames: int = 48


def draw_batch(sampler: ClipSampler, size: BatchSize, seed: tuple[int, ...]) -> Batch:
    """One batch. The same motion, size and seed give the same batch."""
    rng = np.random.default_rng(seed)
    world_m = sampler.sample(rng, size.clips, size.frames)
    whole = rng.random(size.clips) < _WHOLE_SHARE
    cameras = look_at(rng, world_m, np.where(whole, 0.98, 0.5))
    camera_m = cameras.joints(world_m)
    rays, score = observe(rng, camera_m, cameras.in_image(camera_m))
    pelvis = camera_m[:, :, _PELVIS : _PELVIS + 1]
    weight = np.where(score > 0, 1.0, _UNSEEN_WEIGHT)
    # Nothing is asked of a frame with nobody in it, or with the person at the lens.
    asked = (score > 0).any(axis=-1) & (pelvis[..., 0, 2] > _NEAREST_PELVIS_M)
    tensors = (rays, score, camera_m - pelvis, pelvis[..., 0, 2], weight * asked[..., None])
    return Batch(*(torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in tensors))


def observe(rng: np.random.Generator, camera_m: FloatArray, in_image: Array) -> tuple[FloatArray, FloatArray]:
    """Rays and scores as a 2D net gives them for clips (B, T, 17, 3) in camera axes.

    A share of the clips is clean. Joints outside the image are mostly missing, those behind it always.
    """
    clips = len(camera_m)
    true_rays = rays_of(camera_m)
    rays, score = corrupt(rng, true_rays)
    score = hide(rng, score)
    clean = (rng.random(clips) < _CLEAN_SHARE)[:, None, None]
    rays = np.where(clean[..., None], true_rays, rays)
    score = np.where(clean, rng.choice([1.0, 0.9], (clips, 1, 1)), score)
    kept = rng.random((clips, 1, 1)) < _OUTSIDE_KEPT
    behind = camera_m[..., 2] < 0.15
    score = np.where((in_image | kept) & ~behind, score, 0.0)
    return rays.astype(np.float32), score.astype(np.float32)

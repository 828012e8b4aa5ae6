"""Errors a 2D net made on rendered people, borrowed for others who move alike.

An error model draws joint by joint; a real net errs in whole limbs, in spells, and on one person always in
the same way. So a clip of motion takes over what the net did to the rendered clip that looks most like it,
frame by frame: how far off each joint was, how sure the net said it was, whom it lost. Rendered clips are few
and are soon known by heart; motion on any body before any camera is not.
"""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

import numpy as np

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.cameras import rays_of
from training.lifters.noise import Seen, sizes, statures_m
from training.lifters.replay import HELD_OUT, drawable, mirrored, seen_by_net
from training.records.depth_model import fit_depth, true_shares
from training.records.store import Records

_PELVIS = H36M17.index("pelvis")
_BEHIND_M = 0.15
_LOOKED_AT = 4
"""At how many moments of a clip a donor is compared with it."""
_DONORS = 6
"""One of so many that look most alike is drawn."""
_STRIDE = 3
_FARTHEST = 2.0
_MIRROR = np.array([-1, 1, 1], np.float32)


class BorrowedErrors:
    """Draws from records what a net would see. Raises UsageError for records with nobody in them.

    held_out: as for `training.lifters.replay.ReplaySampler`.
    """

    def __init__(self, records: Records, held_out: Set[str] = HELD_OUT) -> None:
        seen = seen_by_net(records)
        stature_m = records.height_m[records.clip_of]
        size, shares = sizes(records.pose_m, stature_m), true_shares(records.pose_m, stature_m)
        rays = rays_of(records.pose_m)
        sound = np.asarray((records.pose_m[..., 2] > _BEHIND_M) & (seen.score > 0))
        off = np.where(sound[..., None], (seen.rays - rays) / size[:, None, None], 0)
        self._off, self._score = off.astype(np.float32), np.where(sound, seen.score, 0).astype(np.float32)
        self._looks = _looks(rays, shares, size)
        self._depth = fit_depth(records)
        known: Array = np.any(seen.depth, axis=1, keepdims=True)
        self._depth_known = known[:, 0]
        told = self._depth.mean(shares) if self._depth else shares
        self._depth_off = np.where(known, seen.depth / size[:, None] - told, 0).astype(np.float32)
        self._chosen, self._clip_of = drawable(records, held_out), records.clip_of
        self._bounds = np.array([(span.start, span.stop) for span in records.bounds])
        self._windows: dict[int, _Windows] = {}

    def corrupt(self, rng: np.random.Generator, camera_m: FloatArray, rays: FloatArray, frames: int) -> Seen:
        """The net's view of clips (B, T, 17, 3) in camera axes with exact rays (B, T, 17, 2).

        frames: how many of T are in a row; the others, at any time, take any moment of the same donor. Raises
        UsageError where no clip of the records is as long.
        """
        clips, total = rays.shape[:2]
        stature_m = np.broadcast_to(statures_m(camera_m)[:, None], (clips, total))
        size, shares = sizes(camera_m, stature_m), true_shares(camera_m, stature_m)
        flipped = np.asarray(rng.random(clips) < 0.5)
        start = self._donors(rng, _looks(rays, shares, size), flipped, frames)
        first, last = self._bounds[self._clip_of[start]].T
        later = np.floor(rng.uniform(first[:, None], last[:, None], (clips, total - frames))).astype(np.int64)
        index = np.concatenate([start[:, None] + np.arange(frames), later], axis=1)
        lent = mirrored(Seen(self._off[index], self._score[index], self._depth_off[index]), flipped)
        depth: Array = np.zeros(lent.score.shape)
        if self._depth:
            depth = (self._depth.mean(shares) + lent.depth) * size[..., None]
            depth[..., _PELVIS] = 0
            depth *= self._depth_known[index][..., None]
        seen = rays + lent.rays * size[..., None, None]
        return Seen(seen.astype(np.float32), lent.score, depth.astype(np.float32))

    def _donors(self, rng: np.random.Generator, looks: FloatArray, flipped: Array, frames: int) -> Array:
        """(B,) the frame from which on a clip of the records is like each of these, some of them mirrored."""
        windows = self._windows.get(frames) or self._windows.setdefault(frames, self._of_length(frames))
        asked = looks[:, _moments(frames)]
        other_side = asked[:, :, H36M17.mirror] * _MIRROR
        asked = np.where(flipped[:, None, None, None], other_side, asked).reshape(len(looks), -1)
        far = windows.squares - 2 * (asked @ windows.looks.T)
        donors = min(_DONORS, len(windows.start))
        near = np.argpartition(far, donors - 1, axis=1)[:, :donors]
        return windows.start[near[np.arange(len(near)), rng.integers(donors, size=len(near))]]

    def _of_length(self, frames: int) -> _Windows:
        """All windows of the records that donors may be."""
        spans = self._bounds[self._chosen]
        start = np.concatenate([np.arange(first, last - frames + 1, _STRIDE) for first, last in spans])
        if not len(start):
            raise UsageError(f"no clip of the records lasts {frames} frames: record longer ones")
        looks = self._looks[start[:, None] + _moments(frames)].reshape(len(start), -1)
        return _Windows(start, looks, np.square(looks).sum(axis=1))


class _Windows(NamedTuple):
    """Where windows of records start (W,), how people look in them (W, M), and the squares of that summed."""

    start: Array
    looks: FloatArray
    squares: FloatArray


def _moments(frames: int) -> Array:
    """The frames of a window at which it is compared."""
    return np.linspace(0, frames - 1, _LOOKED_AT).round().astype(np.int64)


def _looks(rays: FloatArray, shares: FloatArray, size: FloatArray) -> FloatArray:
    """(..., 17, 3) where the joints are seen from the pelvis, and how far behind it, in statures."""
    beside = (rays - rays[..., _PELVIS : _PELVIS + 1, :]) / size[..., None, None]
    looks = np.concatenate([beside, shares[..., None]], axis=-1)
    return np.asarray(np.clip(looks, -_FARTHEST, _FARTHEST), np.float32)

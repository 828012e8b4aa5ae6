"""Clips of motion on invented bodies: other bone lengths, arms of other clips, mirrored, turned, sped up,
squatting and seated."""

from __future__ import annotations

import math

import numpy as np

from realtime.bones import CHILD, MIRROR, bone_of
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.crouch import crouched, depths, over_the_feet
from training.mocap.bent import bent
from training.mocap.bones import assemble, torso_axes, vectors_of
from training.mocap.motion import Motion
from training.mocap.rotations import axis_angle

_SPEEDS = (0.7, 1.4)
_HURRIED_SHARE = 0.15
_HURRIED = (1.4, 4.0)
_CROUCHED_SHARE = 0.12
_NEARLY_STILL = (0.05, 0.4)
_WANDER_M = 0.6
_CHILD_SHARE = 0.04
_ADULT_SCALE = (0.86, 1.12)
_CHILD_SCALE = (0.6, 0.86)
_BONE_SPREAD = 0.06
_LONG_FOREARM_SHARE = 0.5
_FOREARM_FACTORS = (0.95, 1.4)
_STANDING_SHARE = 0.3
_PELVIS_HEIGHT_M = 0.95
_BORROWED_ARM_SHARE = 0.3
_ARMS = [[bone_of(f"{side}_{part}") for part in ("elbow", "wrist")] for side in "lr"]

# One retargeted body whose world translation is unreliable, and whose joints sit elsewhere on the
# spine: its takes lend bone directions only.
_ROOTLESS_SUBJECTS = ("iclone-donor",)


def bone_lengths(positions_m: FloatArray) -> FloatArray:
    """Median length of each bone, (16,) metres in the order of `H36M17.bones`; left and right averaged."""
    spans = np.linalg.norm(vectors_of(positions_m), axis=-1)
    return _symmetric(np.median(spans, axis=0).astype(np.float32))


def _symmetric(values: Array) -> FloatArray:
    """(..., 16) with each side's bone replaced by the mean of both sides."""
    return np.asarray((values + values[..., MIRROR]) / 2, np.float32)


def _on_body(vectors: FloatArray, lengths_m: FloatArray) -> FloatArray:
    """Joints (B, T, 17, 3) about the pelvis, along bone vectors (B, T, 16, 3) of these lengths (B, 16)."""
    spans = np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    bones_m = vectors / spans * lengths_m[:, None, :, None]
    return assemble(np.zeros((*vectors.shape[:2], 3), np.float32), bones_m)


def _with_borrowed_arms(rng: np.random.Generator, joints_m: FloatArray) -> FloatArray:
    """Bone vectors (B, T, 16, 3) of clips, some with an arm that moves as another clip's does."""
    vectors = vectors_of(joints_m)
    axes = torso_axes(joints_m)
    local = vectors @ axes
    for arm in _ARMS:
        donors = rng.permutation(len(joints_m))
        borrowed = local[donors][:, :, arm] @ axes.swapaxes(-1, -2)
        takes = (rng.random(len(joints_m)) < _BORROWED_ARM_SHARE)[:, None, None, None]
        vectors[:, :, arm] = np.where(takes, borrowed, vectors[:, :, arm])
    return vectors


class ClipSampler:
    """Draws batches of augmented clips from motion. Draws depend on the generator given alone."""

    def __init__(self, motion: Motion) -> None:
        self._frames_m = np.concatenate([s.positions_m for s in motion.sequences])
        self._lengths = np.array([len(s) for s in motion.sequences])
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._share = self._lengths / self._lengths.sum()
        self._rooted = np.array([s.subject not in _ROOTLESS_SUBJECTS for s in motion.sequences])
        sources = [s for s in motion.subjects if s not in _ROOTLESS_SUBJECTS] or list(motion.subjects)
        bodies_m = np.stack(
            [
                bone_lengths(np.concatenate([s.positions_m for s in motion.sequences if s.subject == name]))
                for name in sources
            ]
        )
        # All of the mean body's size: proportions must not tell a net how tall someone is.
        spans = bodies_m.sum(axis=1, keepdims=True)
        self._bodies_m = (bodies_m * spans.mean() / spans).astype(np.float32)

    def sample(
        self, rng: np.random.Generator, clips: int, frames: int, past: int = 0, bent_share: float = 0.0
    ) -> FloatArray:
        """(clips, frames + past, 17, 3) metres, world, y up, each clip on a body of its own.

        The last `past` frames of each are the same person at random times of the same take, near the clip.
        bent_share: of the clips, in which the person holds trunk, head, arms or legs otherwise.
        """
        take = rng.choice(len(self._lengths), clips, p=self._share)
        crouching = rng.random(clips) < _CROUCHED_SHARE
        joints_m = self._read(rng, take, (frames, past), crouching)
        vectors = _with_borrowed_arms(rng, joints_m)
        if bent_share:
            some = np.flatnonzero(rng.random(clips) < bent_share)
            vectors[some] = bent(rng, vectors[some], torso_axes(joints_m[some]))
        lengths_m, stature = self._bodies(rng, clips)
        upright_m = _on_body(vectors, lengths_m)
        root_m = self._roots(rng, take, joints_m[:, :, H36M17.index("pelvis")], stature, frames)
        folded_m = upright_m.copy()
        some = np.flatnonzero(crouching)
        fold, seated = depths(rng, len(some), frames + past)
        across = torso_axes(joints_m[some])[..., 0]
        folded_m[some] = _on_body(crouched(rng, vectors[some], across, fold, seated), lengths_m[some])
        root_m[some] = over_the_feet(root_m[some], upright_m[some], folded_m[some])
        return _turned(rng, _mirrored(rng, folded_m + root_m[:, :, None]))

    def _read(self, rng: np.random.Generator, take: Array, size: tuple[int, int], still: Array) -> FloatArray:
        """Frames at a random speed from a random start; a take that is too short runs back and forth.

        size: frames in a row, and frames at random times after them. still: clips that hardly move.
        """
        frames, past = size
        last = (self._lengths[take] - 1)[:, None]
        clips = len(take)
        speed = np.where(
            rng.random(clips) < _HURRIED_SHARE, rng.uniform(*_HURRIED, clips), rng.uniform(*_SPEEDS, clips)
        )
        speed = np.where(still, rng.uniform(*_NEARLY_STILL, clips), speed)[:, None]
        start = rng.random((clips, 1)) * np.maximum(last - speed * (frames - 1), 0)
        # A lone frame has no way to run: the period of one keeps the remainder defined.
        period = np.maximum(2 * last, 1)
        time = np.remainder(start + speed * np.arange(frames), period)
        time = np.where(time > last, period - time, time)
        time = np.minimum(np.concatenate([time, rng.random((clips, past)) * last], axis=1), last)
        before = np.floor(time).astype(np.int64)
        after = np.minimum(before + 1, last)
        part = (time - before).astype(np.float32)[..., None, None]
        offset = self._starts[take][:, None]
        return np.asarray(
            self._frames_m[offset + before] * (1 - part) + self._frames_m[offset + after] * part, np.float32
        )

    def _bodies(self, rng: np.random.Generator, clips: int) -> tuple[FloatArray, FloatArray]:
        """Bone lengths (clips, 16) metres and the factor (clips,) on stature."""
        adult = np.clip(rng.normal(1.0, 0.055, clips), *_ADULT_SCALE)
        stature = np.where(rng.random(clips) < _CHILD_SHARE, rng.uniform(*_CHILD_SCALE, clips), adult)
        factors = np.clip(rng.normal(1.0, _BONE_SPREAD, (clips, len(CHILD))), 0.8, 1.2)
        long = rng.random(clips) < _LONG_FOREARM_SHARE
        forearm = np.where(long, rng.uniform(*_FOREARM_FACTORS, clips), rng.normal(1.0, 0.05, clips))
        for bone, child in enumerate(CHILD):
            if H36M17.joints[child].endswith("wrist"):
                factors[:, bone] = forearm
        share = rng.random((clips, 1))
        one, other = (self._bodies_m[rng.integers(len(self._bodies_m), size=clips)] for _ in range(2))
        body = share * one + (1 - share) * other
        lengths_m = body * _symmetric(factors) * stature[:, None]
        return lengths_m.astype(np.float32), stature.astype(np.float32)

    def _roots(
        self, rng: np.random.Generator, take: Array, root_m: FloatArray, stature: FloatArray, frames: int
    ) -> FloatArray:
        """Pelvis paths: scaled with the body, some held in place as by a camera that follows.

        Frames after the first `frames` are at other times: they lie about the clip's middle.
        """
        clips = len(take)
        travel = np.where(rng.random(clips) < _STANDING_SHARE, rng.random(clips), 1.0)
        travel = np.where(self._rooted[take], travel, 0.0) * stature
        middle = root_m[:, frames // 2 : frames // 2 + 1]
        path = (root_m - middle) * travel[:, None, None]
        path[:, frames:] = rng.normal(0, _WANDER_M, path[:, frames:].shape)
        height = np.where(self._rooted[take, None], root_m[..., 1], _PELVIS_HEIGHT_M)
        path[..., 1] = height * stature[:, None]
        return path.astype(np.float32)


def _mirrored(rng: np.random.Generator, joints_m: FloatArray) -> FloatArray:
    """Half of the clips reflected left to right."""
    flipped = joints_m[:, :, H36M17.mirror] * np.array([-1, 1, 1], np.float32)
    return np.where(rng.random(len(joints_m))[:, None, None, None] < 0.5, flipped, joints_m)


def _turned(rng: np.random.Generator, joints_m: FloatArray) -> FloatArray:
    """Each clip turned about the vertical by its own random angle."""
    angle = rng.uniform(-math.pi, math.pi, len(joints_m))
    turn = axis_angle(np.tile([0.0, 1.0, 0.0], (len(angle), 1)), angle).astype(np.float32)
    return np.asarray(joints_m @ turn.transpose(0, 2, 1)[:, None], np.float32)

"""Training clips from records: rendered people as a 2D net really saw them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np

from realtime.errors import UsageError
from realtime.lift import near_image
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.noise import Seen
from training.mocap.split import RETARGETS_OF_HELD_OUT, TEST_SUBJECTS, UNRELIABLE, VALIDATION_SUBJECTS
from training.records.store import Records

_PELVIS = H36M17.index("pelvis")
_LEAST_FOUND = 0.3
HELD_OUT = frozenset(TEST_SUBJECTS + VALIDATION_SUBJECTS)
_MIRROR = np.array([-1, 1], np.float32)


def seen_by_net(records: Records) -> Seen:
    """All frames (F, ...) as the live path feeds them: undistorted rays, depth in their unit.

    Scores are 0 in frames where the person was not found and for joints that are not `near_image`.
    """
    rays = np.zeros((records.frames, len(H36M17), 2), np.float32)
    score, depth = records.score * records.found[:, None], np.zeros(records.score.shape, np.float32)
    for camera, span in zip(records.cameras, records.bounds, strict=True):
        rays[span] = camera.rays(records.seen_px[span])
        score[span] *= near_image(records.seen_px[span], camera.width, camera.height)
        behind = records.depth_px[span] - records.depth_px[span][:, [_PELVIS]]
        depth[span] = behind / ((camera.fx + camera.fy) / 2)
    known = np.isfinite(depth).all(axis=1) & records.found
    return Seen(rays, score.astype(np.float32), np.where(known[:, None], depth, 0).astype(np.float32))


def drawable(records: Records, held_out: Set[str]) -> Array:
    """Which clips may be trained on: of nobody held out, the person found in 30 % of the frames.

    Raises UsageError where there are none.
    """
    sound = [
        subject not in held_out and name not in RETARGETS_OF_HELD_OUT | UNRELIABLE
        for name, subject in zip(records.name, records.subject, strict=True)
    ]
    found = np.array([records.found[span].mean() for span in records.bounds])
    chosen = np.flatnonzero(np.array(sound) & (found >= _LEAST_FOUND))
    if not len(chosen):
        raise UsageError("the records show nobody who may be trained on: render the training part")
    return chosen


def mirrored(seen: Seen, flipped: Array) -> Seen:
    """Clips (B, T, ...), those flipped (B,) as a mirror shows them, left and right joints changed over."""
    side, swap = flipped[:, None, None], H36M17.mirror
    return Seen(
        np.where(side[..., None], seen.rays[:, :, swap] * _MIRROR, seen.rays),
        np.where(side, seen.score[:, :, swap], seen.score),
        np.where(side, seen.depth[:, :, swap], seen.depth),
    )


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips as they are seen: (B, T, 17, ...). camera_m: the truth. up: (B, 3) the world's, camera axes."""

    seen: Seen
    camera_m: FloatArray
    up: FloatArray


class ReplaySampler:
    """Draws windows of records, half of them mirrored. Raises UsageError for records with nobody in them.

    Clips of held-out subjects, or with the person found in less than 30 % of the frames, are left out.
    held_out: others than `training.mocap.split` names, where a comparison holds out people of its own.
    """

    def __init__(self, records: Records, held_out: Set[str] = HELD_OUT) -> None:
        self._chosen = drawable(records, held_out)
        self._seen = seen_by_net(records)
        self._camera_m, self._up = records.pose_m, records.up
        self._starts = np.array([span.start for span in records.bounds])
        self._lengths = records.lengths.astype(np.int64)

    @property
    def clips(self) -> int:
        """How many there are to draw from."""
        return len(self._chosen)

    def sample(
        self, rng: np.random.Generator, clips: int, frames: int, past: int, resized: float = 0.0
    ) -> Clips:
        """(clips, frames + past, ...): frames in a row, and `past` frames at random times of the same clip.

        A clip that is too short runs back and forth. resized: standard deviation of the logarithm of a factor
        on people and distances alike, one a clip: the picture of a larger person further away is the same,
        so that a clip known by heart does not tell how tall its person is.
        """
        clip = rng.choice(self._chosen, clips)
        last = self._lengths[clip][:, None] - 1
        start = np.floor(rng.random((clips, 1)) * np.maximum(last - frames + 2, 1))
        time = np.remainder(start + np.arange(frames), np.maximum(2 * last, 1))
        time = np.minimum(np.where(time > last, 2 * last - time, time), last)
        other = np.floor(rng.random((clips, past)) * (last + 1))
        index = (self._starts[clip][:, None] + np.concatenate([time, other], axis=1)).astype(np.int64)
        seen = Seen(self._seen.rays[index], self._seen.score[index], self._seen.depth[index])
        camera_m = self._camera_m[index]
        if resized:
            camera_m = camera_m * np.exp(resized * rng.normal(0, 1, (clips, 1, 1, 1)))
        flipped: Array = rng.random(clips) < 0.5
        other_side = camera_m[:, :, H36M17.mirror] * np.append(_MIRROR, 1)
        camera_m = np.where(flipped[:, None, None, None], other_side, camera_m)
        up = np.where(flipped[:, None], self._up[clip] * np.append(_MIRROR, 1), self._up[clip])
        return Clips(mirrored(seen, flipped), camera_m.astype(np.float32), up.astype(np.float32))

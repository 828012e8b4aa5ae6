"""Training batches: augmented motion seen by random cameras, and rendered people as a 2D net saw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from realtime.errors import UsageError
from realtime.lift import told_up
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.augment import ClipSampler
from training.lifters.batch import Batch, Past
from training.lifters.borrowed import BorrowedErrors
from training.lifters.cameras import ANY, USUAL, joined, look_at, rays_of
from training.lifters.noise import Seen, any_net, corrupt, hide, shipped_error_model
from training.lifters.replay import Clips, ReplaySampler
from training.records.error_model import ErrorModel, Kind

_PELVIS = H36M17.index("pelvis")
_WHOLE_SHARE = 0.75
_WHOLE_SCORES = (1.0, 0.9)
_UNSEEN_WEIGHT = 0.5
_OUTSIDE_KEPT = 0.3
_NEAREST_PELVIS_M = 0.8
_BEHIND_M = 0.15
_ROLLED_DEG = (-35.0, 35.0)
_LEVEL_SIGMA_DEG = (0.5, 12.0)
_KINDS: tuple[Kind, ...] = ("gt", "gaussian", "mixture")


@dataclass(frozen=True, slots=True)
class BatchSize:
    """Clips a batch and frames a clip; longer than a receptive field, so that full states are met.

    Many short clips learn faster than few long ones: neighbouring frames say the same. past: frames at other
    times that come with each clip.
    """

    clips: int = 40
    frames: int = 48
    past: int = 24

    def __post_init__(self) -> None:
        if self.clips < 1 or self.frames < 1 or self.past < 0:
            raise UsageError("a batch needs at least one clip and one frame; past must not be below 0")


@dataclass(frozen=True, slots=True)
class Mixture:
    """What clips are made of: shares of exact 2D and of records; the rest is motion through the error model.

    kind: what is drawn of the error model (`ErrorModel.draw`). Without records their share is motion too.
    usual: share of the clips of motion that cameras of the usual kind see, in place of any. bent: share of
    them in which people hold themselves otherwise (`training.mocap.bent`). depthless: share of all clips
    whose depth is withheld, as with 2D nets that give none. rolled: share of all clips whose camera is rolled
    by up to 35 degrees more. levelled: share of all clips of whose camera the tilt is told, off by half a
    degree to twelve. resized: by how much people of records differ in size from how they were drawn
    (`ReplaySampler.sample`). borrowed: share of clips of motion that borrow their errors from records, taken
    from those through the error model.
    """

    exact: float = 0.45
    records: float = 0.25
    usual: float = 0.0
    bent: float = 0.0
    kind: Kind = "mixture"
    depthless: float = 0.3
    rolled: float = 0.0
    levelled: float = 0.0
    resized: float = 0.0
    borrowed: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.exact, self.records, self.borrowed)
        if min(shares) < 0 or sum(shares) > 1:
            raise UsageError("shares of exact 2D, records, borrowed must lie between 0 and 1, their sum too")
        for name in ("depthless", "rolled", "levelled", "resized"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie between 0 and 1, not {getattr(self, name):g}")
        if self.kind not in _KINDS:
            raise UsageError(f"kind must be one of {', '.join(_KINDS)}, not {self.kind!r}")


@dataclass(frozen=True, slots=True)
class Draws:
    """What batches are drawn from."""

    motion: ClipSampler
    replay: ReplaySampler | None = None
    errors: ErrorModel = field(default_factory=shipped_error_model)
    mixture: Mixture = field(default_factory=Mixture)
    borrowed: BorrowedErrors | None = None


def draw_batch(draws: Draws, size: BatchSize, seed: tuple[int, ...]) -> Batch:
    """One batch. The same sources, size and seed give the same batch."""
    rng = np.random.default_rng(seed)
    replayed = round(size.clips * draws.mixture.records) if draws.replay else 0
    parts = [_from_motion(rng, draws, size, size.clips - replayed)] if replayed < size.clips else []
    if draws.replay and replayed:
        shown = draws.replay.sample(rng, replayed, size.frames, size.past, draws.mixture.resized)
        score = hide(rng, shown.seen.score)
        depth = _withheld(rng, shown.seen.depth, draws.mixture.depthless)
        parts.append(Clips(Seen(shown.seen.rays, score, depth), shown.camera_m, shown.up))
    clips = _joined(parts)
    if draws.mixture.rolled:
        clips = _rolled(rng, clips, draws.mixture.rolled)
    return _batch(rng, clips, _told(rng, clips.up, draws.mixture.levelled), size)


def _joined(parts: Sequence[Clips]) -> Clips:
    rays, score, depth = (
        np.concatenate([getattr(part.seen, name) for part in parts]) for name in ("rays", "score", "depth")
    )
    camera_m, up = (np.concatenate([getattr(part, name) for part in parts]) for name in ("camera_m", "up"))
    return Clips(Seen(rays, score, depth), camera_m, up)


def _from_motion(rng: np.random.Generator, draws: Draws, size: BatchSize, clips: int) -> Clips:
    """Clips of motion before random cameras: a share of them exact, the others as the error model says.

    Joints outside the image are mostly missing, those behind it always.
    """
    world_m = draws.motion.sample(rng, clips, size.frames, size.past, draws.mixture.bent)
    whole = rng.random(clips) < _WHOLE_SHARE
    first, usual = np.where(whole, 0.98, 0.5), round(clips * draws.mixture.usual)
    parts = [
        look_at(rng, world_m[some, : size.frames], first[some], mounting=mounting)
        for some, mounting in ((slice(usual), USUAL), (slice(usual, None), ANY))
        if len(first[some])
    ]
    cameras = joined(parts)
    camera_m = cameras.joints(world_m)
    rays = rays_of(camera_m)
    seen = corrupt(rng, camera_m, rays, draws.errors, draws.mixture.kind, any_net)
    of_motion = max(1e-9, 1 - (draws.mixture.records if draws.replay else 0))
    drawn, exact_share = rng.random(clips), draws.mixture.exact / of_motion
    exact = (drawn < exact_share)[:, None, None]
    borrowing = (drawn >= exact_share) & (drawn < exact_share + draws.mixture.borrowed / of_motion)
    if draws.borrowed and borrowing.any():
        lent = draws.borrowed.corrupt(rng, camera_m[borrowing], rays[borrowing], size.frames)
        for mine, others in zip(
            (seen.rays, seen.score, seen.depth), (lent.rays, lent.score, lent.depth), strict=True
        ):
            mine[borrowing] = others
    score = np.where(exact, rng.choice(_WHOLE_SCORES, (clips, 1, 1)), hide(rng, seen.score))
    kept = rng.random((clips, 1, 1)) < _OUTSIDE_KEPT
    score = np.where((cameras.in_image(camera_m) | kept) & (camera_m[..., 2] >= _BEHIND_M), score, 0.0)
    depth = np.where(exact, 0, _withheld(rng, seen.depth, draws.mixture.depthless))
    rays = np.where(exact[..., None], rays, seen.rays)
    return Clips(Seen(rays, score.astype(np.float32), depth), camera_m, cameras.up)


def _rolled(rng: np.random.Generator, clips: Clips, share: float) -> Clips:
    """A share of the clips as cameras see them that are rolled about their optical axis.

    A 2D net follows: its picture of a person is cut out upright, and depths stay as they are.
    """
    seen, camera_m, up = clips.seen, clips.camera_m.copy(), clips.up.copy()
    count = len(camera_m)
    angle = np.where(rng.random(count) < share, np.radians(rng.uniform(*_ROLLED_DEG, count)), 0.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], -2).astype(np.float32)
    rays = seen.rays @ turn[:, None]
    camera_m[..., :2] = camera_m[..., :2] @ turn[:, None]
    up[:, None, :2] = up[:, None, :2] @ turn
    return Clips(Seen(rays, seen.score, seen.depth), camera_m, up)


def _told(rng: np.random.Generator, up: FloatArray, share: float) -> FloatArray:
    """What the lifter is told of the world's up (B, 3): off by as much as is said with it, or zeros."""
    least, most = (math.log(math.radians(sigma_deg)) for sigma_deg in _LEVEL_SIGMA_DEG)
    sigma = np.exp(rng.uniform(least, most, (len(up), 1)))
    off = up + sigma / math.sqrt(2) * rng.normal(0, 1, up.shape)
    told = told_up(off / np.linalg.norm(off, axis=-1, keepdims=True), sigma)
    return np.where(rng.random((len(up), 1)) < share, told, np.float32(0))


def _withheld(rng: np.random.Generator, depth: FloatArray, share: float) -> FloatArray:
    """Depths (B, ...) of which a share of the clips has none."""
    return np.asarray(depth * (rng.random((len(depth), 1, 1)) >= share), np.float32)


def _batch(rng: np.random.Generator, clips: Clips, up: FloatArray, size: BatchSize) -> Batch:
    """up: (B, 3) as the lifter is told it."""
    seen, camera_m = clips.seen, clips.camera_m
    pelvis = camera_m[:, :, _PELVIS : _PELVIS + 1]
    weight = np.where(seen.score > 0, 1.0, _UNSEEN_WEIGHT)
    # Nothing is asked of a frame with nobody in it, or with the person at the lens.
    asked = (seen.score > 0).any(axis=-1) & (pelvis[..., 0, 2] > _NEAREST_PELVIS_M)
    weight *= asked[..., None]
    clip, past = np.s_[:, : size.frames], np.s_[:, size.frames :]
    pose = camera_m - pelvis
    return Batch(
        _tensor(seen.rays[clip]),
        _tensor(seen.score[clip]),
        _tensor(seen.depth[clip]),
        _tensor(np.repeat(up[:, None], size.frames, axis=1)),
        _tensor(pose[clip]),
        _tensor(pelvis[clip][..., 0, 2]),
        _tensor(weight[clip]),
        past=Past(
            _tensor(seen.rays[past]),
            _tensor(seen.score[past]),
            _tensor(pose[past]),
            _tensor(weight[past]),
            count=torch.from_numpy(rng.integers(0, size.past + 1, len(pose))),
        ),
    )


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))

"""What a 2D pose net does to true keypoints: its fitted errors, and joints that it cannot see.

Rays are (B, T, 17, 2), scores (B, T, 17) in [0, 1] with 0 for a missing joint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np

from realtime.errors import UsageError
from realtime.size import STATURE_RATIO, bone_paths_m
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.records.depth_model import true_shares
from training.records.error_model import ErrorModel, Kind, load_error_model

_LOWER_BODY = np.array([j.endswith(("knee", "ankle")) for j in H36M17.joints])
_HIPS = np.array([j.endswith(("hip", "pelvis")) for j in H36M17.joints])
_PELVIS = H36M17.index("pelvis")
_STRENGTHS = (0.3, 1.2)
_NEAREST_M = 0.3
_MISSED_IN_VIEW = 0.016
_SUFFIX = ".yaml"


def shipped_error_model(net: str = "blazepose") -> ErrorModel:
    """The errors of a 2D net, as fitted to records of rendered people: BlazePose's, or one of this project's.

    But for missed frames, at most 1.6 %: records miss people whom the image's edge cuts off, all clip long;
    of people shown whole, 2 to 6 m away, BlazePose misses so many (docs/rendered-people.md). Raises
    UsageError for another net.
    """
    folder = Path(str(resources.files("training.records")))
    path = folder / f"{net}_errors{_SUFFIX}"
    if not path.is_file():
        known = sorted(p.stem.removesuffix("_errors") for p in folder.glob(f"*_errors{_SUFFIX}"))
        raise UsageError(
            f"there is no error model of {net!r}: choose {', '.join(known)}, or a {_SUFFIX} file"
        )
    model = load_error_model(path)
    return replace(model, missing=min(model.missing, _MISSED_IN_VIEW))


def error_model_named(name: str) -> ErrorModel:
    """The shipped error model of a 2D net, or that of a file of `realtime-train error-model`.

    Raises UsageError for what is neither.
    """
    return load_error_model(Path(name)) if name.endswith(_SUFFIX) else shipped_error_model(name)


def statures_m(pose_m: FloatArray) -> FloatArray:
    """Body heights (B,) of poses (B, T, 17, 3), from their bones: `realtime.size.STATURE_RATIO`."""
    return np.asarray(STATURE_RATIO * np.median(bone_paths_m(pose_m), axis=1), np.float32)


def sizes(camera_m: FloatArray, stature_m: FloatArray) -> FloatArray:
    """How large people (..., 17, 3) look, as an angle (...): their stature (...) over their distance."""
    return np.asarray(stature_m / np.maximum(camera_m[..., _PELVIS, 2], _NEAREST_M), np.float32)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a 2D net says: rays (B, T, 17, 2), score (B, T, 17), depth (B, T, 17) in the unit of rays."""

    rays: FloatArray
    score: FloatArray
    depth: FloatArray


def corrupt(
    rng: np.random.Generator,
    camera_m: FloatArray,
    rays: FloatArray,
    model: ErrorModel,
    kind: Kind = "mixture",
    strength: Callable[[np.random.Generator, int], Array] | None = None,
) -> Seen:
    """The net's view of clips (B, T, 17, 3) in camera axes with exact rays (B, T, 17, 2).

    Errors follow a first-order process in time, as a net's do. strength: draws a factor a clip on the errors,
    for nets that are better or worse than the one fitted; without it, 1.
    """
    clips = len(rays)
    height_m = statures_m(camera_m)
    size = sizes(camera_m, height_m[:, None])
    seen, score = model.draw(rng, rays, size, correlated=kind != "gt", kind=kind)
    depth: FloatArray = np.zeros(score.shape, np.float32)
    if model.depth is not None:
        shares = true_shares(camera_m, np.broadcast_to(height_m[:, None], size.shape))
        depth = np.asarray(model.depth.draw(rng, shares) * size[..., None], np.float32)
    if strength is not None:
        factor = strength(rng, clips)[:, None, None, None]
        seen = rays + factor * (seen - rays)
    return Seen(
        seen.astype(np.float32), score, (depth * (score > 0).any(-1, keepdims=True)).astype(np.float32)
    )


def any_net(rng: np.random.Generator, clips: int) -> Array:
    """Factors (clips,) on the errors: from nets much better than the one fitted to slightly worse ones."""
    return np.asarray(rng.uniform(*_STRENGTHS, clips))


@dataclass(frozen=True, slots=True)
class Hiding:
    """How much cannot be seen: probabilities a clip, or a joint and frame."""

    spans: float = 0.3
    legs: float = 0.15
    lost_frames: float = 0.05


def hide(rng: np.random.Generator, score: FloatArray, model: Hiding = Hiding()) -> FloatArray:
    """Scores with joints missing for spans, legs below the picture, and frames lost."""
    size: tuple[int, int, int] = score.shape
    clips, frames, joints = size
    score, time = score.copy(), np.arange(frames)
    for _ in range(3):
        joint = rng.integers(joints, size=clips)
        start, length = rng.integers(frames, size=clips), rng.integers(3, 31, size=clips)
        covered = (time >= start[:, None]) & (time < (start + length)[:, None])
        covered &= (rng.random(clips) < model.spans)[:, None]
        score[covered, np.broadcast_to(joint[:, None], covered.shape)[covered]] = 0.0
    legless = rng.random(clips) < model.legs
    hipless = legless & (rng.random(clips) < 0.5)
    score[np.broadcast_to(legless[:, None, None] & _LOWER_BODY, score.shape)] = 0.0
    score[np.broadcast_to(hipless[:, None, None] & _HIPS, score.shape)] = 0.0
    lost = rng.random((clips, frames)) < 0.2 * model.lost_frames
    gap = rng.integers(frames, size=clips)
    gapped = (time >= gap[:, None]) & (time < (gap + rng.integers(2, 15, size=clips))[:, None])
    lost |= gapped & (rng.random(clips) < model.lost_frames)[:, None]
    score[lost] = 0.0
    return score

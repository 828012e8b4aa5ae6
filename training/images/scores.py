"""What a 2D net's own scores are worth: the chance that a joint is where it is said to be.

A heatmap's height and a volume's mass near its top are numbers of the net's own kind. The tracker asks
whether somebody is there, and lifters how far to believe a joint, so both are turned into that chance by a
logistic curve (`score_gain`, `score_bias` of `realtime.decode.topdown`), fitted to people held out and to
pictures of nobody. Source: Platt, Probabilistic Outputs for Support Vector Machines (1999), section 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from export.image_nets import Exported, Trained, load_trained
from export.nets.images.normalise import normalise
from realtime.decode import iou
from realtime.errors import UsageError
from realtime.types import Array, FloatArray, Region
from training.images.checkpoint import load_tensors, save_tensors
from training.images.heatmaps import decoded
from training.images.samples import (
    HEAD,
    IMAGE,
    JOINTS,
    ClipFiles,
    Cut,
    clips_of,
    count,
    crops,
    live_region,
    warped,
)

SCORES = "scores"
"""The metadata of a weights file that holds what was fitted, as JSON."""
NEAR = 1.0
"""A joint is right within this many head segments (neck to head, some 10 cm) of its place."""
_STRIDE = 7
_EMPTY_TRIES, _EMPTY_OVERLAP = 6, 0.05
_BATCH = 64
_STEPS, _RIDGE, _SURE = 100, 1e-4, 1e-9


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """The chance of a joint being right: the logistic function of gain * score + bias."""

    gain: float
    bias: float


@dataclass(frozen=True, slots=True)
class Heard:
    """A net's scores (N,) and whether each joint was right (N,), of joints of people and of nobody."""

    score: FloatArray
    right: Array


def fit_curve(score: Array, right: Array) -> ScoreCurve:
    """The logistic curve that makes the answers likeliest; they are smoothed as Platt's, so that it ends.

    Newton's method. A net whose scores tell nothing gets a gain of almost nothing. Raises UsageError when all
    answers are of one kind, which no curve can be fitted to.
    """
    yes = int(right.sum())
    no = len(right) - yes
    if not yes or not no:
        raise UsageError("joints that are right and joints that are wrong are both needed to fit scores")
    wanted = np.where(right, (yes + 1) / (yes + 2), 1 / (no + 2))
    middle, spread = float(score.mean()), max(float(score.std()), 1e-6)
    table = np.stack([(score - middle) / spread, np.ones_like(score)], axis=1).astype(np.float64)
    weights = np.zeros(2)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(table @ weights, -50, 50)))
        slope = table.T @ (chance - wanted) / len(score) + _RIDGE * weights
        curve = (table * (chance * (1 - chance))[:, None]).T @ table / len(score) + _RIDGE * np.eye(2)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if float(np.abs(step).max()) < _SURE:
            break
    gain = max(float(weights[0]) / spread, 1e-6)
    return ScoreCurve(gain, float(weights[1]) - gain * middle)


def fit_scores(
    weights: Path, clips: Sequence[Path], most: int, device: torch.device, seed: int = 0
) -> ScoreCurve:
    """Fit a 2D net's scores on clips it was not trained on, and keep the curve in its weights file.

    most: crops to look at. Raises UsageError where the clips hold nobody, ModelError for another file.
    """
    heard = hear(load_trained(weights), clips, most, device, seed)
    curve = fit_curve(heard.score, heard.right)
    tensors, metadata = load_tensors(weights)
    save_tensors(weights, tensors, {**metadata, SCORES: json.dumps({"gain": curve.gain, "bias": curve.bias})})
    return curve


@torch.no_grad()
def hear(trained: Trained, folders: Sequence[Path], most: int, device: torch.device, seed: int = 0) -> Heard:
    """What a net says of people, and of a quarter as many pictures of nobody, where no joint is right."""
    net = Exported(trained.net).to(device).eval()
    side_px = int(trained.net.size[0])
    clips = [clip for folder in folders for clip in clips_of(folder)]
    scores, rights, left = [], [], most
    rng = np.random.default_rng(seed)
    for clip in (clips[k] for k in rng.permutation(len(clips))):
        for images, joints, head in _shown(clip, side_px, rng):
            places, score = _said(net, images[:left], device)
            far = np.linalg.norm(places - joints[:left], axis=-1)
            rights.append((far < NEAR * head[:left, None]).ravel())
            scores.append(score.ravel())
            left -= len(images[:left])
        if left <= 0:
            break
    if not scores:
        raise UsageError(f"{', '.join(map(str, folders))} has nobody to fit scores to: name other clips")
    return Heard(np.concatenate(scores).astype(np.float32), np.concatenate(rights))


def _shown(
    clip: ClipFiles, side_px: int, rng: np.random.Generator
) -> Iterator[tuple[Array, FloatArray, FloatArray]]:
    """Crops as live, the joints in their units and the head's size; of nobody both are not finite."""
    samples, _ = crops(clip, Cut(side_px=side_px, margin=1.0, stride=_STRIDE))
    if not count(samples):
        return
    yield samples[IMAGE], samples[JOINTS], samples[HEAD]
    if empty := list(_nobody(clip, side_px, max(1, count(samples) // 4), rng)):
        yield (
            np.stack(empty),
            np.full((len(empty), *samples[JOINTS].shape[1:]), np.inf, np.float32),
            np.zeros(len(empty), np.float32),
        )


def _nobody(clip: ClipFiles, side_px: int, many: int, rng: np.random.Generator) -> Iterator[Array]:
    """Squares of a clip's frames, as large as its people's, with nobody in them."""
    truth = clip.annotation()
    for _ in range(many * _EMPTY_TRIES):
        frame = int(rng.integers(truth.frames))
        boxes_px = truth.box_px[frame]
        size_px = live_region(boxes_px[int(rng.integers(truth.people))]).size_px * rng.uniform(0.6, 1.0)
        x, y = rng.uniform(0, truth.intrinsics.width), rng.uniform(0, truth.intrinsics.height)
        square = (np.array([x, y, x, y]) + size_px / 2 * np.array([-1, -1, 1, 1])).astype(np.float32)
        if float(iou(square, boxes_px).max(initial=0.0)) <= _EMPTY_OVERLAP:
            yield warped(clip.rgb(frame), Region(x, y, float(size_px), 0.0), side_px)
            many -= 1
            if not many:
                return


def _said(net: Exported, images: Array, device: torch.device) -> tuple[FloatArray, FloatArray]:
    """Places (N, 17, 2) in units and the net's own scores (N, 17)."""
    places, scores = [], []
    for start in range(0, len(images), _BATCH):
        batch = torch.from_numpy(images[start : start + _BATCH]).to(device).permute(0, 3, 1, 2)
        (said,) = net(normalise(batch))
        if net.outputs == ("heatmaps",):
            place, score = decoded(said.float(), "quarter")
        else:
            place, score = said[..., :2], said[..., -1]
        places.append(place.float().cpu().numpy())
        scores.append(score.float().cpu().numpy())
    return np.concatenate(places), np.concatenate(scores)

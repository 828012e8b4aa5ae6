"""The papers' losses: hard negatives and smooth L1 (SSD), hard keypoints (CPN), coordinates (integral)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

NEGATIVE, POSITIVE, IGNORED = 0, 1, -1
_MATCH_IOU, _IGNORE_IOU = 0.5, 0.3


def box_ious(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union (..., A, B) of boxes (..., A, 4) and (..., B, 4), x0 y0 x1 y1."""
    low = torch.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    area_a, area_b = ((x[..., 2:] - x[..., :2]).clamp(min=0).prod(-1) for x in (a, b))
    return overlap / (area_a[..., :, None] + area_b[..., None, :] - overlap).clamp(min=1e-9)


def match(priors: Tensor, boxes: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
    """Which prior is to find which box: labels (N, A), of POSITIVE, NEGATIVE, IGNORED, and boxes (N, A, 4).

    priors: (A, 4) x0 y0 x1 y1. boxes: (N, G, 4). kinds: (N, G), POSITIVE for a person, IGNORED for one too
    little of whom is seen, NEGATIVE for no box. A prior is positive for its best person where they overlap
    by half, and each person has at least the prior that fits best. Source: Liu et al., SSD (2016), 2.2.
    """
    overlap = box_ious(priors.expand(len(boxes), -1, -1), boxes)
    person = kinds == POSITIVE
    wanted = overlap.masked_fill(~person[:, None], -1.0)
    best, which = wanted.max(-1)
    labels = torch.where(best >= _MATCH_IOU, POSITIVE, NEGATIVE)
    unclear = overlap.masked_fill((kinds != IGNORED)[:, None], -1.0).amax(-1) > _IGNORE_IOU
    labels = torch.where(unclear & (labels == NEGATIVE), IGNORED, labels)
    champion = wanted.argmax(1)
    for person_index in range(boxes.shape[1]):
        rows = torch.nonzero(person[:, person_index])[:, 0]
        at = champion[rows, person_index]
        labels[rows, at] = POSITIVE
        which[rows, at] = person_index
    chosen = boxes.gather(1, which[..., None].expand(-1, -1, 4))
    return labels, chosen


def detection_loss(
    logits: Tensor, offsets: Tensor, labels: Tensor, wanted: Tensor, ratio: float = 3.0
) -> Tensor:
    """Cross-entropy over positives and the hardest negatives, `ratio` to one, and smooth L1 of the offsets.

    logits: (N, A, 2). offsets, wanted: (N, A, 4) encoded. An image with nobody in it gives `ratio` negatives.
    Source: Liu et al., SSD (2016), 2.2.
    """
    positive = labels == POSITIVE
    surprise = functional.cross_entropy(
        logits.flatten(0, 1), positive.long().flatten(), reduction="none"
    ).view_as(labels)
    negatives = surprise.detach().masked_fill(labels != NEGATIVE, -1.0)
    rank = negatives.argsort(1, descending=True).argsort(1)
    most = (ratio * positive.sum(1, keepdim=True)).clamp(min=ratio)
    hard = (rank < most) & (labels == NEGATIVE)
    places = functional.smooth_l1_loss(offsets, wanted, reduction="none").sum(-1)
    total = (surprise * (positive | hard)).sum() + (places * positive).sum()
    return total / positive.sum().clamp(min=1)


def heatmap_loss(maps: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """(N, J) mean squared difference of maps, weighted: (N, J)."""
    return (maps - wanted).square().mean((-2, -1)) * weight


def hardest(losses: Tensor, top: int) -> Tensor:
    """Mean over images of the mean of their `top` greatest losses (N, J): online hard keypoint mining.

    Source: Chen et al., CPN (2018), 3.2.2.
    """
    return losses.topk(min(top, losses.shape[1]), dim=1).values.mean()


def coordinate_loss(said: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """L1 of coordinates (N, J, 3), weighted each: (N, J, 3). Source: Sun et al. (2018), 3.1."""
    return ((said - wanted).abs() * weight).sum() / weight.sum().clamp(min=1)


def marginal_loss(plane: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean squared difference of distributions (N, J, h, w), of sum 1, from Gaussians of peak 1.

    The distribution is brought to the Gaussian's scale, at which the two can be equal. weight: (N, J).
    """
    scale = wanted.sum((-2, -1), keepdim=True)
    return heatmap_loss(plane * scale, wanted, weight).sum() / weight.sum().clamp(min=1)

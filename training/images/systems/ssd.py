"""SSD: default boxes matched to people, hard negatives, random windows of frames.

Source: Liu et al., SSD: Single Shot MultiBox Detector (2016), section 2.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from export.nets.images.normalise import normalise
from realtime.decode.geometry import suppress
from realtime.errors import UsageError
from training.images.affine import inverse, maps, moved, read_through
from training.images.losses import IGNORED, NEGATIVE, POSITIVE, detection_loss, match
from training.images.metrics import Found, average_precision
from training.images.pool import Batch
from training.images.samples import BOXES, IMAGE, LEAST_SHOWN, SHOWN, count, frames
from training.images.systems.system import Held, Studio, half

_BATCH = 64
_LEAST_SIDE = 0.04
_LEAST_KEPT, _ANY_KEPT = 0.35, 0.02
_LEAST_SCORE, _MAX_IOU, _MOST = 0.01, 0.45, 100


@dataclass(frozen=True, slots=True)
class SsdLoss:
    """negatives: hard ones for each positive. window: least and most side of the random windows, as a share
    of the frame's longer side. whole: share of images that show the frame as it is. anywhere: share of
    windows that need not have a person in them.
    """

    negatives: float = 3.0
    window: tuple[float, float] = (0.35, 1.3)
    whole: float = 0.25
    anywhere: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.window[0] <= self.window[1] or self.negatives <= 0:
            raise UsageError("ssd needs windows of some size, and negatives")


class SsdSystem:
    """The system `ssd`."""

    name, best = "ssd", "ap50"
    cutter = staticmethod(frames)

    def __init__(self, loss: SsdLoss) -> None:
        self._loss = loss

    def loss(self, net: nn.Module, batch: Batch, studio: Studio) -> Tensor:
        """Cross-entropy with hard negatives, and smooth L1 of the offsets of matched default boxes."""
        given = self._windows(batch, studio.generator)
        image, inside = read_through(batch[IMAGE], given, studio.size)
        image = studio.painter.photographed(studio.painter.rimmed(image, inside))
        boxes, kinds = seen_boxes(batch[BOXES], batch[SHOWN], given)
        with half(image.device):
            said = net(normalise(image))
        labels, chosen = match(_corners(net.priors), boxes, kinds)  # type: ignore[arg-type]
        wanted = net.encode(chosen)  # type: ignore[operator]
        return detection_loss(
            said["logits"].float(), said["offsets"].float(), labels, wanted, self._loss.negatives
        )

    def _windows(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Random windows of frames (N, 2, 3): about a person mostly, larger than the frame at times."""
        many, device = len(batch[IMAGE]), generator.device

        def uniform(*shape: int) -> Tensor:
            return torch.rand((many, *shape), generator=generator, device=device)

        low, high = (math.log(side) for side in self._loss.window)
        side = (low + (high - low) * uniform()).exp()
        pick = (
            (batch[SHOWN] + 1e-3 * uniform(batch[SHOWN].shape[1]))
            .mul(uniform(batch[SHOWN].shape[1]))
            .argmax(1)
        )
        box = batch[BOXES][torch.arange(many, device=device), pick]
        about = (box[:, :2] + box[:, 2:]) / 2 + side[:, None] * 0.8 * (uniform(2) - 0.5)
        nobody = (batch[SHOWN] <= 0).all(1) | (uniform() < self._loss.anywhere)
        middle = torch.where(nobody[:, None], uniform(2), about)
        whole = uniform() < self._loss.whole
        side = torch.where(whole, 1.0, side)
        middle = torch.where(whole[:, None], 0.5, middle)
        return maps(side, torch.zeros_like(side), middle, uniform() < 0.5)

    @torch.no_grad()
    def measures(self, net: nn.Module, held: Held, studio: Studio) -> Mapping[str, float]:
        """AP50 over frames as they are seen live."""
        device, samples = studio.generator.device, held.samples
        found: list[Found] = []
        for start in range(0, count(samples), _BATCH):
            image = torch.as_tensor(samples[IMAGE][start : start + _BATCH]).to(device).permute(0, 3, 1, 2)
            one = torch.ones(len(image), device=device)
            given = maps(one, 0 * one, 0.5 * one[:, None].expand(-1, 2), one < 0)
            with half(device):
                said = net(normalise(read_through(image, given, studio.size)[0]))
            boxes = net.decode(said["offsets"].float())  # type: ignore[operator]
            score = said["logits"].float().softmax(-1)[..., 1]
            found += [_kept(b, s) for b, s in zip(boxes.cpu().numpy(), score.cpu().numpy(), strict=True)]
        return {"ap50": average_precision(found, list(samples[BOXES]), list(samples[SHOWN]))}


def seen_boxes(boxes: Tensor, shown: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes (N, G, 4) as windows show them, clipped, and what each is: POSITIVE, IGNORED or NEGATIVE (none).

    A person counts whose middle is in the window and of whose box a good part is.
    """
    corners = moved(boxes.reshape(len(boxes), -1, 2), inverse(given)).view(*boxes.shape[:2], 2, 2)
    low, high = corners.amin(2), corners.amax(2)
    clipped_low, clipped_high = low.clamp(0, 1), high.clamp(0, 1)
    area = (high - low).prod(-1).clamp(min=1e-9)
    kept = (clipped_high - clipped_low).prod(-1) / area
    middle = (low + high) / 2
    inside = ((middle > 0) & (middle < 1)).all(-1)
    large = (clipped_high - clipped_low).amax(-1) >= _LEAST_SIDE
    counts = inside & large & (kept >= _LEAST_KEPT) & (shown >= LEAST_SHOWN)
    any_seen = (kept > _ANY_KEPT) & (shown > 0)
    kinds = torch.where(counts, POSITIVE, torch.where(any_seen, IGNORED, NEGATIVE))
    return torch.cat([clipped_low, clipped_high], -1), kinds


def _corners(priors: Tensor) -> Tensor:
    return torch.cat([priors[:, :2] - priors[:, 2:] / 2, priors[:, :2] + priors[:, 2:] / 2], -1)


def _kept(boxes: np.ndarray, score: np.ndarray) -> Found:
    best = np.argsort(-score)[: 4 * _MOST]
    best = best[score[best] >= _LEAST_SCORE]
    boxes, score = boxes[best].clip(0, 1), score[best]
    kept = suppress(boxes, score, _MAX_IOU)[:_MOST]
    return boxes[kept], score[kept]

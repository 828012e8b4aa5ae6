"""Batches of crops as nets are trained on them, and exact ones as they are measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from export.nets.images.normalise import normalise
from training.images.affine import EXACT, Spread, draw_maps, inverse, mirrored, moved, read_through
from training.images.augment import Painter
from training.images.pool import Batch
from training.images.samples import BOX, DEPTH_M, HEAD, IMAGE, IN_IMAGE, JOINTS, Samples, count

_SIDE = 64


@dataclass(frozen=True, slots=True)
class Crops:
    """N crops. image: normalised (N, 3, H, W). joints: (N, 17, 2) units. weight: (N, 17), 1 for joints that
    lie in the crop and in the image. depth_m: (N, 17) behind the pelvis. head: (N,) units."""

    image: Tensor
    joints: Tensor
    weight: Tensor
    depth_m: Tensor
    head: Tensor


def augmented(
    batch: Batch,
    share: float,
    size: tuple[int, int],
    spread: Spread,
    painter: Painter,
    generator: torch.Generator,
) -> Crops:
    """Crops of stored squares, turned, moved, scaled, flipped and painted, with their joints alike."""
    given, flips = draw_maps(len(batch[IMAGE]), share, spread, generator)
    image, inside = read_through(batch[IMAGE], given, size)
    crops = _placed(batch, image, given, flips)
    image = painter.rimmed(image, inside)
    image = painter.placed(image, _boxes(batch[BOX], given))
    image = painter.occluded(image, crops.joints)
    image = painter.photographed(image)
    return Crops(normalise(image), crops.joints, crops.weight, crops.depth_m, crops.head)


def exact(samples: Samples, share: float, size: tuple[int, int], device: torch.device) -> Iterator[Crops]:
    """All samples in order, as they are seen live, in batches."""
    for start in range(0, count(samples), _SIDE):
        batch = {k: torch.as_tensor(v[start : start + _SIDE]).to(device) for k, v in samples.items()}
        batch[IMAGE] = batch[IMAGE].permute(0, 3, 1, 2)
        generator = torch.Generator(device)
        given, flips = draw_maps(len(batch[IMAGE]), share, EXACT, generator)
        image, _ = read_through(batch[IMAGE], given, size)
        crops = _placed(batch, image, given, flips)
        yield Crops(normalise(image), crops.joints, crops.weight, crops.depth_m, crops.head)


def _placed(batch: Batch, image: Tensor, given: Tensor, flips: Tensor) -> Crops:
    joints = mirrored(moved(batch[JOINTS], inverse(given)), flips)
    within = ((joints >= 0) & (joints <= 1)).all(-1) & mirrored(batch[IN_IMAGE], flips)
    side = given[:, :, 0].norm(dim=1)
    return Crops(image, joints, within.float(), mirrored(batch[DEPTH_M], flips), batch[HEAD] / side)


def _boxes(boxes: Tensor, given: Tensor) -> Tensor:
    """The upright boxes (N, 4) about boxes seen through maps."""
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].view(-1, 4, 2)
    corners = moved(corners, inverse(given))
    return torch.cat([corners.amin(1), corners.amax(1)], -1)

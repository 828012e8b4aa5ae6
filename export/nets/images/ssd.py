"""Single-shot person detector: default boxes of several sizes on feature maps of several strides.

Source: Liu et al., SSD: Single Shot MultiBox Detector (2016), sections 2.1 and 2.2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from export.nets.images import default_boxes
from export.nets.images.backbones import build_backbone, light
from export.nets.images.blocks import ConvNorm, start_weights
from realtime.errors import UsageError

CLASSES = 2
"""Background and person."""
SIDES_PX = {"light": 256, "resnet50": 300}
"""The side of the square image of each backbone, where none is asked for."""
LEAST_SIDE_PX = 64
RATIOS = {
    "light": ((1 / 3, 1 / 2, 1.0, 2.0),) * 6,
    # As for the paper's 300 px net: flat and tall boxes of 3 to 1 where they are worth it.
    "resnet50": (
        (1 / 2, 1.0, 2.0), *((1 / 3, 1 / 2, 1.0, 2.0, 3.0),) * 3, *((1 / 2, 1.0, 2.0),) * 2,
    ),
}  # fmt: skip
"""Width over height of a level's default boxes: people are tall, and sometimes lie down."""
LIGHT_WIDTHS, LIGHT_DEPTHS = (24, 48, 96, 160), (1, 2, 2, 1)
_EXTRA_LEVELS = 3
_EXTRA_WIDTHS = {"light": (64, 96), "resnet50": (128, 256)}
_HEAD_STD = 0.01


class Ssd(nn.Module):
    """The `ssd` net. backbone: `light` or `resnet50`. side_px: of its image, SIDES_PX's if None.

    Default boxes have the size and the spacing in pixels that they have at SIDES_PX whatever the side: the
    net is convolutional, so that weights trained at one side serve at another, where people are larger or
    smaller to it. priors: the default boxes (A, 4) cx, cy, w, h; a buffer that is not saved. Raises
    UsageError for a backbone there is not, and for a side too small.
    """

    name = "ssd"
    priors: Tensor

    def __init__(self, backbone: str = "light", side_px: int | None = None) -> None:
        super().__init__()
        if backbone not in SIDES_PX:
            raise UsageError(f"there is no backbone {backbone!r}: choose {', '.join(SIDES_PX)}")
        side = SIDES_PX[backbone] if side_px is None else side_px
        if side < LEAST_SIDE_PX:
            raise UsageError(f"ssd sees nobody in an image of {side} px: give {LEAST_SIDE_PX} or more")
        self.options: dict[str, Any] = {"backbone": backbone, "side_px": side}
        self.size = (side, side)
        slim = backbone == "light"
        self.backbone = light(LIGHT_WIDTHS, LIGHT_DEPTHS) if slim else build_backbone(backbone)
        inner, outer = _EXTRA_WIDTHS[backbone]
        size_in, extras = self.backbone.widths[-1], []
        for _ in range(_EXTRA_LEVELS):
            extras.append(nn.Sequential(ConvNorm(size_in, inner, 1), ConvNorm(inner, outer, 3, 2)))
            size_in = outer
        self.extras = nn.ModuleList(extras)
        widths = (*self.backbone.widths[1:], *(outer,) * _EXTRA_LEVELS)
        counts = [len(ratios) + 1 for ratios in RATIOS[backbone]]
        pairs = list(zip(widths, counts, strict=True))
        self.classify = nn.ModuleList(nn.Conv2d(w, n * CLASSES, 3, padding=1) for w, n in pairs)
        self.locate = nn.ModuleList(nn.Conv2d(w, n * 4, 3, padding=1) for w, n in pairs)
        start_weights(self)
        for each in (*self.classify, *self.locate):
            nn.init.normal_(each.weight, std=_HEAD_STD)
        usual = SIDES_PX[backbone]
        spanning = self._grids(usual)
        grids = spanning if side == usual else self._grids(side)
        priors = default_boxes.default_boxes(grids, RATIOS[backbone], spanning) * (usual / side)
        self.register_buffer("priors", priors, persistent=False)

    def at_side(self, side_px: int) -> Ssd:
        """The same weights for images of another side. Raises UsageError for one too small."""
        other = Ssd(self.options["backbone"], side_px)
        other.load_state_dict(self.state_dict())
        return other.train(self.training)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Images (N, 3, H, W) -> `logits` (N, A, 2), background and person, and `offsets` (N, A, 4)."""
        maps = self._maps(image)
        logits = [_by_box(each(x), CLASSES) for each, x in zip(self.classify, maps, strict=True)]
        offsets = [_by_box(each(x), 4) for each, x in zip(self.locate, maps, strict=True)]
        return {"logits": torch.cat(logits, dim=1).float(), "offsets": torch.cat(offsets, dim=1).float()}

    def encode(self, boxes: Tensor) -> Tensor:
        """Boxes (..., A, 4), one for each default box, as offsets."""
        return default_boxes.encode(boxes, self.priors)

    def decode(self, offsets: Tensor) -> Tensor:
        """Offsets (..., A, 4) as boxes x0, y0, x1, y1."""
        return default_boxes.decode(offsets, self.priors)

    def boxes(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What the exported net gives: boxes (N, A, 4) in input pixels and a person's score (N, A)."""
        answer = self(image)
        height, width = self.size
        side = answer["offsets"].new_tensor([width, height, width, height])
        return self.decode(answer["offsets"]) * side, torch.softmax(answer["logits"], dim=2)[..., 1]

    def _maps(self, image: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.backbone(image)[1:]
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return maps

    @torch.no_grad()
    def _grids(self, side_px: int) -> list[tuple[int, int]]:
        was = self.training
        maps = self.eval()._maps(torch.zeros(1, 3, side_px, side_px))
        grids = [(int(x.shape[2]), int(x.shape[3])) for x in maps]
        self.train(was)
        return grids


def _by_box(x: Tensor, values: int) -> Tensor:
    """(N, boxes * values, H, W) -> (N, H * W * boxes, values), cells in rows, as the default boxes are."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)

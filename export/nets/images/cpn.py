"""Cascaded pyramid network: GlobalNet finds the easy joints, RefineNet the hard ones.

Source: Chen et al., Cascaded Pyramid Network for Multi-Person Pose Estimation (2018), sections 3.2.1 and
3.2.2, as the ECCV 2018 PoseTrack entry uses it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, cat, nn

from export.nets.images.backbones import build_backbone
from export.nets.images.blocks import (
    ConvNorm,
    bottleneck,
    head,
    resized,
    start_heads,
    start_weights,
)
from realtime.skeleton import H36M17

SIZE_PX = (224, 224)
STRIDE = 4
JOINTS = len(H36M17)
PYRAMID_WIDTH = {"light": 64, "resnet50": 256}
_NARROWING = 2


class GlobalNet(nn.Module):
    """A feature pyramid from coarse to fine, with heatmaps of each level brought to the finest's size.

    widths: channels of the backbone's features, fine to coarse. width: of the pyramid's levels.
    """

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        coarse_first = widths[::-1]
        self.lateral = nn.ModuleList(ConvNorm(size, width, 1) for size in coarse_first)
        self.pass_on = nn.ModuleList(ConvNorm(width, width, 1, relu=False) for _ in coarse_first[1:])
        self.heads = nn.ModuleList(
            nn.Sequential(ConvNorm(width, width, 1), head(width, JOINTS, 3)) for _ in coarse_first
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Backbone features, fine to coarse -> levels (N, width, h, w), coarse to fine."""
        levels: list[Tensor] = []
        for number, feature in enumerate(reversed(features)):
            level = self.lateral[number](feature)
            if levels:
                level = level + self.pass_on[number - 1](resized(levels[-1], level))
            levels.append(level)
        return levels

    def heatmaps(self, levels: list[Tensor]) -> list[Tensor]:
        """Each level's (N, 17, h, w) at the finest level's size."""
        return [resized(each(level), levels[-1]) for each, level in zip(self.heads, levels, strict=True)]


class RefineNet(nn.Module):
    """All levels of the pyramid at the finest's size, the coarser through more bottlenecks, put together."""

    def __init__(self, levels: int, width: int) -> None:
        super().__init__()
        self.deepen = nn.ModuleList(
            nn.Sequential(
                *(bottleneck(width, width, narrowing=_NARROWING) for _ in range(levels - 1 - number))
            )
            for number in range(levels)
        )
        self.join = bottleneck(levels * width, width, narrowing=_NARROWING)
        self.head = head(width, JOINTS, 3)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Levels, coarse to fine -> heatmaps (N, 17, h, w)."""
        parts = [
            resized(deepen(level), levels[-1]) for deepen, level in zip(self.deepen, levels, strict=True)
        ]
        maps: Tensor = self.head(self.join(cat(parts, dim=1)))
        return maps


class Cpn(nn.Module):
    """The `cpn` net. backbone: `light` or `resnet50`. refine: whether RefineNet follows GlobalNet."""

    name = "cpn"
    size = SIZE_PX

    def __init__(self, backbone: str = "light", *, refine: bool = True) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"backbone": backbone, "refine": refine}
        self.backbone = build_backbone(backbone)
        width = PYRAMID_WIDTH[backbone]
        self.globalnet = GlobalNet(self.backbone.widths, width)
        self.refinenet = RefineNet(len(self.backbone.widths), width) if refine else None
        start_weights(self)
        start_heads(*(each[-1] for each in self.globalnet.heads))  # type: ignore[index]
        if self.refinenet is not None:
            start_heads(self.refinenet.head)

    def forward(self, image: Tensor) -> dict[str, Any]:
        """Images (N, 3, 224, 224) -> heatmaps (N, 17, 56, 56), to be 1 at the joint.

        `global`: a list of GlobalNet's, coarse to fine. `refined`: RefineNet's, where there is one.
        """
        levels = self.globalnet(self.backbone(image))
        answer: dict[str, Any] = {"global": self.globalnet.heatmaps(levels)}
        if self.refinenet is not None:
            answer["refined"] = self.refinenet(levels)
        return answer

    def heatmaps(self, image: Tensor) -> Tensor:
        """What the exported net gives: RefineNet's maps, or GlobalNet's finest, (N, 17, 56, 56)."""
        levels = self.globalnet(self.backbone(image))
        if self.refinenet is not None:
            refined: Tensor = self.refinenet(levels)
            return refined
        finest: Tensor = self.globalnet.heads[-1](levels[-1])
        return finest

"""Backbones: an image in, four feature maps of strides 4, 8, 16 and 32 out.

`light`: this project's, small enough for a processor in real time: residual blocks of two 3 x 3
convolutions behind two strided ones. `resnet50`: the papers'.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from export.nets.images.blocks import ConvNorm, Residual, basic, bottleneck
from realtime.errors import UsageError

STRIDES = (4, 8, 16, 32)
LIGHT_WIDTHS, LIGHT_DEPTHS = (32, 64, 128, 192), (1, 2, 2, 2)
LIGHT_STEM = 16
RESNET50_WIDTHS, RESNET50_DEPTHS = (256, 512, 1024, 2048), (3, 4, 6, 3)
RESNET50_STEM = 64


class Backbone(nn.Module):
    """Four stages of residual blocks behind a stem of stride 4.

    widths: channels of the feature maps, strides 4, 8, 16 and 32.
    """

    def __init__(
        self,
        stem: nn.Module,
        block: Callable[[int, int, int], Residual],
        size_in: int,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.widths = widths
        self.stem = stem
        stages = []
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = [block(size_in, width, 1 if number == 0 else 2)]
            blocks += [block(width, width, 1) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
            size_in = width
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> features (N, widths[k], H / STRIDES[k], W / STRIDES[k]), rounded up."""
        x, features = self.stem(image), []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


def light(widths: tuple[int, ...] = LIGHT_WIDTHS, depths: tuple[int, ...] = LIGHT_DEPTHS) -> Backbone:
    """The small residual net."""
    stem = nn.Sequential(ConvNorm(3, LIGHT_STEM, 3, 2), ConvNorm(LIGHT_STEM, widths[0], 3, 2))
    return Backbone(stem, basic, widths[0], widths, depths)


def resnet50() -> Backbone:
    """He et al. (2016), table 1, without its classifier."""
    stem = nn.Sequential(ConvNorm(3, RESNET50_STEM, 7, 2), nn.MaxPool2d(3, 2, 1))
    return Backbone(stem, bottleneck, RESNET50_STEM, RESNET50_WIDTHS, RESNET50_DEPTHS)


BACKBONES: dict[str, Callable[[], Backbone]] = {"light": light, "resnet50": resnet50}


def build_backbone(name: str) -> Backbone:
    """A backbone with fresh weights. Raises UsageError for one there is not."""
    if name not in BACKBONES:
        raise UsageError(f"there is no backbone {name!r}: choose {', '.join(BACKBONES)}")
    return BACKBONES[name]()

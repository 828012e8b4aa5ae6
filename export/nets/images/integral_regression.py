"""Integral regression: from a person's crop to a 3D heatmap a joint, and its centroid as the joint's place.

Sources: Sun et al., Integral Human Pose Regression (2018), section 3; the depth-aware temporal refinement
paper, section 3.1 (ResNet-50, three deconvolutions of kernel 4, 72 depth bins over 1.5 m).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.nets.images.backbones import build_backbone
from export.nets.images.blocks import ConvNorm, DeconvNorm, head, start_heads, start_weights
from realtime.errors import UsageError
from realtime.skeleton import H36M17

DEPTH_RANGE_M = 1.5
SIZE_PX = (224, 224)
JOINTS = len(H36M17)
DECONVS = {"light": (128, 96), "resnet50": (256, 256, 256)}
DEPTH_BINS = {"light": 24, "resnet50": 72}
_NEAR_CELLS = 1


class IntegralRegression(nn.Module):
    """The `integral-regression` net.

    backbone: `light` or `resnet50`. depth_bins: cells along depth, the backbone's usual where None; with 1
    it is the 2D integral net. deconvs: widths of the layers that double the map's size, the backbone's
    usual where None. skips: whether the backbone's finer features are added to theirs, as the light net
    does, which has few layers to carry detail through; the papers' has none.
    """

    name = "integral-regression"
    size = SIZE_PX

    def __init__(
        self,
        backbone: str = "light",
        *,
        depth_bins: int | None = None,
        deconvs: Sequence[int] | None = None,
        skips: bool | None = None,
    ) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone)
        self.depth_bins = DEPTH_BINS[backbone] if depth_bins is None else depth_bins
        widths = tuple(DECONVS[backbone] if deconvs is None else deconvs)
        skips = backbone == "light" if skips is None else skips
        if self.depth_bins < 1 or not 1 <= len(widths) <= 3:
            raise UsageError("integral-regression needs at least one depth bin and one to three deconvs")
        self.options: dict[str, Any] = {
            "backbone": backbone, "depth_bins": self.depth_bins, "deconvs": list(widths), "skips": skips,
        }  # fmt: skip
        sizes = (self.backbone.widths[-1], *widths)
        finer = self.backbone.widths[-2::-1]
        self.up = nn.ModuleList(DeconvNorm(sizes[k], sizes[k + 1]) for k in range(len(widths)))
        self.skips = nn.ModuleList(
            ConvNorm(finer[k], widths[k], 1, relu=False) for k in range(len(widths) if skips else 0)
        )
        self.volume = head(widths[-1], JOINTS * self.depth_bins, 1)
        start_weights(self)
        start_heads(self.volume)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Images (N, 3, 224, 224) -> `volume` (N, 17, D, h, w): logits, D along depth, near to far."""
        *finer, x = self.backbone(image)
        for level, deconv in enumerate(self.up):
            x = deconv(x)
            if len(self.skips):
                x = functional.relu(x + self.skips[level](finer[-1 - level]))
        volume: Tensor = self.volume(x)
        return {"volume": volume.view(-1, JOINTS, self.depth_bins, *volume.shape[-2:])}

    def coordinates(self, volume: Tensor) -> Tensor:
        """Centroids (N, 17, 3) of a volume of logits: u and v of the crop, and metres behind the pelvis.

        In float32 whatever the volume's type is.
        """
        plane, along_depth = marginals(volume)
        return torch.cat([_place(plane), _depth_m(along_depth)], dim=-1)

    def joints(self, volume: Tensor) -> Tensor:
        """What the exported net gives: (N, 17, 4), the coordinates and a score; without depth (N, 17, 3).

        The score is the probability near the highest cell of the image plane: it falls where the volume
        spreads out or has two tops.
        """
        plane, along_depth = marginals(volume)
        places = [_place(plane)] + ([_depth_m(along_depth)] if self.depth_bins > 1 else [])
        return torch.cat([*places, mass_near_top(plane)[..., None]], dim=-1)


def marginals(volume: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, J, D, h, w) -> probabilities over the image plane (N, J, h, w) and over depth (N, J, D)."""
    with torch.autocast(volume.device.type, enabled=False):
        shape = volume.shape
        flat = volume.float().reshape(shape[0], shape[1], -1)
        share = torch.softmax(flat, dim=2).view(shape[0], shape[1], *shape[2:])
        return share.sum(dim=2), share.sum(dim=(3, 4))


def mass_near_top(plane: Tensor) -> Tensor:
    """The probability in the highest cell of the image plane (N, J, h, w) and its neighbours, (N, J)."""
    kernel = 2 * _NEAR_CELLS + 1
    near = functional.avg_pool2d(plane, kernel, 1, _NEAR_CELLS) * kernel**2
    return near.amax(dim=(2, 3))


def _centres(count: int, like: Tensor) -> Tensor:
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) / count


def _place(plane: Tensor) -> Tensor:
    height, width = plane.shape[-2:]
    u = plane.sum(dim=2) @ _centres(width, plane)
    v = plane.sum(dim=3) @ _centres(height, plane)
    return torch.stack([u, v], dim=-1)


def _depth_m(along_depth: Tensor) -> Tensor:
    bins = (_centres(along_depth.shape[-1], along_depth) - 0.5) * DEPTH_RANGE_M
    return (along_depth @ bins)[..., None]

"""CPN: Gaussians at every level of GlobalNet, the hardest joints for RefineNet.

Source: Chen et al., Cascaded Pyramid Network for Multi-Person Pose Estimation (2018), section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from realtime.errors import UsageError
from training.images.crops import augmented, exact
from training.images.heatmaps import DECODINGS, decoded, gaussians
from training.images.losses import hardest, heatmap_loss
from training.images.metrics import joint_measures
from training.images.pool import Batch
from training.images.samples import crops
from training.images.systems.system import Held, Studio, half

_SCALE = 1000.0
"""Of the loss: mean squares of maps that are nearly all zero are tiny beside AdamW's epsilon."""


@dataclass(frozen=True, slots=True)
class CpnLoss:
    """sigma_cells: of the Gaussians for each level of GlobalNet, coarse to fine; RefineNet has the last.

    hardest: joints that count for RefineNet; 17 is no mining. absent: weight of joints beyond the crop or the
    image, whose map is to be empty: 0 leaves them out, as the paper does.
    """

    sigma_cells: tuple[float, ...] = (3.0, 2.5, 2.0, 1.5)
    hardest: int = 8
    absent: float = 0.1

    def __post_init__(self) -> None:
        if len(self.sigma_cells) != 4 or min(self.sigma_cells) <= 0 or self.hardest < 1 or self.absent < 0:
            raise UsageError("cpn needs four sigmas above zero, one hardest joint or more, and a weight")


class CpnSystem:
    """The system `cpn`."""

    name, best = "cpn", "pckh"
    cutter = staticmethod(crops)

    def __init__(self, loss: CpnLoss) -> None:
        self._loss = loss

    def loss(self, net: nn.Module, batch: Batch, studio: Studio) -> Tensor:
        """L2 at all of GlobalNet's levels over all joints, and of RefineNet's over the hardest."""
        seen = augmented(
            batch, studio.cut.live_share, studio.size, studio.spread, studio.painter, studio.generator
        )
        with half(seen.image.device):
            said = net(seen.image)
        weight = torch.where(seen.weight > 0, 1.0, self._loss.absent)
        size = said["global"][-1].shape[-2:]
        total = seen.image.new_zeros(())
        for maps, sigma in zip(said["global"], self._loss.sigma_cells, strict=True):
            wanted = gaussians(seen.joints, size, sigma) * seen.weight[..., None, None]
            total = total + heatmap_loss(maps.float(), wanted, weight).mean()
        if "refined" in said:  # `wanted` is the finest level's
            total = total + hardest(heatmap_loss(said["refined"].float(), wanted, weight), self._loss.hardest)
        return _SCALE * total

    @torch.no_grad()
    def measures(self, net: nn.Module, held: Held, studio: Studio) -> Mapping[str, float]:
        """PCKh and pixels (at the net's input) by sub-pixel decoding, and PCKh by the others.

        Of joints in the image, hidden ones too.
        """
        device = studio.generator.device
        said: dict[str, list[Tensor]] = {how: [] for how in DECODINGS}
        truth: list[tuple[Tensor, Tensor, Tensor]] = []
        for seen in exact(held.samples, studio.cut.live_share, studio.size, device):
            with half(device):
                answer = net(seen.image)
            maps = answer.get("refined", answer["global"][-1]).float()
            for how in DECODINGS:
                said[how].append(decoded(maps, how)[0])
            truth.append((seen.joints, seen.weight, seen.head))
        joints, weight, head = (torch.cat(parts).cpu().numpy() for parts in zip(*truth, strict=True))
        found = {
            how: joint_measures(torch.cat(parts).cpu().numpy(), joints, weight > 0, head)
            for how, parts in said.items()
        }
        usual = found["quarter"]
        return {
            "pckh": usual["pckh"],
            "pckh_crown": usual["pckh_crown"],
            "error_px": usual["distance"] * studio.size[1],
            "pckh_argmax": found["argmax"]["pckh"],
            "error_argmax_px": found["argmax"]["distance"] * studio.size[1],
            "pckh_soft": found["soft-argmax"]["pckh"],
            "error_soft_px": found["soft-argmax"]["distance"] * studio.size[1],
        }

"""Integral regression: L1 of the coordinates that a volume's centroid gives, on 2D and 3D samples mixed.

Sources: Sun et al., Integral Human Pose Regression (2018), section 3; the depth-aware temporal refinement
paper, section 3.1; AbsPoseLifter, section 4.3, for the 2D net with a heatmap term.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from export.nets.images.integral_regression import DEPTH_RANGE_M, marginals
from realtime.errors import UsageError
from training.images.crops import Crops, augmented, exact
from training.images.heatmaps import decoded, gaussians
from training.images.losses import coordinate_loss, marginal_loss
from training.images.metrics import back_projected, joint_measures, pose_error_mm
from training.images.pool import Batch
from training.images.samples import IN_IMAGE, JOINTS, POSE_M, REGION, crops
from training.images.systems.system import Held, Studio, half


@dataclass(frozen=True, slots=True)
class IntegralLoss:
    """flat: share of samples whose depth is not told, as in sets that have 2D alone.

    heatmap: weight of the mean squared difference of the image-plane map from a Gaussian of sigma_cells; 0
    leaves it out, as the depth-aware paper does.
    """

    flat: float = 0.3
    heatmap: float = 0.0
    sigma_cells: float = 1.5

    def __post_init__(self) -> None:
        if not 0 <= self.flat <= 1 or self.heatmap < 0 or self.sigma_cells <= 0:
            raise UsageError("integral-regression needs a flat share in [0, 1], a weight, and a sigma")


class IntegralSystem:
    """The system `integral-regression`, 3D or, with one depth bin, 2D."""

    name = "integral-regression"
    best = "pckh"
    cutter = staticmethod(crops)

    def __init__(self, loss: IntegralLoss) -> None:
        self._loss = loss

    def loss(self, net: nn.Module, batch: Batch, studio: Studio) -> Tensor:
        """L1 of u, v in units and depth as a share of the volume's, and the heatmap term if there is one."""
        seen = augmented(
            batch, studio.cut.live_share, studio.size, studio.spread, studio.painter, studio.generator
        )
        with half(seen.image.device):
            volume = net(seen.image)["volume"]
        said = net.coordinates(volume.float())  # type: ignore[operator]
        scale = said.new_tensor([1.0, 1.0, 1.0 / DEPTH_RANGE_M])
        total = coordinate_loss(said * scale, _wanted(seen), self._weight(seen, volume.shape[2], studio))
        if self._loss.heatmap:
            plane, _ = marginals(volume)
            wanted = gaussians(seen.joints, (plane.shape[-2], plane.shape[-1]), self._loss.sigma_cells)
            total = total + self._loss.heatmap * marginal_loss(plane, wanted, seen.weight)
        return total

    def _weight(self, seen: Crops, bins: int, studio: Studio) -> Tensor:
        """(N, 17, 3): depth counts where it is told."""
        draw = torch.rand(len(seen.joints), generator=studio.generator, device=seen.joints.device)
        told = (draw >= self._loss.flat).float() * (bins > 1)
        return (
            seen.weight[..., None]
            * torch.stack([torch.ones_like(told), torch.ones_like(told), told], -1)[:, None]
        )

    @torch.no_grad()
    def measures(self, net: nn.Module, held: Held, studio: Studio) -> Mapping[str, float]:
        """PCKh and pixels at the net's input; millimetres, back-projected with the true depth of the pelvis.

        `mpjpe_mm` is of people whose joints are all in the image, `mpjpe_all_mm` of everybody. The argmax
        figures read the highest cell of the same image-plane map.
        """
        device = studio.generator.device
        said, highest, weights, heads = [], [], [], []
        for seen in exact(held.samples, studio.cut.live_share, studio.size, device):
            with half(device):
                volume = net(seen.image)["volume"]
            said.append(net.coordinates(volume.float()))  # type: ignore[operator]
            highest.append(decoded(marginals(volume)[0], "argmax")[0])
            weights.append(seen.weight)
            heads.append(seen.head)
        places, top, weight, head = (torch.cat(x).cpu().numpy() for x in (said, highest, weights, heads))
        share = studio.cut.live_share
        joints = np.asarray((held.samples[JOINTS] - 0.5) / share + 0.5, np.float32)
        usual = joint_measures(places[..., :2], joints, weight > 0, head)
        by_cell = joint_measures(top, joints, weight > 0, head)
        found = {
            "pckh": usual["pckh"],
            "pckh_crown": usual["pckh_crown"],
            "error_px": usual["distance"] * studio.size[1],
            "pckh_argmax": by_cell["pckh"],
            "error_argmax_px": by_cell["distance"] * studio.size[1],
        }
        return found | (_millimetres(places, held, share) if volume.shape[2] > 1 else {})


def _wanted(seen: Crops) -> Tensor:
    depth = (seen.depth_m / DEPTH_RANGE_M).clamp(-0.5, 0.5)
    return torch.cat([seen.joints, depth[..., None]], -1)


def _millimetres(places: np.ndarray, held: Held, share: float) -> dict[str, float]:
    region, truth_m = held.samples[REGION][:, None], held.samples[POSE_M]
    # Units of the live square, to those of the stored one, to pixels of the image.
    stored = (places[..., :2] - 0.5) * share
    points_px = (region[..., :2] + stored * region[..., 2:]).astype(np.float32)
    pose_m = back_projected(points_px, places[..., 2], truth_m[:, 0, 2], held.cameras)
    error_mm = pose_error_mm(pose_m, truth_m)
    whole = held.samples[IN_IMAGE].all(axis=1)
    return {
        "mpjpe_mm": float(error_mm[whole].mean()) if whole.any() else float("nan"),
        "mpjpe_all_mm": float(error_mm.mean()),
    }

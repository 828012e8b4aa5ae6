"""The temporal net on 2D and depth of Depth-aware temporal refinement (section 2, stage 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.geometry import FEATURES, JOINTS, View
from export.nets.step import DEPTH, RAYS, SCORE, Tensors
from export.nets.videopose_tcn import VideoposeTcn

_MAX_DEPTH = 6.0


class DepthTcn(VideoposeTcn):
    """The `depth-tcn` lifter: pose from rays, scores and the 2D net's own depth of each joint.

    Besides the view's features (`geometry.view`: in place of the paper's plain image coordinates, in its
    favour) each joint's depth in the unit of the view's scale, so that depth and 2D are on one scale; 0
    for a missing joint, or where the 2D net gives none. Depth stays along the real camera's axis; the
    mean ray among the features says how that lies.
    """

    name = "depth-tcn"
    inputs: tuple[str, ...] = (RAYS, SCORE, DEPTH)
    size_in = FEATURES + JOINTS

    def features(self, given: Tensors) -> tuple[Tensor, View]:
        """View features, then 17 normalised depths."""
        features, seen = super().features(given)
        depth = (given[DEPTH] / seen.scale).clamp(-_MAX_DEPTH, _MAX_DEPTH)
        depth = torch.where(given[SCORE] > 0, depth, torch.zeros((), dtype=depth.dtype))
        return torch.cat([features, depth], dim=-1), seen

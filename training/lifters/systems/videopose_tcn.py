"""VideoPose3D's temporal net, trained by the mean joint error."""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.step import POSE
from export.nets.videopose_tcn import VideoposeTcn
from training.lifters.batch import Batch
from training.lifters.systems.parts import mpjpe
from training.lifters.systems.system import System


def loss(net: VideoposeTcn, batch: Batch, generator: torch.Generator) -> Tensor:
    """MPJPE, metres (Pavllo et al. 2019, section 3)."""
    return mpjpe(net(batch.given)[POSE], batch.pose, batch.weight)


SYSTEM = System(
    "videopose-tcn",
    "Pavllo et al., 3D human pose estimation in video with temporal convolutions (2019)",
    loss,
)

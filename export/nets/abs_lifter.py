"""AbsPoseLifter: a person's pose and absolute place from one 2D pose (section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.nets.geometry import JOINTS
from export.nets.step import POSE, RAYS, ROOT_DEPTH, SCORE, Tensors
from export.nets.videopose_tcn import PoseHead

WIDTH, BLOCKS, DROPOUT = 4096, 2, 0.5
_MEAN_DEPTH_M = 4.0
_NEAREST_M = 0.1
_MAX_RAY, _MAX_COORDINATE, _MIN_SCALE = 20.0, 6.0, 0.01
_NO_WEIGHT = 1e-3


def normalise(rays: Tensor, score: Tensor) -> Tensor:
    """The normalisation layer (equations 1 to 4): (..., 17, 2) to (..., 37) = pose, mean and deviation.

    The principal point is ray 0. A missing joint (score 0, its ray may be anything) counts for nothing and
    stands at the mean.
    """
    zero = torch.zeros((), dtype=rays.dtype)
    seen = (score > 0).unsqueeze(-1)
    rays = torch.where(seen, rays, zero).clamp(-_MAX_RAY, _MAX_RAY)
    count = torch.where(seen, zero + 1, zero)
    share = (count / (count.sum(-2, keepdim=True) + _NO_WEIGHT)).transpose(-1, -2)
    mean = share @ rays
    offset = rays - mean
    scale = (share @ (offset * offset)).sum(-1, keepdim=True).sqrt().clamp(min=_MIN_SCALE)
    normal = torch.where(seen, (offset / scale).clamp(-_MAX_COORDINATE, _MAX_COORDINATE), zero)
    return torch.cat([normal.flatten(-2), mean[..., 0, :], scale[..., 0, :]], dim=-1)


def reproject(pelvis_ray: Tensor, root_depth: Tensor) -> Tensor:
    """The root (..., 3) metres from its ray (..., 2) and depth (...,) metres (equations 5 and 6)."""
    return torch.cat([pelvis_ray, torch.ones_like(root_depth).unsqueeze(-1)], -1) * root_depth.unsqueeze(-1)


class Block(nn.Module):
    """x + two times batch norm, dropout, ReLU, linear."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(2))
        self.mixes = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width); all leading dimensions are the batch."""
        out = x.flatten(0, -2) if x.ndim > 2 else x
        for norm, mix in zip(self.norms, self.mixes, strict=True):
            out = mix(torch.relu(self.drop(norm(out))))
        return x + (out.reshape(x.shape) if x.ndim > 2 else out)


class AbsLifter(nn.Module):
    """The `abs-lifter`: pose and the pelvis's depth from one frame's rays and scores, no state.

    The paper's own normalisation, on rays: their focal length is 1, so the canonical depth Rz / focal is the
    depth in metres. The pose is in real camera axes.

    location_and_scale: feed mean and deviation too. depth: answer `root_depth`. scores: feed the scores too,
    which the paper does not.
    """

    name = "abs-lifter"
    inputs: tuple[str, ...] = (RAYS, SCORE)
    delay = 0
    receptive_field = 1
    state_shapes: tuple[tuple[int, ...], ...] = ()

    def __init__(
        self,
        width: int = WIDTH,
        blocks: int = BLOCKS,
        dropout: float = DROPOUT,
        *,
        location_and_scale: bool = True,
        depth: bool = True,
        scores: bool = False,
    ) -> None:
        super().__init__()
        self.outputs: tuple[str, ...] = (POSE, ROOT_DEPTH) if depth else (POSE,)
        self.location_and_scale, self.depth, self.scores = location_and_scale, depth, scores
        size_in = 2 * JOINTS + 3 * location_and_scale + JOINTS * scores
        self.stem = nn.Linear(size_in, width)
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(blocks))
        self.pose_head = PoseHead(width)
        self.depth_head = nn.Linear(width, 1) if depth else None

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips, each by itself. In training a depth may come out negative."""
        x = normalise(given[RAYS], given[SCORE])
        if not self.location_and_scale:
            x = x[..., : 2 * JOINTS]
        if self.scores:
            x = torch.cat([x, given[SCORE]], dim=-1)
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        answer = {POSE: self.pose_head(x)}
        if self.depth_head is not None:
            root_depth = self.depth_head(x)[..., 0] + _MEAN_DEPTH_M
            answer[ROOT_DEPTH] = root_depth if self.training else root_depth.clamp(min=_NEAREST_M)
        return answer

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N people."""
        return self(given), ()

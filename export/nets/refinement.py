"""Bones drawn to what their rays, the person's distance and the bones' lengths say of them.

With lengths and a distance, a bone's slant follows from how short it looks, but for its sign. A network says
signs, and how far to trust that geometry; a bone that is seen well is put where its ray says. A second look,
at how far the first pose is from the rays, tells a joint that has jumped from one that has moved.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.nets.bones import BONES, bone_ends, bone_paths
from export.nets.geometry import JOINTS

GATES = 2
"""How far each bone is trusted to lie across the view as its rays say, and along it as its length says."""
BONE_SCALE_M = 0.25

_SECOND = 96
_MAX_MISS = 2.0
_SIGN_SOFTNESS = 0.3
_FLATTEST = 0.05


def each_axis() -> Tensor:
    """(48,) index of each bone's gates for its x, y and z, among (16 * GATES) of them: x and y share one."""
    return (GATES * torch.arange(BONES)[:, None] + torch.tensor([0, 0, 1])).flatten()


class Refinement(nn.Module):
    """Bone vectors from first ones. second_look: gates and vectors mended by the first ones' misses."""

    paths: Tensor
    ends: Tensor
    both: Tensor
    one_less: Tensor
    doubled: Tensor
    doubled_scale: Tensor

    def __init__(self, second_look: bool = False) -> None:
        super().__init__()
        self.second_look = second_look
        self.register_buffer("paths", bone_paths(), persistent=False)
        self.register_buffer("ends", bone_ends(), persistent=False)
        self.register_buffer("both", bone_ends().abs(), persistent=False)
        self.register_buffer("one_less", -torch.ones(BONES), persistent=False)
        doubled = torch.cat([torch.arange(3 * BONES), 3 * BONES + each_axis()])
        scale = torch.tensor([BONE_SCALE_M, 1.0]).repeat_interleave(3 * BONES)
        self.register_buffer("doubled", doubled, persistent=False)
        self.register_buffer("doubled_scale", scale, persistent=False)
        if second_look:
            self.misses = nn.Linear(6 * BONES + JOINTS, _SECOND)
            self.head = nn.Linear(_SECOND, (3 + GATES) * BONES)
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(
        self, first: Tensor, gates: Tensor, lengths: Tensor, rays: Tensor, score: Tensor, depth: Tensor
    ) -> Tensor:
        """(N, 16, 3) metres in the virtual camera.

        first: the same. gates: (N, 16, 3) logits, each bone's trust across the view twice (`each_axis`).
        lengths: (N, 16, 1) metres. rays: (N, 17, 2) in the virtual camera. score: (N, 17), 0 where missing.
        depth: (N, 1, 1) metres, the pelvis's.
        """
        forward = first[..., 2:]
        across = self.ends @ (rays * (depth + self.paths @ forward))
        # Whether both ends are seen: two ones, less one.
        usable = torch.relu(functional.linear(score.sign(), self.both, self.one_less)).unsqueeze(-1)
        square = lengths * lengths
        slant = (square - across.square().sum(-1, keepdim=True)).clamp(min=0) + _FLATTEST**2 * square
        ahead = torch.tanh(forward / (_SIGN_SOFTNESS * lengths)) * slant.sqrt()
        said = torch.cat([across, ahead], dim=-1)
        if self.second_look:
            more, doubt = self._second_look((said - first) / lengths * usable, score)
            first, gates = first + more, gates + doubt
        return first + torch.sigmoid(gates) * usable * (said - first)

    def _second_look(self, miss: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        """What to add to vectors and gates. A joint that has jumped misses on all bones that meet there."""
        miss = miss.clamp(-_MAX_MISS, _MAX_MISS).flatten(-2)
        hidden = torch.relu(self.misses(torch.cat([miss, miss.square(), score], dim=-1)))
        weight = self.head.weight[self.doubled] * self.doubled_scale[:, None]
        bias = self.head.bias[self.doubled] * self.doubled_scale
        more = functional.linear(hidden, weight, bias).reshape(-1, 2 * BONES, 3)
        vectors, gates = torch.split(more, [BONES, BONES], dim=-2)
        return vectors, gates

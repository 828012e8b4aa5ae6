"""Bones drawn to what their rays, the person's distance and the bones' lengths say of them.

With lengths and a distance, a bone's slant follows from how short it looks, but for its sign. A network says
signs, and how far to trust that geometry; a bone that is seen well is put where its ray says. A second look,
at how far the first pose is from the rays, tells a joint that has jumped from one that has moved.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.nets.bones import BONES, CHILDREN, PARENTS, bone_ends, bone_paths
from export.nets.geometry import JOINTS, SCORES, View, distance

GATES = 2
"""How far each bone is trusted to lie across the view as its rays say, and along it as its length says."""
BONE_SCALE_M = 0.25

_SECOND = 96
_MAX_MISS = 2.0
_SIGN_SOFTNESS = 0.3
_FLATTEST = 0.05


class Refinement(nn.Module):
    """Bone vectors from first ones. second_look: gates and vectors mended by the first ones' misses."""

    paths: Tensor
    ends: Tensor
    joints: Tensor
    axes: Tensor

    def __init__(self, second_look: bool = False) -> None:
        super().__init__()
        self.second_look = second_look
        self.register_buffer("paths", bone_paths(), persistent=False)
        self.register_buffer("ends", bone_ends(), persistent=False)
        self.register_buffer("joints", torch.tensor([CHILDREN, PARENTS]).T.contiguous(), persistent=False)
        self.register_buffer("axes", torch.tensor([0, 0, 1]), persistent=False)
        if second_look:
            self.misses = nn.Linear(6 * BONES + JOINTS, _SECOND)
            self.head = nn.Linear(_SECOND, (3 + GATES) * BONES)
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, first: Tensor, gates: Tensor, lengths: Tensor, seen: View, log_size: Tensor) -> Tensor:
        """(N, 16, 3) metres in the virtual camera.

        first: the same. gates: (N, 16, 2) logits. lengths: (N, 16, 1) metres. log_size: as for `place`.
        """
        depth = distance(seen, log_size)
        forward = first[..., 2:]
        across = self.ends @ (seen.rays * (depth + self.paths @ forward))
        usable = seen.share[..., self.joints].amin(-1).transpose(-1, -2).sign()
        square = lengths * lengths
        slant = (square - across.square().sum(-1, keepdim=True)).clamp(min=0) + _FLATTEST**2 * square
        ahead = torch.tanh(forward / (_SIGN_SOFTNESS * lengths)) * slant.sqrt()
        said = torch.cat([across, ahead], dim=-1)
        if self.second_look:
            more, doubt = self._second_look((said - first) / lengths * usable, seen.features[..., SCORES])
            first, gates = first + more, gates + doubt
        trust = torch.sigmoid(gates) * usable
        return first + trust[..., self.axes] * (said - first)

    def _second_look(self, miss: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        """What to add to vectors and gates. A joint that has jumped misses on all bones that meet there."""
        miss = miss.clamp(-_MAX_MISS, _MAX_MISS).flatten(-2)
        more = self.head(torch.relu(self.misses(torch.cat([miss, miss.square(), score], dim=-1))))
        bones, gates = torch.split(more, [3 * BONES, GATES * BONES], dim=-1)
        return bones.reshape(-1, BONES, 3) * BONE_SCALE_M, gates.reshape(-1, BONES, GATES)

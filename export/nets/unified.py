"""The default lifter: what the five papers found, in one small causal network.

- Location and scale of the person in, depth for its size out (AbsPoseLifter): `geometry.view` and `place`.
- The 2D net's own depth of each joint in, where it has one, learnt under that net's noise (depth-aware
  temporal refinement).
- Bone directions times the lengths of a body that is learnt over time (anatomy-aware), from every frame so
  far: an attention average whose sums are the state, in the place of 50 sampled frames.
- Scores gate the keypoints' features (anatomy-aware, visibility attention).
- Motion is asked to be right, not only places (seq2seq).

And one thing more. With lengths and a distance, a bone's slant follows from how short it looks, but for its
sign; so the network says signs and how far to trust that geometry, and a bone that is seen well is put where
its ray says. One network answers for several `LAGS`: with k frames of look-ahead, or k frames ahead of time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.nets.bones import BONES, bone_ends, bone_paths
from export.nets.geometry import FEATURES, JOINTS, View, joint_weights, place, view
from export.nets.step import CONFIDENCE, DEPTH, LAG, POSE, RAYS, ROOT_DEPTH, ROOT_DEPTH_SIGMA, SCORE, Tensors
from export.nets.taps import CausalTaps
from realtime.skeleton import H36M17

LAGS = (0, 2, 5, -1, -2, -3)
"""Frames an answer lies behind its newest input; negative: ahead of it."""

LAPLACE_ONE_SIGMA = 1.1479
"""A Laplace distribution has 68.27 % of its mass within this many of its scale parameters."""

_WIDTH, _BODY, _MEMORY = 320, 64, 64
_DILATIONS = (3, 9)
_TAPS = 3
_INPUT = FEATURES + JOINTS + 1
_SCORES = slice(2 * JOINTS, 3 * JOINTS)
_VIEW = 9 + 2 * JOINTS + JOINTS + 1
_REACH = max(LAGS)
_BRIEF, _LASTING = 0.85, 0.99
"""What a frame's share in an average keeps from one frame to the next. The brief average says all it likes;
the lasting one speaks through the bones' lengths alone, as what is known of a whole take is soon the take
itself, and the bodies and takes of the training are few (docs/results.md)."""
_MAX_DEPTH = 6.0
_MAX_LOGIT = 6.0
_MUCH = 20.0
_LOG_SIZE_CENTRE = math.log(0.42)
_LOG_SPREAD_CENTRE = math.log(0.08)
_LOG_SPREAD_RANGE = (-4.5, 1.0)
_MIN_SCALE = 0.01
_BONE_SCALE_M = 0.25
_SIGN_SOFTNESS = 0.3
_FLATTEST = 0.05
_SIZES = {"bones": 3 * BONES, "gates": 2 * BONES, "size": 2, "sure": JOINTS}
_OUT = sum(_SIZES.values())

_USUAL_M = {
    "hip": 0.11, "knee": 0.42, "ankle": 0.42, "spine": 0.23, "thorax": 0.24, "neck": 0.11, "head": 0.13,
    "shoulder": 0.17, "elbow": 0.28, "wrist": 0.25,
}  # fmt: skip
_KINDS = tuple(_USUAL_M)


def _kind_of_bone() -> list[int]:
    return [_KINDS.index(child.removeprefix("l_").removeprefix("r_")) for child, _ in H36M17.bones]


def _behind() -> Tensor:
    """(L, _REACH + 1): which of the last frames, the newest last, each lag's answer is about."""
    table = torch.zeros(len(LAGS), _REACH + 1)
    for index, frames in enumerate(LAGS):
        table[index, _REACH - max(frames, 0)] = 1.0
    return table


class Block(nn.Module):
    """x + linear(relu(causal taps of the layer norm of x))."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.taps = CausalTaps(width, width, dilation)
        self.mix = nn.Linear(width, width)
        nn.init.normal_(self.mix.weight, std=0.5 / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width) -> (N, T, width)."""
        out: Tensor = x + self.mix(torch.relu(self.taps(self.norm(x))))
        return out

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame (N, width)."""
        mixed, state = self.taps.step(self.norm(x), state)
        return x + self.mix(torch.relu(mixed)), state


class Unified(nn.Module):
    """The `unified` lifter: see the module. Inputs, outputs and forms are those of `export.nets.step`."""

    name = "unified"
    inputs: tuple[str, ...] = (RAYS, SCORE, DEPTH, LAG)
    outputs: tuple[str, ...] = (POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA, CONFIDENCE)
    delay = 0
    lags = LAGS
    joint_weight: Tensor
    spread_scale: Tensor
    usual: Tensor
    kind_of_bone: Tensor
    behind: Tensor
    paths: Tensor
    ends: Tensor

    def __init__(
        self,
        width: int = _WIDTH,
        dilations: tuple[int, ...] = _DILATIONS,
        memory: bool = True,
        refine: bool = True,
        use_depth: bool = True,
    ) -> None:
        super().__init__()
        self.width, self.dilations = width, tuple(dilations)
        self.memory, self.refine, self.use_depth = memory, refine, use_depth
        self.stem = nn.Linear(_TAPS * _INPUT, width)
        self.visibility = nn.Linear(_TAPS * JOINTS, width)
        self.blocks = nn.ModuleList(Block(width, d) for d in self.dilations)
        self.frame_1, self.frame_2 = nn.Linear(_INPUT, 2 * _MEMORY), nn.Linear(2 * _MEMORY, 2 * _MEMORY)
        self.body = nn.Linear(_MEMORY + 1, _BODY)
        self.body_head = nn.Linear(_BODY, len(_KINDS))
        known = _INPUT + _BODY + len(_KINDS)
        self.gather = nn.Linear(width + known, width)
        self.answer_head = nn.Linear(width + known, len(LAGS) * _OUT)
        for head in (self.body_head, self.answer_head):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        constants = {
            "joint_weight": joint_weights(),
            "usual": torch.tensor([_USUAL_M[_KINDS[kind]] for kind in _kind_of_bone()]),
            "kind_of_bone": functional.one_hot(torch.tensor(_kind_of_bone()), len(_KINDS))
            .float()
            .T.contiguous(),
            "behind": _behind(),
            "paths": bone_paths(),
            "ends": bone_ends(),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)
        # Multiplies the depth's spread; set from validation so that 68 % of errors lie within one sigma.
        self.register_buffer("spread_scale", torch.ones(()))

    @property
    def receptive_field(self) -> int:
        """Frames that move an answer by their motion; the body's lengths come from all frames so far."""
        return 3 + 2 * sum(self.dilations)

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The last frames as seen, the blocks' windows, the sums of the body's two averages."""
        rings = tuple((2 * d, self.width) for d in self.dilations)
        return ((_REACH, _INPUT + _VIEW), *rings, (2, _MEMORY), (2, _MEMORY))

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips that start with no past, each at its `lag`."""
        seen = self._look(given)
        start = seen.new_zeros(len(seen), 2, _MEMORY)
        hidden, (code, bones) = self._hidden(seen), self._bodies(seen[..., :_INPUT], start)
        clips, frames = seen.shape[:2]
        padded = functional.pad(seen, (0, 0, _REACH, 0))
        window = torch.stack([padded[:, k : k + frames] for k in range(_REACH + 1)], dim=-2)
        parts = (hidden, code, bones, window, given[LAG])
        flat = (part.flatten(0, 1) for part in parts)
        answer = self._answer(*flat)
        return {name: value.unflatten(0, (clips, frames)) for name, value in answer.items()}  # type: ignore[no-untyped-call]

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N tracks."""
        recent, *rings, brief, lasting = state
        seen = self._look(given)
        window = torch.cat([recent, seen.unsqueeze(1)], dim=1)
        last = window[:, -_TAPS:]
        x, following = self._stem(last[..., :_INPUT].flatten(1), last[..., _SCORES].flatten(1)), []
        for block, ring in zip(self.blocks, rings, strict=True):
            assert isinstance(block, Block)
            x, after = block.step(x, ring)
            following.append(after)
        added = self._frame_sums(seen[..., :_INPUT])
        brief, lasting = _BRIEF * brief + added, _LASTING * lasting + added
        answer = self._answer(x, self._code(brief), self._bones(lasting), window, given[LAG])
        return answer, (window[:, 1:], *following, brief, lasting)

    def training_answer(
        self, given: Tensors, past: tuple[Tensor, Tensor, Tensor], lags: tuple[int, ...]
    ) -> dict[int, dict[str, Tensor]]:
        """Every frame of clips, at each of some lags; with `bones_m`, `first_pose` besides.

        past: rays (N, P, 17, 2), score (N, P, 17) of frames before the clip, and how many of them count (N,).
        """
        seen = self._look(given)
        rays, score, count = past
        early = self._look({RAYS: rays, SCORE: score, DEPTH: torch.zeros_like(score)})[..., :_INPUT]
        there = torch.arange(rays.shape[1]) < count[:, None]
        start = (self._frame_sums(early) * there[..., None, None]).sum(dim=1)
        size = seen.shape[:2]
        parts = (self._hidden(seen), *self._bodies(seen[..., :_INPUT], start))
        hidden, code, bones = (part.flatten(0, 1) for part in parts)
        out = {}
        for lag in lags:
            shift = max(lag, 0)
            picked = functional.pad(seen, (0, 0, shift, 0))[:, : size[1]].flatten(0, 1)
            raw = self._heads(hidden, code, bones, picked[:, :_INPUT])[:, LAGS.index(lag)]
            out[lag] = {k: v.unflatten(0, size) for k, v in self._place(raw, bones, picked).items()}  # type: ignore[no-untyped-call]
        return out

    def _look(self, given: Tensors) -> Tensor:
        """(..., _INPUT + _VIEW): what the network is fed of a frame, and the view that its answer needs."""
        seen = view(given[RAYS], given[SCORE], self.joint_weight)
        depth = given[DEPTH] if self.use_depth else torch.zeros_like(given[DEPTH])
        there = (depth.abs().sum(-1, keepdim=True) > 0).to(depth.dtype)
        depth = (depth / seen.scale).clamp(-_MAX_DEPTH, _MAX_DEPTH)
        parts = [seen.features, depth, there, seen.turn.flatten(-2), seen.rays.flatten(-2)]
        return torch.cat([*parts, seen.share.squeeze(-2), seen.scale], dim=-1)

    def _hidden(self, seen: Tensor) -> Tensor:
        frames = seen.shape[1]
        padded = functional.pad(seen, (0, 0, _TAPS - 1, 0))
        taps = [padded[:, k : k + frames] for k in range(_TAPS)]
        x = self._stem(
            torch.cat([t[..., :_INPUT] for t in taps], dim=-1),
            torch.cat([t[..., _SCORES] for t in taps], dim=-1),
        )
        for block in self.blocks:
            x = block(x)
        return x

    def _stem(self, window: Tensor, scores: Tensor) -> Tensor:
        """Three frames' keypoints, gated by their scores."""
        return torch.relu(self.stem(window) * (1 + torch.tanh(self.visibility(scores))))

    def _frame_sums(self, x: Tensor) -> Tensor:
        """What one frame adds to the body's sums, (..., 2, _MEMORY): weighted values, and weights."""
        value, logit = torch.split(self.frame_2(torch.relu(self.frame_1(x))), [_MEMORY, _MEMORY], dim=-1)
        anyone = (x[..., _SCORES].sum(-1, keepdim=True) > 0).to(x.dtype)
        weight = anyone * logit.clamp(-_MAX_LOGIT, _MAX_LOGIT).exp()
        return torch.stack([weight * value, weight], dim=-2)

    def _bodies(self, x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """The body's code (N, T, _BODY) and its bones (N, T, kinds) after each frame of clips.

        start: (N, 2, _MEMORY), the lasting sums before them.
        """
        added = self._frame_sums(x)
        brief, lasting = (
            (_kept(x.shape[1], decay, x) @ added.flatten(-2)).unflatten(-1, (2, _MEMORY))  # type: ignore[no-untyped-call]
            for decay in (_BRIEF, _LASTING)
        )
        left = _LASTING ** torch.arange(1, x.shape[1] + 1, dtype=x.dtype)
        return self._code(brief), self._bones(lasting + left[:, None, None] * start.unsqueeze(1))

    def _code(self, sums: Tensor) -> Tensor:
        value, weight = sums[..., 0, :], sums[..., 1, :]
        mean = value / (weight + 1e-3)
        total = weight.mean(-1, keepdim=True)
        evidence = total / (total + _MUCH)
        code = torch.relu(self.body(torch.cat([mean, evidence], dim=-1)))
        return code if self.memory else torch.zeros_like(code)

    def _bones(self, sums: Tensor) -> Tensor:
        """Logarithms of each kind of bone's length over the usual one, (..., kinds)."""
        bones: Tensor = self.body_head(self._code(sums))
        return bones

    def _heads(self, hidden: Tensor, code: Tensor, bones: Tensor, x: Tensor) -> Tensor:
        """(N, L, _OUT)."""
        known = [x, code, bones]
        fused = torch.relu(self.gather(torch.cat([hidden, *known], dim=-1))) + hidden
        out: Tensor = self.answer_head(torch.cat([fused, *known], dim=-1))
        return out.reshape(-1, len(LAGS), _OUT)

    def _answer(
        self, hidden: Tensor, code: Tensor, bones: Tensor, window: Tensor, lag: Tensor
    ) -> dict[str, Tensor]:
        """window: (N, _REACH + 1, _INPUT + _VIEW), the newest last. lag: (N, L)."""
        picked = ((lag @ self.behind).unsqueeze(1) @ window).squeeze(1)
        raw = (lag.unsqueeze(1) @ self._heads(hidden, code, bones, picked[:, :_INPUT])).squeeze(1)
        answer = self._place(raw, bones, picked)
        return {name: answer[name] for name in self.outputs}

    def _place(self, raw: Tensor, log_bones: Tensor, picked: Tensor) -> dict[str, Tensor]:
        """From the head's numbers to metres in the real camera."""
        seen = _view_of(picked)
        bones, gates, size, sure = torch.split(raw, list(_SIZES.values()), dim=-1)
        log_size, log_spread = torch.split(size, [1, 1], dim=-1)
        log_size = log_size + _LOG_SIZE_CENTRE
        lengths = (self.usual * (log_bones @ self.kind_of_bone).exp()).unsqueeze(-1)
        first = bones.reshape(-1, BONES, 3) * _BONE_SCALE_M
        vectors = self._refined(first, lengths, gates.reshape(-1, BONES, 2), seen, log_size)
        vectors = vectors * (lengths / (vectors.square().sum(-1, keepdim=True) + 1e-8).sqrt())
        pose, root_depth = place(seen, self.paths @ vectors, log_size)
        spread = (log_spread + _LOG_SPREAD_CENTRE).clamp(*_LOG_SPREAD_RANGE).exp()
        sigma = root_depth * spread * (LAPLACE_ONE_SIGMA * self.spread_scale)
        return {
            POSE: pose,
            ROOT_DEPTH: root_depth[..., 0],
            ROOT_DEPTH_SIGMA: sigma[..., 0],
            CONFIDENCE: torch.sigmoid(sure),
            "bones_m": lengths[..., 0],
            "first_pose": (self.paths @ first) @ seen.turn.transpose(-1, -2),
            "sure": sure,
        }

    def _refined(self, first: Tensor, lengths: Tensor, gates: Tensor, seen: View, log_size: Tensor) -> Tensor:
        """Bone vectors (..., 16, 3) drawn to what the rays, the distance and the lengths say of them."""
        if not self.refine:
            return first
        depth = (log_size.clamp(-4.0, 1.0).exp() / seen.scale).unsqueeze(-1)
        across = self.ends @ (seen.rays * (depth + (self.paths @ first)[..., 2:]))
        usable = (self.ends.abs() @ (seen.share.transpose(-1, -2) > 0).to(first.dtype)) > 1.5
        trust = torch.sigmoid(gates) * usable.to(first.dtype)
        square = lengths * lengths
        slant = (square - across.square().sum(-1, keepdim=True)).clamp(min=0) + _FLATTEST**2 * square
        ahead = torch.tanh(first[..., 2:] / (_SIGN_SOFTNESS * lengths)) * slant.sqrt()
        beside = first[..., :2] + trust[..., :1] * (across - first[..., :2])
        return torch.cat([beside, first[..., 2:] + trust[..., 1:] * (ahead - first[..., 2:])], dim=-1)


def _kept(frames: int, decay: float, like: Tensor) -> Tensor:
    """(T, T): how much of each frame's share is left at each later one."""
    age = torch.arange(frames)[:, None] - torch.arange(frames)
    return torch.where(age >= 0, decay ** age.clamp(min=0).to(like.dtype), torch.zeros(()))


def _view_of(picked: Tensor) -> View:
    """The view that a frame (N, _INPUT + _VIEW) was seen in."""
    features, _, turn, rays, share, scale = torch.split(
        picked, [FEATURES, JOINTS + 1, 9, 2 * JOINTS, JOINTS, 1], dim=-1
    )
    return View(
        turn.reshape(-1, 3, 3),
        rays.reshape(-1, JOINTS, 2),
        share.unsqueeze(-2),
        scale.clamp(min=_MIN_SCALE),
        features,
    )

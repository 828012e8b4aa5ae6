"""The default lifter: what the five papers found, in one small causal network.

- Location and scale of the person in, depth for its size out (AbsPoseLifter): `geometry.view` and `place`.
- The camera's tilt in, where it is known: how far a person leans is hard to see otherwise.
- The 2D net's own depth of each joint in, where it has one, learnt under that net's noise (depth-aware
  temporal refinement).
- Bone directions times the lengths of a body that is learnt over time (anatomy-aware), from every frame so
  far: an attention average whose sums are the state, in the place of 50 sampled frames.
- Scores gate the keypoints' features (anatomy-aware, visibility attention).
- Motion is asked to be right, not only places (seq2seq).

And one thing more: geometry draws each bone to what its rays and its length say of it (`Refinement`), as far
as the network trusts them. One network answers for several `LAGS`: with k frames of look-ahead, or k frames
ahead of time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.nets.bones import BONES, bone_paths
from export.nets.geometry import FEATURES, JOINTS, SCORES, View, distance, joint_weights, place, view
from export.nets.refinement import BONE_SCALE_M, GATES, Refinement, each_axis
from export.nets.step import (
    CONFIDENCE,
    DEPTH,
    LAG,
    POSE,
    RAYS,
    ROOT_DEPTH,
    ROOT_DEPTH_SIGMA,
    SCORE,
    UP,
    Tensors,
)
from export.nets.taps import ResidualTaps
from realtime.skeleton import H36M17

LAGS = (0, 2, 5, -1, -2, -3)
"""Frames an answer lies behind its newest input; negative: ahead of it."""

LAPLACE_ONE_SIGMA = 1.1479
"""A Laplace distribution has 68.27 % of its mass within this many of its scale parameters."""

_WIDTH, _BODY, _MEMORY = 320, 64, 64
_DILATIONS = (3, 9)
_TAPS = 3
_UP = 3
_INPUT = FEATURES + JOINTS + 1 + _UP
_VIEW = 9 + 2 * JOINTS + JOINTS + 1
_SEEN = _INPUT + _VIEW
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
_SIZES = {"bones": 3 * BONES, "gates": GATES * BONES, "size": 2, "sure": JOINTS}
_OUT = sum(_SIZES.values())
_SAID = {"bones": 3 * BONES, "gates": 3 * BONES, "log size": 1, "log spread": 1, "sure": JOINTS}
"""What the head's numbers are once each gate is said for every axis."""

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


def _from_head() -> dict[str, Tensor]:
    """(_SAID,) each: which of the head's _OUT numbers, times what, plus what."""
    vectors, rest = 3 * BONES, (3 + GATES) * BONES
    size, sure = torch.ones(2), torch.zeros(JOINTS)
    return {
        "said": torch.cat([torch.arange(vectors), vectors + each_axis(), torch.arange(rest, _OUT)]),
        "said_scale": torch.cat(
            [torch.full((vectors,), BONE_SCALE_M), torch.ones(vectors), size, torch.ones(JOINTS)]
        ),
        "said_centre": torch.cat(
            [torch.zeros(2 * vectors), torch.tensor([_LOG_SIZE_CENTRE, _LOG_SPREAD_CENTRE]), sure]
        ),
    }


class Unified(nn.Module):
    """The `unified` lifter: see the module. Inputs, outputs and forms are those of `export.nets.step`."""

    name = "unified"
    inputs: tuple[str, ...] = (RAYS, SCORE, DEPTH, UP, LAG)
    outputs: tuple[str, ...] = (POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA, CONFIDENCE)
    delay = 0
    lags = LAGS
    joint_weight: Tensor
    spread_scale: Tensor
    log_usual: Tensor
    kind_of_bone: Tensor
    behind: Tensor
    paths: Tensor
    kept: Tensor
    said: Tensor
    said_scale: Tensor
    said_centre: Tensor
    newest: Tensor
    scores: Tensor

    def __init__(
        self,
        width: int = _WIDTH,
        dilations: tuple[int, ...] = _DILATIONS,
        memory: bool = True,
        refine: bool = True,
        use_depth: bool = True,
        second_look: bool = False,
    ) -> None:
        super().__init__()
        self.width, self.dilations = width, tuple(dilations)
        self.memory, self.refine, self.use_depth = memory, refine, use_depth
        self.stem = nn.Linear(_TAPS * _INPUT, width)
        self.visibility = nn.Linear(_TAPS * JOINTS, width)
        self.blocks = nn.ModuleList(ResidualTaps(width, d) for d in self.dilations)
        self.frame_1, self.frame_2 = nn.Linear(_INPUT, 2 * _MEMORY), nn.Linear(2 * _MEMORY, 2 * _MEMORY)
        self.body = nn.Linear(_MEMORY + 1, _BODY)
        self.body_head = nn.Linear(_BODY, len(_KINDS))
        known = _INPUT + _BODY + len(_KINDS)
        self.gather = nn.Linear(width + known, width)
        self.answer_head = nn.Linear(width + known, len(LAGS) * _OUT)
        for head in (self.body_head, self.answer_head):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        self.refinement = Refinement(second_look)
        constants = {
            "joint_weight": joint_weights(),
            "log_usual": torch.tensor([_USUAL_M[_KINDS[kind]] for kind in _kind_of_bone()]).log(),
            "kind_of_bone": functional.one_hot(torch.tensor(_kind_of_bone()), len(_KINDS)).float(),
            "behind": _behind(),
            "paths": bone_paths(),
            "kept": torch.tensor([_BRIEF, _LASTING]).repeat_interleave(2 * _MEMORY),
            **_from_head(),
            "newest": (
                torch.arange(_REACH + 1 - _TAPS, _REACH + 1)[:, None] * _SEEN + torch.arange(_INPUT)
            ).flatten(),
            "scores": (torch.arange(_TAPS)[:, None] * _INPUT + torch.arange(_INPUT)[SCORES]).flatten(),
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
        """One vector, as a small net's step costs what its operators cost to start.

        In it: the last frames as seen, the blocks' windows, and the sums of the body's two averages.
        """
        return ((sum(self._state_sizes),),)

    @property
    def _state_sizes(self) -> list[int]:
        rings = [size for block in self.blocks for size in cast("ResidualTaps", block).ring_sizes]
        return [_REACH * _SEEN, *rings, 4 * _MEMORY]

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips that start with no past, each at its `lag`."""
        seen = self._look(given)
        size = seen.shape[:2]
        start = seen.new_zeros(size[0], 2 * _MEMORY)
        hidden, code, bones = self._understood(seen[..., :_INPUT], start)
        padded = functional.pad(seen, (0, 0, _REACH, 0))
        window = torch.stack([padded[:, k : k + size[1]] for k in range(_REACH + 1)], dim=-2)
        lag = given[LAG].flatten(0, 1)
        seen_then = _view_of(self._picked(window.flatten(0, 1), lag))
        raw = lag.unsqueeze(1) @ self._heads(self._fused(hidden, code, bones, seen_then.features))
        answer = self._answer(raw, bones, seen_then)
        return {name: value.unflatten(0, size) for name, value in answer.items()}  # type: ignore[no-untyped-call]

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N tracks."""
        frames, *rings, sums = torch.split(state[0], self._state_sizes, dim=-1)
        window = torch.cat([frames, self._look(given)], dim=-1)
        last = window.index_select(1, self.newest)
        x, following = self._stem(last, last.index_select(1, self.scores)), []
        for k, block in enumerate(self.blocks):
            assert isinstance(block, ResidualTaps)
            x, after = block.step(x, rings[4 * k : 4 * k + 4])
            following += after
        added = self._frame_sums(last[:, -_INPUT:], given[SCORE])
        sums = self.kept * sums + torch.cat([added, added], dim=-1)
        code, lasting = torch.split(
            self._code(sums.reshape(-1, 2 * _MEMORY)).reshape(-1, 2 * _BODY), _BODY, dim=-1
        )
        bones: Tensor = self.body_head(lasting)
        seen = _view_of(self._picked(window.reshape(-1, _REACH + 1, _SEEN), given[LAG]))
        fused = self._fused(x, code, bones, seen.features)
        answer = self._answer(self._head(fused, given[LAG]), bones, seen)
        return answer, (torch.cat([window[:, _SEEN:], *following, sums], dim=-1),)

    def training_answer(
        self, given: Tensors, past: tuple[Tensor, Tensor, Tensor], lags: tuple[int, ...]
    ) -> dict[int, dict[str, Tensor]]:
        """Every frame of clips, at each of some lags; with `bones_m`, `first_pose` besides.

        past: rays (N, P, 17, 2), score (N, P, 17) of frames before the clip, and how many of them count (N,).
        """
        seen = self._look(given)
        rays, score, count = past
        up = given[UP][:, :1].expand(-1, rays.shape[1], -1)
        early = self._look({RAYS: rays, SCORE: score, DEPTH: torch.zeros_like(score), UP: up})[..., :_INPUT]
        there = torch.arange(rays.shape[1]) < count[:, None]
        start = (self._frame_sums(early, score) * there[..., None]).sum(dim=1)
        size = seen.shape[:2]
        hidden, code, bones = self._understood(seen[..., :_INPUT], start)
        out = {}
        for lag in lags:
            shift = max(lag, 0)
            picked = functional.pad(seen, (0, 0, shift, 0))[:, : size[1]].flatten(0, 1)
            seen_then = _view_of(picked.unsqueeze(1))
            raw = self._heads(self._fused(hidden, code, bones, seen_then.features), _only(lag))
            out[lag] = {k: v.unflatten(0, size) for k, v in self._place(raw, bones, seen_then).items()}  # type: ignore[no-untyped-call]
        return out

    def _look(self, given: Tensors) -> Tensor:
        """(..., _INPUT + _VIEW): what the network is fed of a frame, and the view that its answer needs."""
        seen = view(given[RAYS], given[SCORE], self.joint_weight)
        depth = given[DEPTH] if self.use_depth else torch.zeros_like(given[DEPTH])
        there = depth.square().sum(-1, keepdim=True).sign()
        depth = (depth / seen.scale).clamp(-_MAX_DEPTH, _MAX_DEPTH)
        up = (given[UP].unsqueeze(-2) @ seen.turn).squeeze(-2)
        parts = [seen.features, depth, there, up, seen.turn.flatten(-2), seen.rays.flatten(-2)]
        return torch.cat([*parts, seen.share.squeeze(-2), seen.scale], dim=-1)

    def _understood(self, x: Tensor, start: Tensor) -> Iterator[Tensor]:
        """What the layers hold, the body's code and its bones after each frame of clips, (N * T, ...)."""
        return (part.flatten(0, 1) for part in (self._hidden(x), *self._bodies(x, start)))

    def _hidden(self, seen: Tensor) -> Tensor:
        frames = seen.shape[1]
        padded = functional.pad(seen, (0, 0, _TAPS - 1, 0))
        taps = [padded[:, k : k + frames] for k in range(_TAPS)]
        x = self._stem(torch.cat(taps, dim=-1), torch.cat([t[..., SCORES] for t in taps], dim=-1))
        for block in self.blocks:
            x = block(x)
        return x

    def _stem(self, window: Tensor, scores: Tensor) -> Tensor:
        """Three frames' keypoints, gated by their scores: 1 + tanh(x) times, which is 2 sigmoid(2 x)."""
        keypoints = functional.linear(window, 2 * self.stem.weight, 2 * self.stem.bias)
        gates = functional.linear(scores, 2 * self.visibility.weight, 2 * self.visibility.bias)
        return torch.relu(keypoints * torch.sigmoid(gates))

    def _frame_sums(self, x: Tensor, score: Tensor) -> Tensor:
        """What one frame adds to the body's sums, (..., 2 * _MEMORY): weighted values, and weights."""
        value, logit = torch.split(self.frame_2(torch.relu(self.frame_1(x))), [_MEMORY, _MEMORY], dim=-1)
        anyone = score.sum(-1, keepdim=True).sign()
        weight = anyone * logit.clamp(-_MAX_LOGIT, _MAX_LOGIT).exp()
        return torch.cat([weight * value, weight], dim=-1)

    def _bodies(self, x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """The body's code (N, T, _BODY) and its bones (N, T, kinds) after each frame of clips.

        start: (N, 2 * _MEMORY), the lasting sums before them.
        """
        added = self._frame_sums(x, x[..., SCORES])
        brief, lasting = (_kept(x.shape[1], decay, x) @ added for decay in (_BRIEF, _LASTING))
        left = _LASTING ** torch.arange(1, x.shape[1] + 1, dtype=x.dtype)
        bones = self.body_head(self._code(lasting + left[:, None] * start.unsqueeze(1)))
        return self._code(brief), bones

    def _code(self, sums: Tensor) -> Tensor:
        """(..., 2 * _MEMORY) -> (..., _BODY)."""
        value, weight = torch.split(sums, _MEMORY, dim=-1)
        mean = value / (weight + 1e-3)
        total = weight.mean(-1, keepdim=True)
        evidence = total / (total + _MUCH)
        code = torch.relu(self.body(torch.cat([mean, evidence], dim=-1)))
        return code if self.memory else torch.zeros_like(code)

    def _fused(self, hidden: Tensor, code: Tensor, bones: Tensor, x: Tensor) -> Tensor:
        """What the heads are told, (N, features)."""
        known = [x, code, bones]
        fused = torch.relu(self.gather(torch.cat([hidden, *known], dim=-1))) + hidden
        return torch.cat([fused, *known], dim=-1)

    def _heads(self, fused: Tensor, lags: slice = slice(None)) -> Tensor:
        """What is said for every lag, or for some of them, (N, L, _SAID)."""
        weight, bias = self._said_weights(lags)
        return functional.linear(fused, weight.flatten(0, 1), bias.flatten()).reshape(-1, *bias.shape)

    def _said_weights(self, lags: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """The head's weights (L, _SAID, features) and biases (L, _SAID) for what is `_SAID`."""
        weight = self.answer_head.weight.reshape(len(LAGS), _OUT, -1)[lags, self.said]
        bias = self.answer_head.bias.reshape(len(LAGS), _OUT)[lags, self.said]
        return weight * self.said_scale[:, None], bias * self.said_scale + self.said_centre

    def _head(self, fused: Tensor, lag: Tensor) -> Tensor:
        """The same for the lag asked for alone, (N, 1, _SAID): a step reads no other lag's weights."""
        weight, bias = self._said_weights()
        which = lag.argmax(dim=-1)
        said: Tensor = fused.unsqueeze(1) @ weight.transpose(1, 2)[which]
        return said + bias[which].unsqueeze(1)

    def _picked(self, window: Tensor, lag: Tensor) -> Tensor:
        """(N, 1, _SEEN): the frame that an answer is about, of (N, _REACH + 1, _SEEN), the newest last."""
        return (lag @ self.behind).unsqueeze(1) @ window

    def _answer(self, raw: Tensor, bones: Tensor, seen: View) -> dict[str, Tensor]:
        answer = self._place(raw, bones, seen)
        return {name: answer[name] for name in self.outputs}

    def _place(self, raw: Tensor, log_bones: Tensor, seen: View) -> dict[str, Tensor]:
        """From what the head says, (N, 1, _SAID), to metres in the real camera."""
        bones, gates, log_size, log_spread, sure = torch.split(raw, list(_SAID.values()), dim=-1)
        lengths = functional.linear(log_bones, self.kind_of_bone, self.log_usual).exp().unsqueeze(-1)
        depth = distance(log_size, seen.scale)
        first = bones.reshape(-1, BONES, 3)
        vectors = first
        if self.refine:
            score = seen.features[..., SCORES]
            vectors = self.refinement(first, gates.reshape(-1, BONES, 3), lengths, seen.rays, score, depth)
        vectors = vectors * (lengths / (vectors.square().sum(-1, keepdim=True) + 1e-8).sqrt())
        pose, root_depth = place(seen, self.paths @ vectors, depth)
        spread = log_spread.clamp(*_LOG_SPREAD_RANGE).exp().reshape(-1)
        return {
            POSE: pose,
            ROOT_DEPTH: root_depth,
            ROOT_DEPTH_SIGMA: root_depth * spread * (LAPLACE_ONE_SIGMA * self.spread_scale),
            CONFIDENCE: torch.sigmoid(sure).reshape(-1, JOINTS),
            "bones_m": lengths[..., 0],
            "first_pose": (self.paths @ first) @ seen.turn.transpose(-1, -2),
            "sure": sure.reshape(-1, JOINTS),
        }


def _kept(frames: int, decay: float, like: Tensor) -> Tensor:
    """(T, T): how much of each frame's share is left at each later one."""
    age = torch.arange(frames)[:, None] - torch.arange(frames)
    return torch.where(age >= 0, decay ** age.clamp(min=0).to(like.dtype), torch.zeros(()))


def _only(lag: int) -> slice:
    """Where a lag is among `LAGS`."""
    return slice(LAGS.index(lag), LAGS.index(lag) + 1)


def _view_of(picked: Tensor) -> View:
    """The view of a frame (N, 1, _SEEN). Its features are all of _INPUT; its scale is (N, 1, 1)."""
    x, turn, rays, share, scale = torch.split(picked, [_INPUT, 9, 2 * JOINTS, JOINTS, 1], dim=-1)
    return View(
        turn.reshape(-1, 3, 3),
        rays.reshape(-1, JOINTS, 2),
        share,
        scale.clamp(min=_MIN_SCALE),
        x.reshape(-1, _INPUT),
    )

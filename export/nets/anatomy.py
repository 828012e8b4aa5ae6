"""Anatomy-aware lifting (Chen et al. 2021, section 3): bone directions times bone lengths, causal.

Directions come from two stacked temporal nets, lengths from a net on single frames of the past, of which
`export.nets.reservoir` keeps a sample.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.nets.bones import BONES, bone_paths, bones_of
from export.nets.geometry import FEATURES, JOINTS, View, joint_weights, upright, view
from export.nets.reservoir import Reservoir
from export.nets.residual_lifter import Layer
from export.nets.step import POSE, RAYS, SCORE, Tensors
from export.nets.taps import CausalTaps
from export.nets.videopose_tcn import DROPOUT, Block, PoseHead

WIDTH, BLOCKS, WINDOW = 1024, 4, 3
SAMPLE, GAMMA = 50, 10.0
_COORDINATES = 2 * JOINTS
_KEYPOINTS = FEATURES - JOINTS


def unit(vectors: Tensor) -> Tensor:
    """Vectors (..., 3) at length 1; zeros stay."""
    lengths: Tensor = vectors.norm(dim=-1, keepdim=True).clamp(min=1e-4)
    return vectors / lengths


class VisibilityStem(nn.Module):
    """Keypoints' features, and beside them the scores' features times them (section 3.5, figure 5).

    (N, T, FEATURES) -> (N, T, size_out), the keypoints' own features first. taps: 1 for single frames.
    visibility: off leaves the scores out.
    """

    def __init__(self, width: int, taps: int, visibility: bool, dropout: float) -> None:
        super().__init__()
        self.size_out = 2 * width if visibility else width
        self.points = CausalTaps(_KEYPOINTS, width, 1, taps, norm=True)
        self.scores = CausalTaps(JOINTS, width, 1, taps, norm=True) if visibility else None
        self.drop = nn.Dropout(dropout)

    @property
    def state_shape(self) -> tuple[int, int]:
        """The past frames' features."""
        return self.points.reach, FEATURES

    def forward(self, features: Tensor) -> Tensor:
        """Whole clips, zeros before the first frame."""
        points, scores = _split(features)
        return self._join(self.points(points), None if self.scores is None else self.scores(scores))

    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One frame (N, FEATURES)."""
        window = torch.cat([state, features.unsqueeze(1)], dim=1)
        points, scores = _split(window)
        seen = None if self.scores is None else self.scores.mix(scores.flatten(1))
        return self._join(self.points.mix(points.flatten(1)), seen), window[:, 1:]

    def _join(self, points: Tensor, scores: Tensor | None) -> Tensor:
        out: Tensor = self.drop(torch.relu(points))
        if scores is None:
            return out
        return torch.cat([out, self.drop(torch.relu(scores)) * out], dim=-1)


def _split(features: Tensor) -> tuple[Tensor, Tensor]:
    """A view's features without its scores, and its scores."""
    places, scores, rest = torch.split(features, [_COORDINATES, JOINTS, FEATURES - 3 * JOINTS], dim=-1)
    return torch.cat([places, rest], dim=-1), scores


class LengthNet(nn.Module):
    """Joints of single frames (section 3.3): (F, FEATURES) -> (F, 17, 3) metres, virtual axes.

    The temporal net's layers on one frame each. `weigh`: what the attention gives a frame's bones before
    the softmax, gamma W x (equation 6).
    """

    def __init__(self, width: int, blocks: int, visibility: bool, dropout: float) -> None:
        super().__init__()
        self.stem = VisibilityStem(width, 1, visibility, dropout)
        self.width = width
        self.blocks = nn.ModuleList(
            nn.Sequential(
                Layer(self.stem.size_out if b == 0 else width, width, True, dropout),
                Layer(width, width, True, dropout),
            )
            for b in range(blocks)
        )
        self.head = PoseHead(width)
        self.attention = nn.Linear(3 * JOINTS, BONES, bias=False)
        nn.init.zeros_(self.attention.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(F, FEATURES) -> (F, 17, 3)."""
        x = self.stem(features.unsqueeze(1))[:, 0]
        for block in self.blocks:
            x = x[..., : self.width] + block(x)
        joints: Tensor = self.head(x)
        return joints

    def weigh(self, joints: Tensor) -> Tensor:
        """(..., 17, 3) -> (..., 16)."""
        out: Tensor = GAMMA * self.attention(joints.flatten(-2))
        return out


class DirectionNet(nn.Module):
    """Bone directions from two stacked temporal nets (section 3.2, figure 3), frame by frame.

    The upper net reads the lower one's directions, and beside each of its blocks' outputs the lower block's;
    no gradient goes down. In the paper the lower net's one answer is repeated; here every frame has its own,
    so that the two see twice as far.

    long_skips: off leaves the lower net alone.
    """

    def __init__(
        self, width: int, blocks: int, window: int, dropout: float, visibility: bool, long_skips: bool
    ) -> None:
        super().__init__()
        self.width, self.window = width, window
        self.stem = VisibilityStem(width, window, visibility, dropout)

        def stack(first: int, others: int) -> nn.ModuleList:
            sizes = [first] + [others] * (blocks - 1)
            return nn.ModuleList(
                Block(size, width, window ** (b + 1), window, dropout) for b, size in enumerate(sizes)
            )

        self.lower = stack(self.stem.size_out, width)
        self.lower_head = PoseHead(width)
        self.long_skips = long_skips
        if long_skips:
            self.upper_stem = Layer(3 * JOINTS, width, True, dropout)
            self.upper = stack(width, 2 * width)
            self.upper_head = PoseHead(2 * width)

    @property
    def state_shapes(self) -> tuple[tuple[int, int], ...]:
        """Of the stem, the lower blocks and the upper blocks."""
        blocks = [*self.lower, *(self.upper if self.long_skips else ())]
        taps = [block.taps for block in blocks if isinstance(block, Block)]
        return (self.stem.state_shape, *(t.state_shape for t in taps if isinstance(t, CausalTaps)))

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Clips (N, T, FEATURES) to the directions (N, T, 16, 3) of each net, the answer last; not unit."""
        given = self.stem(features)
        x, passed = given[..., : self.width], []
        for block in self.lower:
            x = block(x, given)
            given = x
            passed.append(x.detach())
        lowest = self.lower_head(x)
        if not self.long_skips:
            return (lowest[..., 1:, :],)
        x = self.upper_stem(lowest.detach().flatten(-2))
        given = x
        for block, beside in zip(self.upper, passed, strict=True):
            x = block(x, given)
            given = torch.cat([x, beside], dim=-1)
        return lowest[..., 1:, :], self.upper_head(given)[..., 1:, :]

    def step(self, features: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One frame (N, FEATURES) to the answer's directions (N, 16, 3), and the next state."""
        given, after = self.stem.step(features, state[0])
        x, passed, following = given[..., : self.width], [], [after]
        for block, past in zip(self.lower, state[1:], strict=False):
            assert isinstance(block, Block)
            x, after = block.step(x, given, past)
            given = x
            passed.append(x)
            following.append(after)
        directions: Tensor = self.lower_head(x)
        if not self.long_skips:
            return directions[..., 1:, :], tuple(following)
        x = self.upper_stem(directions.flatten(-2))
        given = x
        for block, beside, past in zip(self.upper, passed, state[1 + len(passed) :], strict=True):
            assert isinstance(block, Block)
            x, after = block.step(x, given, past)
            given = torch.cat([x, beside], dim=-1)
            following.append(after)
        directions = self.upper_head(given)
        return directions[..., 1:, :], tuple(following)


class Anatomy(nn.Module):
    """The `anatomy` lifter: pose from rays and scores, bones of one length from frames far apart.

    The lengths are the attention's average over a random sample of the frames up to this one, those with
    nobody in view left out. Works in the shared virtual camera (`geometry.view`) and turns its pose back: in
    place of the paper's plain image coordinates, in its favour, as cameras here are random. Joints follow
    from equation 1; the paper's extra layers in its place gave slightly more.

    sample: frames the lengths are averaged over. visibility, attention, long_skips: off for the ablation.
    unit_directions: off lets a direction the net is unsure of be short, and with it the bone.
    """

    name = "anatomy"
    inputs: tuple[str, ...] = (RAYS, SCORE)
    outputs: tuple[str, ...] = (POSE,)
    delay = 0
    joint_weight: Tensor
    paths: Tensor

    def __init__(
        self,
        width: int = WIDTH,
        blocks: int = BLOCKS,
        window: int = WINDOW,
        dropout: float = DROPOUT,
        *,
        sample: int = SAMPLE,
        visibility: bool = True,
        attention: bool = True,
        long_skips: bool = True,
        unit_directions: bool = True,
    ) -> None:
        super().__init__()
        self.attention, self.unit_directions = attention, unit_directions
        self.directions = DirectionNet(width, blocks, window, dropout, visibility, long_skips)
        self.lengths = LengthNet(width, blocks, visibility, dropout)
        self.reservoir = Reservoir(sample, BONES)
        self.register_buffer("joint_weight", joint_weights(), persistent=False)
        self.register_buffer("paths", bone_paths(), persistent=False)

    @property
    def receptive_field(self) -> int:
        """Frames that directions see. Lengths come from all frames so far."""
        net = self.directions
        reach = int(net.window ** (len(net.lower) + 1)) - 1
        return 1 + reach + (reach - net.window + 1 if net.long_skips else 0)

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The directions' state, then the reservoir's."""
        return self.directions.state_shapes + self.reservoir.state_shapes

    def seen(self, rays: Tensor, score: Tensor) -> View:
        """The person in their virtual camera."""
        return view(rays, score, self.joint_weight)

    def judge(self, joints: Tensor) -> Tensor:
        """What one frame's joints (..., 17, 3) say, (..., 2, 16): lengths, and logs of their weights."""
        spans = bones_of(joints).norm(dim=-1)
        weights = self.lengths.weigh(joints) if self.attention else torch.zeros_like(spans)
        return torch.stack([spans, weights], dim=-2)

    def assemble(self, directions: Tensor, lengths: Tensor) -> Tensor:
        """Equation 1, in virtual axes."""
        if self.unit_directions:
            directions = unit(directions)
        return self.paths @ (directions * lengths.unsqueeze(-1))

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips that start with no past."""
        seen = self.seen(given[RAYS], given[SCORE])
        directions = self.directions(seen.features)[-1]
        joints = self.lengths(seen.features.flatten(0, 1))
        says = self.judge(joints).reshape(*seen.features.shape[:2], 2, BONES)
        lengths = self.reservoir(says, (given[SCORE] > 0).any(dim=-1))
        return {POSE: upright(seen, self.assemble(directions, lengths))}

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N people: the answer, and the next state."""
        seen = self.seen(given[RAYS], given[SCORE])
        kept = len(self.reservoir.state_shapes)
        directions, following = self.directions.step(seen.features, state[:-kept])
        present = given[SCORE].amax(dim=-1) > 0
        lengths, sample = self.reservoir.step(self.judge(self.lengths(seen.features)), present, state[-kept:])
        return {POSE: upright(seen, self.assemble(directions, lengths))}, following + sample

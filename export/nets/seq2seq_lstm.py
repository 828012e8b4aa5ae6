"""The sequence-to-sequence net of Hossain and Little (2018, section 3): an encoder and a decoder LSTM."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.nets.geometry import FEATURES, JOINTS, View, joint_weights, upright, view
from export.nets.step import POSE, RAYS, SCORE, Tensors
from export.nets.videopose_tcn import joints_of

WIDTH, WINDOW, DROPOUT = 1024, 5, 0.2
UNIT_M = 0.25
_OUTPUTS = 3 * (JOINTS - 1)
_FORGET_BIAS = 1.0
_GATES = 4

Memory = tuple[Tensor, Tensor]


class Cell(nn.Module):
    """An LSTM cell whose four gates and cell are each layer-normalised (Ba et al. 2016).

    dropout: on the candidate update only, so that what is remembered stays (Semeniuta et al. 2016).
    """

    def __init__(self, size_in: int, width: int, layer_norm: bool, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.read = nn.Linear(size_in, _GATES * width, bias=False)
        self.recall = nn.Linear(width, _GATES * width, bias=False)
        for layer in (self.read, self.recall):
            nn.init.xavier_uniform_(layer.weight)
        self.gain = nn.Parameter(torch.ones(_GATES, width)) if layer_norm else None
        self.shift = nn.Parameter(torch.zeros(_GATES, width))
        self.cell_norm = nn.LayerNorm(width) if layer_norm else nn.Identity()
        self.drop = nn.Dropout(dropout)

    def forward(self, read: Tensor, memory: Memory | None) -> Memory:
        """One tick: `self.read` of its input (F, 4 width) and (hidden, cell) (F, width); None is zeros."""
        mixed = read if memory is None else read + self.recall(memory[0])
        gates = mixed.reshape(-1, _GATES, self.width)
        if self.gain is not None:
            gates = functional.layer_norm(gates, (self.width,)) * self.gain
        gates = gates + self.shift
        update, let_in, keep, let_out = gates.unbind(-2)
        cell = torch.sigmoid(let_in) * self.drop(torch.tanh(update))
        if memory is not None:
            cell = cell + torch.sigmoid(keep + _FORGET_BIAS) * memory[1]
        return torch.tanh(self.cell_norm(cell)) * torch.sigmoid(let_out), cell


class Seq2seqLstm(nn.Module):
    """The `seq2seq-lstm` lifter: pose from rays and scores, over a window that slides with every frame.

    The encoder reads the window's frames newest first; the decoder starts from its last state and a vector
    of ones and gives one pose a frame, oldest first, each the last one plus a change; the last is the
    answer. Frames before the first are zeros. Standardised on both sides: its input by the shared virtual
    camera (`geometry.view`, in place of the paper's mean and deviation, in its favour, as cameras here are
    random), its output in units of 0.25 m.

    residual, layer_norm: off for the paper's ablation. recurrent_dropout: 0 is off; the paper has it on,
    and states no figure.
    """

    name = "seq2seq-lstm"
    inputs: tuple[str, ...] = (RAYS, SCORE)
    outputs: tuple[str, ...] = (POSE,)
    delay = 0
    joint_weight: Tensor
    start: Tensor

    def __init__(
        self,
        width: int = WIDTH,
        window: int = WINDOW,
        *,
        residual: bool = True,
        layer_norm: bool = True,
        recurrent_dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        self.window, self.residual = window, residual
        self.encoder = Cell(FEATURES, width, layer_norm, recurrent_dropout)
        self.decoder = Cell(_OUTPUTS, width, layer_norm, recurrent_dropout)
        self.head = nn.Linear(width, _OUTPUTS)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("joint_weight", joint_weights(), persistent=False)
        self.register_buffer("start", torch.ones(1, _OUTPUTS), persistent=False)

    @property
    def receptive_field(self) -> int:
        """Frames that can influence an output: the window."""
        return self.window

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The features of the window's other frames, oldest first."""
        return ((self.window - 1, FEATURES),)

    def decode(self, windows: Tensor) -> Tensor:
        """Windows of features (F, window, FEATURES) to every frame's pose (F, window, 17, 3) metres.

        Each pose is in its own frame's virtual axes.
        """
        return _joints(torch.stack(self._poses(windows), dim=1))

    def _poses(self, windows: Tensor) -> list[Tensor]:
        """Each frame's joints but the pelvis, (F, 48) in units."""
        read = self.encoder.read(windows).unbind(1)
        memory: Memory | None = None
        for frame in reversed(read):
            memory = self.encoder(frame, memory)
        pose, poses = self.start, []
        for _ in range(self.window):
            memory = self.decoder(self.decoder.read(pose), memory)
            change = self.head(memory[0])
            pose = pose + change if self.residual else change
            poses.append(pose)
        return poses

    def windows(self, given: Tensors) -> tuple[Tensor, View]:
        """The window that ends at each frame of clips, (N, T, window, FEATURES), and the views."""
        seen = view(given[RAYS], given[SCORE], self.joint_weight)
        padded = functional.pad(seen.features, (0, 0, self.window - 1, 0))
        return padded.unfold(1, self.window, 1).transpose(-1, -2), seen

    def forward(self, given: Tensors) -> dict[str, Tensor]:
        """Every frame of clips that start with no past."""
        windows, seen = self.windows(given)
        last = _joints(self._poses(windows.flatten(0, 1))[-1])
        return {POSE: upright(seen, last.reshape(*windows.shape[:2], JOINTS, 3))}

    def forward_step(
        self, given: Tensors, state: tuple[Tensor, ...]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """One frame of N people: the answer, and the next state."""
        seen = view(given[RAYS], given[SCORE], self.joint_weight)
        window = torch.cat([state[0], seen.features.unsqueeze(1)], dim=1)
        return {POSE: upright(seen, _joints(self._poses(window)[-1]))}, (window[:, 1:],)


def _joints(flat: Tensor) -> Tensor:
    """(..., 48) in units to (..., 17, 3) metres; the pelvis, joint 0, is the origin."""
    return joints_of(functional.pad(flat * UNIT_M, (3, 0)))

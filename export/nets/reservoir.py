"""A random sample of the frames so far, kept in a fixed size (reservoir sampling, Vitter 1985)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LONGEST = 1500
_MODULI = (1021.0, 1019.0)
_FACTORS = (331.0, 353.0)
_OFFSETS = (167.0, 389.0)
_ABSENT = -1e4

State = tuple[Tensor, ...]


class Reservoir(nn.Module):
    """Keeps what `slots` frames said and averages it, weighted by a softmax.

    A frame says (N, 2, size): values, and logarithms of their weights. Frame n takes the n-th slot; with
    all slots taken, a random one with probability slots / n. n stops at 1,500, so that the sample renews.
    State: the slots (N, slots, 2 size), and (N, 3) the frames so far and two congruential generators, one
    for whether and one for where, whose numbers stay below 2^24: whole and exact in float32 anywhere.
    """

    moduli: Tensor
    factors: Tensor
    offsets: Tensor
    places: Tensor

    def __init__(self, slots: int, size: int) -> None:
        super().__init__()
        self.slots, self.size = slots, size
        constants = {"moduli": _MODULI, "factors": _FACTORS, "offsets": _OFFSETS, "places": range(slots)}
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(list(values), dtype=torch.float32), persistent=False)

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Without the batch."""
        return (self.slots, 2 * self.size), (3,)

    def step(self, says: Tensor, present: Tensor, state: State) -> tuple[Tensor, State]:
        """What one frame says, and whether anyone was in it (N,), to the average (N, size) with it.

        A frame without anyone is not counted; before any other it stands in for one.
        """
        kept, (count, draws) = state[0], torch.split(state[1], [1, 2], dim=-1)
        count = (count + present.unsqueeze(-1).to(count)).clamp(max=float(LONGEST))
        draws = draws * self.factors + self.offsets
        draws = draws - self.moduli * ((draws + 0.5) / self.moduli).floor()
        whether, where = torch.split(draws, 1, dim=-1)
        # A quarter keeps the product off whole numbers, where rounding would decide.
        anywhere = ((where + 0.25) * (self.slots / _MODULI[1])).floor()
        filling = count <= self.slots
        place = torch.where(filling, (count - 1).clamp(min=0.0), anywhere)
        takes = filling | (whether * count < self.slots * _MODULI[0])
        takes = takes & (present.unsqueeze(-1) | (count < 0.5))
        here = takes & ((self.places - place).abs() < 0.5)
        kept = torch.where(here.unsqueeze(-1), says.flatten(1).unsqueeze(1), kept)
        return self._average(kept, count), (kept, torch.cat([count, draws], dim=-1))

    def forward(self, says: Tensor, present: Tensor) -> Tensor:
        """Every frame of clips, (N, T, 2, size) and (N, T), to (N, T, size): the same as stepping."""
        state: State = tuple(says.new_zeros(len(says), *shape) for shape in self.state_shapes)
        averages = []
        for frame, someone in zip(says.unbind(1), present.unbind(1), strict=True):
            average, state = self.step(frame, someone, state)
            averages.append(average)
        return torch.stack(averages, dim=1)

    def _average(self, kept: Tensor, count: Tensor) -> Tensor:
        values, weights = torch.split(kept, self.size, dim=-1)
        taken = (self.places < count.clamp(min=1.0)).unsqueeze(-1)
        return average(values, weights, taken)


def average(values: Tensor, weights: Tensor, taken: Tensor) -> Tensor:
    """Values (N, slots, size) averaged by the softmax of `weights` over the slots `taken` (N, slots, 1)."""
    weights = torch.where(taken, weights, torch.full((), _ABSENT, dtype=weights.dtype))
    return (values * torch.softmax(weights, dim=1)).sum(dim=1)

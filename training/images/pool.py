"""Samples kept on the device that trains, so that a step costs the processor nothing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from training.images.samples import IMAGE, Samples, count

Batch = dict[str, Tensor]

_LEAST_ROOM = 256


class Pool:
    """Room for so many samples; what comes once it is full takes the place of the oldest.

    Images are kept as uint8 (N, 3, S, S), all else as it comes. Memory is taken as it fills.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self._capacity = capacity
        self._device = device
        self._tensors: dict[str, Tensor] = {}
        self._next = 0
        self.size = 0

    def add(self, samples: Samples) -> None:
        """Take samples in."""
        many = count(samples)
        for start in range(0, many, self._capacity):
            self._add({k: _tensor(k, v[start : start + self._capacity]) for k, v in samples.items()})

    def _add(self, part: Mapping[str, Tensor]) -> None:
        many = len(part[IMAGE])
        self._make_room(part, min(self.size + many, self._capacity))
        places = (torch.arange(many) + self._next) % self._capacity
        for key, value in part.items():
            self._tensors[key][places.to(self._device)] = value.to(self._device)
        self._next = (self._next + many) % self._capacity
        self.size = min(self.size + many, self._capacity)

    def _make_room(self, part: Mapping[str, Tensor], wanted: int) -> None:
        """Have room for so many samples, and for half as many more, up to the capacity."""
        held = len(self._tensors[IMAGE]) if self._tensors else 0
        if wanted <= held:
            return
        room = min(max(wanted + wanted // 2, _LEAST_ROOM), self._capacity)
        for key, value in part.items():
            grown = torch.zeros((room, *value.shape[1:]), dtype=value.dtype, device=self._device)
            if held:
                grown[:held] = self._tensors[key]
            self._tensors[key] = grown

    def draw(self, many: int, generator: torch.Generator) -> Batch:
        """Samples at random, with replacement. generator: on the pool's device."""
        picks = torch.randint(self.size, (many,), generator=generator, device=self._device)
        return {key: value[picks] for key, value in self._tensors.items()}

    def span(self, start: int, stop: int) -> Batch:
        """Samples in the order they are kept."""
        return {key: value[start : min(stop, self.size)] for key, value in self._tensors.items()}


def _tensor(key: str, value: object) -> Tensor:
    tensor = torch.as_tensor(value)
    return tensor.permute(0, 3, 1, 2) if key == IMAGE else tensor

"""How far two forms of one model are apart: a tensor at a time, and in px and mm after decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from export.probes import Answer
from realtime.engines.forms import BOUNDS, Unit
from realtime.types import Array, FloatArray

_JUMPS = 0.98
"""The share of points within the bound where a decoder jumps: it takes a highest cell or a threshold, and
where two are nearly equal the least difference decides."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Differences in size: the greatest, the mean, and what 98 % of them keep within."""

    greatest: float
    mean: float
    most: float

    def __str__(self) -> str:
        return f"max {self.greatest:.3g}, mean {self.mean:.3g}"


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an answer is from the reference.

    decoded: distances between points, in `unit`. smooth: between points before the decoder's jumps;
    None where there is no such form.
    """

    tensors: Mapping[str, Gap]
    decoded: Gap
    smooth: Gap | None
    unit: Unit

    @property
    def worst(self) -> float:
        """What the bound is for: every point's distance before the decoder's jumps, and 98 % of those
        after them."""
        return max(self.decoded.most, self.smooth.greatest if self.smooth else 0.0)

    @property
    def holds(self) -> bool:
        """Whether the worst is within the bound."""
        return self.worst <= BOUNDS[self.unit]


def compare(answer: Answer, reference: Answer) -> Parity:
    """The gaps between two answers to the same probe.

    What is not finite where the reference is, or found where it finds nothing, is infinitely far off.
    """
    tensors = {name: _gap(np.abs(answer.tensors[name] - value)) for name, value in reference.tensors.items()}
    counts = reference.counts
    decoded = _gap(_distances(answer.places, reference.places, counts))
    smooth = _gap(_distances(answer.smooth, reference.smooth, counts)) if reference.smooth else None
    return Parity(tensors, decoded, smooth, reference.unit)


def _distances(found: Sequence[FloatArray], wanted: Sequence[FloatArray], counts: Sequence[bool]) -> Array:
    far = [
        np.linalg.norm(a - b, axis=-1) if a.shape == b.shape else np.full(1, np.inf)
        for a, b, counted in zip(found, wanted, counts, strict=True)
        if counted
    ]
    return np.concatenate(far) if far else np.zeros(0)


def _gap(size: Array) -> Gap:
    if not size.size:
        return Gap(0.0, 0.0, 0.0)
    if not np.isfinite(size).all():
        return Gap(float("inf"), float("inf"), float("inf"))
    return Gap(float(size.max()), float(size.mean()), float(np.quantile(size, _JUMPS)))

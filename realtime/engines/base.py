"""What every engine is: named tensors in, named tensors out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from realtime.errors import EngineError
from realtime.types import Array


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of an engine. shape: None where the size is free."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[np.generic]

    def accepts(self, array: Array) -> bool:
        """Whether an array has this dtype and a shape that fits."""
        return (
            array.dtype == self.dtype
            and array.ndim == len(self.shape)
            and all(want is None or want == have for want, have in zip(self.shape, array.shape, strict=True))
        )

    def __str__(self) -> str:
        return f"{self.dtype} ({', '.join('any' if n is None else str(n) for n in self.shape)})"


class Engine(Protocol):
    """A loaded network. It belongs to one thread.

    infer: takes every input by name and gives every output by name; the arrays returned are views,
    valid until the next `infer`. Raises EngineError on feeds that do not fit or a failed run.
    close: frees the network; `infer` after it raises EngineError. Closing twice is harmless.
    """

    @property
    def backend(self) -> str: ...

    @property
    def precision(self) -> str: ...

    @property
    def inputs(self) -> Mapping[str, TensorSpec]: ...

    @property
    def outputs(self) -> Mapping[str, TensorSpec]: ...

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]: ...

    def close(self) -> None: ...


def check_feeds(inputs: Mapping[str, TensorSpec], feeds: Mapping[str, Array]) -> None:
    """Raise EngineError unless `feeds` names exactly the inputs, each with a fitting array."""
    if feeds.keys() != inputs.keys():
        raise EngineError(f"the engine takes {sorted(inputs)}, but was fed {sorted(feeds)}")
    for name, spec in inputs.items():
        if not spec.accepts(feeds[name]):
            have = feeds[name]
            raise EngineError(f"input {name!r} must be {spec}, not {have.dtype} {have.shape}")

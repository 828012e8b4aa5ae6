"""What every engine is: named tensors in, named tensors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from realtime.errors import EngineError
from realtime.types import Array

State = tuple[tuple[str, str], ...]
"""State inputs, each with the output that becomes it in the next step."""


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

    @property
    def is_rows(self) -> bool:
        """Whether it is a row of a fixed size for each of any number of people."""
        return self.shape[:1] == (None,) and None not in self.shape[1:]

    def __str__(self) -> str:
        return f"{self.dtype} ({', '.join('any' if n is None else str(n) for n in self.shape)})"


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """What runs cost by the device's own clock. upload: host to device; download: the way back.

    runs: how many. Sums and differences are those of every part, so that a stretch of runs is the
    difference of two sums.
    """

    upload_ms: float = 0.0
    compute_ms: float = 0.0
    download_ms: float = 0.0
    runs: int = 0

    @property
    def total_ms(self) -> float:
        """All three parts."""
        return self.upload_ms + self.compute_ms + self.download_ms

    def __add__(self, other: DeviceTime) -> DeviceTime:
        return DeviceTime(
            self.upload_ms + other.upload_ms,
            self.compute_ms + other.compute_ms,
            self.download_ms + other.download_ms,
            self.runs + other.runs,
        )

    def __sub__(self, earlier: DeviceTime) -> DeviceTime:
        return DeviceTime(
            self.upload_ms - earlier.upload_ms,
            self.compute_ms - earlier.compute_ms,
            self.download_ms - earlier.download_ms,
            self.runs - earlier.runs,
        )


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


@runtime_checkable
class StatefulEngine(Engine, Protocol):
    """An engine that can keep temporal state by itself, a row for each person, where the network runs.

    resident: the state inputs it keeps, and the outputs that become them; empty where it was opened without.
    infer_stateful: takes every other input, one row for each of `people` in their order, and gives every
    other output; a person's state is what their last step left, zeros before the first. Nothing of it is
    copied while `people` stay the same. forget: a person's state is gone; unknown ones are ignored.
    forget_everyone: nobody's state is left, as if the engine had just been opened.
    `infer` works as in any engine, and neither reads nor changes the state kept.
    """

    @property
    def resident(self) -> Mapping[str, str]: ...

    def infer_stateful(self, feeds: Mapping[str, Array], people: Sequence[int]) -> Mapping[str, Array]: ...

    def forget(self, person: int) -> None: ...

    def forget_everyone(self) -> None: ...


@runtime_checkable
class HoldingEngine(StatefulEngine, Protocol):
    """An engine whose steps get cheaper where some inputs are known never to change.

    hold: takes rows (1, ...) of some inputs. From then on `infer_stateful` has them so for everyone and is
    not fed them; nobody's state is touched. Other rows may be held later, or none, to feed all again. Raises
    EngineError for inputs there are not.
    """

    def hold(self, rows: Mapping[str, Array]) -> None: ...


@runtime_checkable
class TimedEngine(Engine, Protocol):
    """An engine on a device with a clock of its own.

    last_run: what the last run cost; None before the first. spent: what all runs cost since it was opened.
    Both are replaced whole, so that any thread may read them.
    """

    @property
    def last_run(self) -> DeviceTime | None: ...

    @property
    def spent(self) -> DeviceTime: ...


def device_time(engine: Engine) -> DeviceTime | None:
    """What an engine's runs cost so far by its device's clock; None where it has none.

    The cost of a stretch of work, a frame say, is the difference of this after and before it.
    """
    return engine.spent if isinstance(engine, TimedEngine) else None


def check_feeds(inputs: Mapping[str, TensorSpec], feeds: Mapping[str, Array]) -> None:
    """Raise EngineError unless `feeds` names exactly the inputs, each with a fitting array."""
    if feeds.keys() != inputs.keys():
        raise EngineError(f"the engine takes {sorted(inputs)}, but was fed {sorted(feeds)}")
    for name, spec in inputs.items():
        if not spec.accepts(feeds[name]):
            have = feeds[name]
            raise EngineError(f"input {name!r} must be {spec}, not {have.dtype} {have.shape}")


def check_state(
    pairs: Mapping[str, str], inputs: Mapping[str, TensorSpec], outputs: Mapping[str, TensorSpec]
) -> None:
    """Raise EngineError unless each state input and the output that becomes it are a row for each person."""
    for source, target in pairs.items():
        have, becomes = inputs.get(source), outputs.get(target)
        if have is None or have != becomes or not have.is_rows:
            raise EngineError(f"state {source!r} -> {target!r} is not a row for each person in and out")

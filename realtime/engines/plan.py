"""A plan that is loaded onto the GPU: its tensors, as an engine states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.engines.base import TensorSpec
from realtime.engines.library import Library
from realtime.errors import EngineError


class PlanError(EngineError):
    """The library does not take a plan: another version, another GPU, or damaged."""


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """The library's engine, and the runtime that must outlive it."""

    runtime: Any
    engine: Any
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]

    @property
    def batched(self) -> bool:
        """Whether any tensor's first size is free."""
        return any(spec.shape[:1] == (None,) for spec in (*self.inputs.values(), *self.outputs.values()))


def load_plan(library: Library, plan: bytes) -> LoadedPlan:
    """Deserialize a plan; a GPU must be current. Raises PlanError when it does not load here."""
    library.forget_errors()
    runtime = library.module.Runtime(library.logger)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise PlanError(
            f"{library.kind} {library.version} cannot load this plan here ({library.why()}): build it again "
            "on this machine"
        )
    names = [engine.get_tensor_name(n) for n in range(engine.num_io_tensors)]
    specs = {name: _spec(library, engine, name) for name in names}
    into = library.module.TensorIOMode.INPUT
    inputs = {name: spec for name, spec in specs.items() if engine.get_tensor_mode(name) == into}
    return LoadedPlan(runtime, engine, inputs, {n: s for n, s in specs.items() if n not in inputs})


def _spec(library: Library, engine: Any, name: str) -> TensorSpec:
    shape = tuple(None if size == -1 else int(size) for size in engine.get_tensor_shape(name))
    if None in shape[1:]:
        raise EngineError(
            f"tensor {name!r} has a free size besides the batch: export the model with it fixed (a frame's "
            "with --frame-size)"
        )
    try:
        dtype = np.dtype(library.module.nptype(engine.get_tensor_dtype(name)))
    except TypeError as error:
        raise EngineError(
            f"tensor {name!r} has a type that NumPy lacks: keep float32 at the model's ends"
        ) from error
    return TensorSpec(shape, dtype)

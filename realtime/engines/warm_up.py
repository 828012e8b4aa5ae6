"""The first run of a network, which takes longer than the next: before there are frames to wait for it."""

from __future__ import annotations

import numpy as np

from realtime.engines.base import Engine


def run_once(engine: Engine) -> None:
    """Run a network on zeros; one that does not say the sizes of all its inputs is left alone.

    Raises EngineError where it fails.
    """
    sizes = {name: [n for n in spec.shape if n is not None] for name, spec in engine.inputs.items()}
    if all(len(sizes[name]) == len(spec.shape) for name, spec in engine.inputs.items()):
        engine.infer({name: np.zeros(sizes[name], spec.dtype) for name, spec in engine.inputs.items()})

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from realtime.engines.base import TensorSpec
from realtime.engines.warm_up import run_once
from realtime.types import Array


class Engine:
    backend, precision = "fake", "fp32"

    def __init__(self, **inputs: tuple[int | None, ...]) -> None:
        self.inputs = {name: TensorSpec(shape, np.dtype(np.float32)) for name, shape in inputs.items()}
        self.outputs: dict[str, TensorSpec] = {}
        self.runs: list[Mapping[str, Array]] = []

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        self.runs.append(feeds)
        return {}

    def close(self) -> None:
        pass


def test_a_network_is_run_once_with_all_it_takes() -> None:
    engine = Engine(image=(1, 3, 8, 8), scale=())
    run_once(engine)
    (feeds,) = engine.runs
    assert feeds.keys() == engine.inputs.keys()
    assert all(spec.accepts(feeds[name]) for name, spec in engine.inputs.items())


def test_a_network_with_a_size_of_any_kind_is_left_alone() -> None:
    engine = Engine(image=(1, 3, 8, 8), rows=(None, 4))
    run_once(engine)
    assert not engine.runs

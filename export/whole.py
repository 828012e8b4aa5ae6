"""Nodes that compute with whole numbers, such as counters and random generators: found by running the model.

They must be right to the last bit: the least error makes another number of them, which no distance between
poses need show for a long time. FP16 holds whole numbers up to 2,048.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from export.precision import float_tensors
from export.probes import Probe, Runs
from export.slim import constants_to_weights
from realtime.types import Array

_HELD = 2048.0
_MASK = 1.0


def exact_nodes(model: Any, probe: Probe, runs: Callable[[Any], Runs]) -> list[str]:
    """The nodes of an FP32 `onnx.ModelProto` that compute with whole numbers, by their first output.

    Those that make or take tensors that are whole throughout a probe and go beyond 2,048; and those that
    round to whole numbers, with all on the way to them from numbers that are whole already.
    runs: makes an engine of a model.
    """
    model = constants_to_weights(model)
    floats = float_tensors(model)
    made = [name for node in model.graph.node for name in node.output if name in floats]
    watch = _Watch(runs(_showing(model, made)), {value.name for value in model.graph.output})
    probe.ask(watch)
    return _from_whole(model, floats, watch.whole)


def _showing(model: Any, names: list[str]) -> Any:
    """A copy of a model that gives inner tensors too."""
    shown = type(model)()
    shown.CopyFrom(model)
    known = {value.name for value in shown.graph.output}
    new = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names if n not in known]
    shown.graph.output.extend(new)
    return shown


class _Watch:
    """An engine whose tensors are looked at. whole: the greatest size of those that are whole so far."""

    def __init__(self, engine: Runs, outputs: set[str]) -> None:
        self._engine, self._outputs = engine, outputs
        self._broken: set[str] = set()
        self.whole: dict[str, float] = {}

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run once, and give what the model itself would."""
        out = self._engine.infer(feeds)
        for name, values in (*feeds.items(), *out.items()):
            if name in self._broken:
                continue
            if np.array_equal(values, np.rint(values)):
                self.whole[name] = max(self.whole.get(name, 0.0), float(np.abs(values).max(initial=0)))
            else:
                self._broken.add(name)
                self.whole.pop(name, None)
        return {name: out[name] for name in self._outputs}


def _from_whole(model: Any, floats: set[str], whole: Mapping[str, float]) -> list[str]:
    makers = {name: node for node in model.graph.node for name in node.output}
    weights = {tensor.name for tensor in model.graph.initializer}
    kept: set[str] = set()
    for node in model.graph.node:
        taken = [name for name in node.input if name in floats and name not in weights]
        if any(whole.get(name, 0.0) > _HELD for name in (*taken, *node.output)):
            kept.add(node.output[0])
        rounds = any(whole.get(name, 0.0) > _MASK for name in node.output)
        if rounds and any(name not in whole for name in taken):
            kept |= _way_from_whole(node, makers, floats - weights, whole)
    return [node.output[0] for node in model.graph.node if node.output[0] in kept]


def _way_from_whole(
    node: Any, makers: Mapping[str, Any], floats: set[str], whole: Mapping[str, float]
) -> set[str]:
    """A node, and those between it and whole numbers; none of them if it comes of others."""
    way, ahead = {node.output[0]}, [node]
    while ahead:
        for name in ahead.pop().input:
            if name not in floats or name in whole:
                continue
            if name not in makers:
                return set()
            before = makers[name]
            if before.output[0] not in way:
                way.add(before.output[0])
                ahead.append(before)
    return way

"""Which nodes of a model must stay FP32: found by measuring, for each model on its own."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import helper

from export.parity import Parity, compare
from export.precision import convertible, to_float16
from export.probes import Answer, Probe
from export.whole import exact_nodes
from realtime.engines.forms import BOUNDS
from realtime.errors import ModelError
from realtime.types import Array

_SHARE = 0.6
"""The share of the bound that a model may use up on the sample, as ONNX Runtime computes it; others will
show other things. Where every FP16 tensor is rounded, which is worse than what back ends do, all of it."""
_SEARCH_S = 40.0
_FEWEST_PARTS = 8
_FINER = 4
"""How many parts are made of one where none of them can be FP16 as a whole, which a busy machine sees."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """An FP16 model. kept: its nodes that stay FP32, out of `nodes`.

    parity: against FP32. rounded: the same where every FP16 tensor is rounded, as on a device that stores
    it so.
    """

    model: Any
    kept: tuple[str, ...]
    nodes: int
    parity: Parity
    rounded: Parity


class InMemory:
    """A model that need not be a file, in ONNX Runtime. Raises ModelError when it does not load."""

    def __init__(self, model: Any, threads: int = 2) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Identities keep the rounding of FP16 tensors in the graph; see `stored`.
        off = ["EliminateIdentity"]
        try:
            self._session = ort.InferenceSession(
                model.SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=off,
            )
        except Exception as error:  # the binding raises a private type per failure
            raise ModelError(f"ONNX Runtime cannot load {model.graph.name}: {error}") from error
        self._names = [node.name for node in self._session.get_outputs()]

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run once."""
        return dict(zip(self._names, self._session.run(self._names, dict(feeds)), strict=True))


def stored(model: Any) -> Any:
    """A copy of an FP16 model whose tensors are rounded to FP16 in ONNX Runtime too.

    On a CPU that library computes FP16 models in FP32 and leaves out every cast there and back: what it
    gives says nothing of rounding and overflow on a GPU. Two identities between the casts stop that; a
    single one it moves to FP32 as well.
    """
    changed = type(model)()
    changed.CopyFrom(model)
    nodes: list[Any] = []
    for node in changed.graph.node:
        nodes.append(node)
        for k, name in enumerate(node.output):
            if name.endswith("/fp16"):
                node.output[k] = f"{name}/computed"
                nodes.append(helper.make_node("Identity", [f"{name}/computed"], [f"{name}/rounded"]))
                nodes.append(helper.make_node("Identity", [f"{name}/rounded"], [name]))
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


def find_mixed(
    model: Any, probe: Probe, tick: Callable[[], object] = lambda: None, guess: Collection[str] = ()
) -> Mixed:
    """The FP16 form of an FP32 `onnx.ModelProto` that answers a probe as it does, with few weights in FP32.

    What computes with whole numbers stays FP32 (`export.whole`), and the rest is FP16, if that is near
    enough. Otherwise the nodes of the guess stay FP32 too, if that is. Otherwise the model's parts are
    ranked by the error that each makes alone for what it weighs; as many of the worst as need be stay FP32,
    and those of them with weights that turn out not to matter go back. A part is a node, or several in a row
    where a large net would take minutes. tick: called after each measurement. Raises ModelError when FP16
    cannot do.
    """
    nodes = convertible(model)
    if not nodes:
        raise ModelError(f"{model.graph.name} has nothing that could be FP16: use --precision fp32")
    exact = tuple(name for name in exact_nodes(model, probe, InMemory) if name in set(nodes))
    trial = _Trial(model, probe, probe.ask(InMemory(model)), exact, tick)
    began_ns = time.perf_counter_ns()
    if trial.passes(()):
        return trial.result((), len(nodes))
    nodes = [name for name in nodes if name not in exact]
    guessed = _Part(tuple(name for name in nodes if name in set(guess)), 0)
    if guessed.nodes and trial.passes([guessed]):
        return trial.result([guessed], len(nodes) + len(exact))
    seconds = (time.perf_counter_ns() - began_ns) / 1e9
    count = max(_FEWEST_PARTS, int(_SEARCH_S / seconds))
    while not (worst := _fewest(trial, parts := _split(model, nodes, count))):
        if len(parts) == len(nodes):
            raise ModelError(f"{model.graph.name} loses too much in FP16: use --precision fp32")
        count *= _FINER
    return trial.result(_prune(trial, worst), len(nodes) + len(exact))


@dataclass(frozen=True, slots=True)
class _Part:
    """Nodes in a row, by name, and how many weights they take."""

    nodes: tuple[str, ...]
    weights: int


@dataclass(frozen=True, slots=True)
class _Trial:
    """Measures FP16 forms of one model, each once. exact: nodes that stay FP32 in all of them."""

    model: Any
    probe: Probe
    reference: Answer
    exact: tuple[str, ...]
    tick: Callable[[], object]
    measured: dict[tuple[frozenset[str], bool], Parity] = field(default_factory=dict)

    def result(self, kept: Sequence[_Part], nodes: int) -> Mixed:
        names = self._names(kept)
        return Mixed(to_float16(self.model, names), names, nodes, self.plain(kept), self.rounded(kept))

    def plain(self, kept: Sequence[_Part]) -> Parity:
        return self._measure(kept, rounded=False)

    def rounded(self, kept: Sequence[_Part]) -> Parity:
        return self._measure(kept, rounded=True)

    def passes(self, kept: Sequence[_Part]) -> bool:
        rounded = self.rounded(kept)
        return rounded.holds and self.plain(kept).worst <= _SHARE * BOUNDS[rounded.unit]

    def _measure(self, kept: Sequence[_Part], rounded: bool) -> Parity:
        key = frozenset(self._names(kept)), rounded
        if key not in self.measured:
            half = to_float16(self.model, key[0])
            self.measured[key] = self._compare(stored(half) if rounded else half)
        return self.measured[key]

    def _names(self, kept: Sequence[_Part]) -> tuple[str, ...]:
        return (*self.exact, *(name for part in kept for name in part.nodes))

    def _compare(self, changed: Any) -> Parity:
        with np.errstate(all="ignore"):
            parity = compare(self.probe.ask(InMemory(changed)), self.reference)
        self.tick()
        return parity


def _split(model: Any, nodes: Sequence[str], parts: int) -> list[_Part]:
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    taken = {node.output[0]: sum(sizes.get(name, 0) for name in node.input) for node in model.graph.node}
    bounds = np.linspace(0, len(nodes), min(parts, len(nodes)) + 1).round().astype(int)
    rows = (tuple(nodes[a:b]) for a, b in itertools.pairwise(bounds.tolist()))
    return [_Part(row, sum(taken[name] for name in row)) for row in rows]


def _fewest(trial: _Trial, parts: Sequence[_Part]) -> list[_Part]:
    """The worst parts for their weight, as many as it takes; none where that is all of them."""
    alone = [trial.rounded([p for p in parts if p is not part]).worst / (1 + part.weights) for part in parts]
    worst = [parts[k] for k in np.argsort(np.negative(alone), kind="stable")]
    low, high = 0, len(worst)
    while low < high:
        middle = (low + high) // 2
        if trial.passes(worst[:middle]):
            high = middle
        else:
            low = middle + 1
    return worst[:high] if high < len(worst) else []


def _prune(trial: _Trial, kept: list[_Part]) -> list[_Part]:
    for part in sorted(kept, key=lambda p: -p.weights):
        fewer = [p for p in kept if p is not part]
        if part.weights and trial.passes(fewer):
            kept = fewer
    return kept

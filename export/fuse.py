"""Fewer operators for the same numbers: what a small network's step costs is its operators' starts.

What an exporter writes for "the same leading sizes" or for padding is worked out here, once; nothing is
split, put together or reshaped twice in a row. Where squares are summed, the last bit may change.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.slim import slim
from realtime.types import Array

_MOVES = {
    "Cast",
    "Concat",
    "ConstantOfShape",
    "Gather",
    "Reshape",
    "Slice",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
_LARGEST = 4096
"""Elements of a constant that is worked out here; weights are left to the library, which packs them anew."""


def fuse(model: Any) -> Any:
    """A copy of an `onnx.ModelProto` with the same inputs and outputs and the fewest operators known of."""
    model = slim(model)
    for change in (_fold, _fix_shapes, _fold, _sum_at_once, _undo, _join, _split_once):
        change(_Graph(model))
        model = slim(model)
    return model


class _Graph:
    """A model with what is looked up in it. shapes: of tensors, None for a free size."""

    def __init__(self, model: Any) -> None:
        self.nodes = model.graph.node
        self._weights = model.graph.initializer
        self.opset = next(o.version for o in model.opset_import if not o.domain)
        self.constants: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in self._weights}
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.outputs = {value.name for value in model.graph.output}
        self.uses = Counter(name for node in self.nodes for name in node.input)
        self.uses.update(self.outputs)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self.shapes = {
            value.name: [
                d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim
            ]
            for value in (*inferred.value_info, *inferred.input, *inferred.output)
        }

    def maker(self, name: str, kind: str) -> Any | None:
        """The node that makes a tensor, if it is of this kind."""
        node = self.makers.get(name)
        return node if node is not None and node.op_type == kind else None

    def add(self, values: Array) -> str:
        """A new constant's name."""
        name = next(n for n in (f"fused_{k}" for k in count(len(self._weights))) if n not in self.constants)
        self._weights.append(numpy_helper.from_array(values, name))
        self.constants[name] = values
        return name

    def ints(self, name: str) -> list[int] | None:
        """A constant's whole numbers."""
        values = self.constants.get(name)
        return None if values is None or values.dtype.kind != "i" else [int(v) for v in values.ravel()]


def _attribute(node: Any, name: str) -> Any:
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), None)


def _become_identity(node: Any, name: str) -> None:
    node.op_type, node.domain = "Identity", ""
    del node.attribute[:], node.input[:]
    node.input.append(name)


def _fold(graph: _Graph) -> None:
    """Work out small tensors that depend on no input."""
    for node in graph.nodes:
        given = {name: graph.constants[name] for name in node.input if name in graph.constants}
        if node.op_type in _MOVES and len(given) == len(set(node.input)):
            (values,) = ReferenceEvaluator(node, opsets={"": graph.opset}).run(None, given)
            if np.size(values) <= _LARGEST:
                graph.constants[node.output[0]] = np.asarray(values)
                _become_identity(node, graph.add(np.asarray(values)))


def _fix_shapes(graph: _Graph) -> None:
    """Reshapes to "the sizes it has, then these" say so by zeros; those to the shape it has go."""
    for node in graph.nodes:
        if node.op_type != "Reshape":
            continue
        sizes = _sizes(graph, node.input[1], of=node.input[0])
        if sizes is None:
            continue
        if node.input[1] not in graph.constants:
            node.input[1] = graph.add(np.array(sizes, np.int64))
        was = graph.shapes.get(node.input[0])
        if was is not None and len(was) == len(sizes) and None not in was[1:] and sizes[1:] == was[1:]:
            _become_identity(node, node.input[0])


def _sizes(graph: _Graph, name: str, of: str) -> list[int] | None:
    """The numbers of a shape, 0 for one that is copied from the same place of a tensor's shape."""
    if (known := graph.ints(name)) is not None:
        return known
    if (node := graph.maker(name, "Concat")) is None:
        return None
    sizes: list[int] = []
    for part in node.input:
        cut, found = graph.maker(part, "Slice"), graph.ints(part)
        if found is None and cut is not None:
            source, begin = graph.maker(cut.input[0], "Shape"), graph.ints(cut.input[1])
            (taken,) = graph.shapes.get(part, [None])
            if source is not None and source.input[0] == of and begin == [len(sizes)] and taken is not None:
                found = [0] * taken
        if found is None:
            return None
        sizes += found
    return sizes


def _sum_at_once(graph: _Graph) -> None:
    """Sums of squares have an operator of their own. (OpenVINO 2026.4 crashes on that of magnitudes.)"""
    for node in graph.nodes:
        square = graph.maker(node.input[0], "Mul") if node.op_type == "ReduceSum" else None
        axes = graph.ints(node.input[1]) if len(node.input) > 1 else None
        if square is not None and axes is not None and square.input[0] == square.input[1]:
            keep = _attribute(node, "keepdims")
            node.op_type = "ReduceSumSquare"
            del node.attribute[:], node.input[:]
            node.input.append(square.input[0])
            # The axes are an attribute of it up to opset 17.
            node.attribute.append(helper.make_attribute("axes", axes))
            node.attribute.append(helper.make_attribute("keepdims", 1 if keep is None else keep))


def _undo(graph: _Graph) -> None:
    """A dimension that is only added goes without being added."""
    for node in graph.nodes:
        added = graph.maker(node.input[0], "Unsqueeze") if node.op_type == "Squeeze" else None
        if added is None or len(node.input) < 2:
            continue
        rank = len(graph.shapes.get(added.output[0], []))
        ours, theirs = graph.ints(node.input[1]), graph.ints(added.input[1])
        if rank and ours and theirs and {k % rank for k in ours} == {k % rank for k in theirs}:
            _become_identity(node, added.input[0])


def _join(graph: _Graph) -> None:
    """What is put together only to be put together with more is so at once."""
    for node in graph.nodes:
        if node.op_type != "Concat":
            continue
        parts = []
        for name in node.input:
            inner = graph.maker(name, "Concat")
            same = inner is not None and _axis(graph, inner) == _axis(graph, node)
            parts += (
                list(inner.input) if inner is not None and same and _only_here(graph, name, node) else [name]
            )
        del node.input[:]
        node.input.extend(parts)


def _only_here(graph: _Graph, name: str, node: Any) -> bool:
    return name not in graph.outputs and graph.uses[name] == list(node.input).count(name)


def _axis(graph: _Graph, node: Any) -> int | None:
    axis, rank = _attribute(node, "axis"), len(graph.shapes.get(node.output[0], []))
    return axis if axis is None or axis >= 0 else axis + rank if rank else None


def _split_once(graph: _Graph) -> None:
    """A part of a split that is only split again is split at once."""
    for node in list(graph.nodes):
        whole = graph.maker(node.input[0], "Split") if node.op_type == "Split" else None
        if whole is None or graph.uses[node.input[0]] != 1 or _axis(graph, whole) != _axis(graph, node):
            continue
        outer, inner = graph.ints(whole.input[1]), graph.ints(node.input[1])
        if outer is None or inner is None:
            continue
        at = list(whole.output).index(node.input[0])
        names = [*whole.output[:at], *node.output, *whole.output[at + 1 :]]
        whole.input[1] = graph.add(np.array([*outer[:at], *inner, *outer[at + 1 :]], np.int64))
        del whole.output[:]
        whole.output.extend(names)
        graph.nodes.remove(node)

"""The same ONNX graph with fewer nodes: constants as weights, nothing twice, nothing for nothing."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import numpy_helper


def slim(model: Any) -> Any:
    """A copy of an `onnx.ModelProto` without constant nodes, equal weights, identities and dead ends.

    Inputs and outputs are those of the original; the numbers it gives are the same to the last bit.
    """
    model = constants_to_weights(model)
    _skip_identities(model.graph)
    _merge_weights(model.graph)
    _drop_unused(model.graph)
    return model


def constants_to_weights(model: Any) -> Any:
    """A copy in which what `Constant` nodes give is stored among the weights."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    kept = []
    for node in graph.node:
        values = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Constant" and "value" in values:
            tensor = graph.initializer.add()
            tensor.CopyFrom(values["value"].t)
            tensor.name = node.output[0]
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    return changed


def _skip_identities(graph: Any) -> None:
    """Take what an identity copies where the copy is taken; an output's own name has to stay."""
    outputs = {value.name for value in graph.output}
    source: dict[str, str] = {}
    kept = []
    for node in graph.node:
        _rename_inputs(node, source)
        if node.op_type == "Identity" and node.output[0] not in outputs:
            source[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _merge_weights(graph: Any) -> None:
    first: dict[tuple[Any, ...], str] = {}
    same: dict[str, str] = {}
    fixed = {value.name for value in (*graph.input, *graph.output)}
    kept = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        key = (tensor.data_type, tuple(tensor.dims), values.tobytes())
        if tensor.name in fixed or key not in first:
            first.setdefault(key, tensor.name)
            kept.append(tensor)
        else:
            same[tensor.name] = first[key]
    for node in graph.node:
        _rename_inputs(node, same)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _rename_inputs(node: Any, names: dict[str, str]) -> None:
    for k, name in enumerate(node.input):
        node.input[k] = names.get(name, name)
    for attribute in node.attribute:
        for inside in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            for inner in inside.node:
                _rename_inputs(inner, names)


def _drop_unused(graph: Any) -> None:
    used = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if used.intersection(node.output):
            kept.append(node)
            used.update(_taken(node))
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _taken(node: Any) -> set[str]:
    names = set(node.input)
    for attribute in node.attribute:
        for inside in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            names.update(value.name for value in inside.output)
            for inner in inside.node:
                names |= _taken(inner)
    return names

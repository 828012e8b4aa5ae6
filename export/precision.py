"""An FP32 ONNX model as a strongly typed FP16 one, in which nodes that need it stay FP32."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.preprocess_graph import PREFIX
from export.slim import constants_to_weights
from realtime.errors import ModelError

_FLOAT, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16
_LARGEST = float(np.finfo(np.float16).max)
_SUFFIX = "/fp16"
# Their element type is written in an attribute, so that the inputs do not settle it.
_TYPED = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "EyeLike", "Range")


def to_float16(model: Any, kept: Collection[str] = ()) -> Any:
    """A copy of an `onnx.ModelProto` that stores weights and computes in FP16.

    kept: nodes that stay FP32, by the name of their first output. Inputs and outputs of the graph stay
    FP32 and keep their names; casts stand where the precision changes. Nodes that have no FP16 form, that
    hold graphs, that preprocess, or whose weights overflow stay FP32 as well. Raises ModelError when the
    types of the graph cannot be inferred.
    """
    model = constants_to_weights(model)
    return _Converter(model, frozenset(kept)).convert()


def convertible(model: Any) -> list[str]:
    """The nodes that `to_float16` would turn into FP16, in order, by the name of their first output."""
    model = constants_to_weights(model)
    converter = _Converter(model, frozenset())
    return [node.output[0] for node in model.graph.node if converter.turns(node)]


@dataclass(slots=True)
class _Converter:
    """One conversion. `made`: tensors that exist, by name; the FP16 form of `x` is called `x/fp16`."""

    model: Any
    kept: frozenset[str]
    floats: set[str] = field(init=False)
    weights: dict[str, Any] = field(init=False)
    opsets: dict[str, int] = field(init=False)
    made: set[str] = field(init=False)
    nodes: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self.opsets = {entry.domain: entry.version for entry in self.model.opset_import}
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.floats = float_tensors(self.model)
        self.made = {*self.weights, *(value.name for value in graph.input)}

    def convert(self) -> Any:
        graph = self.model.graph
        for node in graph.node:
            self._halve(node) if self.turns(node) else self._leave(node)
        for value in graph.output:
            self._need_full(value.name)
        del graph.node[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        self._store_weights()
        try:
            onnx.checker.check_model(self.model)
        except onnx.checker.ValidationError as error:
            raise ModelError(f"the FP16 form of {graph.name} is not valid ONNX: {error}") from error
        return self.model

    def turns(self, node: Any) -> bool:
        """Whether a node computes on floats, can do so in FP16, and is not to stay FP32."""
        if node.name.startswith(PREFIX) or node.output[0] in self.kept:
            return False
        if node.op_type in _TYPED or _holds_graph(node):
            return False
        slots = self._slots(node)
        if slots is None:
            return False
        inputs, outputs = slots
        touched = [name for name, half in zip(node.input, inputs, strict=True) if half]
        made = [name for name in node.output if name in self.floats]
        if any(name in self.floats and not half for name, half in zip(node.output, outputs, strict=True)):
            return False
        return bool(touched or made) and not any(self._overflows(name) for name in touched)

    def _slots(self, node: Any) -> tuple[list[bool], list[bool]] | None:
        """For each input and output of a node, whether it is a float that may be FP16. None: unknown node."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        try:
            schema = onnx.defs.get_schema(node.op_type, self.opsets.get(domain, 1), domain)
        except onnx.defs.SchemaError:
            return None
        allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}

        def may(formal: Any, k: int, name: str) -> bool:
            kind = formal[min(k, len(formal) - 1)].type_str
            return name in self.floats and "tensor(float16)" in allowed.get(kind, (kind,))

        return (
            [may(schema.inputs, k, name) for k, name in enumerate(node.input)],
            [may(schema.outputs, k, name) for k, name in enumerate(node.output)],
        )

    def _overflows(self, name: str) -> bool:
        tensor = self.weights.get(name)
        if tensor is None:
            return False
        values = numpy_helper.to_array(tensor)
        return bool((np.abs(values[np.isfinite(values)]) > _LARGEST).any())

    def _halve(self, node: Any) -> None:
        slots = self._slots(node)
        assert slots is not None
        changed = onnx.NodeProto()
        changed.CopyFrom(node)
        for k, half in enumerate(slots[0]):
            if half:
                changed.input[k] = self._need_half(node.input[k])
            else:
                self._need_full(node.input[k])
        for k, half in enumerate(slots[1]):
            if half:
                changed.output[k] = node.output[k] + _SUFFIX
            self.made.add(changed.output[k])
        for attribute in changed.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == _FLOAT:
                attribute.i = _HALF
            elif node.op_type == "ConstantOfShape" and attribute.name == "value":
                values = numpy_helper.to_array(attribute.t).astype(np.float16)
                attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))
        self.nodes.append(changed)

    def _leave(self, node: Any) -> None:
        for name in (*node.input, *_captured(node)):
            self._need_full(name)
        self.made.update(node.output)
        self.nodes.append(node)

    def _need_half(self, name: str) -> str:
        """The name of a tensor's FP16 form, made if need be."""
        half = name + _SUFFIX
        if half not in self.made:
            self.made.add(half)
            if name not in self.weights:
                self._cast(name, half, _HALF)
        return half

    def _need_full(self, name: str) -> None:
        """Make a tensor's FP32 form, unless it exists."""
        if name and name not in self.made and name + _SUFFIX in self.made:
            self.made.add(name)
            self._cast(name + _SUFFIX, name, _FLOAT)

    def _cast(self, source: str, target: str, to: int) -> None:
        self.nodes.append(helper.make_node("Cast", [source], [target], name=f"cast {target}", to=to))

    def _store_weights(self) -> None:
        """Keep of each weight the forms that are used."""
        graph = self.model.graph
        used = {name for node in graph.node for name in (*node.input, *_captured(node))}
        used |= {value.name for value in graph.output}
        halves = [
            numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name + _SUFFIX)
            for name, tensor in self.weights.items()
            if name + _SUFFIX in used
        ]
        fulls = [tensor for name, tensor in self.weights.items() if name in used]
        del graph.initializer[:]
        graph.initializer.extend([*fulls, *halves])


def float_tensors(model: Any) -> set[str]:
    """The names of all FP32 tensors. Raises ModelError when they cannot be told."""
    try:
        graph = onnx.shape_inference.infer_shapes(model, check_type=True, data_prop=True).graph
    except Exception as error:  # the checker raises types of its own
        name = model.graph.name
        raise ModelError(f"{name} has tensors of no clear type ({error}): export it again") from error
    values = (*graph.input, *graph.output, *graph.value_info)
    found = {v.name for v in values if v.type.tensor_type.elem_type == _FLOAT}
    return found | {tensor.name for tensor in graph.initializer if tensor.data_type == _FLOAT}


def _holds_graph(node: Any) -> bool:
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def _captured(node: Any) -> Iterator[str]:
    """Names that the graphs inside a node may take from around it."""
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            for inner in graph.node:
                yield from inner.input
                yield from _captured(inner)
            yield from (value.name for value in graph.output)

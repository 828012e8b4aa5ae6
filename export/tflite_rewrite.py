"""Exact rewrites of a TFLite graph that leave a smaller and faster one to convert."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from export.tflite_schema import Graph, Operator, Tensor
from realtime.errors import ModelError
from realtime.types import Array

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_SAME = 0


def simplify(graph: Graph, outputs: Iterable[int]) -> Graph:
    """The graph that computes these tensors, and nothing else, in as little work as is known here.

    Constants are float32; windows state their padding as `top`, `bottom`, `left` and `right`; zero
    padding is part of the convolution it feeds; a convolution that only mixes channels comes before an
    enlargement. Raises ModelError for constants that are quantised.
    """
    graph = _prune(graph, outputs)
    graph = _fold_constants(graph)
    graph = _state_padding(graph)
    graph = _fold_padding(graph)
    graph = _shrink_enlarged(graph)
    return _prune(graph, outputs)


def constant(graph: Graph, operator: Operator, position: int) -> Array:
    """The values of an operator's input that must be known beforehand. Raises ModelError if they are not."""
    index = operator.inputs[position] if position < len(operator.inputs) else -1
    values = graph.tensors[index].values if index >= 0 else None
    if values is None:
        raise ModelError(f"{operator.name} with input {position} computed at run time is not supported")
    return values


def _prune(graph: Graph, outputs: Iterable[int]) -> Graph:
    needed = set(outputs)
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            kept.append(operator)
            needed.update(operator.inputs)
    return replace(graph, operators=tuple(reversed(kept)))


def _fold_constants(graph: Graph) -> Graph:
    tensors, kept = list(graph.tensors), []
    for operator in graph.operators:
        if operator.name not in ("DENSIFY", "DEQUANTIZE"):
            kept.append(operator)
            continue
        source = tensors[operator.inputs[0]]
        if operator.name == "DEQUANTIZE" and source.dtype != "float16":
            raise ModelError(
                f"DEQUANTIZE of {source.dtype} is not supported: the model is quantised; "
                "use its float16 or float32 form"
            )
        if source.values is None:
            raise ModelError(f"{operator.name} of a tensor computed at run time is not supported")
        target = tensors[operator.outputs[0]]
        tensors[operator.outputs[0]] = replace(target, values=source.values.astype(target.dtype))
    return replace(graph, tensors=tuple(tensors), operators=tuple(kept))


def _state_padding(graph: Graph) -> Graph:
    """Turn SAME and VALID into numbers of pixels."""
    return replace(graph, operators=tuple(_padded(graph, operator) for operator in graph.operators))


def _padded(graph: Graph, operator: Operator) -> Operator:
    if "padding" not in operator.options:
        return operator
    options = dict(operator.options)
    if operator.name in CONVOLUTIONS:
        kernel = graph.tensors[operator.inputs[1]].shape
        options["filter_h"], options["filter_w"] = kernel[1], kernel[2]
    pads = {"top": 0, "bottom": 0, "left": 0, "right": 0}
    if options.pop("padding") == _SAME:
        _, height, width, _ = _shape4(graph, operator)
        pads["top"], pads["bottom"] = _same(height, "h", options)
        pads["left"], pads["right"] = _same(width, "w", options)
    return replace(operator, options={**options, **pads})


def _same(size: int, axis: str, options: dict[str, int]) -> tuple[int, int]:
    """The padding before and after that makes ceil(size / stride) outputs; the odd pixel goes after."""
    stride = options[f"stride_{axis}"]
    extent = (options[f"filter_{axis}"] - 1) * options.get(f"dilation_{axis}", 1) + 1
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def _shape4(graph: Graph, operator: Operator) -> tuple[int, int, int, int]:
    shape = graph.tensors[operator.inputs[0]].shape
    if len(shape) != 4:
        raise ModelError(f"{operator.name} of a tensor with {len(shape)} dimensions is not supported")
    return shape[0], shape[1], shape[2], shape[3]


def _fold_padding(graph: Graph) -> Graph:
    made_by = {output: operator for operator in graph.operators for output in operator.outputs}
    operators = []
    for operator in graph.operators:
        source = made_by.get(operator.inputs[0]) if operator.name in CONVOLUTIONS else None
        if source is not None and source.name == "PAD":
            pads = constant(graph, source, 1)
            if pads.shape == (4, 2) and not pads[[0, 3]].any() and (pads >= 0).all():
                options = dict(operator.options)
                for side, extra in zip(("top", "bottom", "left", "right"), pads[1:3].ravel(), strict=True):
                    options[side] += int(extra)
                operator = replace(operator, inputs=(source.inputs[0], *operator.inputs[1:]), options=options)
        operators.append(operator)
    return replace(graph, operators=tuple(operators))


def _shrink_enlarged(graph: Graph) -> Graph:
    """Mix channels before an enlargement, not after: both are linear, and bilinear weights sum to one."""
    made_by = {output: operator for operator in graph.operators for output in operator.outputs}
    tensors = list(graph.tensors)

    def swapped(operator: Operator) -> Iterator[Operator]:
        resize = made_by.get(operator.inputs[0])
        if resize is None or not _commutes(graph, operator, resize):
            yield operator
            return
        _, height, width, _ = _shape4(graph, resize)
        mixed = graph.tensors[operator.outputs[0]]
        tensors.append(
            Tensor(f"{mixed.name}_small", (*mixed.shape[:1], height, width, mixed.shape[3]), mixed.dtype)
        )
        small, activation = len(tensors) - 1, operator.options["activation"]
        yield replace(
            operator, inputs=(resize.inputs[0], *operator.inputs[1:]), outputs=(small,),
            options={**operator.options, "activation": 0},
        )  # fmt: skip
        yield replace(
            resize, inputs=(small, *resize.inputs[1:]), outputs=operator.outputs,
            options={**resize.options, "activation": activation},
        )  # fmt: skip

    operators = tuple(step for operator in graph.operators for step in swapped(operator))
    return replace(graph, tensors=tuple(tensors), operators=operators)


def _commutes(graph: Graph, conv: Operator, resize: Operator) -> bool:
    """Whether a 1x1 convolution after this step can come before it, and is cheaper there."""
    if conv.name != "CONV_2D" or resize.name != "RESIZE_BILINEAR":
        return False
    options, kernel = conv.options, graph.tensors[conv.inputs[1]].shape
    pointwise = kernel[1:3] == (1, 1) and options["stride_h"] == options["stride_w"] == 1
    padded = any(options[side] for side in ("top", "bottom", "left", "right"))
    before, after = graph.tensors[resize.inputs[0]].shape, graph.tensors[resize.outputs[0]].shape
    return pointwise and not padded and kernel[0] <= before[3] and math.prod(before) < math.prod(after)

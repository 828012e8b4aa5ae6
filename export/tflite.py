"""From a TFLite file to an ONNX model that CPU runtimes run fast.

Inside, images are NCHW; only the network's own input and outputs keep TFLite's NHWC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.tflite_rewrite import constant, simplify
from export.tflite_schema import DAMAGED, Graph, Operator, read_tflite
from realtime.errors import ModelError
from realtime.types import Array

OPSET = 17
IR_VERSION = 8
INPUT = "image"
PRODUCER = "realtime-pose3d"

Layout = Literal["NHWC", "NCHW"]
"""NHWC stands for TFLite's own order, also of tensors that are no images."""

_TRANSPOSES: Mapping[Layout, tuple[int, ...]] = {"NCHW": (0, 3, 1, 2), "NHWC": (0, 2, 3, 1)}
_FIRST = _TRANSPOSES["NCHW"]
_RELU, _RELU6 = 1, 3


def convert(data: bytes, outputs: Mapping[str, str], name: str) -> Any:
    """An `onnx.ModelProto` that computes some outputs of a TFLite file.

    outputs: for each output of the ONNX model, in order, the tensor's name in the TFLite file. What only
    feeds other tensors is left out. The input is `image`. Shapes are those of the TFLite file, images
    (1, H, W, C), all float32. The same file gives the same bytes. Raises ModelError when the file is
    damaged, lacks an output, or needs an operator or option that is not supported, naming it.
    """
    try:
        graph = read_tflite(data)
        wanted = _find_outputs(graph, outputs)
        graph = simplify(graph, wanted.values())
        writer = _Writer(graph, wanted)
        for operator in graph.operators:
            writer.write(operator)
        return writer.finish(name)
    except DAMAGED as error:
        raise ModelError(f"the TFLite file of {name} is damaged ({error!r}): get it again") from error


def _find_outputs(graph: Graph, outputs: Mapping[str, str]) -> dict[str, int]:
    computed = {graph.tensors[index].name: index for step in graph.operators for index in step.outputs}
    for tensor in outputs.values():
        if tensor not in computed:
            known = ", ".join(graph.tensors[index].name for index in graph.outputs)
            raise ModelError(f"the TFLite file computes no tensor {tensor!r}; its outputs: {known}")
    return {name: computed[tensor] for name, tensor in outputs.items()}


class _Writer:
    """The ONNX graph as it grows. Each tensor has a name in each layout it was needed in."""

    def __init__(self, graph: Graph, outputs: Mapping[str, int]) -> None:
        if len(graph.inputs) != 1:
            raise ModelError(f"the TFLite file takes {len(graph.inputs)} inputs: only one is supported")
        self._graph = graph
        self._outputs = outputs
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}
        self._names: dict[tuple[int, Layout], str] = {(graph.inputs[0], "NHWC"): INPUT}

    def write(self, operator: Operator) -> None:
        """Append the nodes of one operator."""
        if operator.name not in _OPERATORS:
            known = ", ".join(sorted(_OPERATORS))
            raise ModelError(f"TFLite operator {operator.name} is not supported; supported: {known}")
        for index in (operator.inputs[0], *operator.outputs):
            dtype = self._graph.tensors[index].dtype
            if dtype != "float32":
                raise ModelError(f"{operator.name} on {dtype} is not supported: use the model's float form")
        _OPERATORS[operator.name](self, operator)

    def shape(self, index: int) -> tuple[int, ...]:
        """A tensor's shape in TFLite's order."""
        return self._graph.tensors[index].shape

    def layout(self, index: int) -> Layout:
        """The layout to compute a tensor in."""
        return "NCHW" if len(self.shape(index)) == 4 else "NHWC"

    def values(self, operator: Operator, position: int) -> Array:
        """A constant input of an operator, in TFLite's order."""
        return constant(self._graph, operator, position)

    def constant(self, name: str, values: Array) -> str:
        """Store a constant, once, and give its name back."""
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def tensor(self, index: int, layout: Layout) -> str:
        """The name of a tensor in a layout, transposing it if that was not needed before."""
        if (index, layout) not in self._names:
            values = self._graph.tensors[index].values
            other: Layout = "NCHW" if layout == "NHWC" else "NHWC"
            if values is not None:
                turned = values if layout == "NHWC" else values.transpose(_FIRST)
                self._names[index, layout] = self.constant(f"c{index}_{layout}", turned)
            elif (index, other) in self._names:
                source = self._names[index, other]
                self.node("Transpose", [source], index, layout, perm=_TRANSPOSES[layout])
            else:
                raise ModelError(f"TFLite tensor {index} is used before it is computed: the file is damaged")
        return self._names[index, layout]

    def flat(self, index: int) -> str:
        """The name of a tensor whose numbers lie in TFLite's order, in either layout."""
        shape = self.shape(index)
        same = len(shape) == 4 and (shape[1] * shape[2] == 1 or shape[3] == 1)
        if same and (index, "NCHW") in self._names:
            return self._names[index, "NCHW"]
        return self.tensor(index, "NHWC")

    def node(
        self, kind: str, inputs: Sequence[str], index: int, layout: Layout, activation: int = 0,
        **attributes: Any,
    ) -> None:  # fmt: skip
        """Append the node that computes tensor `index` in a layout, then its fused activation."""
        name = f"t{index}_{layout}"
        if layout == "NHWC":
            name = next((out for out, wanted in self._outputs.items() if wanted == index), name)
        self._names[index, layout] = name
        target = f"{name}_linear" if activation else name
        self._nodes.append(helper.make_node(kind, inputs, [target], target, **attributes))
        if activation == _RELU:
            self._nodes.append(helper.make_node("Relu", [target], [name], name))
        elif activation == _RELU6:
            low, high = (self.constant(f"f{n}", np.array(n, np.float32)) for n in (0, 6))
            self._nodes.append(helper.make_node("Clip", [target, low, high], [name], name))
        elif activation:
            raise ModelError(f"the fused activation number {activation} of a {kind} is not supported")

    def finish(self, name: str) -> Any:
        """The model, checked."""
        for output, index in self._outputs.items():
            source = self.tensor(index, "NHWC")
            if source != output:
                self._nodes.append(helper.make_node("Identity", [source], [output], output))
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, self.shape(self._graph.inputs[0]))],
            [
                helper.make_tensor_value_info(output, TensorProto.FLOAT, self.shape(index))
                for output, index in self._outputs.items()
            ],
            list(self._initializers.values()),
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name=PRODUCER)
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ModelError(f"the TFLite file's shapes contradict each other: {error}") from error
        return model


def _write_convolution(writer: _Writer, step: Operator) -> None:
    options, channels = step.options, writer.shape(step.inputs[0])[-1]
    kernel = writer.values(step, 1)
    if step.name == "DEPTHWISE_CONV_2D":
        kernel, groups = kernel.transpose(3, 0, 1, 2), channels
    else:
        kernel, groups = kernel.transpose(0, 3, 1, 2), channels // kernel.shape[3]
    inputs = [
        writer.tensor(step.inputs[0], "NCHW"),
        writer.constant(f"c{step.inputs[1]}_{step.name}", kernel),
        writer.constant(f"c{step.inputs[2]}", writer.values(step, 2)),
    ]
    writer.node(
        "Conv", inputs, step.outputs[0], "NCHW", options["activation"],
        dilations=[options["dilation_h"], options["dilation_w"]], group=groups, **_window(step),
    )  # fmt: skip


def _window(step: Operator) -> dict[str, list[int]]:
    options = step.options
    return {
        "kernel_shape": [options["filter_h"], options["filter_w"]],
        "pads": [options[side] for side in ("top", "left", "bottom", "right")],
        "strides": [options["stride_h"], options["stride_w"]],
    }


def _write_max_pool(writer: _Writer, step: Operator) -> None:
    source = writer.tensor(step.inputs[0], "NCHW")
    writer.node("MaxPool", [source], step.outputs[0], "NCHW", step.options["activation"], **_window(step))


def _write_add(writer: _Writer, step: Operator) -> None:
    output = step.outputs[0]
    if any(len(writer.shape(index)) != len(writer.shape(output)) for index in step.inputs):
        raise ModelError("ADD of tensors with different numbers of dimensions is not supported")
    layout = writer.layout(output)
    inputs = [writer.tensor(index, layout) for index in step.inputs]
    writer.node("Add", inputs, output, layout, step.options["activation"])


def _write_pad(writer: _Writer, step: Operator) -> None:
    output, pads = step.outputs[0], writer.values(step, 1)
    layout = writer.layout(output)
    if layout == "NCHW":
        pads = pads[list(_FIRST)]
    amounts = writer.constant(f"pads{output}", pads.T.ravel().astype(np.int64))
    writer.node("Pad", [writer.tensor(step.inputs[0], layout), amounts], output, layout)


def _write_resize(writer: _Writer, step: Operator) -> None:
    output, options = step.outputs[0], step.options
    batch, height, width, channels = writer.shape(output)
    mode = "asymmetric"
    if options["align_corners"]:
        mode = "align_corners"
    elif options["half_pixel"]:
        mode = "half_pixel"
    sizes = writer.constant(f"sizes{output}", np.array([batch, channels, height, width], np.int64))
    writer.node(
        "Resize", [writer.tensor(step.inputs[0], "NCHW"), "", "", sizes], output, "NCHW",
        options.get("activation", 0), mode="linear", coordinate_transformation_mode=mode,
    )  # fmt: skip


def _write_depth_to_space(writer: _Writer, step: Operator) -> None:
    source, size = writer.tensor(step.inputs[0], "NCHW"), step.options["block_size"]
    writer.node("DepthToSpace", [source], step.outputs[0], "NCHW", blocksize=size, mode="DCR")


def _write_reshape(writer: _Writer, step: Operator) -> None:
    output = step.outputs[0]
    shape = writer.constant(f"shape{output}", np.array(writer.shape(output), np.int64))
    writer.node("Reshape", [writer.flat(step.inputs[0]), shape], output, "NHWC")


def _write_logistic(writer: _Writer, step: Operator) -> None:
    layout = writer.layout(step.outputs[0])
    writer.node("Sigmoid", [writer.tensor(step.inputs[0], layout)], step.outputs[0], layout)


def _write_concatenation(writer: _Writer, step: Operator) -> None:
    output, options = step.outputs[0], step.options
    layout = writer.layout(output)
    axis = options["axis"] % len(writer.shape(output))
    if layout == "NCHW":
        axis = _FIRST.index(axis)
    inputs = [writer.tensor(index, layout) for index in step.inputs]
    writer.node("Concat", inputs, output, layout, options["activation"], axis=axis)


_OPERATORS: Mapping[str, Callable[[_Writer, Operator], None]] = {
    "ADD": _write_add,
    "CONCATENATION": _write_concatenation,
    "CONV_2D": _write_convolution,
    "DEPTHWISE_CONV_2D": _write_convolution,
    "DEPTH_TO_SPACE": _write_depth_to_space,
    "LOGISTIC": _write_logistic,
    "MAX_POOL_2D": _write_max_pool,
    "PAD": _write_pad,
    "RESHAPE": _write_reshape,
    "RESIZE_BILINEAR": _write_resize,
}

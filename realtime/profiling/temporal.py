"""One causal temporal convolutional net in two forms, as ONNX: a step that keeps its past, and a window.

The shape is VideoPose3D's (Pavllo et al., 2019, section 3): a stem of three taps, then residual blocks whose
three taps lie 3, 9, 27 ... frames apart, each with a layer per frame behind it. The window form is the one
its authors run for a single output, in which every layer is computed only where its result is used. Both
take the same random weights and give the same pose: what differs is what is computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from realtime.engines.base import Engine
from realtime.types import Array, FloatArray

TAPS = 3
FEATURES, POSE = 34, 51
_OPSET = 17


@dataclass(frozen=True, slots=True)
class TemporalNet:
    """The weights. stem: (3, 34, width). blocks: taps (3, width, width) and per-frame layers (width, width).

    Each comes with its bias, where batch norm went. head: (width, 51). Features count from old to new taps.
    """

    stem: tuple[FloatArray, FloatArray]
    blocks: tuple[tuple[FloatArray, FloatArray, FloatArray, FloatArray], ...]
    head: tuple[FloatArray, FloatArray]

    @classmethod
    def random(cls, blocks: int, width: int = 1024, seed: int = 0) -> TemporalNet:
        """Weights of a scale that keeps the numbers near one through the layers."""
        random = np.random.default_rng(seed)

        def layer(*shape: int) -> tuple[FloatArray, FloatArray]:
            weights = random.standard_normal(shape, np.float32) / np.float32(np.sqrt(np.prod(shape[:-1])))
            return weights, np.float32(0.1) * random.standard_normal(shape[-1], np.float32)

        stem = layer(TAPS, FEATURES, width)
        stacked = tuple((*layer(TAPS, width, width), *layer(width, width)) for _ in range(blocks))
        return cls(stem, stacked, layer(width, POSE))

    @property
    def width(self) -> int:
        """Channels."""
        return len(self.stem[1])

    @property
    def receptive_field(self) -> int:
        """Frames that an output depends on: 3 ** (blocks + 1)."""
        return int(TAPS ** (len(self.blocks) + 1))

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(w.size for layer in (self.stem, *self.blocks, self.head) for w in layer)

    def step_model(self) -> Any:
        """An `onnx.ModelProto` for one frame, to be run by `CachedStep`.

        Takes `features` (1, 34) and `past_k` (2, channels), what layer k was given two dilations ago and one;
        gives `pose` (1, 51) and `frame_k` (1, channels), what layer k was given now. Layer 0 is the stem.
        """
        graph = _Graph()
        graph.input("features", (1, FEATURES))
        x = "features"
        for k, (weights, bias, *mix) in enumerate(((*self.stem,), *self.blocks)):
            channels = weights.shape[1]
            graph.input(f"past_{k}", (TAPS - 1, channels))
            taken = graph.node("Concat", [f"past_{k}", x], axis=0)
            flat = graph.node("Reshape", [taken, graph.numbers([1, TAPS * channels])])
            following = f"frame_{k + 1}" if k < len(self.blocks) else ""
            h = graph.layer(flat, weights.reshape(-1, weights.shape[2]), bias)
            h = graph.node("Relu", [h], "" if mix else following)
            if mix:
                h = graph.node("Relu", [graph.layer(h, mix[0], mix[1])])
                h = graph.node("Add", [x, h], following)
            if following:
                graph.output(following, (1, self.width))
            x = h
        graph.layer(x, *self.head, "pose")
        graph.output("pose", (1, POSE))
        return graph.model("step")

    def window_model(self) -> Any:
        """An `onnx.ModelProto` for a whole window: `features` (1, 34, frames) to `pose` (1, 51, 1)."""
        graph = _Graph()
        graph.input("features", (1, FEATURES, self.receptive_field))
        x = "features"
        for weights, bias, *mix in ((*self.stem,), *self.blocks):
            h = graph.node("Relu", [graph.convolution(x, weights, bias, TAPS)])
            if mix:
                newest = [x, *(graph.numbers(n) for n in ([TAPS - 1], [2**31 - 1], [2], [TAPS]))]
                h = graph.node("Relu", [graph.convolution(h, mix[0][None], mix[1], 1)])
                h = graph.node("Add", [graph.node("Slice", newest), h])
            x = h
        graph.convolution(x, self.head[0][None], self.head[1], 1, "pose")
        graph.output("pose", (1, POSE, 1))
        return graph.model("window")


class _Graph:
    """An ONNX graph in the making. Tensors go by name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: tuple[int, ...]) -> None:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def output(self, name: str, shape: tuple[int, ...]) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def weight(self, values: Array) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def numbers(self, values: list[int]) -> str:
        return self.weight(np.array(values, np.int64))

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        name = output or f"tensor_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def layer(self, x: str, weights: FloatArray, bias: FloatArray, output: str = "") -> str:
        """A linear layer over (1, channels)."""
        return self.node("Gemm", [x, self.weight(weights.T), self.weight(bias)], output, transB=1)

    def convolution(
        self, x: str, weights: FloatArray, bias: FloatArray, stride: int, output: str = ""
    ) -> str:
        """A convolution over time with taps (taps, in, out)."""
        kernel = self.weight(weights.transpose(2, 1, 0))
        return self.node("Conv", [x, kernel, self.weight(bias)], output, strides=[stride])

    def model(self, name: str) -> Any:
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)


class CachedStep:
    """Runs a step model frame by frame: what layers were given stays here, in rings, and is never moved."""

    def __init__(self, net: TemporalNet, engine: Engine) -> None:
        self._engine = engine
        self._frame = 0
        sizes = (FEATURES, *(net.width for _ in net.blocks))
        self._rings = [np.zeros(((TAPS - 1) * TAPS**k, size), np.float32) for k, size in enumerate(sizes)]
        self._past = [np.zeros((TAPS - 1, size), np.float32) for size in sizes]
        self._feeds: dict[str, Array] = {f"past_{k}": past for k, past in enumerate(self._past)}

    def step(self, features: FloatArray) -> FloatArray:
        """The pose (1, 51) of the newest frame's features (1, 34); a view, valid until the next step."""
        for past, ring in zip(self._past, self._rings, strict=True):
            oldest = self._frame % len(ring)
            past[0] = ring[oldest]
            past[1] = ring[oldest - len(ring) // 2]
        out = self._engine.infer({**self._feeds, "features": features})
        given = (features, *(out[f"frame_{k}"] for k in range(1, len(self._rings))))
        for ring, frame in zip(self._rings, given, strict=True):
            ring[self._frame % len(ring)] = frame[0]
        self._frame += 1
        return out["pose"]

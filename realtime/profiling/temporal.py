"""One causal temporal convolutional net in two forms, as ONNX: a step that keeps its past, and a window.

The shape is VideoPose3D's (Pavllo et al., 2019, section 3): a stem of three taps, then residual blocks whose
three taps lie 3, 9, 27 ... frames apart, each with a layer per frame behind it. The window form is the one
its authors run for a single output, in which every layer is computed only where its result is used; its
strides are as long as its kernels, so each layer is one product of matrices. Both take the same random
weights and give the same pose: what differs is what is computed again.

The step reads every weight for one frame's sake, so it costs what reading them costs. But what a block's
older taps make of a frame is not due before a whole dilation later: it is computed for several frames at
once, which reads those weights, half of all, once for them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from realtime.engines.base import Engine
from realtime.types import Array, FloatArray

TAPS = 3
FEATURES, POSE = 34, 51
_OPSET = 17
_MOST_AT_ONCE = TAPS**2
"""Frames. More would save little, and the frame at which they are computed would stand out."""


def frames_at_once(block: int) -> int:
    """For how many frames block 1, 2, ... computes its older taps at once: none may be late."""
    return min(int(TAPS**block), _MOST_AT_ONCE)


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

        Takes `features` (1, 34), `past` (2, 34), those of two frames ago and one, and `older_k` (1, width),
        what the older taps and the bias of block k give, from 1. Gives `pose` (1, 51) and `frame_k`
        (1, width), what block k was given now.
        """
        graph = _Graph()
        graph.input("features", (1, FEATURES))
        graph.input("past", (TAPS - 1, FEATURES))
        taken = graph.node("Concat", ["past", "features"], axis=0)
        flat = graph.node("Reshape", [taken, graph.numbers([1, TAPS * FEATURES])])
        given = [*(f"frame_{k}" for k in range(1, len(self.blocks) + 1)), ""]
        x = graph.node("Relu", [graph.layer(flat, _flat(self.stem[0]), self.stem[1])], given[0])
        for k, (weights, _, mix, bias) in enumerate(self.blocks, 1):
            graph.input(f"older_{k}", (1, self.width))
            graph.output(x, (1, self.width))
            h = graph.node("Relu", [graph.layer(x, weights[-1], f"older_{k}")])
            x = graph.node("Add", [x, graph.node("Relu", [graph.layer(h, mix, bias)])], given[k])
        graph.layer(x, *self.head, "pose")
        graph.output("pose", (1, POSE))
        return graph.model("step")

    def older_models(self) -> list[Any]:
        """An `onnx.ModelProto` for each block's older taps, for frames that follow each other.

        Takes `frames` (`frames_at_once`, width), what the block was given; gives `older` (frames, 2 * width),
        what the oldest tap makes of each, and what the middle one does with the block's bias.
        """
        models = []
        for k, (weights, bias, _, _) in enumerate(self.blocks, 1):
            graph, frames = _Graph(), frames_at_once(k)
            graph.input("frames", (frames, self.width))
            both = np.concatenate([np.zeros_like(bias), bias])
            graph.layer("frames", np.concatenate([weights[0], weights[1]], axis=1), both, "older")
            graph.output("older", (frames, 2 * self.width))
            models.append(graph.model("older"))
        return models

    def window_model(self) -> Any:
        """An `onnx.ModelProto` for a whole window: `features` (frames, 34), old to new, to `pose` (1, 51)."""
        graph = _Graph()
        x, frames, channels = "features", self.receptive_field, FEATURES
        graph.input(x, (frames, channels))
        for weights, bias, *mix in ((*self.stem,), *self.blocks):
            frames //= TAPS
            taken = graph.node("Reshape", [x, graph.numbers([frames, TAPS * channels])])
            h = graph.node("Relu", [graph.layer(taken, _flat(weights), bias)])
            if mix:
                newest = [x, *(graph.numbers(n) for n in ([TAPS - 1], [2**31 - 1], [0], [TAPS]))]
                h = graph.node("Relu", [graph.layer(h, mix[0], mix[1])])
                h = graph.node("Add", [graph.node("Slice", newest), h])
            x, channels = h, self.width
        graph.layer(x, *self.head, "pose")
        graph.output("pose", (1, POSE))
        return graph.model("window")


def _flat(weights: FloatArray) -> FloatArray:
    """Taps (taps, in, out) as one matrix over them all."""
    return weights.reshape(-1, weights.shape[-1])


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

    def layer(self, x: str, weights: FloatArray, bias: FloatArray | str, output: str = "") -> str:
        """A linear layer over (frames, channels). bias: numbers, or a tensor."""
        added = bias if isinstance(bias, str) else self.weight(bias)
        return self.node("Gemm", [x, self.weight(weights), added], output)

    def model(self, name: str) -> Any:
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)


class CachedStep:
    """Runs a step model frame by frame: what layers make of the past stays in rings, and is never moved.

    older: an engine for each of `TemporalNet.older_models`.
    """

    def __init__(self, net: TemporalNet, engine: Engine, older: Sequence[Engine]) -> None:
        self._engine = engine
        self._frame = 0
        self._features = np.zeros((TAPS - 1, FEATURES), np.float32)
        self._past = np.zeros_like(self._features)
        own = enumerate(zip(net.blocks, older, strict=True), 1)
        self._blocks = [_OlderTaps(k, block[1], engine) for k, (block, engine) in own]
        self._feeds: dict[str, Array] = {f"older_{block.number}": block.due for block in self._blocks}
        self._feeds["past"] = self._past

    def step(self, features: FloatArray) -> FloatArray:
        """The pose (1, 51) of the newest frame's features (1, 34); a view, valid until the next step."""
        for block in self._blocks:
            block.look_up(self._frame)
        oldest = self._frame % (TAPS - 1)
        self._past[0], self._past[1] = self._features[oldest], self._features[oldest - 1]
        out = self._engine.infer({**self._feeds, "features": features})
        self._features[oldest] = features[0]
        for block in self._blocks:
            block.take(self._frame, out[f"frame_{block.number}"][0])
        self._frame += 1
        return out["pose"]


class _OlderTaps:
    """What the older taps of block 1, 2, ... make of each frame, in a ring of twice the dilation.

    Blocks are put off against each other, so that no frame computes for all of them. due: (1, width), what
    the frame looked up is to add.
    """

    def __init__(self, number: int, bias: FloatArray, engine: Engine) -> None:
        self.number = number
        self.due = np.zeros((1, len(bias)), np.float32)
        self._engine = engine
        # Block 1 computes at every third frame; 2, 3, ... at one of those between, each at its own.
        self._put_off = (TAPS * (number - 1) - 1) // 2 if number > 1 else 0
        self._waiting = np.zeros((frames_at_once(number), len(bias)), np.float32)
        # Before the first frame all is zero, and the taps give the bias alone.
        self._ring = np.tile(np.concatenate([np.zeros_like(bias), bias]), (2 * TAPS**number, 1))

    def look_up(self, frame: int) -> None:
        """Put into `due` what the taps make of the frames one and two dilations before this one."""
        width, place = self.due.shape[1], (frame - self._put_off) % len(self._ring)
        oldest, middle = self._ring[place], self._ring[place - len(self._ring) // 2]
        np.add(oldest[:width], middle[width:], out=self.due[0])

    def take(self, frame: int, given: FloatArray) -> None:
        """Keep what the block was given at a frame (width,), and compute when enough have come together."""
        since = frame - self._put_off
        place = since % len(self._waiting)
        self._waiting[place] = given
        if place == len(self._waiting) - 1:
            begin = since % len(self._ring) - place
            made = self._engine.infer({"frames": self._waiting})["older"]
            self._ring[begin : begin + len(made)] = made

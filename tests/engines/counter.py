"""Small nets for the TensorRT engine's tests, and what they are fed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from realtime.engines.library import Kind
from realtime.types import Array
from tests.engines.test_contract import save

KINDS: tuple[Kind, ...] = ("tensorrt", "tensorrt-rtx")
STATE = (("sum", "next_sum"), ("steps", "next_steps"))


def tensor(name: str, size: int) -> Any:
    """A row of `size` floats for each person."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])


def write_counter(folder: Path) -> Path:
    """A net with two states: `sum` adds up what is fed, `steps` counts; `seen` is sum * 100 + steps."""
    nodes = [
        helper.make_node("Add", ["sum", "x"], ["next_sum"]),
        helper.make_node("Constant", [], ["one"], value_floats=[1.0]),
        helper.make_node("Constant", [], ["hundred"], value_floats=[100.0]),
        helper.make_node("Add", ["steps", "one"], ["next_steps"]),
        helper.make_node("Mul", ["next_sum", "hundred"], ["scaled"]),
        helper.make_node("Add", ["scaled", "next_steps"], ["seen"]),
    ]
    inputs = [tensor("x", 3), tensor("sum", 3), tensor("steps", 1)]
    outputs = [tensor("seen", 3), tensor("next_sum", 3), tensor("next_steps", 1)]
    return save(helper.make_graph(nodes, "counter", inputs, outputs), folder / "counter.onnx")


def feeds(batch: int, seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    sizes = {"x": 3, "sum": 3, "steps": 1}
    return {name: random.standard_normal((batch, n)).astype(np.float32) for name, n in sizes.items()}


def write_brightness(folder: Path, height: int | str, width: int | str) -> Path:
    """A net that takes a frame (height, width, 3) uint8, and gives its mean, (1, 1)."""
    nodes = [
        helper.make_node("Cast", ["frame"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "row"], ["brightness"]),
    ]
    frame = helper.make_tensor_value_info("frame", TensorProto.UINT8, [height, width, 3])
    brightness = helper.make_tensor_value_info("brightness", TensorProto.FLOAT, [1, 1])
    row = numpy_helper.from_array(np.array([1, 1], np.int64), "row")
    return save(
        helper.make_graph(nodes, "brightness", [frame], [brightness], [row]), folder / "brightness.onnx"
    )

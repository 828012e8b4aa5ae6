"""Small ONNX models for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from realtime.types import Array


def graph(nodes: Sequence[Any], weights: Mapping[str, Array], rank: int = 2) -> Any:
    """A model from `x` (people, 4) to `y` of free sizes, both float32."""
    made = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["people", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [f"size_{k}" for k in range(rank)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    """An operator; its inputs are separated by spaces."""
    return helper.make_node(kind, inputs.split(), [output], name=f"make {output}", **attributes)

"""An ONNX file of half the size: weights kept in FP16, computed with in FP32."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_WEIGHTED = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
"""Operators whose input of this number is a weight worth the while."""
_LARGEST = float(np.finfo(np.float16).max)
_SUFFIX = "/stored"


def store_half(model: Any) -> Any:
    """A copy of an `onnx.ModelProto` whose convolutions' and products' weights are stored in FP16.

    A Cast to FP32 follows each, which every back end does once, when it loads the file: it then runs as fast
    as before, with rounded weights. Inputs, outputs, biases and all other constants stay as they are, and so
    does a weight that FP16 cannot hold.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    wanted = [
        name
        for node in graph.node
        for name in [node.input[_WEIGHTED[node.op_type]] if node.op_type in _WEIGHTED else ""]
        if name in weights and _fits(weights[name])
    ]
    casts = []
    for name in dict.fromkeys(wanted):
        rounded = numpy_helper.to_array(weights[name]).astype(np.float16)
        weights[name].CopyFrom(numpy_helper.from_array(rounded, name + _SUFFIX))
        casts.append(
            helper.make_node("Cast", [name + _SUFFIX], [name], name=f"widen {name}", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(changed)
    return changed


def _fits(tensor: Any) -> bool:
    if tensor.data_type != TensorProto.FLOAT:
        return False
    return bool((np.abs(numpy_helper.to_array(tensor)) <= _LARGEST).all())

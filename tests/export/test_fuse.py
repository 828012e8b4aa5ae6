"""Fused graphs give the same numbers with fewer operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export.fuse import fuse
from export.mixed import InMemory
from export.to_onnx import Provenance, export_step
from realtime.types import Array
from tests.export.graphs import graph, node
from tests.export.lifters import small_net

X = np.random.default_rng(3).standard_normal((5, 4)).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def fused(model: Any, atol: float = 0.0) -> list[str]:
    """The operators that are left, after a check that they give the same for two numbers of people."""
    thin = fuse(model)
    onnx.checker.check_model(thin, full_check=True)
    for x in (X, X[:1]):
        ours, theirs = InMemory(thin).infer({"x": x})["y"], InMemory(model).infer({"x": x})["y"]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
    return [n.op_type for n in thin.graph.node]


def test_the_sizes_a_tensor_has_are_not_read_off_it() -> None:
    nodes = [
        node("Reshape", "x pairs", "three"),
        node("Shape", "three", "shape"),
        node("Slice", "shape zero one", "people"),
        node("Concat", "people rest", "sizes", axis=0),
        node("Reshape", "three sizes", "y"),
    ]
    weights = {"pairs": ints(-1, 2, 2), "zero": ints(0), "one": ints(1), "rest": ints(-1)}
    assert fused(graph(nodes, weights)) == ["Reshape", "Reshape"]


def test_sizes_of_another_tensor_stay() -> None:
    nodes = [
        node("Transpose", "x", "other", perm=[1, 0]),
        node("Shape", "other", "shape"),
        node("Slice", "shape zero one", "four"),
        node("Concat", "four rest", "sizes", axis=0),
        node("Reshape", "x sizes", "y"),
    ]
    weights = {"zero": ints(0), "one": ints(1), "rest": ints(-1)}
    assert "Shape" in fused(graph(nodes, weights))


def test_a_reshape_to_the_shape_it_has_goes() -> None:
    nodes = [node("Neg", "x", "a"), node("Reshape", "a same", "b"), node("Abs", "b", "y")]
    assert fused(graph(nodes, {"same": ints(-1, 4)})) == ["Neg", "Abs"]


def test_what_depends_on_no_input_is_worked_out() -> None:
    nodes = [
        node("ConstantOfShape", "two", "zeros"),
        node("Concat", "ends zeros", "pads", axis=0),
        node("Cast", "pads", "whole", to=onnx.TensorProto.INT64),
        node("Pad", "x whole", "y"),
    ]
    empty = onnx.numpy_helper.from_array(ints(0))
    nodes[0].attribute.append(onnx.helper.make_attribute("value", empty))
    assert fused(graph(nodes, {"two": ints(2), "ends": ints(0, 1)})) == ["Pad"]


def test_squares_are_summed_at_once() -> None:
    nodes = [node("Mul", "x x", "square"), node("ReduceSum", "square last", "y", keepdims=0)]
    assert fused(graph(nodes, {"last": ints(-1)}, rank=1), atol=1e-5) == ["ReduceSumSquare"]


def test_products_of_two_things_are_not_squares() -> None:
    nodes = [node("Neg", "x", "b"), node("Mul", "x b", "product"), node("ReduceSum", "product last", "y")]
    assert fused(graph(nodes, {"last": ints(-1)})) == ["Neg", "Mul", "ReduceSum"]


def test_a_dimension_added_and_taken_away_was_not_needed() -> None:
    nodes = [node("Unsqueeze", "x one", "a"), node("Squeeze", "a second", "b"), node("Neg", "b", "y")]
    assert fused(graph(nodes, {"one": ints(1), "second": ints(-2)})) == ["Neg"]


def test_parts_are_put_together_at_once() -> None:
    nodes = [
        node("Neg", "x", "n"),
        node("Concat", "x n", "two", axis=-1),
        node("Concat", "two x two", "y", axis=1),
    ]
    assert fused(graph(nodes, {})) == ["Neg", "Concat"]
    nodes[2] = node("Concat", "two two", "y", axis=0)
    assert fused(graph(nodes, {})) == ["Neg", "Concat", "Concat"], "along another axis"


def test_a_part_that_is_wanted_elsewhere_too_stays() -> None:
    nodes = [
        node("Concat", "x x", "two", axis=1),
        node("Neg", "two", "n"),
        node("Concat", "two n", "y", axis=1),
    ]
    assert fused(graph(nodes, {})) == ["Concat", "Neg", "Concat"]


def test_a_part_of_a_split_is_split_at_once() -> None:
    outer = onnx.helper.make_node("Split", ["x", "outer"], ["a", "b"], axis=-1)
    inner = onnx.helper.make_node("Split", ["b", "inner"], ["c", "d"], axis=-1)
    weights = {"outer": ints(1, 3), "inner": ints(2, 1)}
    assert fused(graph([outer, inner, node("Concat", "d a c", "y", axis=1)], weights)) == ["Split", "Concat"]
    both = [outer, inner, node("Concat", "d a c b", "y", axis=1)]
    assert fused(graph(both, weights)) == ["Split", "Split", "Concat"], "the part is wanted whole as well"


@pytest.mark.parametrize("options", [{}, {"second_look": True}], ids=str)
def test_the_step_of_unified_is_lean(options: dict[str, Any], tmp_path: Path) -> None:
    """Nothing is read off shapes, and no other lag's weights are multiplied with."""
    net = small_net("unified", **options)
    manifest = export_step(net, tmp_path, Provenance("a test"))
    nodes = onnx.load(manifest.path).graph.node
    assert not {"Shape", "If", "Expand", "Identity", "Constant", "Range"} & {n.op_type for n in nodes}
    assert len(nodes) <= 190 + 40 * len(options)
    assert [s.shape for s in manifest.state] == list(net.state_shapes)

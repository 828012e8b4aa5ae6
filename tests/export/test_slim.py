"""Slimmed graphs give the same numbers with fewer nodes."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from export.mixed import InMemory
from export.probes import probe_for
from export.slim import slim
from export.variants import load_network
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from tests.export.graphs import graph, node

WEIGHTS = np.arange(16, dtype=np.float32).reshape(4, 4)


def test_what_is_not_needed_goes() -> None:
    nodes = [
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.float32(2))),
        node("Identity", "x", "copy"),
        node("MatMul", "copy w", "a"),
        node("MatMul", "a same", "b"),
        node("Neg", "x", "unused"),
        node("Mul", "b two", "y"),
    ]
    model = graph(nodes, {"w": WEIGHTS, "same": WEIGHTS, "lost": WEIGHTS + 1})
    thin = slim(model)
    assert [n.op_type for n in thin.graph.node] == ["MatMul", "MatMul", "Mul"]
    assert {t.name for t in thin.graph.initializer} == {"w", "two"}
    x = np.ones((3, 4), np.float32)
    np.testing.assert_array_equal(InMemory(thin).infer({"x": x})["y"], InMemory(model).infer({"x": x})["y"])


def test_an_output_keeps_its_name() -> None:
    thin = slim(graph([node("Identity", "x", "y")], {}))
    assert [n.op_type for n in thin.graph.node] == ["Identity"]


def test_the_shipped_lifter_says_the_same_to_the_last_bit() -> None:
    manifest = lifter(DEFAULT_LIFTER)
    model, probe = load_network(manifest.path), probe_for(manifest, 20)
    thin = slim(model)
    assert "Constant" not in {n.op_type for n in thin.graph.node}
    assert len(thin.graph.node) <= len(model.graph.node)
    expected, found = probe.ask(InMemory(model)), probe.ask(InMemory(thin))
    for name, values in expected.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], values)

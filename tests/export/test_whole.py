"""Counters and random generators stay exact in FP16 forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.mixed import InMemory, stored
from export.precision import to_float16
from export.probes import Answer, Runs, probe_for
from export.to_onnx import Provenance, export_step, random_steps
from export.variants import load_network
from export.whole import exact_nodes
from realtime.lift import RAYS
from realtime.types import Array
from tests.export.graphs import graph, node
from tests.export.lifters import SMALL, small_net

X = np.arange(20, dtype=np.float32).reshape(5, 4)


class Wholes:
    """A probe of a small model whose input is whole."""

    feeds: Sequence[Mapping[str, Array]] = ({"x": X},)

    def ask(self, network: Runs) -> Answer:
        network.infer(self.feeds[0])
        return Answer({}, (), (), (), "mm")


def test_what_passes_through_large_numbers_or_is_rounded_is_kept() -> None:
    """(1,021 x) mod 7 by way of a division, a slot drawn of that, and what only passes by."""
    nodes = [
        node("Mul", "x factor", "large"),
        node("Div", "large seven", "share"),
        node("Floor", "share", "times"),
        node("Mul", "times seven", "taken"),
        node("Sub", "large taken", "rest"),
        node("Add", "rest quarter", "off"),
        node("Mul", "off quarter", "small"),
        node("Floor", "small", "slot"),
        node("Div", "rest factor", "passing"),
        node("Add", "passing slot", "y"),
    ]
    weights: dict[str, Any] = {
        "factor": np.float32(1021),
        "seven": np.float32(7),
        "quarter": np.float32(0.25),
    }
    kept = exact_nodes(graph(nodes, weights), Wholes(), InMemory)
    assert kept == ["large", "share", "times", "taken", "rest"], "slot is 0 or 1"
    wide = exact_nodes(graph(nodes, weights | {"quarter": np.float32(0.75)}), Wholes(), InMemory)
    assert wide == ["large", "share", "times", "taken", "rest", "off", "small", "slot"]


def test_rounding_of_what_is_not_whole_is_left_to_the_search() -> None:
    nodes = [
        node("Mul", "x w", "a"),
        node("Sqrt", "a", "b"),
        node("Floor", "b", "c"),
        node("Mul", "c w", "y"),
    ]
    model = graph(nodes, {"w": np.full(4, 0.3, np.float32)})

    class Parts(Wholes):
        feeds = ({"x": X + np.float32(0.4)},)

    assert exact_nodes(model, Parts(), InMemory) == []


@pytest.mark.parametrize("name", SMALL)
def test_only_the_reservoir_needs_it(name: str, tmp_path: Path) -> None:
    manifest = export_step(small_net(name), tmp_path, Provenance("a test"))
    model = load_network(manifest.path)
    kinds = {made.output[0]: made.op_type for made in model.graph.node}
    kept = [kinds[output] for output in exact_nodes(model, probe_for(manifest, 60), InMemory)]
    assert kept.count("Floor") == (2 if name == "anatomy" else 0)
    assert bool(kept) is (name == "anatomy")


def test_the_reservoir_takes_the_same_frames_in_half_precision(tmp_path: Path) -> None:
    """Long past the frames it was looked at; and all in FP16 it would not."""
    net = small_net("anatomy")
    manifest = export_step(net, tmp_path, Provenance("a test"))
    model = load_network(manifest.path)
    kept = exact_nodes(model, probe_for(manifest, 100), InMemory)
    draws, slots = manifest.state[-1], manifest.state[-2]
    frames = random_steps(net, 500, people=1)
    full, half, all_half = (
        InMemory(m, 1) for m in (model, stored(to_float16(model, kept)), stored(to_float16(model)))
    )
    states = [{s.input: np.zeros((1, *s.shape), np.float32) for s in manifest.state} for _ in range(3)]
    wrong = 0
    for t in range(len(frames[RAYS])):
        given = {name: values[t] for name, values in frames.items()}
        outs = [net.infer(given | state) for net, state in zip((full, half, all_half), states, strict=True)]
        exact, found, lost = outs
        np.testing.assert_array_equal(found[draws.output], exact[draws.output])
        changed = [
            (out[slots.output] != state[slots.input]).any(-1) for out, state in zip(outs, states, strict=True)
        ]
        np.testing.assert_array_equal(changed[1] & changed[0], changed[0])
        wrong += int((lost[draws.output] != exact[draws.output]).any())
        states = [{s.input: np.array(out[s.output]) for s in manifest.state} for out in outs]
    assert wrong > 450

"""FP16 forms: what becomes half, what stays, and how far that is from FP32 on real input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.mixed import InMemory, find_mixed, stored
from export.parity import compare
from export.precision import convertible, to_float16
from export.probes import Answer, ImageProbe, Runs, StepProbe, lifter_frames
from realtime import sample
from realtime.engines.forms import BOUNDS
from realtime.engines.onnx_file import precision_of
from realtime.engines.onnxruntime import OnnxRuntimeEngine
from realtime.errors import ModelError
from realtime.models.catalogue import lifter_names
from realtime.types import Array
from tests.export.conftest import Forms
from tests.export.graphs import graph, node
from tests.export.test_parity import FILES, PEOPLE, image, turned_square

RNG = np.random.default_rng(3)
WEIGHTS = RNG.normal(0, 1, (4, 4)).astype(np.float32)
X = RNG.normal(0, 1, (5, 4)).astype(np.float32)


def types(model: Any) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def run(model: Any, x: Array = X) -> Mapping[str, Array]:
    return InMemory(model, 1).infer({"x": x})


class Line:
    """A probe whose places are the one output of a small model."""

    feeds: Sequence[Mapping[str, Array]] = ({"x": X},)

    def ask(self, network: Runs) -> Answer:
        places = (np.asarray(network.infer(self.feeds[0])["y"]),)
        return Answer({"y": places[0][None]}, places, places, (True,), "mm")


def test_weights_and_work_are_half_and_the_ends_are_not() -> None:
    model = graph([node("MatMul", "x w", "a"), node("Relu", "a", "y")], {"w": WEIGHTS})
    half = to_float16(model)
    assert types(half) == {"w/fp16": TensorProto.FLOAT16}
    assert [n.op_type for n in half.graph.node] == ["Cast", "MatMul", "Relu", "Cast"]
    ends = [(v.name, v.type.tensor_type.elem_type) for v in (*half.graph.input, *half.graph.output)]
    assert ends == [("x", TensorProto.FLOAT), ("y", TensorProto.FLOAT)]
    np.testing.assert_allclose(run(half)["y"], run(model)["y"], atol=2e-2)
    assert not np.array_equal(run(stored(half))["y"], run(model)["y"])


def test_the_original_is_left_alone() -> None:
    model = graph([node("MatMul", "x w", "y")], {"w": WEIGHTS})
    before = model.SerializeToString(deterministic=True)
    to_float16(model)
    assert model.SerializeToString(deterministic=True) == before


def test_a_kept_node_keeps_its_weights_and_its_input_precise() -> None:
    nodes = [node("MatMul", "x w", "a"), node("MatMul", "a w", "b"), node("MatMul", "b v", "y")]
    half = to_float16(graph(nodes, {"w": WEIGHTS, "v": WEIGHTS + 1}), kept=["b"])
    assert types(half) == {
        "w": TensorProto.FLOAT,
        "w/fp16": TensorProto.FLOAT16,
        "v/fp16": TensorProto.FLOAT16,
    }
    made = {n.output[0]: list(n.input) for n in half.graph.node}
    assert made["b"] == ["a", "w"]
    assert made["y/fp16"] == ["b/fp16", "v/fp16"]


def test_what_has_no_half_form_or_overflows_stays() -> None:
    nodes = [
        node("Mul", "x huge", "a"),
        node("Reshape", "a shape", "square"),
        node("Resize", "square  scales", "y", mode="nearest"),
    ]
    nodes[2].input[:] = ["square", "", "scales"]
    weights = {
        "huge": np.float32(1e6),
        "shape": np.array([1, 1, -1, 4]),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    model = graph(nodes, weights, rank=4)
    half = to_float16(model)
    assert types(half)["huge"] == TensorProto.FLOAT
    assert types(half)["scales"] == TensorProto.FLOAT, "ONNX has no other scales"
    assert convertible(model) == ["square", "y"]
    onnx.checker.check_model(half)


def test_casts_and_filled_tensors_change_their_type() -> None:
    nodes = [
        node("Shape", "x", "shape"),
        node("ConstantOfShape", "shape", "ones", value=helper.make_tensor("", TensorProto.FLOAT, [1], [1])),
        node("Greater", "x zero", "above"),
        node("Cast", "above", "mask", to=TensorProto.FLOAT),
        node("Mul", "mask ones", "y"),
    ]
    model = graph(nodes, {"zero": np.float32(0)})
    np.testing.assert_array_equal(run(to_float16(model))["y"], X > 0)


def test_what_a_branch_takes_from_outside_is_there() -> None:
    def branch(name: str) -> Any:
        output = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None)
        return helper.make_graph([node(name, "a", f"{name}_out")], name, [], [output])

    nodes = [
        node("Mul", "x two", "a"),
        node("If", "yes", "b", then_branch=branch("Neg"), else_branch=branch("Abs")),
        node("Mul", "b two", "y"),
    ]
    model = graph(nodes, {"two": np.float32(2), "yes": np.array(True)})
    np.testing.assert_allclose(run(to_float16(model))["y"], -4 * X, rtol=2e-3)


def test_stored_shows_the_overflow_that_onnx_runtime_hides() -> None:
    half = to_float16(graph([node("Mul", "x w", "a"), node("Div", "a w", "y")], {"w": np.float32(60000)}))
    x = np.full((1, 4), 3, np.float32)
    assert np.isinf(run(stored(half), x)["y"]).all()


def far_and_back() -> Any:
    """Adding and taking away 20,000 leaves nothing in FP16, whose steps are 16 there."""
    nodes = [
        node("MatMul", "x w", "a"),
        node("Add", "a far", "there"),
        node("Sub", "there far", "back"),
        node("MatMul", "back v", "y"),
    ]
    return graph(nodes, {"w": WEIGHTS, "v": WEIGHTS, "far": np.full(4, 20000, np.float32)})


def test_the_search_keeps_what_loses_and_no_weights_besides() -> None:
    model = far_and_back()
    found = find_mixed(model, Line())
    assert set(found.kept) == {"there", "back"}
    assert found.rounded.holds
    assert found.nodes == 4


def test_a_guess_that_does_spares_the_search_and_one_that_does_not_is_dropped() -> None:
    """As above; a wrong guess leads to what the search finds, and names of other models say nothing."""
    model = far_and_back()
    ticks: list[int] = []
    right = find_mixed(model, Line(), lambda: ticks.append(0), ["there", "back", "a", "elsewhere"])
    assert set(right.kept) == {"there", "back", "a"}, "it is taken as it is"
    short = len(ticks)
    wrong = find_mixed(model, Line(), lambda: ticks.append(0), ["y"])
    assert set(wrong.kept) == {"there", "back"}
    assert short < len(ticks) - short


def test_parts_that_are_too_coarse_are_made_finer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was busy at the start makes few parts, each with something in it that needs FP32."""
    monkeypatch.setattr("export.mixed._FEWEST_PARTS", 1)
    monkeypatch.setattr("export.mixed._SEARCH_S", 0.0)
    model = far_and_back()
    assert set(find_mixed(model, Line()).kept) == {"there", "back"}


def test_the_search_says_when_nothing_is_to_gain() -> None:
    with pytest.raises(ModelError, match="nothing that could be FP16"):
        find_mixed(graph([node("Mul", "x w", "y")], {"w": np.float32(1e6)}), Line())
    with pytest.raises(ModelError, match="loses too much"):
        find_mixed(graph([node("Mul", "x w", "y")], {"w": np.float32(30000)}), Line())


def test_landmarks_stay_within_half_a_pixel(halved: Forms, shared_data: Path) -> None:
    """On people whom the search has not seen."""
    manifest, form = halved["blazepose-landmark-full"]
    crops = [
        turned_square(image(shared_data, file, frame), (x, y), size, angle, 256)
        for file, frame, x, y, size, angle in PEOPLE
    ]
    probe = ImageProbe(manifest, [{"image": crop} for crop in crops])
    reference = probe.ask(OnnxRuntimeEngine(manifest.path, 2))
    parity = compare(probe.ask(OnnxRuntimeEngine(form.path, 2)), reference)
    assert sum(reference.counts) == len(PEOPLE)
    assert parity.smooth is not None
    assert 0 < parity.smooth.greatest < BOUNDS["px"]
    assert parity.decoded.mean < BOUNDS["px"] / 4
    assert form.path.stat().st_size < 0.6 * manifest.path.stat().st_size


def test_the_detector_stays_within_half_a_pixel(halved: Forms, shared_data: Path) -> None:
    manifest, form = halved["blazepose-detector"]
    images = [image(shared_data, file, frame) for file, frame in FILES]
    boxed = [turned_square(i, (i.shape[1] / 2, i.shape[0] / 2), max(i.shape), 0, 224) for i in images]
    probe = ImageProbe(manifest, [{"image": 2 * box - 1} for box in boxed])
    reference = probe.ask(OnnxRuntimeEngine(manifest.path, 2))
    assert all(len(corners) for corners in reference.places)
    parity = compare(probe.ask(OnnxRuntimeEngine(form.path, 2)), reference)
    assert 0 < parity.decoded.greatest < BOUNDS["px"]


@pytest.mark.parametrize("name", lifter_names())
def test_lifters_stay_within_a_millimetre(name: str, halved: Forms) -> None:
    """Over 100 frames that the search has not seen, with the state carried on, at three distances."""
    manifest, form = halved[name]
    pose_m = sample.load_truth()["pose_m"][150:250]
    away_m = np.array([[0, 0, 0], [0.5, 0, 0.8], [-0.4, 0.2, -0.5]], np.float32)
    places_m = pose_m[:, None] + away_m[:, None]
    rays = (places_m[..., :2] / places_m[..., 2:]).astype(np.float32)
    depth = (pose_m[..., 2] / pose_m[:, :1, 2] - 1)[:, None] + np.zeros((3, 1), np.float32)
    score, up = np.ones(rays.shape[:3], np.float32), np.zeros((*rays.shape[:2], 3), np.float32)
    frames = lifter_frames(manifest, rays, score, depth.astype(np.float32), up)
    probe = StepProbe(manifest, frames)
    reference = probe.ask(OnnxRuntimeEngine(manifest.path, 1))
    parity = compare(probe.ask(OnnxRuntimeEngine(form.path, 1)), reference)
    assert parity.tensors.keys() == manifest.outputs.keys()
    assert 0 < parity.decoded.greatest < BOUNDS["mm"]
    assert precision_of(form.path) == "fp16"
    assert form.metrics["fp32_nodes"] > 0, "its geometry needs FP32"

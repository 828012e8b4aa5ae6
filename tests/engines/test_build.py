"""Building plans: with the real TensorRT-RTX, whose parser and builder need no GPU; TensorRT's own options
with a builder that writes down what it is told."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime.engines.build import (
    MAX_BATCH,
    BuildOptions,
    ShapeRange,
    build_plan,
    build_with,
    describe_shapes,
    plan_key,
)
from realtime.engines.library import Library, load_library
from realtime.engines.onnx_file import precision_of
from realtime.engines.store import PORTABLE
from realtime.errors import EngineError
from realtime.models import catalogue
from tests.engines.fake_builder import FakeBuilding
from tests.engines.test_contract import save, write_model

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx is not installed: pip install it"
)


def tensor(name: str, *shape: int | str, dtype: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def write(folder: Path, nodes: list[Any], inputs: list[Any], constants: Mapping[str, Any] = {}) -> Path:
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    outputs = [tensor("y", *(["n"] * len(inputs[0].type.tensor_type.shape.dim)))]
    return save(helper.make_graph(nodes, "net", inputs, outputs, weights), folder / "net.onnx")


@needs_rtx
def test_a_model_with_a_free_batch_becomes_a_plan(tmp_path: Path) -> None:
    assert build_plan(write_model(tmp_path), "tensorrt-rtx").startswith(b"vtrt")


@needs_rtx
def test_the_shipped_lifter_becomes_a_plan() -> None:
    model = catalogue.lifter(catalogue.DEFAULT_LIFTER).path
    plan = build_plan(model, "tensorrt-rtx")
    assert len(plan) > model.stat().st_size // 2


@needs_rtx
def test_the_image_nets_become_plans(blazepose: Path) -> None:
    for name in ("detector", "landmark"):
        model = blazepose / f"{name}.onnx"
        assert len(build_plan(model, "tensorrt-rtx")) > model.stat().st_size // 2


@needs_rtx
def test_the_builders_words_are_taken(tmp_path: Path) -> None:
    cache = tmp_path / "timing.cache"
    options = BuildOptions(
        workspace_mib=64, builder_optimization_level=1, timing_cache=cache, hardware_compatibility="ampere+"
    )
    assert build_plan(write_model(tmp_path), "tensorrt-rtx", options=options)
    assert not cache.exists()
    with pytest.raises(EngineError, match="has no version-compatible plans"):
        build_plan(write_model(tmp_path), "tensorrt-rtx", options=BuildOptions(version_compatible=True))


@needs_rtx
def test_given_shapes_are_checked(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    right = {"x": ShapeRange((1, 3), (2, 3), (4, 3))}
    assert build_plan(model, "tensorrt-rtx", right)
    for wrong, message in (
        ({"z": right["x"]}, "the model has no input 'z'; it has image, x"),
        ({"x": ShapeRange((1, 3), (2, 3), (4, 5))}, "input 'x' of shape .* cannot have the sizes"),
        ({"x": ShapeRange((1,), (2,), (4,))}, "cannot have the sizes"),
        ({"x": ShapeRange((4, 3), (2, 3), (1, 3))}, "tensorrt-rtx cannot|cannot have the sizes|refuses"),
    ):
        with pytest.raises(EngineError, match=message):
            build_plan(model, "tensorrt-rtx", wrong)


@needs_rtx
def test_a_free_size_besides_the_batch_needs_its_range(tmp_path: Path) -> None:
    model = write(tmp_path, [helper.make_node("Neg", ["x"], ["y"])], [tensor("x", "n", "width")])
    with pytest.raises(EngineError, match="input 'x' has a free size that is not the batch"):
        build_plan(model, "tensorrt-rtx")
    assert build_plan(model, "tensorrt-rtx", {"x": ShapeRange((1, 4), (1, 8), (2, 16))})


@needs_rtx
def test_an_operator_it_lacks_is_named_on_one_line(tmp_path: Path) -> None:
    nodes = [helper.make_node("Levitate", ["x"], ["a"], name="up"), helper.make_node("Sink", ["a"], ["y"])]
    model = write(tmp_path, nodes, [tensor("x", 3)])
    with pytest.raises(EngineError, match=r"tensorrt-rtx cannot parse .*net.onnx: .*Levitate") as caught:
        build_plan(model, "tensorrt-rtx")
    assert "'up'" in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_rtx
def test_an_invalid_graph_is_our_error(tmp_path: Path) -> None:
    wide, tall = np.ones((3, 4), np.float32), np.ones((5, 6), np.float32)
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])]
    model = write(tmp_path, nodes, [tensor("x", "n", 3)], {"a": wide, "b": tall})
    with pytest.raises(EngineError, match="tensorrt-rtx cannot") as caught:
        build_plan(model, "tensorrt-rtx")
    assert str(model) in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_rtx
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is not an ONNX model, or is cut short"), (b"words, not a model", "is not an ONNX model")],
)
def test_what_is_no_model_does_not_reach_the_library(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=message):
        build_plan(path, "tensorrt-rtx")


@needs_rtx
def test_one_library_builds_again_after_a_failure(tmp_path: Path) -> None:
    library = load_library("tensorrt-rtx")
    bad = write(tmp_path, [helper.make_node("Levitate", ["x"], ["y"])], [tensor("x", 3)])
    with pytest.raises(EngineError):
        build_with(library, bad, {}, BuildOptions())
    assert build_with(library, write_model(tmp_path), {}, BuildOptions())


def half(folder: Path) -> Path:
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["h", "w"], ["p"]),
        helper.make_node("Cast", ["p"], ["y"], to=TensorProto.FLOAT),
    ]
    return write(folder, nodes, [tensor("x", "n", 3)], {"w": np.ones((3, 3), np.float16)})


@needs_rtx
def test_precision_is_that_of_the_file(tmp_path: Path) -> None:
    model = half(tmp_path)
    assert precision_of(model) == "fp16"
    assert build_plan(model, "tensorrt-rtx")
    assert precision_of(write_model(tmp_path)) == "fp32"
    nodes = [
        helper.make_node("Cast", ["stored"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    kept = write(tmp_path, nodes, [tensor("x", "n", 3)], {"stored": np.ones((3, 3), np.float16)})
    assert precision_of(kept) == "fp32", "weights are stored in half, and computed with in full"
    with pytest.raises(EngineError, match="cannot read"):
        precision_of(tmp_path / "missing.onnx")


@needs_rtx
def test_a_key_tells_apart_what_makes_other_plans(tmp_path: Path) -> None:
    library, model = load_library("tensorrt-rtx"), write_model(tmp_path)
    key = plan_key(library, model, "NVIDIA L4 (8.9)", {})
    assert (key.device, key.precision, key.library) == (PORTABLE, "fp32", library.version)
    assert key.shapes == f"batch:1:1:{MAX_BATCH}" == describe_shapes({})
    shapes = {"x": ShapeRange((1, 3), (2, 3), (4, 3))}
    others = [
        plan_key(library, half(tmp_path), "", {}),
        plan_key(library, model, "", shapes),
        plan_key(library, model, "", {}, BuildOptions(tf32=True)),
        plan_key(library, model, "", {}, BuildOptions(workspace_mib=64)),
    ]
    assert len({key, *others}) == 5
    assert plan_key(library, model, "", {}, BuildOptions(timing_cache=tmp_path / "t")) == key


@pytest.fixture
def trt() -> FakeBuilding:
    return FakeBuilding()


def build(trt: FakeBuilding, model: Path, **options: Any) -> bytes:
    return build_with(Library("tensorrt", trt), model, {}, BuildOptions(**options))


def test_tensorrt_is_told_what_trtexec_would_tell_it(trt: FakeBuilding, tmp_path: Path) -> None:
    model = write_model(tmp_path)
    assert build(trt, model) == b"plan"
    assert trt.said == {
        "network_flags": 1 << 3,
        "cleared": ["TF32"],
        "profile": {"x": [(1, 3), (1, 3), (16, 3)]},
    }
    trt.said.clear()
    words = {"workspace_mib": 2, "builder_optimization_level": 5, "version_compatible": True, "tf32": True}
    build(trt, model, **words, hardware_compatibility="same-compute-capability")
    assert trt.said["pool"] == ("WORKSPACE", 2 << 20)
    assert trt.said["builder_optimization_level"] == 5
    assert trt.said["hardware_compatibility_level"] == "SAME_COMPUTE_CAPABILITY"
    assert trt.said["set"] == ["VERSION_COMPATIBLE"]
    assert "cleared" not in trt.said


def test_a_level_that_a_release_lacks_is_named(trt: FakeBuilding, tmp_path: Path) -> None:
    """TensorRT 10.0 knows `ampere+` alone; this fake knows the other alone."""
    with pytest.raises(EngineError, match=r"tensorrt 10.13.0 has no level ampere\+ of hardware compat"):
        build(trt, write_model(tmp_path), hardware_compatibility="ampere+")


def test_a_timing_cache_is_read_and_written_whole(trt: FakeBuilding, tmp_path: Path) -> None:
    model, cache = write_model(tmp_path), tmp_path / "timing.cache"
    build(trt, model, timing_cache=cache)
    assert cache.read_bytes() == b"timed:"
    build(trt, model, timing_cache=cache)
    assert cache.read_bytes() == b"timed:timed:"
    cache.write_bytes(b"of another GPU")
    with pytest.raises(EngineError, match="is not a timing cache of this tensorrt and GPU: delete it"):
        build(trt, model, timing_cache=cache)
    with pytest.raises(EngineError, match=r"cannot write .*nowhere.*; choose another place"):
        build(trt, model, timing_cache=tmp_path / "nowhere" / "timing.cache")


def test_without_a_gpu_tensorrt_says_why_it_cannot_build(trt: FakeBuilding, tmp_path: Path) -> None:
    trt.without_gpu = True
    with pytest.raises(EngineError, match="tensorrt cannot build here: CUDA initialization fail"):
        build(trt, write_model(tmp_path))


def test_all_the_parsers_errors_are_told_the_first_one_first(trt: FakeBuilding, tmp_path: Path) -> None:
    trt.parser_errors = [
        ("no importer", "up", "Levitate"),
        ("no importer", "up", "Levitate"),
        ("bad", "", ""),
    ]
    with pytest.raises(EngineError) as caught:
        build(trt, write_model(tmp_path))
    assert str(caught.value).endswith("model.onnx: no importer in Levitate 'up' (and 1 more: bad)")


def test_a_network_that_does_not_build_says_why(trt: FakeBuilding, tmp_path: Path) -> None:
    trt.plan = None
    with pytest.raises(EngineError, match=r"tensorrt cannot build .*model.onnx: no tactic"):
        build(trt, write_model(tmp_path))

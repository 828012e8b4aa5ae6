"""FP16 forms of models: which may be run, and that only a GPU runs them."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.forms import BOUNDS, cached_form, form_path, half_form, measured_name
from realtime.engines.open import Choice, open_reported
from realtime.manifest import Manifest, Role, TensorInfo, sha256_of
from realtime.stream.assemble import load_model
from tests.engines.fake_machine import FakeMachine
from tests.engines.test_contract import save

TENSORS = {"x": TensorInfo((-1, 3))}, {"y": TensorInfo((-1, 3))}


def write_net(path: Path, kind: type[np.generic]) -> Path:
    """y = x @ w, computed in FP32 or FP16."""
    code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=code),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
        helper.make_node("Cast", ["b"], ["y"], to=TensorProto.FLOAT),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy"]
    weights = numpy_helper.from_array(np.full((3, 3), 0.1, kind), "w")
    return save(helper.make_graph(nodes, "net", values[:1], values[1:], [weights]), path)


def described(path: Path, role: Role = "lifter", **rest: Any) -> Manifest:
    """The manifest of a net, which is written beside it."""
    manifest = Manifest(
        "net", role, path.name, sha256_of(path), "CC0-1.0", "a test", *TENSORS, directory=path.parent
    )
    manifest = replace(manifest, **rest)
    path.with_suffix(".json").write_text(manifest.to_json())
    return manifest


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    return described(write_net(tmp_path / "net.onnx", np.float32))


@pytest.fixture
def form(model: Manifest) -> Path:
    """The manifest of its FP16 form, as `realtime-export` leaves it."""
    path = form_path(model, "fp16")
    path.parent.mkdir(parents=True)
    described(write_net(path.with_suffix(".onnx"), np.float16), metrics={measured_name("mm"): 0.4})
    return path


def test_a_form_that_was_measured_is_found(model: Manifest, form: Path) -> None:
    assert half_form(model) == form.with_suffix(".onnx")
    assert cached_form(model, "fp32") is model
    assert half_form(replace(model, sha256="ab" * 32)) is None, "of another file"


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {}},
        {"metrics": {measured_name("px"): 0.1}},
        {"metrics": {measured_name("mm"): BOUNDS["mm"] * 1.01}},
        {"metrics": {measured_name("mm"): float("nan")}},
        {"sha256": "ab" * 32},
        {"inputs": {"x": {"shape": [-1, 4], "dtype": "float32"}}},
        {"inputs": {"z": {"shape": [-1, 3], "dtype": "float32"}}},
        {"version": 99},
    ],
)
def test_what_was_not_measured_or_is_something_else_is_not_run(
    model: Manifest, form: Path, change: dict[str, Any]
) -> None:
    form.write_text(json.dumps(json.loads(form.read_text()) | change))
    assert half_form(model) is None


def test_damaged_and_missing_forms_are_not_run(model: Manifest, form: Path) -> None:
    network = form.with_suffix(".onnx")
    network.write_bytes(network.read_bytes()[:-1])
    assert half_form(model) is None
    network.unlink()
    assert half_form(model) is None
    form.unlink()
    assert half_form(model) is None


def test_a_gpu_runs_the_form(model: Manifest, form: Path, machine: FakeMachine) -> None:
    choices: tuple[Choice, ...] = ("auto", "tensorrt", "tensorrt-rtx")
    for choice in choices:
        loaded = load_model(model, choice)
        assert (loaded.engine.precision, loaded.fallback) == ("fp16", "")
        x = np.ones((2, 3), np.float32)
        np.testing.assert_allclose(loaded.engine.infer({"x": x})["y"], 0.3, atol=1e-3)
        loaded.engine.close()
    assert set(machine.built) == {form.with_suffix(".onnx")}


def test_without_a_form_a_gpu_runs_the_model(model: Manifest, machine: FakeMachine) -> None:
    assert load_model(model, "tensorrt").engine.precision == "fp32"
    assert machine.built == [model.path]


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("choice", ["onnxruntime", "openvino"])
def test_a_processor_runs_the_model(model: Manifest, choice: Any) -> None:
    assert load_model(model, choice).engine.precision == "fp32"


def test_a_form_that_does_not_build_leaves_the_model(
    model: Manifest, form: Path, machine: FakeMachine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.plans = [b"broken", b"broken", model.path.read_bytes()]
    opened = open_reported(model.path, half=half_form(model))
    assert (opened.engine.backend, opened.engine.precision, opened.fallback) == ("tensorrt", "fp32", "")
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "net.onnx: in FP32, for its FP16 form does not run" in said[-1]
    assert all(cuda.closed for cuda in machine.cudas[:-1])

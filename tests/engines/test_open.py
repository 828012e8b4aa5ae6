"""Which engine `auto` means, and how what was lost is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from realtime.engines.open import available, choose, open_engine, open_reported
from realtime.errors import EngineError, EngineUnavailableError
from tests.engines.fake_machine import FakeMachine
from tests.engines.test_contract import assert_right, feeds, installed_only, write_model

NO_DRIVER = "tensorrt-rtx is installed, but this machine has no NVIDIA driver"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path)


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT-RTX is installed, and there is no GPU to run it."""
    monkeypatch.setattr("realtime.engines.open.installed", lambda kind: kind == "tensorrt-rtx")
    monkeypatch.setattr("realtime.engines.open.why_not", lambda kind: NO_DRIVER)


@pytest.mark.usefixtures("without_gpu")
def test_auto_says_what_it_would_rather_have_run(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened = open_reported(model)
    assert opened.fallback == NO_DRIVER
    assert opened.engine.backend == "openvino"
    assert open_engine(model, role="lifter").backend == "onnxruntime"
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        f"model.onnx runs in onnxruntime: {NO_DRIVER}"
    ]


@pytest.mark.usefixtures("without_gpu")
def test_what_cannot_run_is_not_available_and_not_chosen_by_name(model: Path) -> None:
    assert "tensorrt-rtx" not in available()
    assert choose() == "openvino"
    for ask in (lambda: choose("tensorrt-rtx"), lambda: open_engine(model, "tensorrt-rtx")):
        with pytest.raises(EngineUnavailableError, match=f"^{NO_DRIVER}; --engine auto takes") as caught:
            ask()
        assert caught.value.exit_code == 1


def test_where_no_tensorrt_is_installed_nothing_was_lost(
    monkeypatch: pytest.MonkeyPatch, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    installed_only(monkeypatch, "openvino", "onnxruntime")
    assert open_reported(model).fallback == ""
    assert open_engine(model).backend == "openvino"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    with pytest.raises(EngineUnavailableError, match="tensorrt is not installed: pip install tensorrt"):
        choose("tensorrt")


@pytest.mark.usefixtures("machine")
def test_with_a_gpu_auto_takes_tensorrt_and_nothing_is_lost(model: Path) -> None:
    opened = open_reported(model)
    assert (opened.engine.backend, opened.fallback) == ("tensorrt", "")
    assert_right(opened.engine, feeds())


def test_one_tensorrt_in_anothers_place_is_no_loss(machine: FakeMachine, model: Path) -> None:
    machine.plans = [b"broken", b"broken", model.read_bytes()]
    opened = open_reported(model)
    assert (opened.engine.backend, opened.fallback) == ("tensorrt-rtx", "")


def test_a_model_that_tensorrt_cannot_take_runs_on_the_cpu_and_says_why(
    machine: FakeMachine, model: Path
) -> None:
    machine.build_error = "cannot parse it: Levitate"
    opened = open_reported(model)
    assert opened.engine.backend == "openvino"
    assert "Levitate" in opened.fallback
    assert_right(opened.engine, feeds())
    with pytest.raises(EngineError, match="Levitate"):
        open_reported(model, "tensorrt")
    assert all(cuda.closed for cuda in machine.cudas)


@pytest.mark.usefixtures("machine")
def test_a_file_that_is_no_model_is_an_error_and_no_fallback(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"words")
    with pytest.raises(EngineError, match="is not an ONNX model") as caught:
        open_reported(bad)
    assert str(caught.value) == f"{bad} is not an ONNX model, or is cut short: fetch or export it again"

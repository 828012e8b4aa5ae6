"""Opening a model in TensorRT: what is kept of it, and what goes wrong. The GPU is a fake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from export.info import describe
from realtime.engines.base import TensorSpec
from realtime.engines.build import plan_key
from realtime.engines.contexts import KERNELS_SUFFIX
from realtime.engines.library import Kind
from realtime.engines.open import open_engine
from realtime.engines.store import EngineStore, read_header
from realtime.engines.tensorrt import open_tensorrt
from realtime.errors import EngineError
from tests.engines.counter import KINDS, STATE, feeds, tensor, write_brightness, write_counter
from tests.engines.fake_gpu import FakeCuda
from tests.engines.fake_machine import FakeMachine
from tests.engines.fake_tensorrt import fake_library
from tests.engines.test_contract import save


def test_a_gpu_that_is_full_says_so_and_keeps_nothing(
    counter: bytes, machine: FakeMachine, tmp_path: Path
) -> None:
    machine.memory = 64
    with pytest.raises(EngineError, match="out of memory"):
        open_tensorrt("tensorrt", write_counter(tmp_path), STATE)
    assert machine.cudas[0].closed


def test_closing_frees_the_gpu(machine: FakeMachine, tmp_path: Path) -> None:
    engine = open_engine(write_counter(tmp_path), "tensorrt")
    engine.infer(feeds(3))
    engine.close()
    engine.close()
    assert machine.cudas[0].closed
    assert machine.cudas[0].allocated_bytes == 0


def test_a_plan_is_built_once_and_kept(machine: FakeMachine, tmp_path: Path) -> None:
    model = write_counter(tmp_path)
    for _ in range(3):
        open_engine(model, "tensorrt").close()
    assert len(machine.built) == 1
    open_engine(model, "tensorrt-rtx").close()
    assert len(machine.built) == 2


def compiled(machine: FakeMachine) -> list[list[str]]:
    """The shapes for which each engine opened had to compile kernels."""
    return [cuda.compiled for cuda in machine.cudas]


def test_kernels_are_compiled_once_and_kept(machine: FakeMachine, tmp_path: Path) -> None:
    model = write_counter(tmp_path)
    for batch in (1, 3, 3, 1):
        engine = open_engine(model, "tensorrt-rtx")
        engine.infer(feeds(batch))
        engine.close()
    assert [len(shapes) for shapes in compiled(machine)] == [1, 1, 0, 0]
    (kept,) = (tmp_path / "cache" / "engines").glob(f"*{KERNELS_SUFFIX}")
    told = dict(describe(kept))
    assert told["for"] == str(FakeCuda.device)
    assert told["kernels"].startswith("tensorrt-rtx ")


def test_kernels_of_another_driver_or_damaged_ones_are_compiled_anew(
    machine: FakeMachine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = write_counter(tmp_path)
    open_engine(model, "tensorrt-rtx").close()
    (kept,) = (tmp_path / "cache" / "engines").glob(f"*{KERNELS_SUFFIX}")
    whole = kept.read_bytes()
    key = read_header(kept).key
    EngineStore(kept.parent, KERNELS_SUFFIX).save(key, b"kernels for driver 12.4")
    open_engine(model, "tensorrt-rtx").close()
    assert kept.read_bytes().endswith(whole.partition(b"\n")[2]), "those of this driver take their place"
    kept.write_bytes(whole[:-1])
    engine = open_engine(model, "tensorrt-rtx")
    assert f"{kept} is cut short" in caplog.text
    np.testing.assert_array_equal(engine.infer(feeds(1))["seen"].shape, (1, 3))
    assert [len(shapes) for shapes in compiled(machine)] == [1, 1, 1]


def test_tensorrt_keeps_no_kernels(machine: FakeMachine, tmp_path: Path) -> None:
    open_engine(write_counter(tmp_path), "tensorrt").close()
    assert machine.cudas[0].closed
    assert not list((tmp_path / "cache").rglob(f"*{KERNELS_SUFFIX}"))


def test_a_plan_that_was_built_with_other_options_is_what_runs(
    machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever builds an engine by hand gets it."""
    model, store = write_counter(tmp_path), EngineStore()
    key = plan_key(fake_library(FakeCuda()), model, str(FakeCuda.device), {})
    for options in ("workspace_mib=64", "builder_optimization_level=5"):
        store.save(replace(key, options=options), model.read_bytes())
    for other in ({"precision": "fp16"}, {"shapes": "x:1x3:1x3:1x3"}, {"device": "Other GPU (9.0)"}):
        store.save(replace(key, options="tf32=True", **other), b"broken")
    open_engine(model, "tensorrt").close()
    assert not machine.built
    for path in store.plans():
        path.write_bytes(path.read_bytes().replace(model.read_bytes()[:50], b"broken".ljust(50)))
    open_engine(model, "tensorrt").close()
    assert machine.built == [model], "damaged ones are passed over"


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("kind", KINDS)
def test_a_net_that_takes_frames_of_one_size_runs(tmp_path: Path, kind: Kind) -> None:
    engine = open_engine(write_brightness(tmp_path, 48, 64), kind)
    assert engine.inputs["frame"] == TensorSpec((48, 64, 3), np.dtype(np.uint8))
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    np.testing.assert_allclose(engine.infer({"frame": frame})["brightness"], frame.mean(), rtol=1e-5)


@pytest.mark.usefixtures("machine")
def test_a_net_that_takes_frames_of_any_size_says_how_to_export_it(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"'frame' has a free size besides the batch: .*--frame-size"):
        open_engine(write_brightness(tmp_path, "h", "w"), "tensorrt")


def test_a_kept_plan_that_the_library_refuses_is_built_again_once(
    machine: FakeMachine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = write_counter(tmp_path)
    machine.plans = [b"broken by an update", model.read_bytes()]
    engine = open_engine(model, "tensorrt")
    np.testing.assert_array_equal(engine.infer(feeds(1))["seen"].shape, (1, 3))
    assert "Error Code 6: the engine plan file is not compatible" in caplog.text
    assert len(machine.built) == 2
    machine.plans = [b"broken", b"broken"]
    with pytest.raises(EngineError, match=r"cannot load this plan here .*: build it again on this machine"):
        open_engine(write_other(tmp_path), "tensorrt")
    assert all(cuda.closed for cuda in machine.cudas[1:])


def write_other(folder: Path) -> Path:
    node = helper.make_node("Neg", ["x"], ["y"])
    return save(helper.make_graph([node], "other", [tensor("x", 1)], [tensor("y", 1)]), folder / "other.onnx")

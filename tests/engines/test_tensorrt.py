"""The TensorRT engine's own logic: batches, graphs, costs. The GPU is a fake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from realtime.engines.base import DeviceTime, TimedEngine, device_time
from realtime.engines.library import Kind
from realtime.engines.open import open_engine
from realtime.engines.tensorrt import RunOptions, TensorRtEngine
from realtime.errors import EngineError
from tests.engines.counter import KINDS, feeds, tensor, write_counter
from tests.engines.fake_gpu import FakeCuda
from tests.engines.fake_tensorrt import fake_library
from tests.engines.test_contract import save


def assert_as_reference(engine: TensorRtEngine, plan: bytes, batch: int, seed: int = 0) -> None:
    fed = feeds(batch, seed)
    wanted = ort.InferenceSession(plan).run(list(engine.outputs), fed)
    found = engine.infer(fed)
    for name, value in zip(engine.outputs, wanted, strict=True):
        np.testing.assert_allclose(found[name], value, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_batch_is_padded_to_a_few_shapes(counter: bytes, kind: Kind) -> None:
    cuda = FakeCuda()
    engine = TensorRtEngine(fake_library(cuda, kind), counter, cuda)
    for batch in (*range(17), *range(16, 0, -1)):
        assert_as_reference(engine, counter, batch, seed=batch)
    made = cuda.allocated_bytes
    for batch in range(1, 17):
        assert_as_reference(engine, counter, batch)
    assert cuda.allocated_bytes == made
    with pytest.raises(EngineError, match="takes 16 rows at most"):
        engine.infer(feeds(17))
    with pytest.raises(EngineError, match=r"the same number of rows, not \[1, 2\]"):
        engine.infer(feeds(2) | {"x": feeds(1)["x"]})


def test_a_net_whose_rows_do_not_stay_apart_is_refused(tmp_path: Path) -> None:
    """Padding would change what such a net gives for the rows that were fed."""
    pairs = numpy_helper.from_array(np.array([-1, 6], np.int64), "pairs")
    node = helper.make_node("Reshape", ["x", "pairs"], ["y"])
    graph = helper.make_graph([node], "pairs", [tensor("x", 12)], [tensor("y", 6)], [pairs])
    cuda = FakeCuda()
    with pytest.raises(EngineError, match="output 'y' has not one row for each row fed"):
        TensorRtEngine(fake_library(cuda), save(graph, tmp_path / "pairs.onnx").read_bytes(), cuda)


def test_a_plan_built_for_fewer_says_so(counter: bytes) -> None:
    cuda = FakeCuda()
    engine = TensorRtEngine(fake_library(cuda, largest=2), counter, cuda)
    assert_as_reference(engine, counter, 2)
    with pytest.raises(EngineError, match="was not built for 4 rows"):
        engine.infer(feeds(3))
    assert_as_reference(engine, counter, 1)


def test_after_the_first_run_of_a_shape_a_graph_is_launched(counter: bytes) -> None:
    cuda = FakeCuda()
    engine = TensorRtEngine(fake_library(cuda), counter, cuda)
    assert engine.graphs_in_use
    runs, launches = cuda.runs, cuda.launches
    for step in range(5):
        assert_as_reference(engine, counter, 1, seed=step)
    assert (cuda.runs, cuda.launches) == (runs, launches + 5)
    for step in range(5):
        assert_as_reference(engine, counter, 3, seed=step)
    assert (cuda.runs, cuda.launches) == (runs + 2, launches + 9)


@pytest.mark.parametrize("capturable", [True, False])
def test_without_graphs_the_results_are_the_same(counter: bytes, capturable: bool) -> None:
    cuda = FakeCuda(capturable)
    options = RunOptions(graphs=not capturable)
    engine = TensorRtEngine(fake_library(cuda), counter, cuda, options)
    for step in range(4):
        assert_as_reference(engine, counter, 2, seed=step)
    assert cuda.launches == 0
    assert not engine.graphs_in_use


@pytest.mark.parametrize(("graphs", "strategy"), [(True, "whole graph"), (False, "disabled")])
def test_tensorrt_rtx_is_told_to_capture_by_itself(counter: bytes, graphs: bool, strategy: str) -> None:
    cuda = FakeCuda()
    library = fake_library(cuda, "tensorrt-rtx")
    engine = TensorRtEngine(library, counter, cuda, RunOptions(graphs=graphs))
    for step in range(3):
        assert_as_reference(engine, counter, 1, seed=step)
    assert cuda.launches == 0
    assert set(library.module.strategies) == {strategy}


def test_a_run_says_what_it_cost_and_all_of_them_together(counter: bytes) -> None:
    cuda = FakeCuda()
    engine = TensorRtEngine(fake_library(cuda), counter, cuda)
    assert isinstance(engine, TimedEngine)
    assert (engine.last_run, device_time(engine)) == (None, DeviceTime()), "warming up does not count"
    engine.infer(feeds(1))
    # On the fake's clock every piece of work takes a quarter of a millisecond, an event's own included.
    assert engine.last_run == DeviceTime(0.5, 0.5, 0.5, runs=1)
    before = device_time(engine)
    for batch in (1, 3):
        engine.infer(feeds(batch))
    after = device_time(engine)
    assert before is not None
    assert after is not None
    assert after - before == DeviceTime(1.0, 1.0, 1.0, runs=2)
    assert (after - before).total_ms == 3.0


def test_an_engine_without_a_clock_says_so(tmp_path: Path) -> None:
    assert device_time(open_engine(write_counter(tmp_path), "onnxruntime", 1)) is None

"""The TensorRT engine's own logic: batches, state on the GPU, graphs, failures. The GPU is a fake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from realtime.engines.library import Kind
from realtime.engines.open import open_engine, open_reported
from realtime.engines.tensorrt import RunOptions, TensorRtEngine, open_tensorrt
from realtime.errors import EngineError
from realtime.lift import Lifted, Lifter
from realtime.models import catalogue
from realtime.types import Array, FloatArray
from tests.engines.fake_gpu import FakeCuda, FakeMachine, fake_library
from tests.engines.test_contract import save

KINDS: tuple[Kind, ...] = ("tensorrt", "tensorrt-rtx")
STATE = (("sum", "next_sum"), ("steps", "next_steps"))


def tensor(name: str, size: int) -> Any:
    """A row of `size` floats for each person."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])


def write_counter(folder: Path) -> Path:
    """A net with two states: `sum` adds up what is fed, `steps` counts; `seen` is sum * 100 + steps."""
    nodes = [
        helper.make_node("Add", ["sum", "x"], ["next_sum"]),
        helper.make_node("Constant", [], ["one"], value_floats=[1.0]),
        helper.make_node("Constant", [], ["hundred"], value_floats=[100.0]),
        helper.make_node("Add", ["steps", "one"], ["next_steps"]),
        helper.make_node("Mul", ["next_sum", "hundred"], ["scaled"]),
        helper.make_node("Add", ["scaled", "next_steps"], ["seen"]),
    ]
    inputs = [tensor("x", 3), tensor("sum", 3), tensor("steps", 1)]
    outputs = [tensor("seen", 3), tensor("next_sum", 3), tensor("next_steps", 1)]
    return save(helper.make_graph(nodes, "counter", inputs, outputs), folder / "counter.onnx")


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_counter(tmp_path_factory.mktemp("counter")).read_bytes()


def resident(plan: bytes, cuda: FakeCuda | None = None, kind: Kind = "tensorrt") -> TensorRtEngine:
    cuda = cuda or FakeCuda()
    return TensorRtEngine(fake_library(cuda, kind), plan, cuda, RunOptions(state=STATE))


def rows(*values: float) -> dict[str, Array]:
    return {"x": np.repeat(np.array(values, np.float32)[:, None], 3, axis=1)}


def seen(engine: TensorRtEngine, people: Sequence[int], *values: float) -> list[float]:
    out = engine.infer_stateful(rows(*values), people)
    assert out.keys() == {"seen"}
    return [float(v) for v in out["seen"][:, 0]]


@pytest.mark.parametrize("kind", KINDS)
def test_state_follows_each_person(counter: bytes, kind: Kind) -> None:
    engine = resident(counter, kind=kind)
    assert seen(engine, [7], 1) == [101]
    assert seen(engine, [7, 9], 1, 5) == [202, 501]
    assert seen(engine, [9, 7], 5, 1) == [1002, 303]
    assert seen(engine, [9], 5) == [1503]
    assert seen(engine, [7, 9], 1, 5) == [404, 2004]
    engine.forget(7)
    engine.forget(12345)
    assert seen(engine, [7, 9], 1, 5) == [101, 2505]
    engine.forget(9)
    assert seen(engine, [9, 7], 5, 1) == [501, 202]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 18), unique=True, max_size=16, min_size=1), st.integers(0, 18)),
        max_size=12,
    )
)
def test_any_coming_and_going_is_as_with_state_from_the_host(
    counter: bytes, steps: list[tuple[list[int], int]]
) -> None:
    engine, expected = resident(counter), dict[int, tuple[float, int]]()
    for people, gone in steps:
        for person in people:
            total, count = expected.get(person, (0.0, 0))
            expected[person] = total + person, count + 1
        wanted = [expected[p][0] * 100 + expected[p][1] for p in people]
        assert seen(engine, people, *people) == wanted
        engine.forget(gone)
        expected.pop(gone, None)


def test_nothing_of_the_state_is_copied_while_the_people_stay(counter: bytes) -> None:
    cuda = FakeCuda()
    engine = resident(counter, cuda)
    seen(engine, [3, 4], 1, 1)
    copied, uploads, bytes_before = cuda.copied, cuda.uploads, cuda.allocated_bytes
    for step in range(2, 20):
        assert seen(engine, [3, 4], 1, 1) == [100 * step + step] * 2
    assert cuda.copied == copied
    assert cuda.uploads == uploads + 18
    assert cuda.allocated_bytes - bytes_before <= 2 * 16 * 4 * 4


def test_a_person_forgotten_while_away_gives_the_memory_back(counter: bytes) -> None:
    cuda = FakeCuda()
    engine = resident(counter, cuda)
    seen(engine, [1, 2], 1, 1)
    seen(engine, [1], 1)
    with_both = cuda.allocated_bytes
    engine.forget(2)
    assert cuda.allocated_bytes < with_both


def test_a_step_that_fails_leaves_the_state_as_it_was(counter: bytes) -> None:
    cuda = FakeCuda()
    library = fake_library(cuda, "tensorrt-rtx")
    engine = TensorRtEngine(library, counter, cuda, RunOptions(state=STATE))
    assert seen(engine, [1, 2], 1, 2) == [101, 201]
    for people in ([1, 2], [2, 1, 3]):
        library.module.fail_next = True
        with pytest.raises(EngineError, match=r"tensorrt-rtx failed: Error Code 1: Cuda Runtime \(an "):
            engine.infer_stateful(rows(*people), people)
    assert seen(engine, [1, 2], 1, 2) == [202, 402]


def test_plain_infer_leaves_the_state_alone(counter: bytes) -> None:
    engine = resident(counter)
    seen(engine, [5], 1)
    state = {"sum": np.full((2, 3), 7, np.float32), "steps": np.zeros((2, 1), np.float32)}
    out = engine.infer(rows(1, 2) | state)
    assert out.keys() == engine.outputs.keys()
    np.testing.assert_array_equal(out["next_sum"][:, 0], [8, 9])
    assert seen(engine, [5], 1) == [202]


def test_rows_and_people_must_match(counter: bytes) -> None:
    engine = resident(counter)
    for people in ([1], [1, 1]):
        with pytest.raises(EngineError, match="one row for each of"):
            engine.infer_stateful(rows(1, 2), people)
    with pytest.raises(EngineError, match="takes 16 rows at most, not 17: follow fewer people"):
        engine.infer_stateful(rows(*range(17)), range(17))
    with pytest.raises(EngineError, match=r"the engine takes \['x'\]"):
        engine.infer_stateful({}, [1])
    assert seen(engine, [1], 1) == [101]
    stateless = TensorRtEngine(fake_library(cuda := FakeCuda()), counter, cuda)
    with pytest.raises(EngineError, match="without state pairs"):
        stateless.infer_stateful(rows(1), [1])


@pytest.mark.parametrize("pair", [("x", "nothing"), ("x", "next_steps"), ("nothing", "seen")])
def test_state_that_is_none_is_refused(counter: bytes, pair: tuple[str, str]) -> None:
    cuda = FakeCuda()
    with pytest.raises(EngineError, match="is not a row for each person in and out"):
        TensorRtEngine(fake_library(cuda), counter, cuda, RunOptions(state=(pair,)))


def feeds(batch: int, seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    sizes = {"x": 3, "sum": 3, "steps": 1}
    return {name: random.standard_normal((batch, n)).astype(np.float32) for name, n in sizes.items()}


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


def test_a_run_says_what_it_cost(counter: bytes) -> None:
    cuda = FakeCuda()
    engine = TensorRtEngine(fake_library(cuda), counter, cuda)
    engine.infer(feeds(1))
    timings = engine.timings
    assert timings is not None
    # On the fake's clock every piece of work takes a quarter of a millisecond, an event's own included.
    assert (timings.upload_ms, timings.compute_ms, timings.download_ms) == (0.5, 0.5, 0.5)


def test_a_gpu_that_is_full_says_so_and_keeps_nothing(
    counter: bytes, machine: FakeMachine, tmp_path: Path
) -> None:
    machine.memory = 64
    with pytest.raises(EngineError, match="out of memory"):
        open_tensorrt("tensorrt", write_counter(tmp_path), STATE)
    assert machine.cudas[0].closed


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMachine:
    fake = FakeMachine()
    fake.install(monkeypatch, *KINDS, cache=tmp_path / "cache")
    return fake


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_lifter_is_the_same_with_its_state_on_the_gpu(machine: FakeMachine, kind: Kind) -> None:
    """The shipped lifter, people coming and going, against the same lifter with its state on the host."""
    manifest = catalogue.lifter(catalogue.DEFAULT_LIFTER)
    pairs = tuple((s.input, s.output) for s in manifest.state)
    engine = open_reported(manifest.path, kind, role="lifter", state=pairs).engine
    assert isinstance(engine, TensorRtEngine)
    ours, reference = Lifter(manifest, engine), Lifter(manifest, open_engine(manifest.path, "onnxruntime", 1))
    cuda, random = machine.cudas[0], np.random.default_rng(0)
    for ids in ([4], [4], [4, 8], [8, 4, 1], [8, 4, 1], [1], [8, 1], [4, 8]):
        rays = random.standard_normal((len(ids), 17, 2)).astype(np.float32) * 0.1
        score = np.ones((len(ids), 17), np.float32)
        assert_same(ours.step(rays, score, ids), reference.step(rays, score, ids))
        copied = cuda.copied
        assert_same(ours.step(rays, score, ids), reference.step(rays, score, ids))
        assert cuda.copied == copied
        if ids == [8, 4, 1]:
            ours.drop(4)
            reference.drop(4)


def assert_same(found: Lifted, wanted: Lifted) -> None:
    pairs: list[tuple[FloatArray, FloatArray]] = [
        (found.relative_m, wanted.relative_m),
        (found.root_depth_m, wanted.root_depth_m),
        (found.root_sigma_m, wanted.root_sigma_m),
    ]
    for ours, reference in pairs:
        np.testing.assert_allclose(ours, reference, atol=1e-5)

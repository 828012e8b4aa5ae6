"""Temporal state that ONNX Runtime keeps in the host's memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.engines.base import HoldingEngine, StatefulEngine
from realtime.engines.onnx_file import with_constants
from realtime.engines.onnxruntime import OnnxRuntimeEngine, OnnxRuntimeSteps
from realtime.engines.open import open_engine, open_reported
from realtime.errors import EngineError
from realtime.lift import Lifter
from realtime.models import catalogue
from realtime.types import Array
from tests.engines.counter import STATE, write_counter
from tests.engines.stateful import check_coming_and_going, check_state_follows_each_person, rows, seen
from tests.engines.test_resident import assert_same


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_counter(tmp_path_factory.mktemp("steps"))


@pytest.fixture
def engine(path: Path) -> OnnxRuntimeSteps:
    return OnnxRuntimeSteps(path, 1, STATE)


def zeros() -> dict[str, Array]:
    """Nobody's state yet, from outside."""
    return {"sum": np.zeros((1, 3), np.float32), "steps": np.zeros((1, 1), np.float32)}


def test_state_follows_each_person(engine: OnnxRuntimeSteps) -> None:
    check_state_follows_each_person(engine)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 9), unique=True, max_size=8, min_size=1), st.integers(0, 9)),
        max_size=12,
    )
)
def test_any_coming_and_going_is_as_with_state_from_outside(
    path: Path, steps: list[tuple[list[int], int]]
) -> None:
    engine = OnnxRuntimeSteps(path, 1, STATE)
    check_coming_and_going(engine, steps)
    engine.close()


def test_everyone_is_forgotten_at_once_the_present_and_the_absent(engine: OnnxRuntimeSteps) -> None:
    assert seen(engine, [7, 9], 1, 5) == [101, 501]
    assert seen(engine, [7], 1) == [202]
    engine.forget_everyone()
    assert seen(engine, [7], 1) == [101]
    assert seen(engine, [9, 7], 5, 1) == [501, 202]


def test_the_answer_stays_in_one_place_while_the_people_stay(engine: OnnxRuntimeSteps) -> None:
    """Nothing is bound or allocated anew from step to step."""
    first = engine.infer_stateful(rows(1, 1), [3, 4])["seen"]
    for step in range(2, 20):
        assert engine.infer_stateful(rows(1, 1), [3, 4])["seen"] is first
        assert first[:, 0].tolist() == [100 * step + step] * 2


def test_plain_infer_leaves_the_state_alone(engine: OnnxRuntimeSteps) -> None:
    assert seen(engine, [5], 1) == [101]
    state: dict[str, Array] = {"sum": np.full((2, 3), 7, np.float32), "steps": np.zeros((2, 1), np.float32)}
    out = engine.infer(rows(1, 2) | state)
    assert out.keys() == engine.outputs.keys()
    np.testing.assert_array_equal(out["next_sum"][:, 0], [8, 9])
    assert seen(engine, [5], 1) == [202]


def test_rows_and_people_must_match(engine: OnnxRuntimeSteps) -> None:
    for people in ([1], [1, 1]):
        with pytest.raises(EngineError, match="one row for each of"):
            engine.infer_stateful(rows(1, 2), people)
    with pytest.raises(EngineError, match=r"the engine takes \['x'\]"):
        engine.infer_stateful({}, [1])
    assert seen(engine, [1], 1) == [101]
    engine.close()
    with pytest.raises(EngineError, match="the engine is closed"):
        engine.infer_stateful(rows(1), [1])


def test_what_is_held_is_fed_no_longer_and_the_state_goes_on(engine: OnnxRuntimeSteps) -> None:
    assert isinstance(engine, HoldingEngine)
    assert seen(engine, [7, 9], 1, 5) == [101, 501]
    engine.hold(rows(2))
    assert engine.infer_stateful({}, [9, 7])["seen"][:, 0].tolist() == [702, 302]
    with pytest.raises(EngineError, match="the engine takes"):
        engine.infer_stateful(rows(2), [7])
    assert engine.infer(rows(4) | zeros())["seen"][0, 0] == 401, "a plain run is fed everything"
    engine.hold(rows(3))
    assert engine.infer_stateful({}, [7])["seen"][:, 0].tolist() == [603]
    engine.hold({})
    assert seen(engine, [7, 9], 1, 5) == [704, 1203]


def test_only_a_row_of_what_is_fed_can_be_held(engine: OnnxRuntimeSteps) -> None:
    for wrong in (zeros(), rows(1, 2), {"y": rows(1)["x"]}, {"x": np.zeros((1, 4), np.float32)}):
        with pytest.raises(EngineError, match=r"one row each of \['x'\]"):
            engine.hold(wrong)
    assert seen(engine, [1], 1) == [101]


@pytest.mark.parametrize("pair", [("x", "nothing"), ("x", "next_steps"), ("nothing", "seen")])
def test_state_that_is_none_is_refused(path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(EngineError, match="is not a row for each person in and out"):
        OnnxRuntimeSteps(path, 1, (pair,))


def test_of_a_model_that_does_not_say_its_sizes_nothing_is_kept(path: Path, tmp_path: Path) -> None:
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[1].dim_param = f"size of {value.name}"
    onnx.save(model, tmp_path / "unsaid.onnx")
    engine = OnnxRuntimeSteps(tmp_path / "unsaid.onnx", 1, STATE)
    assert not engine.resident
    with pytest.raises(EngineError, match="without state pairs: use infer"):
        engine.infer_stateful(rows(1), [1])


def test_only_an_engine_that_is_given_state_keeps_any(path: Path) -> None:
    kept = open_reported(path, "onnxruntime", 1, "lifter", STATE).engine
    assert isinstance(kept, StatefulEngine)
    assert kept.resident == dict(STATE)
    plain = open_engine(path, "onnxruntime", 1, "lifter")
    assert isinstance(plain, OnnxRuntimeEngine)
    assert not isinstance(plain, StatefulEngine)


def test_an_input_made_a_constant_leaves_the_rest_of_the_file_as_it_was(path: Path) -> None:
    before, after = onnx.load(path), onnx.load_from_string(with_constants(path, rows(7)))
    (constant,) = after.graph.initializer
    assert constant.name == "x"
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(constant), rows(7)["x"])
    assert [i.name for i in after.graph.input] == [i.name for i in before.graph.input if i.name != "x"]
    del after.graph.initializer[:]
    after.graph.input.insert(0, before.graph.input[0])
    assert after == before
    with pytest.raises(EngineError, match="has no input y"):
        with_constants(path, {"y": rows(7)["x"]})


@pytest.mark.parametrize("lag", catalogue.lifter("unified").lags)
def test_every_lag_is_held_as_it_is_fed(lag: int) -> None:
    """One engine for lifters of all lags, one after another, as the window's dial has it."""
    manifest = catalogue.lifter("unified")
    engine = open_reported(manifest.path, "onnxruntime", 1, "lifter", manifest.state_pairs).engine
    Lifter(manifest, engine, 5)
    ours = Lifter(manifest, engine, lag)
    theirs = Lifter(manifest, open_engine(manifest.path, "onnxruntime", 1), lag)
    random = np.random.default_rng(lag + 3)
    for ids in ([4], [4, 8, 1], [8, 1]):
        rays = random.standard_normal((len(ids), 17, 2)).astype(np.float32) * 0.1
        score = np.ones((len(ids), 17), np.float32)
        assert_same(ours.step(rays, score, ids), theirs.step(rays, score, ids))


@pytest.mark.parametrize("name", catalogue.lifter_names())
def test_every_shipped_lifter_is_the_same_with_its_state_kept(name: str) -> None:
    """People come and go, and one is dropped, against the same lifter that is handed its state every time."""
    manifest = catalogue.lifter(name)
    pairs = manifest.state_pairs
    engine = open_reported(manifest.path, "onnxruntime", 1, "lifter", pairs).engine
    if pairs:
        assert isinstance(engine, StatefulEngine)
        assert engine.resident == dict(pairs)
    ours, theirs = Lifter(manifest, engine), Lifter(manifest, open_engine(manifest.path, "onnxruntime", 1))
    random = np.random.default_rng(0)
    for ids in ([4], [4], [4, 8], [8, 4, 1], [8, 4, 1], [1], [8, 1], [4, 8]):
        rays = random.standard_normal((len(ids), 17, 2)).astype(np.float32) * 0.1
        score = np.ones((len(ids), 17), np.float32)
        assert_same(ours.step(rays, score, ids), theirs.step(rays, score, ids))
        if ids == [8, 4, 1]:
            ours.drop(4)
            theirs.drop(4)

"""Temporal state that stays on the GPU. The GPU is a fake."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.engines.library import Kind
from realtime.engines.open import open_engine, open_reported
from realtime.engines.tensorrt import RunOptions, TensorRtEngine
from realtime.errors import EngineError
from realtime.lift import Lifted, Lifter
from realtime.models import catalogue
from realtime.types import FloatArray
from tests.engines.counter import KINDS, STATE
from tests.engines.fake_gpu import FakeCuda
from tests.engines.fake_machine import FakeMachine
from tests.engines.fake_tensorrt import fake_library
from tests.engines.stateful import check_coming_and_going, check_state_follows_each_person, rows, seen


def resident(plan: bytes, cuda: FakeCuda | None = None, kind: Kind = "tensorrt") -> TensorRtEngine:
    cuda = cuda or FakeCuda()
    return TensorRtEngine(fake_library(cuda, kind), plan, cuda, RunOptions(state=STATE))


@pytest.mark.parametrize("kind", KINDS)
def test_state_follows_each_person(counter: bytes, kind: Kind) -> None:
    check_state_follows_each_person(resident(counter, kind=kind))


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
    check_coming_and_going(resident(counter), steps)


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


def test_everyone_is_forgotten_at_once_the_present_and_the_absent(counter: bytes) -> None:
    cuda = FakeCuda()
    engine = resident(counter, cuda)
    seen(engine, [1], 1)
    with_one = cuda.allocated_bytes
    assert seen(engine, [1, 2], 1, 2) == [202, 201]
    assert seen(engine, [2], 2) == [402]
    engine.forget_everyone()
    assert cuda.allocated_bytes <= with_one
    assert seen(engine, [2], 2) == [201]
    assert seen(engine, [1, 2], 1, 2) == [101, 402]


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_lifter_is_the_same_with_its_state_on_the_gpu(machine: FakeMachine, kind: Kind) -> None:
    """The shipped lifter, people coming and going, against the same lifter with its state on the host."""
    manifest = catalogue.lifter(catalogue.DEFAULT_LIFTER)
    pairs = manifest.state_pairs
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

"""A network that gives NaN, raises or hangs, in the real path from frame to people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from realtime.engines.base import Engine
from realtime.engines.open import Choice
from realtime.errors import EngineError, HungError
from realtime.manifest import Manifest
from realtime.sample import camera, clip_path
from realtime.stream.assemble import Assembly, FreshNets, Model, Options, assemble, load_model
from realtime.stream.pipeline import Pipeline
from realtime.stream.safety import Safety
from realtime.stream.sinks import result_line
from realtime.stream.sources.file import open_file
from realtime.types import Array, Result
from tests.fakes import CollectSink, FakeClock
from tests.faults.stuck import Stuck

pytestmark = pytest.mark.usefixtures("blazepose")
TIMEOUT_S = 60.0
ROLES = ("detector", "estimator", "lifter")
Outputs = Mapping[str, Array]
_LOADED: dict[Path, Model] = {}


class FaultyEngine:
    """A real engine whose outputs go through `fault` at some of its runs, counted from 0."""

    def __init__(self, engine: Engine, runs: Sequence[int], fault: Callable[[Outputs], Outputs]) -> None:
        self.backend, self.precision = engine.backend, engine.precision
        self.inputs, self.outputs = engine.inputs, engine.outputs
        self.close = engine.close
        self._engine = engine
        self._runs = runs
        self._fault = fault
        self._ran = 0

    def infer(self, feeds: Mapping[str, Array]) -> Outputs:
        outputs = self._engine.infer(feeds)
        self._ran += 1
        return self._fault(outputs) if self._ran - 1 in self._runs else outputs


class FaultyNets(FreshNets):
    """Lends the real networks, one of them made faulty. They are loaded once."""

    def __init__(self, role: str, runs: Sequence[int], fault: Callable[[Outputs], Outputs]) -> None:
        self._role = role
        self._how = (runs, fault)

    def load(self, manifest: Manifest, choice: Choice) -> Model:
        model = _LOADED.get(manifest.path) or load_model(manifest, choice)
        _LOADED[manifest.path] = model
        if manifest.role != self._role:
            return model
        return Model(manifest, FaultyEngine(model.engine, *self._how), model.fallback)

    def free(self, models: Sequence[Model]) -> None:
        """They are lent again."""


def all_nan(outputs: Outputs) -> Outputs:
    return {name: np.full_like(array, np.nan) for name, array in outputs.items()}


def one_infinity(outputs: Outputs) -> Outputs:
    broken = {name: array.copy() for name, array in outputs.items()}
    for array in broken.values():
        array.flat[array.size // 2] = np.inf
    return broken


def no_room(outputs: Outputs) -> Outputs:
    raise EngineError("the device is out of memory")


def faulty(role: str, runs: Sequence[int], fault: Callable[[Outputs], Outputs], lag: int = 0) -> Assembly:
    return assemble(Options(lag=lag), camera(), nets=FaultyNets(role, runs, fault))


def results(assembly: Assembly, frames: int) -> list[Result]:
    source = open_file(clip_path())
    found: list[Result] = []
    for _ in range(frames):
        frame = source.read()
        assert frame is not None
        found += assembly.perception.process(frame)
    found += assembly.perception.finish()
    assembly.perception.close()
    source.close()
    return found


@pytest.mark.parametrize(
    ("role", "fault", "lag"),
    [
        ("detector", all_nan, 0),
        ("detector", one_infinity, 0),
        ("estimator", all_nan, 0),
        ("estimator", one_infinity, 2),
        ("lifter", all_nan, 0),
        ("lifter", all_nan, 2),
        ("lifter", one_infinity, 0),
    ],
)
def test_nan_is_nobody_and_passes(
    role: str, fault: Callable[[Outputs], Outputs], lag: int, caplog: pytest.LogCaptureFixture
) -> None:
    bad = (0,) if role == "detector" else (6, 7, 8)
    found = results(faulty(role, bad, fault, lag), 16)
    assert [r.frame.index for r in found] == list(range(16))
    for result in found:
        result_line(result)  # JSON has no NaN: this raises for one
    missing = [r.frame.index for r in found if not r.people]
    assert 0 < len(missing) < 12
    assert found[-1].people
    assert "gave NaN, infinity" in caplog.text


def test_a_lifter_that_gave_nan_begins_afresh() -> None:
    clean = results(faulty("lifter", (), all_nan), 30)
    after = results(faulty("lifter", (6,), all_nan), 30)
    assert after[6].people == ()
    for was, now in zip(clean[:6], after[:6], strict=True):
        np.testing.assert_array_equal(was.people[0].pose.relative_m, now.people[0].pose.relative_m)
    gap_m = np.linalg.norm(
        clean[-1].people[0].pose.relative_m - after[-1].people[0].pose.relative_m, axis=1
    ).max()
    assert gap_m < 0.2


@pytest.mark.parametrize("role", ROLES)
def test_an_engine_that_raises_ends_the_pipeline_with_its_words(role: str) -> None:
    sink = CollectSink()
    bad = (0,) if role == "detector" else (4,)
    pipeline = Pipeline(open_file(clip_path()), faulty(role, bad, no_room).perception, [sink])
    pipeline.start()
    with pytest.raises(EngineError, match="out of memory"):
        pipeline.wait(TIMEOUT_S)
    assert pipeline.stop(TIMEOUT_S)
    assert sink.closed == 1


@pytest.mark.parametrize(
    ("role", "place"),
    [("detector", "Detector.detect"), ("estimator", "Estimator.estimate"), ("lifter", "Lifter.step")],
)
def test_an_engine_that_hangs_is_named_and_given_up(role: str, place: str) -> None:
    clock, stuck = FakeClock(), Stuck()

    def hang(outputs: Outputs) -> Outputs:
        stuck()
        return outputs

    bad = (0,) if role == "detector" else (4,)
    safety = Safety(deliver_s=math.inf, capture_s=math.inf, first_s=0.0, look_s=0.005)
    perception = faulty(role, bad, hang).perception
    sink = CollectSink()
    pipeline = Pipeline(open_file(clip_path()), perception, [sink], clock=clock, safety=safety)
    pipeline.start()
    assert stuck.entered.wait(TIMEOUT_S)
    clock.now_ns += 11 * 10**9
    with pytest.raises(HungError, match=f"for 11 s.*{place}"):
        pipeline.wait(TIMEOUT_S)
    assert not pipeline.stop(timeout_s=0.05)
    assert sink.closed == 1
    stuck.released.set()
    assert pipeline.stop(TIMEOUT_S)

"""A lifter's cached step against a window computed again every frame, as the receptive field grows."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from realtime.engines.onnxruntime import OnnxRuntimeEngine
from realtime.errors import EngineError
from realtime.lift import Lifter
from realtime.manifest import Manifest
from realtime.profiling.measure import Latency, times_ms
from realtime.profiling.temporal import FEATURES, CachedStep, TemporalNet
from realtime.skeleton import H36M17
from realtime.stream.assemble import load_model
from realtime.types import FloatArray

ROUNDS = 5
_MOST_DIFFERENT = 1e-3


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """One net in both forms. difference: the largest between their outputs. ratio: window over step, the
    median of the rounds' ratios."""

    receptive_field: int
    parameters: int
    difference: float
    step: Latency
    window: Latency
    ratio: float

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class StepRow:
    """A shipped lifter's step for so many people."""

    lifter: str
    people: int
    receptive_field: int
    step: Latency

    def to_json(self) -> dict[str, Any]:
        """As plain numbers and words."""
        return dataclasses.asdict(self)


def growth(blocks: Sequence[int], seconds: float, width: int = 1024, threads: int = 0) -> Iterator[GrowthRow]:
    """Time both forms in ONNX Runtime in turn, for each number of blocks (the field is 3 ** (blocks + 1)).

    Raises EngineError when the two forms do not give the same.
    """
    for count in blocks:
        yield compare(TemporalNet.random(count, width), seconds, threads)


def compare(net: TemporalNet, seconds: float, threads: int = 0) -> GrowthRow:
    """Time a net's two forms in turn, A B A B. seconds: for each form, over all rounds."""
    with Forms(net, threads) as forms:
        return forms.row(*in_turn((forms.step, forms.window), seconds))


class Forms:
    """A net's two forms in ONNX Runtime, ready to run. features: what the window is given, (frames, 34).

    difference: the largest between their outputs. Raises EngineError when it is more than rounding makes.
    """

    def __init__(self, net: TemporalNet, threads: int = 0) -> None:
        self._net = net
        models = (net.window_model(), net.step_model(), *net.older_models())
        self._engines = [_engine(model, threads or os.cpu_count() or 1) for model in models]
        self._stepper = CachedStep(net, self._engines[1], self._engines[2:])
        frames = np.random.default_rng(1).standard_normal((2 * net.receptive_field, FEATURES), np.float32)
        poses = [self._stepper.step(frame[None]).copy() for frame in frames]
        self._newest = frames[-1:].copy()
        self.features = frames[-net.receptive_field :].copy()
        self.difference = float(np.abs(self.window() - poses[-1]).max())
        if not self.difference < _MOST_DIFFERENT:
            raise EngineError(f"step and window differ by {self.difference:g}: try another onnxruntime")

    def __enter__(self) -> Forms:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self._engines:
            engine.close()

    def step(self) -> FloatArray:
        """One more frame, (1, 51)."""
        return self._stepper.step(self._newest)

    def window(self) -> FloatArray:
        """The whole window again, (1, 51)."""
        return self._engines[0].infer({"features": self.features})["pose"]

    def row(self, steps: Sequence[Sequence[float]], windows: Sequence[Sequence[float]]) -> GrowthRow:
        """What the rounds' times say."""
        ratios = [np.median(w) / np.median(s) for s, w in zip(steps, windows, strict=True)]
        step, window = (Latency.of([ms for part in parts for ms in part]) for parts in (steps, windows))
        net = self._net
        return GrowthRow(
            net.receptive_field, net.parameters, self.difference, step, window, float(np.median(ratios))
        )


def _engine(model: Any, threads: int) -> OnnxRuntimeEngine:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        onnx.save(model, path)
        return OnnxRuntimeEngine(path, threads)


def in_turn(
    runs: Sequence[Callable[[], object]], seconds: float, rounds: int = ROUNDS
) -> list[list[list[float]]]:
    """Milliseconds of each run in each round, the runs one after the other in every round."""
    found: list[list[list[float]]] = [[] for _ in runs]
    for _ in range(rounds):
        for times, run in zip(found, runs, strict=True):
            times.append(times_ms(run, seconds / rounds))
    return found


def steps(manifests: Sequence[Manifest], people: Sequence[int], seconds: float) -> Iterator[StepRow]:
    """Time shipped lifters' steps as the pipeline runs them, state and all."""
    for manifest in manifests:
        engine = load_model(manifest, "auto").engine
        try:
            for count in people:
                lifter, ids = Lifter(manifest, engine), list(range(count))
                random = np.random.default_rng(0)
                rays = random.standard_normal((count, len(H36M17), 2), np.float32) * np.float32(0.2)
                score = np.ones((count, len(H36M17)), np.float32)
                step = Latency.of(times_ms(_stepper(lifter, rays, score, ids), seconds))
                yield StepRow(manifest.name, count, manifest.receptive_field, step)
        finally:
            engine.close()


def _stepper(lifter: Lifter, rays: Any, score: Any, ids: list[int]) -> Callable[[], object]:
    return lambda: lifter.step(rays, score, ids)

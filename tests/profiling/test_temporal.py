from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from realtime.engines.onnxruntime import OnnxRuntimeEngine
from realtime.profiling.lifters import Forms, growth
from realtime.profiling.temporal import CachedStep, TemporalNet, frames_at_once
from realtime.types import Array


@pytest.mark.parametrize("blocks", [0, 1, 2, 3])
def test_a_step_gives_for_every_frame_what_the_window_ending_there_gives(blocks: int, tmp_path: Path) -> None:
    net = TemporalNet.random(blocks, width=16)
    step = cached_step(net, tmp_path)
    window = engine(net.window_model(), tmp_path / "window.onnx")
    field = net.receptive_field
    frames = np.random.default_rng(3).standard_normal((2 * field + 7, 34), np.float32)
    poses = [step.step(frame[None]).copy() for frame in frames]
    for last in range(field - 1, len(frames)):
        whole = window.infer({"features": frames[last - field + 1 : last + 1]})["pose"]
        np.testing.assert_allclose(poses[last], whole, atol=1e-5)
    assert np.abs(poses[-1] - poses[-2]).max() > 1e-3


def test_no_frame_computes_the_older_taps_of_all_blocks(tmp_path: Path) -> None:
    net = TemporalNet.random(5, width=8)
    counts = [0] * 5

    class Counted(OnnxRuntimeEngine):
        def __init__(self, block: int) -> None:
            super().__init__(tmp_path / f"older_{block}.onnx", 1)
            self.block = block

        def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
            counts[self.block] += 1
            return super().infer(feeds)

    for k, model in enumerate(net.older_models()):
        onnx.save(model, tmp_path / f"older_{k}.onnx")
    step = CachedStep(net, engine(net.step_model(), tmp_path / "step.onnx"), [Counted(k) for k in range(5)])
    most = 0
    for _ in range(54):
        before = sum(counts)
        step.step(np.ones((1, 34), np.float32))
        most = max(most, sum(counts) - before)
    assert most == 1
    assert counts == [54 // frames_at_once(k) for k in range(1, 6)]


def engine(model: Any, path: Path) -> OnnxRuntimeEngine:
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return OnnxRuntimeEngine(path, 1)


def cached_step(net: TemporalNet, folder: Path) -> CachedStep:
    older = [engine(model, folder / f"older_{k}.onnx") for k, model in enumerate(net.older_models())]
    return CachedStep(net, engine(net.step_model(), folder / "step.onnx"), older)


def test_the_243_frame_net_has_the_published_size() -> None:
    net = TemporalNet.random(4)
    assert net.receptive_field == 243
    assert net.parameters == pytest.approx(17.0e6, rel=0.01)


def test_growth_times_both_forms_of_each_field() -> None:
    rows = list(growth([0, 1], seconds=0.01, width=8, threads=1))
    assert [row.receptive_field for row in rows] == [3, 9]
    assert all(row.step.runs >= 10 and row.window.runs >= 10 and row.ratio > 0 for row in rows)
    assert rows[1].parameters > rows[0].parameters


def test_forms_say_how_far_they_are_apart() -> None:
    with Forms(TemporalNet.random(1, width=8), threads=1) as forms:
        assert forms.features.shape == (9, 34)
        assert 0 <= forms.difference < 1e-5
        assert forms.step().shape == (1, 51)

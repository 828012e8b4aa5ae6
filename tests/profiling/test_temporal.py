from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from realtime.engines.onnxruntime import OnnxRuntimeEngine
from realtime.profiling.lifters import Forms, growth
from realtime.profiling.temporal import CachedStep, TemporalNet


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_step_gives_for_every_frame_what_the_window_ending_there_gives(blocks: int, tmp_path: Path) -> None:
    net = TemporalNet.random(blocks, width=16)
    for name, model in (("step", net.step_model()), ("window", net.window_model())):
        onnx.checker.check_model(model)
        onnx.save(model, tmp_path / f"{name}.onnx")
    step = CachedStep(net, OnnxRuntimeEngine(tmp_path / "step.onnx", 1))
    window = OnnxRuntimeEngine(tmp_path / "window.onnx", 1)
    field = net.receptive_field
    frames = np.random.default_rng(3).standard_normal((field + 7, 34), np.float32)
    poses = [step.step(frame[None]).copy() for frame in frames]
    for last in range(field - 1, len(frames)):
        given = np.ascontiguousarray(frames[last - field + 1 : last + 1].T[None])
        whole = window.infer({"features": given})["pose"][..., 0]
        np.testing.assert_allclose(poses[last], whole, atol=1e-5)
    assert np.abs(poses[-1] - poses[-2]).max() > 1e-3


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
        assert forms.features.shape == (1, 34, 9)
        assert 0 <= forms.difference < 1e-5
        assert forms.step().shape == (1, 51)

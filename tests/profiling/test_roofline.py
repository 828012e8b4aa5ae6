from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime.profiling.roofline import Peak, Work, measure_peak, work_of
from realtime.profiling.temporal import TemporalNet, frames_at_once
from tests.fakes import FakeClock


def save(
    tmp_path: Path, nodes: list[object], shape: tuple[object, ...], weights: dict[str, np.ndarray]
) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_convolution_is_two_operations_a_weight_and_place(tmp_path: Path) -> None:
    conv = helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2], group=4)
    work = work_of(save(tmp_path, [conv], (1, 8, 11, 11), {"w": np.ones((12, 2, 3, 3))}))
    assert work.flops == 2 * (12 * 5 * 5) * (2 * 3 * 3)
    assert work.weight_bytes == 4 * 12 * 2 * 3 * 3
    assert work.activation_bytes == 4 * (8 * 11 * 11 + 12 * 5 * 5)
    assert work.counted == 1.0


def test_a_product_grows_with_the_batch_and_moving_costs_nothing(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["t", "w"], ["m"]),
        helper.make_node("Relu", ["m"], ["y"]),
    ]
    path = save(tmp_path, nodes, ("n", 5, 3), {"w": np.ones((5, 7))})
    assert work_of(path).flops == 2 * 3 * 5 * 7 + 3 * 7
    assert work_of(path, batch=4).flops == 4 * work_of(path).flops


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    lstm = helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=2)
    work = work_of(save(tmp_path, [lstm], (1, 1, 3), {"w": np.ones((1, 8, 3)), "r": np.ones((1, 8, 2))}))
    assert work.counted == 0.0


def test_the_step_and_the_window_do_the_work_their_shape_says(tmp_path: Path) -> None:
    width = 64
    net = TemporalNet.random(4, width)

    def flops(model: Any) -> float:
        onnx.save(model, tmp_path / "net.onnx")
        return work_of(tmp_path / "net.onnx").flops

    older = sum(flops(model) / frames_at_once(k) for k, model in enumerate(net.older_models(), 1))
    stem, block, head = 3 * 34 * width, 4 * width**2, 51 * width
    assert flops(net.step_model()) + older == pytest.approx(2 * (stem + 4 * block + head), rel=0.02)
    window = 81 * stem + (27 + 9 + 3 + 1) * block + head
    assert flops(net.window_model()) == pytest.approx(2 * window, rel=0.02)


def test_the_roof_is_the_lower_of_the_two() -> None:
    peak = Peak(flops_s=1e9, bytes_s=1e8)
    assert peak.bound(Work(1e9, 1e6, 0, 1)) == "compute"
    assert peak.least_ms(Work(1e9, 1e6, 0, 1)) == pytest.approx(1000)
    assert peak.bound(Work(1e6, 1e8, 0, 1)) == "memory"
    assert peak.least_ms(Work(1e6, 1e8, 0, 1)) == pytest.approx(1000)


def test_the_peak_is_what_the_clock_says() -> None:
    peak = measure_peak(seconds=0.005, clock=FakeClock(step_ns=1_000_000))
    assert peak.flops_s == pytest.approx(2 * 1024**3 / 1e-3)
    assert peak.bytes_s == pytest.approx(2 * 2**26 / 1e-3, rel=0.01)

from __future__ import annotations

import json

import pytest

from realtime.models import catalogue
from realtime.profiling.engines import rows
from realtime.profiling.lifters import steps
from realtime.profiling.roofline import Peak

PEAK = Peak(flops_s=1e15, bytes_s=1e9)


def test_a_net_is_timed_at_each_batch_size_and_set_beside_the_roofline() -> None:
    manifest = catalogue.lifter("videopose-tcn")
    found = list(rows([manifest], ["onnxruntime"], [1, 2], 0.01, PEAK))
    assert [(row.net, row.backend, row.batch) for row in found] == [
        ("videopose-tcn", "onnxruntime", 1), ("videopose-tcn", "onnxruntime", 2)
    ]  # fmt: skip
    for row in found:
        assert row.latency.runs >= 10
        assert row.throughput_hz > 0
        assert row.bound == "memory"
        assert row.least_ms == pytest.approx(1e3 * row.work.weight_bytes / PEAK.bytes_s)
        assert row.peak_share == pytest.approx(row.least_ms / row.latency.median_ms)
        assert row.device is None
        json.dumps(row.to_json())
    assert found[1].work.flops == pytest.approx(2 * found[0].work.flops, rel=0.01)


def test_a_shipped_lifter_is_stepped_as_the_pipeline_does() -> None:
    found = list(steps([catalogue.lifter("videopose-tcn")], [1, 3], 0.01))
    assert [(row.lifter, row.people) for row in found] == [("videopose-tcn", 1), ("videopose-tcn", 3)]
    assert all(row.step.min_ms > 0 and row.receptive_field > 1 for row in found)

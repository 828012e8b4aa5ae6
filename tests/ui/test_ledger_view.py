"""The latency panel: bars that add up, numbers that match."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.stream.ledger import Entry, Ledger, Snapshot

pytestmark = pytest.mark.usefixtures("qt")


@pytest.fixture
def panel(qt: Any) -> Any:
    from realtime.ui.ledger_view import LedgerView

    panel = LedgerView()
    yield panel
    panel.deleteLater()
    qt.processEvents()


def filled(count: int) -> Snapshot:
    ledger = Ledger()
    for n in range(count):
        age = {"capture": 1.0, "detect": float(n), "estimate": 10.0, "lift": 2.0, "total": 13.0 + n}
        ledger.add(Entry(n, n * 20_000_000, n * 20_000_000 + 9, age))
    ledger.drop("a newer frame came", 3)
    return ledger.snapshot()


def test_numbers_are_the_snapshots(panel: Any) -> None:
    panel.add_age(41.0)
    panel.add_age(30.0)
    panel.add_age(35.0)
    panel.refresh(filled(11), [("blazepose", "openvino"), ("lifter", "onnxruntime")], None)
    assert panel.text("frames a second") == "50.0"
    assert panel.text("total") == "18 ms   p95 22   p99 23"
    assert panel.text("shown after") == "35 ms"
    assert panel.text("dropped") == "3 (a newer frame came)"
    assert panel.text("models") == "blazepose · openvino\nlifter · onnxruntime"


def test_before_the_first_frame_it_claims_nothing(panel: Any) -> None:
    panel.refresh(Snapshot(), [], None)
    unknown = ("frames a second", "total", "shown after", "models", "camera")
    assert {panel.text(name) for name in unknown} == {"–"}
    assert panel.text("dropped") == "none"


def test_a_fallback_is_one_line_while_there_is_one(panel: Any) -> None:
    reason = "tensorrt-rtx is installed, but this machine has no NVIDIA driver"
    panel.show_fallback(reason)
    assert panel.fallback == reason
    assert panel.fallback_is_shown
    panel.show_fallback("")
    assert not panel.fallback_is_shown


def test_bars_stack_up_to_the_sum_of_the_stages(panel: Any) -> None:
    import pyqtgraph as pg

    panel.refresh(filled(11), [], None)
    bars = [item for item in panel.findChild(pg.PlotWidget).getPlotItem().items if hasattr(item, "opts")]
    assert len(bars) == 4
    below = np.zeros(11)
    for bar in bars:
        np.testing.assert_allclose(bar.opts["y0"], below)
        below = below + bar.opts["height"]
    np.testing.assert_allclose(below, 13.0 + np.arange(11))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("assumed", "assumed 60° field of view"),
        ("fov", "60° field of view, as given"),
        ("metadata", "60° field of view, from the file"),
        ("calibrated", "calibrated, 60° field of view"),
    ],
)
def test_it_says_how_the_camera_is_known(panel: Any, source: Any, words: str) -> None:
    panel.refresh(Snapshot(), [], Intrinsics.from_fov(60, 640, 480, source))
    assert panel.text("camera") == words

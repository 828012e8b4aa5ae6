"""The latency panel: bars that add up, numbers that match."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.floor_files import up_of_tilt
from realtime.live.state import State
from realtime.stream.ledger import Entry, Ledger, Percentiles, Snapshot
from realtime.stream.source import SourceStatus
from realtime.types import FloatArray
from realtime.ui.theme import DARK
from tests.ui.conftest import pixels
from tests.ui.fake_player import NETS, info

FINE = SourceStatus()
STATE = State(source=info(), nets=NETS)


@pytest.fixture
def panel(qt: Any) -> Any:
    from realtime.ui.ledger_view import LedgerView

    panel = LedgerView()
    panel.resize(1200, 170)
    yield panel
    panel.deleteLater()
    qt.processEvents()


def filled(count: int) -> Snapshot:
    ledger = Ledger()
    for n in range(count):
        age = {"capture": 1.0, "detect": float(n), "estimate": 10.0, "lift": 2.0, "total": 13.0 + n}
        done_ns = n * 20_000_000
        ledger.add(Entry(n, done_ns - int((13 + n) * 1e6), done_ns, age, done_ns + 4_000_000))
    ledger.drop("a newer frame came", 3)
    return ledger.snapshot()


def test_numbers_are_the_snapshots(panel: Any) -> None:
    for age_ms in (41.0, 30.0, 35.0):
        panel.add_age(age_ms)
    panel.refresh(filled(11), replace(STATE, lag_frames=2), FINE)
    assert panel.text("age") == "35 ms"
    assert panel.text("spread") == "grab to screen   p95 41"
    assert panel.text("work") == "to result 18   p95 22   p99 23"
    assert panel.text("pictures") == "50.0 of 30 a second"
    assert panel.text("left out") == "3: a newer frame came"
    assert panel.text("lag") == "2 frames late (67 ms)"
    assert panel.text("engine") == "openvino fp32, onnxruntime fp32"
    on_device = replace(filled(11), device={"estimate": Percentiles(0.5, 0.6, 0.7, 0.8)})
    panel.refresh(on_device, STATE, FINE)
    assert panel.text("engine") == "openvino fp32, onnxruntime fp32 (estimate 0.50 ms there)"
    panel.show_drawing("painter", "OpenGL is slow here")
    assert panel.text("3D view") == "software: OpenGL is slow here"


@pytest.mark.parametrize(
    ("up", "words"),
    [
        (up_of_tilt(23), ", looks down 23°"),
        (up_of_tilt(-8), ", looks up 8°"),
        (up_of_tilt(0.2), ", level"),
        (np.array([0.2, -0.9, -0.36], np.float32), ", looks down 21°, rolled 13°"),
        (None, ""),
    ],
)
def test_the_tilt_is_said_beside_the_camera(panel: Any, up: FloatArray | None, words: str) -> None:
    state = replace(STATE, intrinsics=Intrinsics.from_fov(60, 640, 480))
    panel.show_tilt(up)
    panel.refresh(filled(3), state, FINE)
    assert panel.text("camera") == "60° field of view, as given" + words
    panel.clear()
    panel.refresh(filled(3), state, FINE)
    assert panel.text("camera") == "60° field of view, as given"


def test_before_the_first_frame_it_claims_nothing(panel: Any) -> None:
    panel.refresh(Snapshot(), State(), FINE)
    assert {panel.text(name) for name in ("pictures", "engine", "camera")} == {"–"}
    assert panel.text("age") == "– ms"
    assert panel.text("work") == ""
    assert panel.text("left out") == "none"


def test_what_the_source_left_out_counts_too(panel: Any) -> None:
    panel.refresh(filled(3), STATE, SourceStatus(damaged=2, overtaken=5))
    assert panel.text("left out") == "3: a newer frame came, 5: a newer one was there first, 2: damaged"


def test_a_fallback_is_one_line_while_there_is_one(panel: Any) -> None:
    reason = "tensorrt-rtx is installed, but this machine has no NVIDIA driver"
    panel.refresh(filled(3), replace(STATE, fallback=reason), FINE)
    assert panel.fallback == reason
    assert panel.fallback_is_shown
    panel.refresh(filled(3), STATE, FINE)
    assert not panel.fallback_is_shown


def test_bars_stack_up_to_the_age_at_display(panel: Any) -> None:
    panel.refresh(filled(11), STATE, FINE)
    table = panel.bars.shares_ms
    assert table.shape == (11, 6)
    np.testing.assert_allclose(table.sum(axis=1), 17.0 + np.arange(11), atol=1e-6)


def test_bars_have_the_stages_colours_in_the_stages_order(panel: Any) -> None:
    panel.refresh(filled(11), STATE, FINE)
    column = pixels(panel.bars)[:, -3].astype(int)
    rows = [
        np.flatnonzero((column == DARK.stages[name]).all(axis=1)) for name in ("display", "lift", "detect")
    ]
    assert all(len(r) for r in rows)
    assert rows[0].max() < rows[1].min() < rows[1].max() < rows[2].max()


def test_only_as_many_bars_as_fit_the_newest(panel: Any) -> None:
    panel.bars.resize(240, 120)
    panel.bars.show_snapshot(filled(200))
    table = panel.bars.shares_ms
    assert len(table) == 40
    assert table[-1].sum() == pytest.approx(17 + 199)


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 10), (8, 10), (9.5, 20), (30, 40), (44, 50), (170, 200), (960, 2000)]
)
def test_the_scale_ends_at_a_round_number(highest: float, top: float) -> None:
    from realtime.ui.bars import ceiling

    assert ceiling(highest) == top


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
    panel.refresh(Snapshot(), State(intrinsics=Intrinsics.from_fov(60, 640, 480, source)), FINE)
    assert panel.text("camera") == words

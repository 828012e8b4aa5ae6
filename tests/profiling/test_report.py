from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from realtime.profiling.measure import Latency
from realtime.profiling.report import bars, curves, to_html

LATENCY = dataclasses.asdict(Latency.of([1.0, 2.0, 3.0]))
MACHINE = {"processor": "a <fast> one", "gpus": [], "versions": {"numpy": "9"}}
REPORTS: dict[str, dict[str, Any]] = {
    "engines": {
        "peak": {"flops_s": 1e11, "bytes_s": 1e10},
        "engines": [
            {
                "net": "n&m", "backend": "b", "precision": "fp32", "batch": 4, "latency": LATENCY,
                "throughput_hz": 123.4, "work": {"flops": 5e8, "weight_bytes": 6e6}, "peak_share": 0.25,
                "bound": "compute",
            }
        ],
    },
    "pipeline": {
        "frames": 9, "fps": 31.5, "p50_ms": 7.0, "slices_ms": [6.0, 8.0],
        "stages": {"lift": {"p50_ms": 1.0, "p99_ms": 2.0}},
        "paced": [
            {"fps": 60.0, "frames_grabbed": 8, "frames": 6, "drops": {"a newer frame came": 2},
             "age_ms": {"p50_ms": 9.0, "p99_ms": 12.0}, "services_ms": 8.0}
        ],
    },
    "lifters": {
        "growth": [{"receptive_field": f, "step": LATENCY, "window": LATENCY} for f in (27, 81)],
        "steps": [{"lifter": "l", "people": 2, "step": LATENCY}],
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", REPORTS)
def test_a_page_needs_nothing_else_and_escapes_what_it_shows(kind: str) -> None:
    page = to_html({"machine": MACHINE, **REPORTS[kind]})
    assert "a &lt;fast&gt; one" in page
    assert "<fast>" not in page
    assert "http" not in page
    assert page.count("<svg") == page.count("</svg>") >= 1


def test_what_was_measured_is_on_the_page() -> None:
    engines = to_html({"machine": MACHINE, **REPORTS["engines"]})
    assert all(words in engines for words in ("n&amp;m", "123.4", "25%", "compute", "100.0 GFLOP/s"))
    pipeline = to_html({"machine": MACHINE, **REPORTS["pipeline"]})
    assert all(words in pipeline for words in ("31.5 frames/s", "2 (a newer frame came)", "12.0"))


def test_plots_are_well_formed_and_to_scale() -> None:
    drawn = ElementTree.fromstring(bars([("a<b", 2.0, (1.0, 4.0)), ("c", 1.0, ())]))
    widths = [float(rect.attrib["width"]) for rect in drawn.iter("rect")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)
    lines = ElementTree.fromstring(
        curves({"step": [(27, 1.0), (81, 1.0)], "window": [(27, 1), (81, 3)]}, "f", "ms")
    )
    assert len(list(lines.iter("path"))) == 3

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import UsageError
from realtime.profiling.compare import compare, load
from realtime.profiling.measure import Latency


def report(median_ms: float, spread_ms: float) -> dict[str, Any]:
    values = [median_ms + spread_ms * (n % 5 - 2) / 2 for n in range(100)]
    slices = tuple(median_ms + spread_ms * (n % 3 - 1) for n in range(10))
    latency = dataclasses.replace(Latency.of(values), slices_ms=slices)
    row = {
        "net": "n",
        "backend": "b",
        "precision": "fp32",
        "batch": 1,
        "latency": dataclasses.asdict(latency),
    }
    pipeline = {"p50_ms": median_ms, "slices_ms": list(slices)}
    return {"machine": {}, "engines": [row], **pipeline, "sweep": [{"most_people": 2, **pipeline}]}


def test_a_change_beyond_the_unrest_is_told() -> None:
    changes = compare(report(10.0, 0.5), report(8.0, 0.5))
    assert [c.name for c in changes] == ["n b fp32 batch 1", "pipeline, a frame", "pipeline, up to 2 people"]
    assert {c.verdict for c in changes} == {"faster"}
    assert changes[0].ratio == pytest.approx(0.8)
    assert {c.verdict for c in compare(report(8.0, 0.5), report(10.0, 0.5))} == {"slower"}


def test_a_change_within_the_unrest_is_none() -> None:
    assert {c.verdict for c in compare(report(10.0, 3.0), report(8.0, 3.0))} == {"same"}


def test_a_change_too_small_to_matter_is_none_however_calm_the_machine() -> None:
    assert {c.verdict for c in compare(report(10.0, 0.0), report(10.1, 0.0))} == {"same"}


def test_reports_of_different_commands_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="no figure in common"):
        compare(report(1.0, 0.1), {"machine": {}, "growth": []})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"frames": 3}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UsageError, match="--out"):
        load(path)
    path.write_text(text)
    with pytest.raises(UsageError, match="--out"):
        load(path)
    path.write_text(json.dumps({"machine": {}, "frames": 3}))
    assert load(path)["frames"] == 3

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from realtime.errors import RecordError, UsageError
from realtime.stream.ledger import Entry, Ledger, Snapshot
from realtime.stream.ledger_text import to_csv, to_json, to_prometheus, write_ledger

AGES = {"capture": 1.0, "wait": 0.5, "detect": 0.0, "estimate": 4.0, "lift": 0.5, "total": 6.0}


@pytest.fixture
def snapshot() -> Snapshot:
    ledger = Ledger()
    for n in range(4):
        ledger.add(Entry(n, n * 10**7, n * 10**7 + 6_100_000, AGES, device_ms={"estimate": 1.5}))
    ledger.displayed(3, 3 * 10**7 + 8_000_000)
    ledger.drop('a "newer" frame\ncame', 2)
    return ledger.snapshot()


def test_json_holds_the_percentiles_the_drops_and_each_frame(snapshot: Snapshot) -> None:
    node = json.loads(to_json(snapshot))
    assert node["frames"] == 4
    assert node["drops"] == {'a "newer" frame\ncame': 2}
    assert node["stages"]["estimate"] == {"p50_ms": 4.0, "p90_ms": 4.0, "p95_ms": 4.0, "p99_ms": 4.0}
    assert node["age_at_display"]["p50_ms"] == 8.0
    assert node["spent_ms"]["total"] == 24.0
    assert node["device"]["estimate"]["p99_ms"] == 1.5
    assert node["recent"][0]["device_ms"] == {"estimate": 1.5}
    assert [frame["displayed_ns"] for frame in node["recent"]] == [None] * 3 + [38_000_000]
    assert node["recent"][1]["age_ms"] == AGES


def test_csv_holds_a_row_a_frame(snapshot: Snapshot) -> None:
    rows = list(csv.DictReader(to_csv(snapshot).splitlines()))
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["age_at_display_ms"] for row in rows] == ["", "", "", "8.0000"]
    parts = ("capture_ms", "wait_ms", "detect_ms", "estimate_ms", "lift_ms")
    assert sum(float(rows[0][part]) for part in parts) == float(rows[0]["total_ms"])
    assert [row["estimate_device_ms"] for row in rows] == ["1.5000"] * 4


def test_prometheus_text_has_one_sample_a_line_and_escapes_labels(snapshot: Snapshot) -> None:
    lines = to_prometheus(snapshot).splitlines()
    sample = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? [-+0-9.e]+')
    assert all(line.startswith("# ") or sample.fullmatch(line) for line in lines)
    assert "realtime_pose_frames_total 4" in lines
    assert r'realtime_pose_dropped_total{reason="a \"newer\" frame\ncame"} 2' in lines
    assert 'realtime_pose_stage_seconds{stage="estimate",quantile="0.5"} 0.004' in lines
    assert 'realtime_pose_stage_seconds_sum{stage="total"} 0.024' in lines
    assert 'realtime_pose_stage_seconds_count{stage="total"} 4' in lines
    assert 'realtime_pose_stage_seconds{stage="display",quantile="0.99"} 0.002' in lines
    assert 'realtime_pose_device_seconds{stage="estimate",quantile="0.5"} 0.0015' in lines


def test_the_ending_says_the_format(snapshot: Snapshot, tmp_path: Path) -> None:
    for suffix, text in ((".json", to_json), (".csv", to_csv), (".prom", to_prometheus)):
        write_ledger(tmp_path / f"ledger{suffix}", snapshot)
        assert (tmp_path / f"ledger{suffix}").read_text() == text(snapshot)
    with pytest.raises(UsageError, match=r"\.json, \.csv, \.prom"):
        write_ledger(tmp_path / "ledger.txt", snapshot)
    with pytest.raises(RecordError, match="cannot write"):
        write_ledger(tmp_path / "missing" / "ledger.json", snapshot)


def test_an_empty_ledger_is_written_too() -> None:
    assert json.loads(to_json(Snapshot()))["recent"] == []
    assert to_csv(Snapshot()).startswith("frame,captured_ns")
    assert "realtime_pose_frames_total 0" in to_prometheus(Snapshot())

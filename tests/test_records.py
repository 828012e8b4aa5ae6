from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime import records
from realtime.camera import Intrinsics
from realtime.errors import RecordFileError
from realtime.stream.sinks import RecordSink, header_line
from realtime.types import Result
from tests.fakes import frame, person

AGES = {"capture": 1.0, "detect": 0.0, "estimate": 4.125, "lift": 0.5, "total": 5.625}
UP = np.array([0.1, -0.9, -0.42], np.float32)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl"
    sink = RecordSink(path, header_line(Intrinsics.from_fov(60, 640, 480), [], 2))
    sure = person(root_m=(0.5, 0, 3), identity=7)
    sure = replace(sure, pose=replace(sure.pose, confidence=np.full(17, 0.25, np.float32)))
    sink.write(Result(frame(3, captured_ns=42), (sure, person(identity=8)), AGES, dropped=2, up=UP))
    sink.write(Result(frame(4, captured_ns=43), (), AGES))
    sink.close()
    return path


def test_what_was_written_is_read_back(record: Path) -> None:
    read = records.read(record)
    assert read.header["lag_frames"] == 2
    assert read.header["intrinsics"]["width"] == 640
    assert not read.cut
    first, second = read.frames
    assert (first.index, first.captured_ns, first.dropped) == (3, 42, 2)
    assert first.up is not None
    np.testing.assert_allclose(first.up, UP, atol=1e-5)
    assert second.up is None
    assert first.age_ms == AGES
    assert [p.id for p in first.people] == [7, 8]
    expected = person(root_m=(0.5, 0, 3))
    someone = first.people[0]
    np.testing.assert_allclose(someone.pose_m, expected.pose.absolute_m, atol=1e-5)
    np.testing.assert_allclose(someone.root_m, (0.5, 0, 3), atol=1e-5)
    np.testing.assert_allclose(someone.keypoints_px, expected.keypoints_px, atol=1e-3)
    np.testing.assert_allclose(someone.box_px, expected.box_px, atol=1e-2)
    assert someone.pose_m.dtype == np.float32
    assert someone.root_sigma_m == pytest.approx(0.1)
    assert someone.confidence is not None
    np.testing.assert_allclose(someone.confidence, 0.25)
    assert first.people[1].confidence is None
    assert second.people == ()


@pytest.mark.parametrize("cut", [1, 2, 50])
def test_a_cut_last_line_is_left_out(record: Path, cut: int) -> None:
    data = record.read_bytes()
    record.write_bytes(data[:-cut])
    read = records.read(record)
    assert read.cut
    assert [f.index for f in read.frames] == [3]


def test_a_last_line_that_a_crash_filled_with_zeros_is_left_out(record: Path) -> None:
    with record.open("ab") as file:
        file.write(b"\0" * 100 + b"\n")
    read = records.read(record)
    assert read.cut
    assert [f.index for f in read.frames] == [3, 4]


def test_damage_before_the_last_line_is_named(record: Path) -> None:
    lines = record.read_text().splitlines(keepends=True)
    record.write_text(lines[0] + lines[1].replace("age_ms", "rage_ms") + lines[2])
    with pytest.raises(RecordFileError, match="damaged in line 2"):
        records.read(record)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no complete line"),
        ("hello\n", "not a record"),
        ("[1]\n", "not a record"),
        ('{"header": {"version": 9}}\n', "version 9"),
        ('{"header": {"version": 1, "skeleton": ["nose"]}}\n', "skeleton"),
        ("[" * 100_000 + "\n", "not a record"),
    ],
    ids=["empty", "words", "list", "version", "skeleton", "deep"],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(RecordFileError, match=words):
        records.read(path)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordFileError, match="No such file"):
        records.read(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "change",
    [
        {"frame": 1.5}, {"frame": None}, {"frame": 2**70}, {"people": None}, {"people": [{}]},
        {"dropped": "x"}, {"age_ms": {"total": "x"}}, {"age_ms": {"total": 1e300}}, {"captured_ns": True},
        {"up": [0, 1]},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_with_wrong_values_is_damage(record: Path, change: dict[str, object]) -> None:
    lines = record.read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | change)
    record.write_text("\n".join(lines) + "\n")
    with pytest.raises(RecordFileError, match="damaged in line 2"):
        records.read(record)

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime import records
from realtime.camera import Intrinsics
from realtime.errors import RecordError
from realtime.floor_files import up_of_tilt
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.stream.session import read_session
from realtime.stream.sinks import NetInUse, RecordSink, check_writable, header_line, result_line
from realtime.types import Result
from tests.fakes import frame, person

AGES = {"capture": 1.0, "detect": 0.0, "estimate": 4.1234567, "lift": 0.5, "total": 5.6}


def header(fallback: str = "") -> str:
    net = Manifest("net", "lifter", "f", "abc", "Apache-2.0", "", {}, {})
    return header_line(Intrinsics.from_fov(60, 640, 480), [NetInUse(net, "openvino", "fp32", fallback)])


def test_a_record_is_what_the_contract_says(tmp_path: Path) -> None:
    sink = RecordSink(tmp_path / "out.jsonl", header())
    sink.write(Result(frame(3, captured_ns=42), (person(root_m=(0.5, 0, 3), identity=7),), AGES, dropped=2))
    sink.write(Result(frame(4), (), AGES))
    sink.close()
    head, first, second = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert head["header"]["version"] == 1
    assert head["header"]["skeleton"] == list(H36M17.joints)
    assert head["header"]["intrinsics"].keys() == {
        "fx", "fy", "cx", "cy", "distortion", "width", "height", "source",
    }  # fmt: skip
    assert head["header"]["models"] == [
        {
            "name": "net",
            "role": "lifter",
            "backend": "openvino",
            "precision": "fp32",
            "sha256": "abc",
            "licence": "Apache-2.0",
        }
    ]
    assert head["header"]["lag_frames"] == 0
    assert (first["frame"], first["captured_ns"], first["dropped"]) == (3, 42, 2)
    assert first["age_ms"]["estimate"] == 4.123
    someone = first["people"][0]
    assert someone["id"] == 7
    assert np.shape(someone["keypoints_px"]) == (17, 3)
    np.testing.assert_allclose(someone["pose_m"][0], someone["root_m"])
    assert second["people"] == []


def test_a_fallback_is_written_where_there_was_one() -> None:
    reason = "tensorrt-rtx is installed, but this machine has no NVIDIA driver"
    assert json.loads(header(reason))["header"]["models"][0]["fallback"] == reason
    assert "fallback" not in json.loads(header())["header"]["models"][0]


def test_a_confidence_is_written_where_the_lifter_gives_one() -> None:
    someone = person()
    sure = replace(someone, pose=replace(someone.pose, confidence=np.full(17, 0.25, np.float32)))
    first, second = json.loads(result_line(Result(frame(0), (someone, sure), AGES)))["people"]
    assert "confidence" not in first
    assert second["confidence"] == [0.25] * 17


def test_up_is_written_where_it_is_known() -> None:
    up = up_of_tilt(20)
    first, second = (json.loads(result_line(Result(frame(0), (), AGES, up=each))) for each in (None, up))
    assert "up" not in first
    np.testing.assert_allclose(second["up"], up, atol=1e-5)


def test_each_line_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    sink = RecordSink(tmp_path / "out.jsonl", header())
    for n in range(3):
        sink.write(Result(frame(n), (), AGES))
        assert (tmp_path / "out.jsonl").read_text().count("\n") == n + 2
    sink.close()


def test_no_result_no_file(tmp_path: Path) -> None:
    RecordSink(tmp_path / "out.jsonl", header()).close()
    assert not list(tmp_path.iterdir())


def test_checking_changes_nothing(tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    old.write_text("kept")
    check_writable(old)
    check_writable(tmp_path / "new.jsonl")
    assert old.read_text() == "kept"
    assert [p.name for p in tmp_path.iterdir()] == ["old.jsonl"]


def test_unwritable_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="No such file"):
        check_writable(tmp_path / "none" / "out.jsonl")
    with pytest.raises(RecordError, match="folder"):
        check_writable(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_reported() -> None:
    sink = RecordSink(Path("/dev/full"), header())
    with pytest.raises(RecordError, match="No space left"):
        sink.write(Result(frame(0), (), AGES))


def test_not_a_number_never_reaches_a_record(tmp_path: Path) -> None:
    sink = RecordSink(tmp_path / "out.jsonl", header())
    with pytest.raises(ValueError, match="JSON compliant"):
        sink.write(Result(frame(0), (person(root_m=(0, 0, float("nan"))),), AGES))
    sink.close()


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_fills_up_within_a_line_leaves_the_whole_lines(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "out.jsonl"
    sink = RecordSink(path, header())
    result = Result(frame(0), (person(),), AGES)
    limit = len(header()) + 3 * len(result_line(result)) - 100
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        sink.write(result)
        sink.write(result)
        with pytest.raises(RecordError, match="cannot write"):
            sink.write(result)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sink.close()
    record = records.read(path)
    assert len(record.frames) == 2
    assert not record.cut
    assert path.stat().st_size < limit


_ENDLESS_WRITER = """
import itertools, sys
from pathlib import Path
from realtime.stream.session import SessionSink
from realtime.stream.sinks import RecordSink
from realtime.types import Result
from tests.fakes import frame, person
from tests.stream.test_sinks import AGES, header
record, session = RecordSink(Path(sys.argv[1]), header()), SessionSink(Path(sys.argv[2]))
session.describe({})
for n in itertools.count():
    result = Result(frame(n), tuple(person(identity=k) for k in range(4)), AGES)
    session.observe(result.frame, (), ())
    record.write(result)
    session.write(result)
    if n == 20:
        print("under way", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_writer_leaves_all_its_complete_lines(tmp_path: Path) -> None:
    paths = [tmp_path / "out.jsonl", tmp_path / "session"]
    command = [sys.executable, "-c", _ENDLESS_WRITER, *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"under way\n"
        process.send_signal(signal.SIGKILL)
    record, session = records.read(paths[0]), read_session(paths[1])
    assert len(record.frames) > 20
    assert [f.index for f in record.frames] == list(range(len(record.frames)))
    assert [f.index for f in session.seen] == list(range(len(session.seen)))
    assert abs(len(session.seen) - len(record.frames)) <= 1
    assert not session.whole

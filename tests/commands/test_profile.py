from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from realtime.commands.profile import profile
from realtime.errors import PoseError, UsageError
from realtime.profiling.pipeline import Job
from tests.fakes import FakePerception, FakeSource


def run(*arguments: str | Path) -> Result:
    """Run the command; what it raises on purpose is raised here."""
    result = CliRunner().invoke(profile, [str(a) for a in arguments])
    if isinstance(result.exception, PoseError):
        raise result.exception
    return result


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "open", lambda job: (FakeSource(20), FakePerception()))


def printed(result: Result) -> dict[str, Any]:
    node: dict[str, Any] = json.loads(result.output.strip().splitlines()[-1])
    return node


def test_the_pipeline_prints_what_the_contract_names(tmp_path: Path) -> None:
    out, page, ledger = tmp_path / "a.json", tmp_path / "a.html", tmp_path / "l.prom"
    result = run("pipeline", "--json", "--out", out, "--html", page, "--ledger", ledger, "--paced", "500",
                 "--seconds", "1", "--with-people", "2")  # fmt: skip
    node = printed(result)
    assert {"frames", "fps", "p50_ms", "p90_ms", "p99_ms", "stages"} <= node.keys()
    assert node["frames"] == 20
    assert set(node["stages"]["lift"]) == {"p50_ms", "p99_ms"}
    assert json.loads(out.read_text()) == node
    assert page.read_text().startswith("<!doctype html>")
    assert "realtime_pose_frames_total 20" in ledger.read_text()
    assert node["paced"][0]["frames_grabbed"] == 500


def test_in_words_there_is_a_line_a_stage() -> None:
    said = run("pipeline", "--resolution", "64x48").output
    assert "frames/s pipelined" in said
    assert "estimate" in said
    assert "64x48: p50" in said


@pytest.mark.parametrize("size", ["64", "64x", "8x8", "axb"])
def test_an_odd_resolution_is_refused_before_anything_runs(size: str) -> None:
    with pytest.raises(UsageError, match="1280x720"):
        run("pipeline", "--resolution", size)


def test_engines_that_do_not_run_here_are_refused() -> None:
    with pytest.raises(UsageError, match="choose --backend from"):
        run("engines", "--backend", "abacus")


def test_two_saved_reports_are_compared(tmp_path: Path) -> None:
    paths = tmp_path / "a.json", tmp_path / "b.json"
    for path in paths:
        run("pipeline", "--json", "--out", path)
    changes = printed(run("compare", *paths, "--json"))["changes"]
    assert [change["name"] for change in changes] == ["pipeline, a frame"]
    assert "pipeline, a frame" in run("compare", *paths).output

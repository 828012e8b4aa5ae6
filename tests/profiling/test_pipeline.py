from __future__ import annotations

import pytest

from realtime.profiling.pipeline import Job, paced, pipelined, sweep, time_frames
from realtime.stream.assemble import Options
from tests.fakes import FakePerception, FakeSource

JOB = Job(None, Options())


def opening(monkeypatch: pytest.MonkeyPatch, delay: int = 0) -> list[tuple[Job, FakeSource, FakePerception]]:
    """Let jobs open fakes; gives those opened."""
    opened: list[tuple[Job, FakeSource, FakePerception]] = []

    def opens(job: Job) -> tuple[FakeSource, FakePerception]:
        opened.append((job, FakeSource(24), FakePerception(delay=delay)))
        return opened[-1][1:]

    monkeypatch.setattr(Job, "open", opens)
    return opened


@pytest.mark.parametrize("delay", [0, 2, 9])
def test_every_frame_is_timed_also_where_results_wait(monkeypatch: pytest.MonkeyPatch, delay: int) -> None:
    opened = opening(monkeypatch, delay)
    timing = time_frames(Job(None, Options(), frames=6))
    assert len(timing.frame_ms) == 6
    assert timing.stage_ms == {"detect": [0.0] * 6, "estimate": [4.0] * 6, "lift": [0.5] * 6}
    assert timing.people == [1] * 6
    assert opened[0][1].closed.is_set()
    assert opened[0][2].closed.is_set()


def test_a_summary_has_what_the_contract_names(monkeypatch: pytest.MonkeyPatch) -> None:
    opening(monkeypatch)
    summary = time_frames(JOB).summary()
    assert {"p50_ms", "p90_ms", "p99_ms"} <= summary.keys()
    assert summary["stages"]["estimate"] == {"p50_ms": 4.0, "p99_ms": 4.0}
    assert summary["people"] == 1


def test_the_pipelined_run_takes_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opening(monkeypatch)
    assert pipelined(JOB).frames == 24
    assert opened[0][2].closed.is_set()


def test_a_paced_run_accounts_for_every_frame_of_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opening(monkeypatch)
    report = paced(JOB, fps=1000.0, seconds=0.05)
    assert report["frames_grabbed"] == 50
    assert report["frames"] + sum(report["drops"].values()) == 50
    assert report["age_ms"]["p50_ms"] == 5.5
    assert report["services_ms"] == 5.5
    assert opened[0][1].closed.is_set()
    assert opened[0][2].closed.is_set()


def test_a_sweep_goes_through_sizes_and_numbers_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opening(monkeypatch)
    rows = list(sweep(JOB, [(64, 48), (32, 24)], [3]))
    assert [(row.get("width"), row.get("most_people")) for row in rows] == [(64, None), (32, None), (None, 3)]
    assert [job.size for job, _, _ in opened] == [(64, 48), (32, 24), None]
    assert opened[2][0].options.people == 3

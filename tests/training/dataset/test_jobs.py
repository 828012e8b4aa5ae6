"""Numbered jobs over processes: all of them done, and every end told and clean."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import pytest

from realtime.errors import PoseError, RecordError, UsageError
from training.dataset.jobs import Counts, Jobs, run_jobs


@dataclass(frozen=True)
class Squares:
    """Makes a worker that says the square of a number, its process, and how many threads it has."""

    trouble: str = ""
    at: int = -1

    def __call__(self) -> Squaring:
        if self.trouble == "factory":
            raise UsageError("there is no such folder: name another")
        return Squaring(self)


class Squaring:
    def __init__(self, plan: Squares) -> None:
        self._plan = plan

    def run(self, number: int) -> Iterator[Counts]:
        if number == self._plan.at:
            if self._plan.trouble == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._plan.trouble == "usage":
                raise UsageError("too small: ask for more")
            raise ZeroDivisionError("two\nlines")
        yield number**2, os.getpid(), cv2.getNumThreads(), int(os.environ["LP_NUM_THREADS"])
        yield (-number,)

    def close(self) -> None:
        pass


def run(processes: int, count: int = 5, plan: Squares | None = None) -> list[tuple[int, Counts]]:
    said: list[tuple[int, Counts]] = []
    jobs = Jobs(plan or Squares(), range(count), "clip")
    run_jobs(jobs, processes, lambda number, counts: said.append((number, counts)))
    return said


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_is_done_once_with_one_thread(processes: int) -> None:
    threads = cv2.getNumThreads()
    said = run(processes)
    assert sorted((n, c[0]) for n, c in said if len(c) == 4) == [(n, n * n) for n in range(5)]
    assert sorted((n, c[0]) for n, c in said if len(c) == 1) == [(n, -n) for n in range(5)]
    assert {c[2:] for _, c in said if len(c) == 4} == {(1, 1)}
    workers = {c[1] for _, c in said if len(c) == 4}
    assert (workers == {os.getpid()}) == (processes == 1)
    assert len(workers) <= processes
    assert "LP_NUM_THREADS" not in os.environ
    assert cv2.getNumThreads() == threads
    assert not multiprocessing.active_children()


def test_no_more_processes_start_than_there_are_jobs() -> None:
    assert [number for number, _ in run(3, count=1)] == [0, 0]
    assert run(3, count=0) == []


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ("usage", UsageError, "clip 3: too small: ask for more"),
        ("defect", RecordError, "clip 3 failed: ZeroDivisionError: two lines (a defect"),
        ("factory", UsageError, "there is no such folder: name another"),
    ],
)
def test_what_fails_is_named(processes: int, trouble: str, kind: type[PoseError], words: str) -> None:
    with pytest.raises(kind) as caught:
        run(processes, plan=Squares(trouble, at=3))
    assert str(caught.value).startswith(words)
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_is_told_and_the_rest_end() -> None:
    with pytest.raises(
        RecordError, match=r"clip 3: its process was killed by SIGKILL .* run the same command"
    ):
        run(2, plan=Squares("killed", at=3))
    assert not multiprocessing.active_children()


def test_an_interrupt_in_the_caller_ends_the_workers() -> None:
    def interrupt(number: int, counts: Counts) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs(Jobs(Squares(), range(50), "clip"), 2, interrupt)
    assert not multiprocessing.active_children()


def test_no_process_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="--processes must be at least 1"):
        run(0)

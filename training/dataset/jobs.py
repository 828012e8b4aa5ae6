"""Numbered jobs over processes, each with a worker it makes once; stopped, failed or killed cleanly."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NoReturn, Protocol

import cv2

from realtime.errors import PoseError, RecordError, UsageError

log = logging.getLogger(__name__)

Counts = tuple[int, ...]

_THREADS = ("LP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PATIENCE_S = 10.0


class Worker(Protocol):
    """Does jobs in one process. run: does one job, and yields counts of what is done for good by then."""

    def run(self, number: int) -> Iterator[Counts]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Jobs:
    """What is to be done, and how a number is called in messages. make: picklable, makes a worker."""

    make: Callable[[], Worker]
    numbers: Sequence[int]
    noun: str = "clip"


Report = Callable[[int, Counts], None]
"""Told a job's number and counts, on the caller's thread, in whatever order they come."""


def default_processes() -> int:
    """One process for each processor."""
    return os.cpu_count() or 1


def run_jobs(jobs: Jobs, processes: int, report: Report) -> None:
    """Do all jobs. processes: 1 works in the calling process, more start as many workers, one thread each.

    However it ends, no process is left. Raises UsageError or RecordError that names the job that failed,
    or whose process was killed.
    """
    if processes < 1:
        raise UsageError(f"--processes must be at least 1, not {processes}")
    if not jobs.numbers:
        return
    if processes == 1:
        _run_here(jobs, report)
        return
    crew = _Crew(jobs, min(processes, len(jobs.numbers)))
    try:
        crew.start()
        crew.work(report)
    except BaseException:
        crew.stop(at_once=True)
        raise
    crew.stop(at_once=False)


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error in a worker, in words."""

    exit_code: int
    message: str
    trace: str

    @classmethod
    def of(cls, error: Exception, name: str) -> _Failure:
        """name: of the job that failed; empty when it was the worker's making."""
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, PoseError):
            return cls(error.exit_code, f"{name}: {error}" if name else str(error), trace)
        what = f"{name or 'a worker'} failed: {type(error).__name__}: {error}"
        return cls(1, f"{what} (a defect of the program: please report it)", trace)

    def error(self) -> PoseError:
        log.debug("%s", self.trace)
        return (
            UsageError(self.message) if self.exit_code == UsageError.exit_code else RecordError(self.message)
        )


def _run_here(jobs: Jobs, report: Report) -> None:
    name, threads = "", cv2.getNumThreads()
    with _one_thread_each():
        cv2.setNumThreads(1)
        try:
            with contextlib.closing(jobs.make()) as worker:
                for number in jobs.numbers:
                    name = f"{jobs.noun} {number}"
                    for counts in worker.run(number):
                        report(number, counts)
        except Exception as error:
            raise _Failure.of(error, name).error() from error
        finally:
            cv2.setNumThreads(threads)


@dataclass(slots=True)
class _Hand:
    """A worker process, the channel to it, and the job it has: None while it has none."""

    process: SpawnProcess
    channel: Connection
    number: int | None = None


class _Crew:
    """The worker processes of one run."""

    def __init__(self, jobs: Jobs, processes: int) -> None:
        self._jobs = jobs
        self._processes = processes
        self._hands: list[_Hand] = []

    def start(self) -> None:
        """Start all processes, deaf to Ctrl-C: the caller hears it and stops them."""
        context = multiprocessing.get_context("spawn")
        # Its own start unblocks the signal that is blocked below.
        resource_tracker.ensure_running()
        with _one_thread_each(), _no_interrupt():
            for _ in range(self._processes):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(self._jobs, theirs), daemon=True)
                process.start()
                theirs.close()  # so that the end of the process is the end of the channel
                self._hands.append(_Hand(process, ours))

    def work(self, report: Report) -> None:
        """Hand out the jobs and take in what is reported, until all are done."""
        left = iter(self._jobs.numbers)
        for hand in self._hands:
            self._give(hand, next(left))
        while busy := {hand.channel: hand for hand in self._hands if hand.number is not None}:
            for channel in wait(list(busy)):
                hand = busy[channel]  # type: ignore[index]
                said = self._hear(hand)
                if isinstance(said, _Failure):
                    raise said.error()
                if said is None:
                    self._give(hand, next(left, None))
                elif hand.number is not None:
                    report(hand.number, said)

    def stop(self, at_once: bool) -> None:
        """End all processes. at_once: now, else when each has closed what it holds."""
        for hand in self._hands:
            if at_once:
                hand.process.terminate()
            hand.channel.close()
        for hand in self._hands:
            hand.process.join(_PATIENCE_S)
            if hand.process.is_alive():
                hand.process.kill()
                hand.process.join()
            hand.process.close()
        self._hands.clear()

    def _give(self, hand: _Hand, number: int | None) -> None:
        hand.number = number
        if number is None:
            return
        try:
            hand.channel.send(number)
        except OSError:
            self._died(hand)

    def _hear(self, hand: _Hand) -> Counts | _Failure | None:
        try:
            said: Counts | _Failure | None = hand.channel.recv()
        except (EOFError, OSError):
            self._died(hand)
        return said

    def _died(self, hand: _Hand) -> NoReturn:
        hand.process.join(_PATIENCE_S)
        code = hand.process.exitcode
        cause = f"ended with code {code}"
        if code is not None and code < 0:
            cause = f"was killed by {signal.Signals(-code).name} (is memory short?)"
        raise RecordError(
            f"{self._jobs.noun} {hand.number}: its process {cause}: "
            "run the same command again to go on, with fewer --processes if memory is short"
        )


def _work(jobs: Jobs, channel: Connection) -> None:
    """Do jobs as they are given, until the channel is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    name = ""
    try:
        with contextlib.closing(jobs.make()) as worker:
            while True:
                try:
                    number = channel.recv()
                except (EOFError, ConnectionResetError):
                    return
                name = f"{jobs.noun} {number}"
                for counts in worker.run(number):
                    channel.send(counts)
                channel.send(None)
    except Exception as error:
        with contextlib.suppress(OSError):
            channel.send(_Failure.of(error, name))


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let libraries that are loaded from here on, and processes started, use one thread."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold back Ctrl-C; processes started meanwhile never get it."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

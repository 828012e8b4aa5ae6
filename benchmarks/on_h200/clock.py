"""Jobs under a clock: processes started by rank as processors come free, watched, and ended in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_TICK_S = 0.5
_LINE_S, _LINES_A_WORD = 5.0, 6
_PATIENCE_S = 4.0
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"), "1"
)

Command = Callable[[float], Sequence[str]]
"""What to run, told how many seconds it will have."""


@dataclass(frozen=True, slots=True)
class Job:
    """One process and all it starts.

    cores: what it takes of the processors. least_s: it is not started with less time left. from_s, until_s:
    on the clock. What runs at until_s is ended, and what has run for most_s. after: jobs that must have
    ended. needs: folders that must hold so many paths of a pattern. environment: added to the clock's own.
    """

    name: str
    command: Command
    cores: float = 1.0
    least_s: float = 5.0
    from_s: float = 0.0
    until_s: float = 1e9
    most_s: float = 1e9
    after: tuple[str, ...] = ()
    needs: tuple[tuple[Path, str, int], ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    began_s: float
    until_s: float
    told_s: float | None = None


@dataclass(slots=True)
class Ended:
    """What came of a job. code: its exit code, negative for a signal; None for one that was never started."""

    name: str
    began_s: float
    seconds: float
    code: int | None


class Clock:
    """Runs jobs in the order of their rank, as cores and times allow, and never past `seconds`."""

    def __init__(self, seconds: float, cores: float, logs: Path, say: Callable[[str], None]) -> None:
        self.end_s, self._cores, self._logs, self._say = seconds, cores, logs, say
        self._began_ns = time.perf_counter_ns()
        self._running: list[_Running] = []
        self.ended: list[Ended] = []

    def now_s(self) -> float:
        """Seconds since the clock was made."""
        return (time.perf_counter_ns() - self._began_ns) / 1e9

    def run(self, jobs: Iterable[Job]) -> None:
        """Run them; returns when all have ended or the time is up. No process is left."""
        waiting, lines = list(jobs), 0
        try:
            while (waiting or self._running) and self.now_s() < self.end_s:
                self._reap()
                waiting = self._start(waiting)
                if self.now_s() > lines * _LINE_S:
                    lines += 1
                    self._line(len(waiting), lines % _LINES_A_WORD == 0)
                time.sleep(_TICK_S)
        finally:
            self._stop_all()
        for job in waiting:
            self.ended.append(Ended(job.name, 0.0, 0.0, None))

    def _start(self, waiting: list[Job]) -> list[Job]:
        """Start what can be, in order: a job that waits for cores alone holds back those after it."""
        left, held, gone = [], False, {one.name for one in self.ended}
        for job in waiting:
            now = self.now_s()
            seconds = min(job.until_s - now, self.end_s - now, job.most_s)
            if seconds < job.least_s:
                self._say(f"{job.name}: not started, {seconds:.0f} s left")
                self.ended.append(Ended(job.name, now, 0.0, None))
                continue
            ready = now >= job.from_s and set(job.after) <= gone and all(map(_there, job.needs))
            taken = sum(one.job.cores for one in self._running)
            if ready and not held and taken + min(job.cores, self._cores) <= self._cores + 1e-6:
                self._launch(job, seconds)
            else:
                left.append(job)
                held = held or ready
        return left

    def _launch(self, job: Job, seconds: float) -> None:
        log = (self._logs / f"{job.name}.log").open("wb")
        command = list(job.command(seconds))
        log.write((" ".join(command) + "\n").encode())
        log.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | _ONE_THREAD | job.environment,
            process_group=0,
        )
        began_s = self.now_s()
        self._running.append(_Running(job, process, log, began_s, began_s + seconds))
        self._say(f"{self.now_s():5.0f} s: {job.name} started, {seconds:.0f} s for it")

    def _reap(self) -> None:
        for one in list(self._running):
            now = self.now_s()
            if one.process.poll() is None and now > one.until_s:
                if one.told_s is None:
                    one.told_s = now
                    _signal(one.process, signal.SIGTERM)
                elif now - one.told_s > _PATIENCE_S:
                    _signal(one.process, signal.SIGKILL)
            if one.process.poll() is not None:
                self._end(one)

    def _end(self, one: _Running) -> None:
        _signal(one.process, signal.SIGKILL)  # what it may have left behind
        one.log.close()
        self._running.remove(one)
        seconds = self.now_s() - one.began_s
        self.ended.append(Ended(one.job.name, one.began_s, seconds, one.process.returncode))
        said = (
            f"{self.now_s():5.0f} s: {one.job.name} ended with {one.process.returncode} after {seconds:.0f} s"
        )
        self._say(f"{said}: {last_line(self._logs / f'{one.job.name}.log')}")

    def _stop_all(self) -> None:
        for one in self._running:
            _signal(one.process, signal.SIGTERM)
        until = self.now_s() + _PATIENCE_S
        while any(one.process.poll() is None for one in self._running) and self.now_s() < until:
            time.sleep(0.1)
        for one in list(self._running):
            _signal(one.process, signal.SIGKILL)
            one.process.wait()
            self._end(one)

    def _line(self, waiting: int, words: bool) -> None:
        names = " ".join(f"{one.job.name}" for one in self._running)
        load = os.getloadavg()[0]
        self._say(f"{self.now_s():5.0f} s: load {load:.1f}, {graphics()}; {waiting} wait; {names}")
        for one in self._running if words else ():
            self._say(f"        {one.job.name}: {last_line(self._logs / f'{one.job.name}.log')}")


def _there(need: tuple[Path, str, int]) -> bool:
    folder, pattern, count = need
    return sum(1 for _ in folder.glob(pattern)) >= count


def _signal(process: subprocess.Popen[bytes], which: signal.Signals) -> None:
    try:
        os.killpg(process.pid, which)
    except (ProcessLookupError, PermissionError):
        return


def last_line(path: Path, most: int = 160) -> str:
    """The last line of a log that says something."""
    text = path.read_bytes()[-4000:].decode(errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-most:] if lines else ""


def graphics() -> str:
    """The GPU's load and memory in use, in a few words."""
    asked = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=3, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "no GPU"
    return f"GPU {done.stdout.strip()}"


def python(*arguments: str | Path | float) -> Command:
    """This interpreter, run with these arguments whatever time there is."""
    words = [sys.executable, "-u", *(str(a) for a in arguments)]
    return lambda seconds: words

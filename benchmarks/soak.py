"""A long run and many short ones: does memory grow, does the age drift, does anything stay behind?

python benchmarks/soak.py [--minutes 20] [--fps 60] [--cycles 500] [--fresh-cycles 25]

The sample plays round and round as a live source (paced; the newest frame wins), through every network,
into a record. Memory, age, threads and open files are sampled all along; the first quarter, five minutes at
most, warms up. Then pipelines are started and stopped: most with networks that stay loaded, as the window has
them, some with networks loaded anew, so that what an engine leaves behind shows too.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import random
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from realtime.machine import processor
from realtime.sample import camera, clip_path
from realtime.stream.assemble import Assembly, Options, assemble
from realtime.stream.pipeline import Pipeline
from realtime.stream.sinks import RecordSink
from realtime.stream.source import SourceInfo
from realtime.stream.sources.file import open_file
from realtime.stream.stages import Perception
from realtime.types import Frame, Result

RESULTS = Path(__file__).parent / "results"
MOST_GROWTH_PERCENT = 1.0
MOST_DRIFT_PERCENT = 10.0
"""Of the median age, from the first third to the last: single minutes differ by more on a shared machine."""


class LoopedSample:
    """The sample, round and round, as a camera would give it: a frame is due every 1/fps s, come what may."""

    def __init__(self, fps: float) -> None:
        self._source = open_file(clip_path())
        self.info: SourceInfo = replace(self._source.info, fps=fps, frames=0, live=True, on_demand=False)
        self._closing = threading.Event()
        self._begun_ns = time.perf_counter_ns()
        self._index = -1

    def read(self) -> Frame | None:
        """The next frame, when it is due; frames whose time passed while none was read are left out."""
        fps = self.info.fps
        due = max(self._index + 1, int((time.perf_counter_ns() - self._begun_ns) / 1e9 * fps))
        wait_s = due / fps - (time.perf_counter_ns() - self._begun_ns) / 1e9
        if wait_s > 0 and self._closing.wait(wait_s):
            return None
        frame = self._source.read()
        if frame is None:
            self._source.close()
            self._source = open_file(clip_path())
            frame = self._source.read()
        if frame is None or self._closing.is_set():
            return None
        self._index = due
        now_ns = time.perf_counter_ns()
        return Frame(frame.image, due, now_ns, now_ns / 1e9)

    def close(self) -> None:
        """End any waiting, and free the file."""
        self._closing.set()
        self._source.close()


class FirstResult:
    """A sink that tells when the n-th result has come."""

    def __init__(self, n: int) -> None:
        self.come = threading.Event()
        self._left = n

    def write(self, result: Result) -> None:
        """Count one."""
        self._left -= 1
        if self._left <= 0:
            self.come.set()

    def close(self) -> None:
        """There will be none."""
        self.come.set()


class Lent:
    """A perception that outlives the pipeline it is lent to."""

    def __init__(self, perception: Perception) -> None:
        self.process = perception.process
        self.finish = perception.finish

    def close(self) -> None:
        """Whoever lent it closes it."""


@dataclass(frozen=True)
class Sample:
    """The process at one moment. Ages are over the last frames, milliseconds."""

    seconds: float
    rss_mib: float
    threads: int
    native_threads: int
    files: int
    frames: int = 0
    fps: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def look(begun: float) -> Sample:
    """The process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        time.monotonic() - begun,
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        threading.active_count(),
        len(os.listdir("/proc/self/task")),
        len(os.listdir("/proc/self/fd")),
    )


def soak(minutes: float, fps: float, options: Options, folder: Path) -> dict[str, Any]:
    """Run for so long; samples and what they say."""
    assembly = assemble(options, camera())
    source = LoopedSample(fps)
    sink = RecordSink(folder / "soak.jsonl", assembly.header())
    pipeline = Pipeline(source, assembly.perception, [sink])
    begun, every_s = time.monotonic(), max(1.0, minutes * 60 / 240)
    samples: list[Sample] = []
    pipeline.start()
    try:
        while (now := time.monotonic() - begun) < minutes * 60:
            if pipeline.wait(timeout_s=min(every_s, max(0.1, minutes * 60 - now))):
                break
            told = pipeline.snapshot()
            total = told.stages["total"]
            samples.append(
                replace(
                    look(begun),
                    frames=told.frames,
                    fps=told.fps,
                    p50_ms=total.p50_ms,
                    p99_ms=total.p99_ms,
                )
            )
    finally:
        stopped = pipeline.stop()
    account = pipeline.snapshot()
    return judged(samples, minutes * 60) | {
        "minutes": minutes,
        "paced_fps": fps,
        "frames": account.frames,
        "drops": dict(account.drops),
        "stopped_within_1_s": stopped,
        "faults": dict(pipeline.faults),
        "samples": [{k: round(v, 3) for k, v in asdict(sample).items()} for sample in samples],
    }


def judged(samples: Sequence[Sample], seconds: float) -> dict[str, Any]:
    """Growth, drift and constancy after the warm-up."""
    warm = [s for s in samples if s.seconds >= min(300.0, seconds / 4)]
    if len(warm) < 6:
        raise click.UsageError("too short to say anything: give --minutes 0.5 at least")
    third = len(warm) // 3
    first, last = warm[:third], warm[-third:]
    memory = [float(np.median([s.rss_mib for s in part])) for part in (first, last)]
    age = [float(np.median([s.p50_ms for s in part])) for part in (first, last)]
    slope = float(np.polyfit([s.seconds / 60 for s in warm], [s.p50_ms for s in warm], 1)[0])
    growth, drift = (100 * (b - a) / a for a, b in (memory, age))
    return {
        "rss_mib": {"first_third": memory[0], "last_third": memory[1], "growth_percent": growth},
        "age_p50_ms": {
            "first_third": age[0], "last_third": age[1], "drift_percent": drift, "slope_ms_a_minute": slope,
        },
        "threads": sorted({s.threads for s in warm}),
        "native_threads": sorted({s.native_threads for s in warm}),
        "files": sorted({s.files for s in warm}),
        "holds": {
            "memory": growth < MOST_GROWTH_PERCENT,
            "age": abs(drift) < MOST_DRIFT_PERCENT,
            "threads": len({s.threads for s in warm}) == 1,
            "files": max(s.files for s in last) <= max(s.files for s in first),
        },
    }  # fmt: skip


def cycles(count: int, options: Options, fresh: bool) -> dict[str, Any]:
    """Start and stop pipelines at random moments within the first frames; what stays behind."""
    chance, begun = random.Random(count), time.monotonic()
    kept: Assembly | None = None if fresh else assemble(options, camera())
    samples: list[Sample] = []
    late = 0
    for _ in range(count):
        perception = Lent(kept.perception) if kept else assemble(options, camera()).perception
        results = chance.randrange(4)
        first = FirstResult(results)
        pipeline = Pipeline(LoopedSample(60.0), perception, [first])
        pipeline.start()
        if results:
            first.come.wait(60)
        late += not pipeline.stop()
        if pipeline.error is not None:
            raise pipeline.error
        gc.collect()
        samples.append(look(begun))
    if kept is not None:
        kept.perception.close()
    warm = samples[count // 4 :]
    third = max(1, len(warm) // 3)
    memory = [float(np.median([s.rss_mib for s in part])) for part in (warm[:third], warm[-third:])]
    growth = 100 * (memory[1] - memory[0]) / memory[0]
    return {
        "cycles": count,
        "networks": "loaded anew" if fresh else "kept",
        "not_stopped_within_1_s": late,
        "rss_mib": {"first_third": memory[0], "last_third": memory[1], "growth_percent": growth},
        "threads": [warm[0].threads, warm[-1].threads],
        "native_threads": [warm[0].native_threads, warm[-1].native_threads],
        "files": [warm[0].files, warm[-1].files],
        "seconds": samples[-1].seconds,
        "holds": {
            "memory": growth < MOST_GROWTH_PERCENT,
            "stops": late == 0,
            "threads": warm[-1].threads <= warm[0].threads,
            "files": warm[-1].files <= warm[0].files,
        },
    }


@click.command()
@click.option("--minutes", type=float, default=20.0, show_default=True, help="How long; 0: not at all.")
@click.option("--fps", type=float, default=60.0, show_default=True, help="Frames a second of the source.")
@click.option("--cycles", "many", type=int, default=500, show_default=True, help="Starts, networks kept.")
@click.option("--fresh-cycles", type=int, default=25, show_default=True, help="Starts, networks loaded anew.")
@click.option("--engine", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The result; else under benchmarks/results.")
def main(minutes: float, fps: float, many: int, fresh_cycles: int, engine: Any, out: Path | None) -> None:
    """Soak the pipeline, and start and stop it many times."""
    options = Options(engine=engine)
    result: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "command": shlex.join(["python", *sys.argv]),
        "machine": processor(),
        "load_average": os.getloadavg(),
    }
    with tempfile.TemporaryDirectory() as folder:
        if minutes > 0:
            result["soak"] = soak(minutes, fps, options, Path(folder))
    for count, fresh in ((many, False), (fresh_cycles, True)):
        if count > 0:
            result["fresh_cycles" if fresh else "cycles"] = cycles(count, options, fresh)
    out = out or RESULTS / f"soak_{result['date']}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name in ("soak", "cycles", "fresh_cycles"):
        if name in result:
            print(name, {k: v for k, v in result[name].items() if k != "samples"})
    print(f"wrote {out}")
    verdicts = itertools.chain.from_iterable(
        result[name]["holds"].values() for name in ("soak", "cycles", "fresh_cycles") if name in result
    )
    sys.exit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()

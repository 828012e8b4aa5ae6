#!/usr/bin/env python3
"""What everything costs that is not a network: crop, decoding, tracking, geometry, ledger, rings, record.

    .venv/bin/python benchmarks/non_network.py --size 1280x720 ../shared/data/video/pose_squats.mp4

Every frame goes the pipeline's way in one thread, from the ring before perception to the record's line on
disk, and the time inside the engines' `infer` and `infer_stateful` is taken off. One person; frames in which
the detector ran are reported apart. `thread_ms` is the same by the thread's CPU clock, which other processes
disturb less: it holds the whole cost where OpenCV works in one thread, as here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2

from realtime.camera import Intrinsics
from realtime.engines.base import Engine, StatefulEngine
from realtime.profiling.camera import letterboxed
from realtime.profiling.machine import describe
from realtime.profiling.measure import Latency
from realtime.stream.assemble import Options, assemble, find_source
from realtime.stream.ledger import Entry, Ledger
from realtime.stream.ring import Latest, Policy, Ring
from realtime.stream.sinks import RecordSink
from realtime.types import Array, Frame, Result

RESULTS = Path(__file__).parent / "results"
CLOCKS: Mapping[str, Callable[[], int]] = {"wall_ms": time.perf_counter_ns, "thread_ms": time.thread_time_ns}
WARM_UP_FRAMES = 20


class Timer:
    """Counts the time that passes inside engines, by one clock."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.inside_ns = 0
        self.detected = self._running = False

    def around(self, engine: Engine, detector: bool) -> None:
        """Count the runs of an engine from now on."""
        engine.infer = self._timed(engine.infer, detector)  # type: ignore[method-assign]
        if isinstance(engine, StatefulEngine):
            engine.infer_stateful = self._timed(engine.infer_stateful, detector)  # type: ignore[method-assign]

    def _timed(self, run: Callable[..., Mapping[str, Array]], detector: bool) -> Callable[..., Any]:
        def timed(*feeds: Any) -> Mapping[str, Array]:
            if self._running:  # one kind of run may be made of the other
                return run(*feeds)
            self._running, begun_ns = True, self._clock()
            try:
                return run(*feeds)
            finally:
                self.inside_ns += self._clock() - begun_ns
                self.detected |= detector
                self._running = False

        return timed


def images(source: str, size: tuple[int, int]) -> list[Frame]:
    """The source's frames, brought to one size, the person upright."""
    opened, _ = find_source(source)
    frames = []
    try:
        while (frame := opened.read()) is not None:
            frames.append(Frame(letterboxed(frame.image, *size), frame.index, 0, frame.media_s))
    finally:
        opened.close()
    return frames


def measure(frames: list[Frame], clock: Callable[[], int], engine: str, loops: int) -> dict[str, Any]:
    """Each frame's time outside the engines, by a clock."""
    intrinsics = Intrinsics.assumed(frames[0].width, frames[0].height)
    assembly = assemble(Options(engine=engine), intrinsics)  # type: ignore[arg-type]
    timer = Timer(clock)
    for model in assembly.models:
        timer.around(model.engine, model.manifest.role == "detector")
    ring: Ring[Frame] = Ring(2, Policy.WAIT)
    ledger, latest = Ledger(), Latest[Result]()
    following: list[float] = []
    searching: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        sink = RecordSink(Path(folder) / "record.jsonl", assembly.header())
        for n in range(loops * len(frames)):
            timer.inside_ns, timer.detected = 0, False
            begun_ns = clock()
            ring.put(frames[n % len(frames)])
            for result in assembly.perception.process(ring.get()):
                ledger.add(Entry(n, 0, clock(), result.age_ms))
                latest.set(result)
                sink.write(result)
            spent_ms = (clock() - begun_ns - timer.inside_ns) / 1e6
            if n >= WARM_UP_FRAMES:
                (searching if timer.detected else following).append(spent_ms)
        sink.close()
    assembly.perception.close()
    return {"following": summary(following), "searching": summary(searching)}


def summary(values_ms: list[float]) -> dict[str, float]:
    """The figures that matter, in milliseconds."""
    latency = Latency.of(values_ms)
    return {"frames": latency.runs, "p50": latency.median_ms, "p90": latency.p90_ms, "min": latency.min_ms}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", default="sample")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--loops", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    machine = describe()
    frames = images(options.source, (width, height))
    report: dict[str, Any] = {"machine": machine, "source": Path(options.source).name, "size": options.size}
    for name, clock in CLOCKS.items():
        cv2.setNumThreads(1 if name == "thread_ms" else -1)
        report[name] = measure(frames, clock, options.engine, options.loops)
        print(name, json.dumps(report[name]), flush=True)
    out = options.out or RESULTS / f"non_network_{machine['date'][:10]}.json"
    out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What the ledger costs a frame, beside what a frame costs.

    .venv/bin/python benchmarks/ledger_cost.py --frame-ms 10

Counted: the stopwatch and its laps, the entry, the paint's report, and a snapshot every 33 ms, as a window
takes it. By the thread's CPU clock, so that a busy machine matters less.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from realtime.profiling.machine import describe
from realtime.profiling.measure import Latency, times_ms
from realtime.stream.ledger import Entry, Ledger, Stopwatch

RESULTS = Path(__file__).parent / "results"
_SNAPSHOT_EVERY_MS = 33.0


def frame_of(ledger: Ledger) -> Callable[[], None]:
    """What the ledger adds to one frame."""
    index = 0

    def frame() -> None:
        nonlocal index
        index += 1
        watch = Stopwatch(0, time.perf_counter_ns(), 0)
        for stage in ("estimate", "detect", "wait", "lift"):
            watch.lap(stage, time.perf_counter_ns())
        ledger.drop("a newer frame came", 0)
        ledger.add(Entry(index, 0, time.perf_counter_ns(), watch.age_ms()))
        ledger.displayed(index, time.perf_counter_ns())

    return frame


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frame-ms", type=float, required=True, help="what a frame costs: the profile's p50")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    ledger = Ledger()
    a_frame = Latency.of(times_ms(frame_of(ledger), options.seconds, time.thread_time_ns))
    snapshot = Latency.of(times_ms(ledger.snapshot, options.seconds, time.thread_time_ns))
    share = a_frame.median_ms / options.frame_ms + snapshot.median_ms / _SNAPSHOT_EVERY_MS
    report = {
        "machine": describe(),
        "frame_ms": options.frame_ms,
        "ledger_a_frame_us": a_frame.median_ms * 1e3,
        "snapshot_us": snapshot.median_ms * 1e3,
        "share_without_window": a_frame.median_ms / options.frame_ms,
        "share_with_window": share,
    }
    print(json.dumps(report))
    out = options.out or RESULTS / f"ledger_cost_{report['machine']['date'][:10]}.json"
    out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

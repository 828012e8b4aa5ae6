#!/usr/bin/env python3
"""A camera's pace: how old a result is, and what is dropped, at 30 and 60 frames a second.

    .venv/bin/python benchmarks/paced.py --seconds 60 ../shared/data/video/pose_squats.mp4

The frames are held in memory and come at the camera's pace, so nothing but this project's work counts. At 30
frames a second nothing should be dropped and the age at the result should be little more than the services'
sum; at a pace that does not fit, the oldest are dropped, counted, and the age stays bounded.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from realtime.profiling.machine import describe
from realtime.profiling.pipeline import Job, paced
from realtime.stream.assemble import Options

RESULTS = Path(__file__).parent / "results"


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """The row, and whether it holds what the project promises of it."""
    frame_ms = 1e3 / row["fps"]
    age = row["age_ms"]
    accounted = row["frames"] + sum(row["drops"].values())
    return row | {
        "over_services_ms": age["p50_ms"] - row["services_ms"],
        "p99_frames": age["p99_ms"] / frame_ms,
        "all_accounted_for": accounted == row["frames_grabbed"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", default="sample")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fps", type=float, action="append", help="30 and 60 if left out")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine = describe()
    report: dict[str, Any] = {"machine": machine, "source": Path(options.source).name, "rows": []}
    job = Job(options.source, Options(engine=options.engine))
    for fps in options.fps or (30.0, 60.0):
        report["rows"].append(judged(paced(job, fps, options.seconds)))
        print(json.dumps(report["rows"][-1]), flush=True)
    out = options.out or RESULTS / f"paced_{machine['date'][:10]}.json"
    out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

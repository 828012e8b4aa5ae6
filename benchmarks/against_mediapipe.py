#!/usr/bin/env python3
"""Time this pipeline and MediaPipe Pose on the same videos in the same minutes, A B A B, as ratios.

MediaPipe pins an older NumPy, so it runs in an environment of its own, through the script that times it:

    python3 -m venv peer-env && peer-env/bin/pip install mediapipe==0.10.21
    .venv/bin/python benchmarks/against_mediapipe.py --peer-python peer-env/bin/python \
        --peer-script ../shared/bench/mediapipe_peer.py --rounds 5 ../shared/data/video/*.mp4

`p50_ms` and `p99_ms` run from the decoded frame in hand to the result out, for both. `fps` is not counted
alike, to our cost: ours is the pipelined rate with the video's decoding, the peer's is one over the mean time
of a frame in hand, without. `fps_in_hand` counts both as the peer does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from realtime.profiling.machine import describe


def last_json(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(video: Path, options: argparse.Namespace) -> dict[str, Any]:
    ours: list[dict[str, Any]] = []
    peers: list[dict[str, Any]] = []
    profile = [sys.executable, "-m", "realtime.commands.profile", "pipeline", "--json"]
    sides = [
        (ours, [*profile, "--source", str(video), "--engine", options.engine]),
        (peers, [str(options.peer_python), str(options.peer_script), str(video)]),
    ]
    for _ in range(options.rounds):
        for found, command in sides:
            node = last_json(command)
            found.append({**node, "fps_in_hand": 1e3 / node["mean_ms"]})
    row: dict[str, Any] = {"video": video.name, "frames": ours[0]["frames"]}
    for key in ("p50_ms", "p99_ms", "fps", "fps_in_hand"):
        a, b = [run[key] for run in ours], [run[key] for run in peers]
        row[key] = {
            "ours": statistics.median(a),
            "mediapipe": statistics.median(b),
            "ratio": statistics.median(x / y for x, y in zip(a, b, strict=True)),
            "ratios": [x / y for x, y in zip(a, b, strict=True)],
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--peer-script", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for video in options.videos:
        rows.append(compare(video, options))
        print(json.dumps(rows[-1]), flush=True)
    if options.out:
        report = {
            "machine": describe(),
            "engine": options.engine,
            "rounds": options.rounds,
            "rows": rows,
        }
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What it is worth to a lifter to be told how the camera is tilted.

    python benchmarks/told_tilt.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz

The same takes three times: nothing is told; what the floor's own estimate says, once it is known, as in the
live pipeline; and the truth, as sure as a phone's level. Poses are compared as the lifter gives them, before
smoothing. How far off the estimate is stands beside them. Saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from floor_witness import spoken
from pose_errors import errors_mm, mean_row

from realtime.engines.open import open_engine
from realtime.floor import LEVEL_SIGMA
from realtime.lift import Lifter, told_up
from realtime.models.catalogue import lifter
from realtime.profiling.machine import describe
from realtime.stream.bodies import Bodies
from realtime.types import FloatArray
from training.lifters.takes import InputKind, Take, takes_of
from training.mocap.motion import Motion, load_motion
from training.mocap.split import select

RESULTS = Path(__file__).parent / "results"
Told = Literal["nothing", "the floor's estimate", "the truth"]
TOLD: tuple[Told, ...] = ("nothing", "the floor's estimate", "the truth")
GIVEN: tuple[tuple[str, InputKind], ...] = (
    ("test", "gt"), ("test", "noise"), ("test", "records"), ("validation", "gt"), ("validation", "noise"),
)  # fmt: skip


def followed(live: Lifter, take: Take, told: Told) -> tuple[FloatArray, list[FloatArray]]:
    """Poses (T, 17, 3), metres, as the lifter has them, and what the floor's estimate told when it could."""
    bodies, truth, known = Bodies(), told_up(take.up, LEVEL_SIGMA), []
    ups: dict[Told, Callable[[], FloatArray | None]] = {
        "nothing": lambda: None, "the floor's estimate": lambda: bodies.told_up, "the truth": lambda: truth,
    }  # fmt: skip
    poses = []
    for said, _ in spoken(live, take, bodies, ups[told]):
        poses.append(said.relative_m)
        known += [] if bodies.up is None else [bodies.up]
    return np.stack(poses), known


def row(live: Lifter, takes: Sequence[Take], told: Told) -> dict[str, float]:
    """Errors over frames in which anyone is seen; how far off the estimate is where there is one."""
    errors, off_deg = [], list[float]()
    for take in takes:
        pose_m, known = followed(live, take, told)
        errors.append(errors_mm(pose_m, take))
        ups = np.array(known, np.float32).reshape(-1, 3)
        cosine = ups @ take.up / np.maximum(np.linalg.norm(ups, axis=1), 1e-9)
        off_deg += np.degrees(np.arccos(np.clip(cosine, -1, 1))).tolist()
    return {
        "frames": sum(map(len, errors)),
        **mean_row(errors),
        "estimate_known": round(len(off_deg) / sum(map(len, takes)), 3),
        "estimate_off_deg": round(float(np.median(off_deg)), 2) if off_deg else math.nan,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--lifter", default="unified")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    manifest, motion = lifter(options.lifter), load_motion(options.motion)
    engine = open_engine(manifest.check_file(), "onnxruntime", 2, manifest.role, manifest.state_pairs)
    live = Lifter(manifest, engine)
    machine = describe()
    rows = []
    for part, kind in GIVEN:
        some = Motion(tuple(select(motion.sequences, part)), motion.fps)
        for seed in range(1 if kind == "records" else options.seeds):
            takes = takes_of(some, kind, seed)
            for told in TOLD:
                rows.append(
                    {"part": part, "input": kind, "seed": seed, "told": told} | row(live, takes, told)
                )
                print(json.dumps(rows[-1]), flush=True)
    engine.close()
    out = options.out or RESULTS / f"told_tilt_{machine['date'][:10]}.json"
    out.write_text(json.dumps({"machine": machine, "lifter": manifest.sha256, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()

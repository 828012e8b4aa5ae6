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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from realtime.engines.open import open_engine
from realtime.lift import Lifter, told_up
from realtime.models.catalogue import lifter
from realtime.profiling.machine import describe
from realtime.stream.bodies import Bodies
from realtime.types import FloatArray
from training.lifters.metrics import mpjpe_mm, n_mpjpe_mm, pa_mpjpe_mm
from training.lifters.takes import InputKind, Take, takes_of
from training.mocap.motion import Motion, load_motion
from training.mocap.split import select

RESULTS = Path(__file__).parent / "results"
FPS, LEVEL_SIGMA = 30.0, math.radians(1.0)
Told = Literal["nothing", "the floor's estimate", "the truth"]
TOLD: tuple[Told, ...] = ("nothing", "the floor's estimate", "the truth")
GIVEN: tuple[tuple[str, InputKind], ...] = (
    ("test", "gt"), ("test", "noise"), ("test", "records"), ("validation", "gt"), ("validation", "noise"),
)  # fmt: skip


def answers(live: Lifter, take: Take, told: Told) -> Iterator[tuple[FloatArray, FloatArray | None]]:
    """What the lifter says of each frame, (17, 3) metres, and what the floor's estimate tells after it."""
    bodies, truth = Bodies(), told_up(take.up, LEVEL_SIGMA)
    live.drop(0)
    for n in range(len(take)):
        up = {"nothing": None, "the truth": truth, "the floor's estimate": bodies.up}[told]
        rays, score = take.rays[n : n + 1], take.score[n : n + 1]
        someone = live.step(rays, score, (0,), take.depth[n : n + 1], up).person(0)
        bodies.update((0,), (someone,), rays, score, n / FPS)
        yield someone.relative_m, bodies.up


def row(live: Lifter, takes: Sequence[Take], told: Told) -> dict[str, float]:
    """Errors in mm over frames in which anyone is seen; how far off the estimate is where there is one."""
    errors: list[FloatArray] = []
    off_deg: list[float] = []
    for take in takes:
        said, ups = zip(*answers(live, take, told), strict=True)
        seen = (take.score > 0).any(axis=1)
        pose_m, truth_m = np.stack(said)[seen], (take.truth_m - take.truth_m[:, :1])[seen]
        measures = (measure(pose_m, truth_m) for measure in (mpjpe_mm, n_mpjpe_mm, pa_mpjpe_mm))
        errors.append(np.stack(list(measures), axis=1).astype(np.float32))
        known = np.array([up for up in ups if up is not None], np.float32).reshape(-1, 3)
        cosine = known @ take.up / np.maximum(np.linalg.norm(known, axis=1), 1e-9)
        off_deg += np.degrees(np.arccos(np.clip(cosine, -1, 1))).tolist()
    frames = np.concatenate(errors)
    mpjpe, n_mpjpe, pa_mpjpe = frames.mean(axis=0).tolist()
    return {
        "frames": len(frames),
        "mpjpe_mm": round(mpjpe, 2), "n_mpjpe_mm": round(n_mpjpe, 2), "pa_mpjpe_mm": round(pa_mpjpe, 2),
        "estimate_known": round(len(off_deg) / sum(map(len, takes)), 3),
        "estimate_off_deg": round(float(np.median(off_deg)), 2) if off_deg else math.nan,
    }  # fmt: skip


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

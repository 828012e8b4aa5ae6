"""Depth from integral-regression under depth-tcn, with noise on its input and without (paper 1's claim).

Short trainings that differ in one thing, on what the shipped net said of people and motion it was not trained
on (`realtime-train image-records`), measured on what it said of others:

    python benchmarks/depth_noise.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz \\
        --seen runs/own-records/integral-training.npz --parts runs/own-records/depth_noise.jsonl \\
        runs/own-records/integral-validation.npz runs/own-records/integral-test.npz

Each of the two FILES is trained on and tested on the other. --seen: what the net said of motion that it was
trained on, as in the paper, whose second net learns from what the first says of its own training set; tested
on both FILES. "Without depth" is the same net whose depths are all zero.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import click
import numpy as np
from short_lifters import NET, SIZE, Recipe, Row, Rows, measured, without_depth

from realtime.machine import processor
from training.lifters.augment import ClipSampler
from training.lifters.batches import Draws, Mixture
from training.lifters.replay import ReplaySampler, seen_by_net
from training.lifters.takes import Take, record_takes
from training.mocap import split
from training.mocap.motion import Motion, load_motion
from training.records.error_model import shares
from training.records.store import Records, joined, load_records

RESULTS = Path(__file__).parent / "results"
SYSTEM = "depth-tcn"
_NEAREST_M = 0.8
VARIANTS = ((False, 0.0), (False, 0.1), (True, 0.0), (True, 0.1), (True, 0.3))
"""Whether there is depth, and the noise's sigma, in root mean square distances of joints from their middle.

0.1 is the number of the paper, which does not say of what unit; here it is some 40 mm of depth.
"""


@dataclass(frozen=True)
class Trial:
    """Records to train on and records to test on, of other people. motion: all takes there are."""

    name: str
    train: Records
    test: Records
    motion: Motion
    stride: int

    def draws(self, depth: bool) -> Draws:
        """What is trained on: records alone, the depth in all of them or in none."""
        clips = ClipSampler(split.training_part(self.motion))
        mixture = Mixture(exact=0.0, records=1.0, depthless=0.0 if depth else 1.0)
        return Draws(clips, ReplaySampler(self.train, frozenset(self.test.subject)), mixture=mixture)

    @cached_property
    def takes(self) -> Sequence[Take]:
        """What is tested on."""
        return record_takes(self.test, self.motion)[:: self.stride]

    def row(self, depth: bool, noise: float, steps: int, seed: int) -> Row:
        """Train one variant and say how wrong it is."""
        takes = self.takes if depth else [without_depth(take) for take in self.takes]
        recipe = Recipe(SYSTEM, steps, seed, NET, {"noise": noise})
        return dict(measured(recipe, self.motion, self.draws(depth), {"test": takes})["test"])


def described(records: Records) -> Row:
    """How good the net's own 2D and depth are: medians over joints of frames in which it found the person."""
    errors, used = shares(records)
    seen = seen_by_net(records)
    root_m = records.pose_m[:, :1]
    depth = seen.depth * root_m[..., 2]
    true_m = records.pose_m[..., 2] - root_m[..., 2]
    known = used.T & (depth != 0) & (root_m[..., 2] > _NEAREST_M)
    there = known.any(axis=1)
    away = (root_m[..., 2] + depth)[..., None]
    pose_m = np.concatenate([seen.rays * away, away], axis=-1)
    apart_m = (pose_m - pose_m[:, :1] - records.pose_m + root_m)[there, 1:]
    return {
        "net": records.net,
        "frames": records.frames,
        "people": records.clips,
        "subjects": sorted(set(records.subject)),
        "found": round(float(records.found.mean()), 4),
        "error_percent_of_stature": round(100 * float(np.median(np.linalg.norm(errors, axis=-1)[used])), 3),
        "mpjpe_at_true_distance_mm": round(1000 * float(np.linalg.norm(apart_m, axis=-1).mean()), 1),
        "depth_error_mm": round(1000 * float(np.median(np.abs(depth - true_m)[known])), 1),
        "depth_spread_mm": round(1000 * float(np.std(true_m[known])), 1),
        "depth_correlation": round(float(np.corrcoef(depth[known], true_m[known])[0, 1]), 3),
    }


def summary(rows: Sequence[Row]) -> Iterator[Row]:
    """Mean and standard deviation over the seeds of each variant of each trial."""
    kinds = dict.fromkeys((row["trial"], row["depth"], row["noise"]) for row in rows)
    for trial, depth, noise in kinds:
        mpjpe_mm = [
            r["mpjpe_mm"] for r in rows if (r["trial"], r["depth"], r["noise"]) == (trial, depth, noise)
        ]
        yield {
            "trial": trial, "depth": depth, "noise": noise, "seeds": len(mpjpe_mm),
            "mpjpe_mm": round(float(np.mean(mpjpe_mm)), 1), "spread_mm": round(float(np.std(mpjpe_mm)), 1),
        }  # fmt: skip


@click.command()
@click.argument("files", nargs=2, type=click.Path(path_type=Path, exists=True))
@click.option("--motion", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seen", type=click.Path(path_type=Path, exists=True), help="Records of motion the net knows.")
@click.option(
    "--beside", type=click.Path(path_type=Path, exists=True), help="Records to describe and not to train on."
)
@click.option("--steps", default=250, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Trainings of each kind.")
@click.option("--stride", default=1, show_default=True, help="Test on every so many people.")
@click.option(
    "--parts", type=click.Path(path_type=Path), required=True, help="Rows as they come; a run goes on."
)
@click.option("--out", type=click.Path(path_type=Path), help="Default: benchmarks/results.")
def main(
    files: tuple[Path, Path],
    motion: Path,
    seen: Path | None,
    beside: Path | None,
    steps: int,
    seeds: int,
    stride: int,
    parts: Path,
    out: Path | None,
) -> None:
    """Train all variants on each of two FILES of records and measure them on the other."""
    takes = load_motion(motion)
    records = {path.stem: load_records(path) for path in (*files, *filter(None, (seen, beside)))}
    a, b = (path.stem for path in files)
    trials = [
        Trial(f"{one} to {other}", records[one], records[other], takes, stride)
        for one, other in ((a, b), (b, a))
    ]
    if seen is not None:
        trials.append(
            Trial(
                f"{seen.stem} to both",
                records[seen.stem],
                joined([records[a], records[b]]),
                takes,
                2 * stride,
            )
        )
    rows = Rows(parts)
    for seed, trial, (depth, noise) in product(range(1, seeds + 1), trials, VARIANTS):
        key = {"trial": trial.name, "depth": depth, "noise": noise, "steps": steps, "seed": seed}
        rows.get(key, lambda t=trial, d=depth, n=noise, s=seed: t.row(d, n, steps, s))  # type: ignore[misc]
    said = {
        "machine": processor(), "python": platform.python_version(), "date": time.strftime("%Y-%m-%d"),
        "command": shlex.join(["python", "benchmarks/depth_noise.py", *sys.argv[1:]]),
        "system": SYSTEM, "net": NET, "steps": steps, "batch": {"clips": SIZE.clips, "frames": SIZE.frames},
        "stride": stride,
        "records": {name: described(one) for name, one in records.items()},
        "summary": list(summary(rows.all)), "rows": rows.all,
    }  # fmt: skip
    path = out or RESULTS / f"depth_noise_{said['date']}.json"
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()

"""Depth from integral-regression under depth-tcn, with noise on its input and without (paper 1's claim).

Short trainings that differ in one thing, on what integral-regression said of bodies it was not trained on
(`realtime-train image-records` of nets that each left half of the bodies out), measured on the other half:

    python benchmarks/depth_noise.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz \\
        runs/records-own/records-fold-a.npz runs/records-own/records-fold-b.npz

Each file is trained on once and tested on once. --motion-share mixes in motion seen through the error model
that is fitted to the same file.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import click

from export.to_onnx import Provenance, export_step
from realtime.machine import processor
from training.lifters.augment import ClipSampler
from training.lifters.batches import BatchSize, Draws, Mixture
from training.lifters.config import load_config, shipped_config
from training.lifters.evaluate import Conditions, evaluate_takes
from training.lifters.loop import Plan, Trainer
from training.lifters.replay import ReplaySampler
from training.lifters.systems import find_system
from training.lifters.takes import Take, record_takes
from training.mocap import split
from training.mocap.motion import Motion, load_motion
from training.records.error_model import fit
from training.records.store import load_records

RESULTS = Path(__file__).parent / "results"
SIZE = BatchSize(clips=20, frames=30, past=0)
KEPT = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "accel_mm")
VARIANTS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("2D alone", "videopose-tcn", {}),
    ("2D and depth, no noise", "depth-tcn", {"noise": 0.0}),
    ("2D and depth, noise", "depth-tcn", {}),
)


@dataclass(frozen=True, slots=True)
class Given:
    """What all trainings share.

    motion_share: of motion through the error model; the rest is records. stride: of the clips tested on.
    """

    motion: Path
    steps: int
    motion_share: float
    stride: int


@dataclass(frozen=True)
class Fold:
    """Records to train on and records to test on, of other people."""

    given: Given
    train: Path
    test: Path

    @cached_property
    def motion(self) -> Motion:
        """All takes there are."""
        return load_motion(self.given.motion)

    @cached_property
    def draws(self) -> Draws:
        """What is trained on."""
        records = load_records(self.train)
        clips = ClipSampler(split.training_part(self.motion))
        mixture = Mixture(exact=0.0, records=1 - self.given.motion_share)
        return Draws(clips, ReplaySampler(records), fit(records), mixture)

    @cached_property
    def takes(self) -> Sequence[Take]:
        """What is tested on."""
        return record_takes(load_records(self.test), self.motion)[:: self.given.stride]


def measured(fold: Fold, what: str, system: str, loss: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one variant, step its ONNX file through the test people's clips, and say how wrong it was."""
    usual = load_config(shipped_config(system))
    plan = Plan(
        None, fold.given.steps, seed, threads=1, size=SIZE, validation_batches=1,
        rate=usual.rate, decay=usual.decay, matrices=usual.matrices,
    )  # fmt: skip
    checks = Draws(ClipSampler(split.validation_part(fold.motion)))
    trainer = Trainer(find_system(system, {**usual.loss, **loss}), dict(usual.net), fold.draws, checks, plan)
    began = time.perf_counter_ns()
    while trainer.progress.share(plan) < 1.0:
        trainer.advance()
    seconds = (time.perf_counter_ns() - began) / 1e9
    with tempfile.TemporaryDirectory() as folder:
        manifest = export_step(trainer.averaged_net(), Path(folder), Provenance("a comparison"))  # type: ignore[arg-type]
        figures = evaluate_takes(manifest, fold.takes, Conditions(threads=1))["all"]
    names = {"train": fold.train.stem, "test": fold.test.stem, "what": what, "system": system, "seed": seed}
    return names | {"seconds": round(seconds, 1)} | {key: figures[key] for key in KEPT}


def worked(job: tuple[Given, Path, Path, int]) -> list[dict[str, Any]]:
    """One fold with one seed, all variants, in a process of its own."""
    given, train, test, seed = job
    fold = Fold(given, train, test)
    return list(_said(measured(fold, *variant, seed) for variant in VARIANTS))


def _said(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        print(
            f"{row['train']} {row['seed']} {row['what']:24} {row['seconds']:5.0f} s  "
            f"MPJPE {row['mpjpe_mm']:.1f} mm, PA {row['pa_mpjpe_mm']:.1f} mm",
            flush=True,
        )
        yield row


@click.command()
@click.argument("files", nargs=2, type=click.Path(path_type=Path, exists=True))
@click.option("--motion", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--steps", default=400, show_default=True)
@click.option("--seeds", default=1, show_default=True, help="Trainings of each kind.")
@click.option("--motion-share", default=0.0, show_default=True)
@click.option("--stride", default=4, show_default=True, help="Test on every so many clips.")
@click.option("--processes", default=2, show_default=True, help="Of one thread each.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: benchmarks/results.")
def main(files: tuple[Path, Path], seeds: int, processes: int, out: Path | None, **given: Any) -> None:
    """Train all variants on each of two FILES of records and measure them on the other."""
    shared = Given(**given)
    jobs = [(shared, a, b, seed) for seed, (a, b) in product(range(1, seeds + 1), (files, files[::-1]))]
    with ProcessPoolExecutor(processes) as pool:
        rows = [row for part in pool.map(worked, jobs) for row in part]
    said = {
        "machine": processor(), "python": platform.python_version(), "date": time.strftime("%Y-%m-%d"),
        "command": shlex.join(["python", "benchmarks/depth_noise.py", *sys.argv[1:]]),
        "steps": shared.steps, "batch": {"clips": SIZE.clips, "frames": SIZE.frames},
        "motion_share": shared.motion_share, "stride": shared.stride, "rows": rows,
    }  # fmt: skip
    path = out or RESULTS / f"depth_noise_{said['date']}.json"
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()

"""What each idea of the papers is worth here: short trainings that differ in one thing, on unseen people.

python benchmarks/ablations.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz --records runs/records
"""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from export.to_onnx import Provenance, export_step
from realtime.machine import processor
from training.lifters.augment import ClipSampler
from training.lifters.batches import BatchSize, Draws, Mixture
from training.lifters.config import Config, load_config, shipped_config
from training.lifters.evaluate import Conditions, evaluate_takes
from training.lifters.loop import Plan, Trainer
from training.lifters.replay import ReplaySampler
from training.lifters.systems import find_system
from training.mocap import split
from training.mocap.motion import Motion, load_motion
from training.records.store import load_records

RESULTS = Path(__file__).parent / "results"
SIZE = BatchSize(clips=20, frames=36, past=16)
KEPT = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm", "accel_mm", "bone_cv_percent")

_NAIVE = {"visibility": False, "attention": False, "long_skips": False}
_NO_LOSSES = {"joint_loss": False, "bone_augmentation": False, "joint_shift": False}


@dataclass(frozen=True, slots=True)
class Change:
    """One training. net, loss, mixture: what differs from the system's shipped configuration."""

    system: str
    what: str
    net: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    mixture: Mapping[str, Any] = field(default_factory=dict)


CHANGES = (
    Change("videopose-tcn", "2D alone (videopose-tcn)"),
    Change("depth-tcn", "2D and depth, no noise", loss={"noise": 0.0}),
    Change("depth-tcn", "2D and depth, noise"),
    Change("seq2seq-lstm", "nothing left out"),
    Change("seq2seq-lstm", "no residual connection", {"residual": False}),
    Change("seq2seq-lstm", "no layer normalisation", {"layer_norm": False}),
    Change("seq2seq-lstm", "no recurrent dropout", {"recurrent_dropout": 0.0}),
    Change("seq2seq-lstm", "no smoothness in the loss", loss={"beta": 0.0}),
    Change("anatomy", "directions and lengths", _NAIVE, _NO_LOSSES),
    Change("anatomy", "+ joint loss", _NAIVE, _NO_LOSSES | {"joint_loss": True}),
    Change("anatomy", "+ attention", _NAIVE | {"attention": True}, _NO_LOSSES | {"joint_loss": True}),
    Change("anatomy", "+ random bone lengths", _NAIVE | {"attention": True}, {"joint_shift": False}),
    Change("anatomy", "+ joint shift loss", _NAIVE | {"attention": True}),
    Change("anatomy", "+ long skips", {"visibility": False}),
    Change("anatomy", "+ scores (all)"),
    Change("abs-lifter", "location and scale"),
    Change("abs-lifter", "neither", {"location_and_scale": False}),
    Change("abs-lifter", "trained on exact 2D", mixture={"exact": 1.0, "records": 0.0}),
    Change("abs-lifter", "trained on the net's own estimates", mixture={"exact": 0.0, "records": 1.0}),
    Change(
        "abs-lifter", "trained on one Gaussian", mixture={"exact": 0.0, "records": 0.0, "kind": "gaussian"}
    ),
    Change("abs-lifter", "trained on the mixture", mixture={"exact": 0.0, "records": 0.0}),
    Change("residual-lifter", "all three"),
    Change("residual-lifter", "no max-norm", {"max_norm": False}),
    Change("residual-lifter", "no residual", {"residual": False}),
    Change("residual-lifter", "no batch norm", {"batch_norm": False}),
    Change("residual-lifter", "none", {"max_norm": False, "residual": False, "batch_norm": False}),
    Change("unified", "all"),
    Change("unified", "no memory of the body", {"memory": False}),
    Change("unified", "no geometry of bones", {"refine": False}),
    Change("unified", "no depth from the 2D net", {"use_depth": False}),
    Change("unified", "no other lags", loss={"other_lag": 0.0}),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all trainings share."""

    motion: Motion
    draws: Draws
    checks: Draws
    plan: Plan
    seed: int

    def run(self, change: Change) -> dict[str, Any]:
        """Train one, step its ONNX file through the test takes, and say how wrong it was."""
        usual: Config = load_config(shipped_config(change.system))
        mixture = replace(usual.mixture, **change.mixture)
        trained = find_system(change.system, {**usual.loss, **change.loss})
        draws = replace(self.draws, mixture=mixture)
        plan = replace(self.plan, rate=usual.rate, decay=usual.decay, matrices=usual.matrices)
        trainer = Trainer(trained, {**usual.net, **change.net}, draws, self.checks, plan)
        began = time.perf_counter()
        while trainer.progress.share(plan) < 1.0:
            trainer.advance()
        seconds = time.perf_counter() - began
        found: dict[str, Any] = {"system": change.system, "what": change.what, "seconds": round(seconds, 1)}
        with tempfile.TemporaryDirectory() as folder:
            manifest = export_step(trainer.averaged_net(), Path(folder), Provenance("an ablation"))  # type: ignore[arg-type]
            for kind in ("gt", "noise", "records"):
                conditions = Conditions(kind, self.seed, threads=1)  # type: ignore[arg-type]
                figures = evaluate_takes(manifest, conditions.takes(self.motion), conditions)["all"]
                found[kind] = {key: figures[key] for key in KEPT}
        return found


@click.command()
@click.option("--motion", "motion_file", type=click.Path(path_type=Path), required=True)
@click.option("--records", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--steps", default=400, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--only", default="", help="Systems whose names begin so.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: benchmarks/results/ablations_DATE.json."
)
def main(motion_file: Path, records: Path, steps: int, seed: int, only: str, out: Path | None) -> None:
    """Train, measure, save after each, print."""
    motion = load_motion(motion_file)
    draws = Draws(ClipSampler(split.training_part(motion)), ReplaySampler(load_records(records)))
    checks = Draws(ClipSampler(split.validation_part(motion)))
    plan = Plan(None, steps, seed, threads=1, size=SIZE, validation_batches=1)
    bench = Bench(motion.of_subjects(split.TEST_SUBJECTS), draws, checks, plan, seed=0)
    path = out or RESULTS / f"ablations_{time.strftime('%Y-%m-%d')}.json"
    said: dict[str, Any] = {
        "machine": processor(), "date": time.strftime("%Y-%m-%d"), "steps": steps, "seed": seed,
        "batch": {"clips": SIZE.clips, "frames": SIZE.frames, "past": SIZE.past},
        "command": shlex.join(["python", "benchmarks/ablations.py", *sys.argv[1:]]),
        "mixture": str(Mixture()),
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    for change in CHANGES:
        if not change.system.startswith(tuple(only.split(","))):
            continue
        rows.append(bench.run(change))
        path.write_text(json.dumps(said | {"rows": rows}, indent=1) + "\n", encoding="utf-8")
        row = rows[-1]
        print(
            f"{row['system']:16}{row['what']:38}{row['seconds']:6.0f} s  "
            + "  ".join(
                f"{k} {row[k]['mpjpe_mm']:.1f} / {row[k]['mrpe_mm']:.0f}" for k in ("gt", "noise", "records")
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()

"""What each idea of the papers is worth here: short trainings that differ in one thing, on unseen people.

python benchmarks/ablations.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz --records runs/records

Each training is a job of its own and leaves NN.json in the folder --parts; a run there goes on, runs of other
--only share it, and the last thing each does is to gather what is there into one file.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from export.to_onnx import Provenance, export_step
from realtime.machine import processor
from training.dataset.jobs import Counts, Jobs, run_jobs
from training.lifters.augment import ClipSampler
from training.lifters.batches import BatchSize, Draws, Mixture
from training.lifters.config import Config, load_config, shipped_config
from training.lifters.evaluate import Conditions, Figures, evaluate_takes
from training.lifters.loop import Plan, Trainer
from training.lifters.replay import ReplaySampler
from training.lifters.systems import find_system
from training.lifters.takes import INPUTS, Take
from training.mocap import split
from training.mocap.motion import load_motion
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
class BenchFactory:
    """Makes a bench in whichever process it is called in. parts: where results go."""

    motion: Path
    records: Path
    parts: Path
    steps: int
    seed: int
    device: str

    def __call__(self) -> Bench:
        return Bench(self)

    @property
    def plan(self) -> Plan:
        """What all trainings share of how they are trained."""
        return Plan(
            None, self.steps, self.seed, threads=1, size=SIZE, validation_batches=1, device=self.device
        )

    def result(self, number: int) -> Path:
        """Where a change's result is."""
        return self.parts / f"{number:02d}.json"


class Bench:
    """Does changes by number, in one process."""

    def __init__(self, given: BenchFactory) -> None:
        self._given = given
        motion = load_motion(given.motion)
        self._draws = Draws(
            ClipSampler(split.training_part(motion)), ReplaySampler(load_records(given.records))
        )
        self._checks = Draws(ClipSampler(split.validation_part(motion)))
        self._test = motion.of_subjects(split.TEST_SUBJECTS)

    def run(self, number: int) -> Iterator[Counts]:
        """Train one change, measure it, and leave its result."""
        where = {"machine": processor(), "date": time.strftime("%Y-%m-%d"), "steps": self._given.steps}
        row = {"number": number} | where | self._measured(CHANGES[number])
        whole = self._given.result(number)
        part = whole.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
        part.replace(whole)
        yield (1,)

    def close(self) -> None:
        """Nothing is held but memory."""

    @cached_property
    def _takes(self) -> Mapping[str, Sequence[Take]]:
        """What the test people look like, by the kind of input: the same for every change."""
        return {kind: Conditions(kind, threads=1).takes(self._test) for kind in INPUTS}

    def _trainer(self, change: Change) -> Trainer:
        usual: Config = load_config(shipped_config(change.system))
        mixture = replace(usual.mixture, **change.mixture)
        trained = find_system(change.system, {**usual.loss, **change.loss})
        plan = replace(self._given.plan, rate=usual.rate, decay=usual.decay, matrices=usual.matrices)
        draws = replace(self._draws, mixture=mixture)
        return Trainer(trained, {**usual.net, **change.net}, draws, self._checks, plan)

    def _measured(self, change: Change) -> dict[str, Any]:
        """Train one, step its ONNX file through the test takes, and say how wrong it was."""
        trainer = self._trainer(change)
        began = time.perf_counter()
        while trainer.progress.share(self._given.plan) < 1.0:
            trainer.advance()
        trained = time.perf_counter()
        found: dict[str, Any] = {"system": change.system, "what": change.what}
        with tempfile.TemporaryDirectory() as folder:
            manifest = export_step(trainer.averaged_net(), Path(folder), Provenance("an ablation"))  # type: ignore[arg-type]
            for kind, takes in self._takes.items():
                figures: Figures = evaluate_takes(manifest, takes, Conditions(threads=1))["all"]
                found[kind] = {key: figures[key] for key in KEPT}
        times = {"seconds": trained - began, "evaluation_seconds": time.perf_counter() - trained}
        return found | {name: round(value, 1) for name, value in times.items()}


def chosen(only: str) -> list[int]:
    """The numbers of the changes named: numbers, ranges of them, or what systems' names begin with."""
    numbers: list[int] = []
    for word in only.split(","):
        first, dash, last = word.partition("-")
        if first.isdigit() and (not dash or last.isdigit()):
            numbers += range(int(first), int(last or first) + 1)
        else:
            numbers += [n for n, change in enumerate(CHANGES) if change.system.startswith(word)]
    beyond = [number for number in numbers if number >= len(CHANGES)]
    if beyond:
        raise click.UsageError(f"there is no change {beyond[0]}: they are numbered 0 to {len(CHANGES) - 1}")
    return list(dict.fromkeys(numbers))


def gather(given: BenchFactory, out: Path) -> list[dict[str, Any]]:
    """Put the results that are there into one file, in the order of the changes."""
    rows = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(given.parts.glob("[0-9][0-9].json"))
    ]
    said: dict[str, Any] = {
        key: "; ".join(sorted({str(row[key]) for row in rows})) for key in ("machine", "date", "steps")
    } | {
        "seed": given.seed,
        "batch": {"clips": SIZE.clips, "frames": SIZE.frames, "past": SIZE.past},
        "command": shlex.join(["python", "benchmarks/ablations.py", *sys.argv[1:]]),
        "mixture": str(Mixture()),
        "missing": [n for n in range(len(CHANGES)) if n not in {row["number"] for row in rows}],
    }
    out.write_text(json.dumps(said | {"rows": rows}, indent=1) + "\n", encoding="utf-8")
    return rows


@click.command()
@click.option("--motion", type=click.Path(path_type=Path), required=True)
@click.option("--records", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--steps", default=400, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where the nets are trained.")
@click.option(
    "--only", default="", help="Numbers (3,7 or 2-5) of changes, or how their systems' names begin."
)
@click.option("--gather-only", is_flag=True, help="Train nothing; put together what is there.")
@click.option("--processes", default=1, show_default=True, help="Trainings side by side, one thread each.")
@click.option("--parts", type=click.Path(path_type=Path), default=Path("runs/ablations"), show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: benchmarks/results/ablations_DATE.json."
)
def main(only: str, processes: int, out: Path | None, gather_only: bool, **given: Any) -> None:
    """Train and measure what is not there yet, gather all, print."""
    factory = BenchFactory(**given)
    factory.parts.mkdir(parents=True, exist_ok=True)
    wanted = [] if gather_only else chosen(only)
    left = [number for number in wanted if not factory.result(number).exists()]

    def report(number: int, counts: Counts) -> None:
        print_row(json.loads(factory.result(number).read_text(encoding="utf-8")))

    try:
        run_jobs(Jobs(factory, left, "change"), processes, report)
    finally:
        gather(factory, out or RESULTS / f"ablations_{time.strftime('%Y-%m-%d')}.json")


def print_row(row: Mapping[str, Any]) -> None:
    """One line for people."""
    print(
        f"{row['number']:3} {row['system']:16}{row['what']:38}{row['seconds']:6.0f} s  "
        + "  ".join(f"{kind} {row[kind]['mpjpe_mm']:.1f} / {row[kind]['mrpe_mm']:.0f}" for kind in INPUTS),
        flush=True,
    )


if __name__ == "__main__":
    main()

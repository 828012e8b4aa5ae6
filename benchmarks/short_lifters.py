"""Short trainings of lifters, measured through their ONNX files: what some benchmarks share."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from export.to_onnx import Provenance, export_step
from training.lifters.augment import ClipSampler
from training.lifters.batches import BatchSize, Draws
from training.lifters.config import load_config, shipped_config
from training.lifters.evaluate import Conditions, Figures, evaluate_takes
from training.lifters.loop import Plan, Trainer
from training.lifters.systems import find_system
from training.lifters.takes import Take
from training.mocap import split
from training.mocap.motion import Motion

SIZE = BatchSize(clips=12, frames=36, past=0)
NET: Mapping[str, Any] = {"width": 128}
"""Narrower than shipped (320), so that several trainings of each kind fit into an hour."""
KEPT = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "accel_mm")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training of a system's shipped configuration. net, loss: what differs in its net and its loss."""

    system: str
    steps: int
    seed: int
    net: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)


def measured(
    recipe: Recipe, motion: Motion, draws: Draws, tests: Mapping[str, Sequence[Take]]
) -> dict[str, Figures]:
    """Train, and step the exported file through the takes of each test; figures by its name.

    motion: all there is; the trainer wants to be shown some of the validation part.
    """
    usual = load_config(shipped_config(recipe.system))
    plan = Plan(
        None, recipe.steps, recipe.seed, threads=1, size=SIZE, validation_batches=1,
        rate=usual.rate, decay=usual.decay, matrices=usual.matrices,
    )  # fmt: skip
    checks = Draws(ClipSampler(split.validation_part(motion)))
    system = find_system(recipe.system, {**usual.loss, **recipe.loss})
    trainer = Trainer(system, {**usual.net, **recipe.net}, draws, checks, plan)
    while trainer.progress.share(plan) < 1.0:
        trainer.advance()
    with tempfile.TemporaryDirectory() as folder:
        manifest = export_step(trainer.averaged_net(), Path(folder), Provenance("a comparison"))  # type: ignore[arg-type]
        found = {
            name: evaluate_takes(manifest, takes, Conditions(threads=1))["all"]
            for name, takes in tests.items()
        }
    return {name: {key: figures[key] for key in KEPT} for name, figures in found.items()}


def without_depth(take: Take) -> Take:
    """The take as a 2D net that gives no depth would have it."""
    return replace(take, depth=np.zeros_like(take.depth))


class Rows:
    """Rows of a comparison, each kept in a file as soon as it is there, so that a run goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        self.all: list[Row] = [json.loads(line) for line in lines]

    def get(self, key: Row, make: Callable[[], Row]) -> Row:
        """The row of this key, made if it is not there; what it is made of is added to the key."""
        for row in self.all:
            if all(row.get(name) == value for name, value in key.items()):
                return row
        began = time.perf_counter_ns()
        row = key | make()
        row["seconds"] = round((time.perf_counter_ns() - began) / 1e9, 1)
        self.all.append(row)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
        return row

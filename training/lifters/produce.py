"""From a motion file to a shipped lifter: train, calibrate, export, prove parity, measure, write the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from export.nets.step import StepNet
from export.to_onnx import Provenance, export_step, random_steps, worst_gaps
from realtime.engines.open import open_engine
from realtime.errors import ModelError, UsageError
from realtime.manifest import Manifest
from training.lifters.augment import ClipSampler
from training.lifters.batches import Draws
from training.lifters.borrowed import BorrowedErrors
from training.lifters.card import Measured, Story, origin_of, write_card
from training.lifters.config import Config
from training.lifters.evaluate import Conditions, evaluate
from training.lifters.loop import LOG_FILE, Plan, Trainer
from training.lifters.noise import error_model_named
from training.lifters.replay import ReplaySampler
from training.lifters.systems import find_system
from training.lifters.takes import InputKind
from training.mocap import split
from training.mocap.motion import Motion, MotionFileError, load_motion
from training.records.store import joined, load_records

PARITY_M = 1e-4
_PARITY_FRAMES = 200
_LOG_LINES = 4
_INPUTS: tuple[InputKind, ...] = ("gt", "noise")


@dataclass(frozen=True, slots=True)
class Production:
    """What goes in, where it goes, the command that asked for it, and the text of its configuration."""

    motion_file: Path
    out: Path
    command: str
    settings: str = ""
    records: tuple[Path, ...] = ()


def produce(task: Production, config: Config, plan: Plan, say: Callable[[str], object]) -> Manifest:
    """Train a lifter by a plan and leave everything that ships in `task.out`; progress goes to `say`.

    Raises MotionFileError for motion that lacks a side of the split, UsageError for options there are not,
    ModelError when the exported file does not compute what the network does.
    """
    motion = load_motion(task.motion_file)
    train, validation = split.training_part(motion), split.validation_part(motion)
    test = Motion(tuple(s for s in motion.sequences if s.subject in split.TEST_SUBJECTS), motion.fps)
    for side, part in (("training", train), ("validation", validation), ("test", test)):
        if not part.sequences:
            raise MotionFileError(
                f"{task.motion_file} has no {side} subjects: see training/mocap/split.py for them"
            )
    trained = find_system(config.system, config.loss)
    records = joined([load_records(path) for path in task.records]) if task.records else None
    draws = Draws(
        ClipSampler(train),
        ReplaySampler(records) if records else None,
        error_model_named(config.errors),
        config.mixture,
        BorrowedErrors(records) if records and config.mixture.borrowed else None,
    )
    checks = Draws(ClipSampler(validation), mixture=config.mixture)
    try:
        task.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {task.out}: {error.strerror}; choose another --out") from error

    trainer = Trainer(trained, config.net, draws, checks, plan)
    trainer.run(task.out)
    factor = trainer.calibrate()
    if factor is not None:
        say(f"spread scaled by {factor:.3f} so that 68 % of validation depths lie within a sigma")
    provenance = Provenance(origin_of(motion, train))
    net = cast(StepNet, trainer.averaged_net())
    manifest = export_step(net, task.out, provenance)
    _prove(net, manifest)

    rows = list(_measure(manifest, test, say)) + list(_measure(manifest, validation, say))
    metrics = {
        f"{row.kind}_{name}": value
        for row in rows
        if row.who == "test, all"
        for name, value in row.figures.items()
        if name not in ("lag_frames", "params", "step_ms")
    }
    manifest = export_step(net, task.out, replace(provenance, metrics=metrics))
    log = (task.out / LOG_FILE).read_text(encoding="utf-8").splitlines()
    story = Story(
        task.command, trained.paper, task.settings, trainer.progress.spent_ns / 60e9, trainer.progress.step,
        [log[0], *log[1:][-_LOG_LINES:]],
    )  # fmt: skip
    write_card(task.out / f"{manifest.name}.md", manifest, story, rows, _split_text(train, validation, test))
    return manifest


def _prove(net: StepNet, manifest: Manifest) -> None:
    """Raise ModelError unless ONNX Runtime gives what PyTorch gives."""
    engine = open_engine(manifest.path, "onnxruntime", 1)
    try:
        gap_m = worst_gaps(net, engine, random_steps(net, _PARITY_FRAMES, people=3))["pose"]
    finally:
        engine.close()
    if not gap_m <= PARITY_M:
        raise ModelError(f"{manifest.path} is off by {gap_m:.2g} m from its network: do not ship it")


def _measure(manifest: Manifest, part: Motion, say: Callable[[str], object]) -> list[Measured]:
    side = "test" if set(part.subjects) <= set(split.TEST_SUBJECTS) else "validation"
    rows = []
    for kind in _INPUTS:
        for who in (*part.subjects, f"{side}, all"):
            chosen = part if who.startswith(side) else part.of_subjects([who])
            figures = evaluate(manifest, chosen, Conditions(kind))
            rows.append(Measured(who, kind, figures))
            say(f"{who}, {kind}: MPJPE {figures['mpjpe_mm']:.1f} mm, MRPE {figures['mrpe_mm']:.0f} mm")
    return rows


def _split_text(train: Motion, validation: Motion, test: Motion) -> str:
    def line(side: str, part: Motion) -> str:
        return f"- {side}: {', '.join(part.subjects)}; {len(part.sequences)} takes, {part.frames:,} frames"

    sides = "\n".join(line(*p) for p in (("training", train), ("validation", validation), ("test", test)))
    return (
        f"{sides}\n\nWhole bodies, and no recording on two sides: the retargets of held-out takes onto other "
        "bodies are left\nout of training too (training/mocap/split.py). Validation sets the spread of the "
        "depth; test decides nothing.\ncmu-02's motion is unseen, but its bone lengths are those of "
        "`cmueval-mean`, which is trained on."
    )

"""`realtime-train`: make the networks that are shipped, and what they are trained on."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path

import click
from tqdm import tqdm

from realtime.commands.shell import run
from training.commands.error_model import error_model
from training.commands.records import records
from training.commands.render import render

_EXAMPLES = """
\b
Examples:
  realtime-train causal-tcn --motion cmu_h36m17_30hz.npz --out runs/causal-tcn --minutes 20
  realtime-train render --makehuman makehuman --motion cmu_h36m17_30hz.npz --out runs/clips --clips 20
  realtime-train records --makehuman makehuman --motion cmu_h36m17_30hz.npz --out runs/records --frames 200000
  realtime-train error-model runs/records --out runs/error_model.yaml
"""


@click.group(epilog=_EXAMPLES)
def cli() -> None:
    """Render people, keep what 2D nets say of them, and train networks on it."""


for command in (render, records, error_model):
    cli.add_command(command)


@cli.command("causal-tcn", epilog=_EXAMPLES)
@click.option(
    "--motion",
    "motion_file",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Motion file (NPZ) with the subjects of training/mocap/split.py.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the log, the checkpoint, the ONNX file, its manifest and its card go; a run there goes on.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Training time to spend, resumed runs included.",
)
@click.option(
    "--steps", type=click.IntRange(min=1), help="Optimiser steps to take, instead of minutes or at most."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of weights and data.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Processor threads."
)
def causal_tcn(
    motion_file: Path, out: Path, minutes: float | None, steps: int | None, seed: int, threads: int
) -> None:
    """Train the causal temporal convolutional lifter and export it as a step model.

    Interrupt it at will: the same command goes on from its last checkpoint.
    """
    # torch takes seconds to import, which --help should not cost.
    from training.lifters.loop import Plan
    from training.lifters.produce import Production, produce_causal_tcn

    logging.getLogger("training").setLevel(logging.INFO)
    plan = Plan(minutes, steps, seed, threads=threads)
    command = "realtime-train " + shlex.join(sys.argv[1:])
    manifest = produce_causal_tcn(Production(motion_file, out, command), plan, tqdm.write)
    click.echo(f"wrote {manifest.path} with its manifest and card")


def main() -> None:
    """Entry point."""
    run(cli)


if __name__ == "__main__":
    main()

"""`realtime-train`: make the networks that are shipped, and what they are trained on."""

from __future__ import annotations

import functools
import logging
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from realtime.commands.shell import run
from realtime.errors import UsageError
from training.commands.error_model import error_model
from training.commands.image_records import image_records
from training.commands.image_scores import image_scores
from training.commands.images import NAMES as IMAGE_NETS
from training.commands.images import command_of as image_command_of
from training.commands.records import records
from training.commands.render import render
from training.lifters.systems import NAMES

_EXAMPLES = """
\b
Examples:
  realtime-train videopose-tcn --motion cmu_h36m17_30hz.npz --out runs/videopose-tcn --minutes 20
  realtime-train unified --motion cmu_h36m17_30hz.npz --records runs/records --out runs/unified --minutes 60
  realtime-train render --makehuman makehuman --motion cmu_h36m17_30hz.npz --out runs/clips --clips 20
  realtime-train records --makehuman makehuman --motion cmu_h36m17_30hz.npz --out runs/records --frames 200000
  realtime-train error-model runs/records --out runs/error_model.yaml
  realtime-train cpn --clips runs/clips --validation runs/held-out --out runs/cpn --minutes 30
"""


@click.group(epilog=_EXAMPLES)
def cli() -> None:
    """Render people, keep what 2D nets say of them, and train networks on it."""


for command in (render, records, error_model, image_records, image_scores):
    cli.add_command(command)


_OPTIONS = (
    click.option(
        "--motion",
        "motion_file",
        required=True,
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Motion file (NPZ) with the subjects of training/mocap/split.py.",
    ),
    click.option(
        "--records",
        metavar="PATH",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        help="What `realtime-train records --part training` wrote; may be given again; without it, motion "
        "and noise alone.",
    ),
    click.option(
        "--out",
        required=True,
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where log, checkpoint, ONNX file, manifest and card go; a run there goes on.",
    ),
    click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Net, loss, data and rate (YAML). Default: that of the shipped weights.",
    ),
    click.option(
        "--minutes",
        type=click.FloatRange(min=0, min_open=True),
        help="Training time to spend, resumed runs included.",
    ),
    click.option(
        "--steps", type=click.IntRange(min=1), help="Optimiser steps to take, instead of minutes or at most."
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of weights and data."
    ),
    click.option(
        "--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Processor threads."
    ),
    click.option(
        "--device",
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="Where the net is trained; its batches are drawn on the processor.",
    ),
    click.option(
        "--drawers",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Processes that draw batches ahead; the batches are the same however many.",
    ),
)


def _train(name: str, **given: Any) -> None:
    # torch takes seconds to import, which --help should not cost.
    from training.lifters.config import load_config, shipped_config
    from training.lifters.loop import Plan
    from training.lifters.produce import Production, produce

    logging.getLogger("training").setLevel(logging.INFO)
    config_file = given["config_file"] or shipped_config(name)
    config = load_config(config_file)
    if config.system != name:
        raise UsageError(f"{config_file} is of {config.system}: realtime-train {config.system}")
    plan = Plan(
        given["minutes"],
        given["steps"],
        given["seed"],
        config.rate,
        config.decay,
        config.matrices,
        given["threads"],
        config.batch,
        device=given["device"],
        drawers=given["drawers"],
    )
    command = "realtime-train " + shlex.join(sys.argv[1:])
    text = config_file.read_text(encoding="utf-8")
    task = Production(given["motion_file"], given["out"], command, text, given["records"])
    manifest = produce(task, config, plan, tqdm.write)
    click.echo(f"wrote {manifest.path} with its manifest and card")


def _command_of(name: str) -> click.Command:
    command = click.Command(
        name,
        callback=functools.partial(_train, name),
        help=f"Train the lifter {name} and export it as a step model.\n\n"
        "Interrupt it at will: the same command goes on from its last checkpoint.",
        epilog=_EXAMPLES,
    )
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


for _name in NAMES:
    cli.add_command(_command_of(_name))
for _name in IMAGE_NETS:
    cli.add_command(image_command_of(_name))


def main() -> None:
    """Entry point."""
    run(cli)


if __name__ == "__main__":
    main()

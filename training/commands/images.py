"""`realtime-train ssd`, `cpn`, `integral-regression`: the papers' image networks, on rendered people."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from training.images.produce import Material

_EXAMPLES = """
\b
Examples:
  realtime-train cpn --clips runs/clips-training --validation runs/clips-validation \\
      --out runs/cpn --minutes 30 --device cuda
  realtime-train cpn --config cpn-globalnet --clips runs/clips-training --out runs/globalnet --steps 2000
"""
NAMES = ("ssd", "cpn", "integral-regression")

_Decorator = Callable[[Any], Any]


def device_option(words: str) -> _Decorator:
    """Where a net runs. words: its help."""
    return click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help=words,
    )


readers_option: _Decorator = click.option(
    "--readers", type=click.IntRange(min=1), default=2, show_default=True, help="Threads that read clips."
)


def weights_of(path: Path) -> Path:
    """The weights file of a training's folder, or of its own path."""
    from training.images.checkpoint import WEIGHTS_FILE

    return path / WEIGHTS_FILE if path.is_dir() else path


_FOLDER = click.Path(path_type=Path, file_okay=False)
_OPTIONS = (
    click.option(
        "--clips",
        required=True,
        multiple=True,
        metavar="DIR",
        type=_FOLDER,
        help="What `realtime-train render --form frames --part training` writes, or is still writing; may be "
        "given again.",
    ),
    click.option(
        "--validation",
        metavar="DIR",
        type=_FOLDER,
        help="Clips of --part validation to measure on while training.",
    ),
    click.option(
        "--out",
        required=True,
        metavar="DIR",
        type=_FOLDER,
        help="Where log, checkpoint and weights go; a run there goes on.",
    ),
    click.option(
        "--config",
        metavar="FILE",
        help="Net, loss, pictures and rate: a YAML file, or the name of one in training/images/configs.",
    ),
    click.option(
        "--minutes",
        type=click.FloatRange(min=0, min_open=True),
        help="Time to spend from the first sample on, resumed runs included.",
    ),
    click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps to take, instead or at most."),
    click.option(
        "--batch", type=click.IntRange(min=2), help="Samples a step, instead of the configuration's."
    ),
    device_option("Where to train."),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of weights and pictures."
    ),
    click.option(
        "--pool",
        type=click.IntRange(min=2),
        help="Samples kept on the device, 300 KB each. Default: 4000, or 40000 with CUDA.",
    ),
    click.option(
        "--held",
        type=click.IntRange(min=1),
        default=600,
        show_default=True,
        help="Validation samples to measure on.",
    ),
    click.option(
        "--stride",
        type=click.IntRange(min=1),
        help="Take every so many frames of a clip, not the configuration's.",
    ),
    click.option(
        "--leave-out", metavar="A,B", default="", help="Subjects of the motion not to train on, by name."
    ),
    click.option(
        "--report-s",
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        help="Seconds between reports.",
    ),
    click.option(
        "--wait-s",
        type=click.FloatRange(min=0),
        default=120.0,
        show_default=True,
        help="Seconds to wait for the first clips.",
    ),
    readers_option,
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        help="Processor threads to train on.",
    ),
)


def _train(name: str, **given: Any) -> None:
    # torch takes seconds to import, which --help should not cost.
    from dataclasses import replace

    import cv2
    import torch

    from realtime.errors import UsageError
    from training.images.checkpoint import WEIGHTS_FILE
    from training.images.config import config_file, load_config
    from training.images.loop import Plan
    from training.images.produce import chosen_device, produce
    from training.images.samples import clips_of
    from training.images.scores import fit_scores

    logging.getLogger("training").setLevel(logging.INFO)
    torch.set_num_threads(given["threads"])
    cv2.setNumThreads(1)  # the readers are the threads
    file = config_file(given["config"] or name)
    config = load_config(file)
    if config.system != name:
        raise UsageError(f"{file} is of {config.system}: realtime-train {config.system}")
    if given["batch"]:
        config = replace(config, batch=given["batch"])
    if given["stride"]:
        config = replace(config, cut=replace(config.cut, stride=given["stride"]))
    device = chosen_device(given["device"])
    material = _material(given, device.type)
    plan = Plan(given["minutes"], given["steps"], given["seed"], given["report_s"])
    trainer = produce(config, file.read_text(encoding="utf-8"), plan, material, given["out"], device)
    if name != "ssd" and material.validation and clips_of(material.validation):
        try:
            fit_scores(given["out"] / WEIGHTS_FILE, [material.validation], material.held, device)
        except UsageError as error:
            click.echo(f"the scores stay as the net gives them: {error}")
    click.echo(f"{name}: {trainer.progress.step} steps, weights in {given['out'] / WEIGHTS_FILE}")


def _material(given: Mapping[str, Any], device: str) -> Material:
    """What to train and measure on, as the options say."""
    from training.images.produce import Material

    return Material(
        clips=given["clips"],
        validation=given["validation"],
        capacity=given["pool"] or (40_000 if device == "cuda" else 4_000),
        held=given["held"],
        wait_s=given["wait_s"],
        readers=given["readers"],
        leave_out=frozenset(filter(None, given["leave_out"].split(","))),
    )


def command_of(name: str) -> click.Command:
    """The command that trains a net."""
    command = click.Command(
        name,
        callback=functools.partial(_train, name),
        help=f"Train the image net {name} on rendered people.\n\n"
        "Interrupt it at will: the same command goes on from its last checkpoint.",
        epilog=_EXAMPLES,
    )
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

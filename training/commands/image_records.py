"""`realtime-train image-records`: what a trained 2D net says of rendered clips, beside the truth."""

from __future__ import annotations

import time
from pathlib import Path

import click

from training.commands.images import device_option, readers_option, weights_of

_EXAMPLES = """
\b
Examples:
  realtime-train image-records runs/cpn --clips runs/clips-test --out runs/records-cpn-test.npz
  realtime-train image-records runs/cpn-fold-1 --clips runs/clips-training --only cmu-35,cmu-86 \\
      --out runs/records-cpn/records-00001.npz
"""


@click.command("image-records", epilog=_EXAMPLES)
@click.argument("weights", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--clips",
    required=True,
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="What `realtime-train render --form frames` wrote; may be given again.",
)
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the records go (NPZ): records-NAME.npz, for a folder that is read as a whole.",
)
@click.option(
    "--only", metavar="A,B", default="", help="Keep these subjects alone: those the net was not trained on."
)
@device_option("Where the net runs.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the regions' inexactness."
)
@readers_option
def image_records(
    weights: Path, clips: tuple[Path, ...], out: Path, only: str, device: str, seed: int, readers: int
) -> None:
    """Run a 2D net that realtime-train trained over clips and keep its joints beside the truth.

    DIR is the training's folder. The records are what `error-model` is fitted to and lifters are trained on.
    """
    import cv2

    from export.image_nets import load_trained
    from export.nets.images.ssd import Ssd
    from realtime.errors import UsageError
    from training.commands.rendering import frame_bar
    from training.images.observe import Watch, observe_clips
    from training.images.produce import chosen_device

    cv2.setNumThreads(1)  # the readers are the threads
    trained = load_trained(weights_of(weights))
    if isinstance(trained.net, Ssd):
        raise UsageError(f"{weights} is a person detector: name a cpn or integral-regression")
    watch = Watch(only=frozenset(filter(None, only.split(","))), seed=seed)
    started_ns = time.perf_counter_ns()
    with frame_bar(0) as done:
        records = observe_clips(trained, clips, watch, chosen_device(device), readers, done)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out.parent}: {error.strerror}: name another --out") from error
    records.save(out)
    seconds = (time.perf_counter_ns() - started_ns) / 1e9
    click.echo(
        f"{records.frames} frames of {records.clips} people, found in {records.found.mean():.1%}, "
        f"in {seconds:.0f} s written to {out}"
    )

"""`realtime-train render`: clips of people with their exact truth."""

from __future__ import annotations

import time

import click

from training.commands.rendering import Rendering, frame_bar, rendering_options
from training.dataset.dataset import DatasetSettings, clips_left, write_dataset
from training.dataset.media import Form

_EXAMPLES = """
\b
Examples:
  realtime-train render --makehuman data/makehuman --motion cmu_h36m17_30hz.npz --out runs/clips --clips 20
  realtime-train render --makehuman data/makehuman --motion 07_01.amc --motion 006_09.bvh \\
      --out runs/frames --clips 200 --seed 3 --form frames --part training
"""


@click.command(epilog=_EXAMPLES)
@rendering_options()
@click.option("--clips", type=click.IntRange(min=1), required=True, help="Clips that the folder is to hold.")
@click.option(
    "--form",
    type=click.Choice(["clips", "frames"]),
    default="clips",
    show_default=True,
    help="An MP4 a clip, or a folder of JPEG frames.",
)
def render(rendering: Rendering, clips: int, form: Form) -> None:
    """Render clips of moving people, with their joints in metres and pixels.

    The same options give the same files, byte for byte, however many processes render and however often they
    are stopped; more --clips extend a folder. MP4 files need PyAV (pip install av).
    """
    factory, description = rendering.studio()
    wanted, out = DatasetSettings(clips, rendering.seed, form), rendering.out
    started_ns = time.perf_counter_ns()
    with frame_bar(clips_left(out, wanted) * rendering.frames_per_clip) as done:
        written = write_dataset(out, factory, wanted, description, rendering.processes, done)
    seconds = (time.perf_counter_ns() - started_ns) / 1e9
    if not written.frames:
        click.echo(f"{out} holds all {clips} clips already")
        return
    width, height = written.mean_size_px
    click.echo(
        f"{written.clips} clips, {written.frames} frames in {seconds:.0f} s "
        f"({written.frames / seconds:.1f} a second, images are {width:.0f}x{height:.0f} on average) "
        f"written to {out}"
    )

"""`realtime-train records`: what the 2D nets say of rendered people, beside the truth."""

from __future__ import annotations

import functools
import math
import time

import click

from realtime.engines.open import choose
from realtime.models import catalogue
from training.commands.rendering import Rendering, frame_bar, rendering_options

_EXAMPLES = """
\b
Examples:
  realtime-train records --makehuman data/makehuman --motion cmu_h36m17_30hz.npz --out runs/records \\
      --frames 200000 --part training
  realtime-train records --makehuman data/makehuman --motion cmu_h36m17_30hz.npz --out runs/records-own \
      --frames 20000 --part validation --models integral-regression
"""


@click.command(epilog=_EXAMPLES)
@rendering_options(long_side_px=(256, 480), oversampling=1)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    required=True,
    help="Pictures to render at least; each gives a record for each person in it.",
)
@click.option(
    "--models",
    default=catalogue.BLAZEPOSE,
    show_default=True,
    metavar="NAME",
    help="The 2D net, as for realtime-demo: a name, or an estimator's manifest.",
)
def records(rendering: Rendering, frames: int, models: str) -> None:
    """Render people and keep what the live pipeline's 2D nets say of them, without keeping the pictures.

    Written in shards, records-00000.npz and on. The same options give the same files, byte for byte, however
    many processes work and however often they are stopped; more --frames extend a folder.
    """
    studio, description = rendering.studio()
    # These too need packages that only rendering needs.
    from training.records.observe import LiveNets
    from training.records.shards import RecordSettings, ShardFactory, missing_shards, write_records

    nets = {net.name: net.sha256 for net in catalogue.image_models(models)}
    description |= {"nets": nets, "engine": choose()}
    seed, out = rendering.seed, rendering.out
    shard_frames = RecordSettings(1, seed).clips_a_shard * rendering.frames_per_clip
    wanted = RecordSettings(math.ceil(frames / shard_frames), seed)
    factory = ShardFactory(studio, functools.partial(LiveNets, models), out, wanted)
    started_ns = time.perf_counter_ns()
    with frame_bar(missing_shards(out, wanted) * shard_frames) as done:
        run = write_records(factory, description, rendering.processes, done)
    seconds = (time.perf_counter_ns() - started_ns) / 1e9
    if run.frames:
        busy_ns = max(run.render_ns + run.nets_ns, 1)
        click.echo(
            f"{run.frames} frames in {seconds:.0f} s ({run.frames / seconds:.1f} a second; rendering "
            f"{run.render_ns / busy_ns:.0%}, the nets {run.nets_ns / busy_ns:.0%} of the work) "
            f"written to {out}"
        )
    click.echo(f"all {wanted.shards} shards: {run.tally}")

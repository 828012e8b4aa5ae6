"""Render the sample clip with its exact truth: python -m training.commands.render_sample."""

from __future__ import annotations

import time
from pathlib import Path

import click

from realtime.commands.shell import run
from realtime.errors import UsageError
from training.dataset.sample import prepare, write_sample


@click.command(
    epilog="Example: python -m training.commands.render_sample --makehuman DIR --motion cmu_h36m17_30hz.npz "
    "--out realtime/assets --seed 1"
)
@click.option("--makehuman", required=True, type=click.Path(path_type=Path), help="MakeHuman data folder.")
@click.option(
    "--motion", required=True, type=click.Path(path_type=Path), help="CMU motion NPZ, 17 joints, 30 Hz."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write into.")
@click.option("--seed", default=1, show_default=True, help="Of textures and sensor noise.")
def render_sample(makehuman: Path, motion: Path, out: Path, seed: int) -> None:
    """Render a walking, waving, crouching person: sample.mp4, sample_truth.npz, sample_camera.yaml.

    Takes a few minutes on one core. The same seed gives the same frames and the same truth. Writing the video
    needs PyAV (pip install av).
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {out}: {error.strerror}: name another --out") from error
    started_ns = time.perf_counter_ns()
    truth, size = write_sample(prepare(makehuman, motion, seed), out)
    seconds = (time.perf_counter_ns() - started_ns) / 1e9
    click.echo(
        f"{len(truth.pose_m)} frames in {seconds:.0f} s, {size / 1e6:.2f} MB of video, "
        f"{truth.visible.mean():.0%} of joints visible, written to {out}"
    )


def main() -> None:
    """Entry point."""
    run(render_sample)


if __name__ == "__main__":
    main()

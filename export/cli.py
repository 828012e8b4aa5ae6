"""`realtime-export`: get models as ONNX files, build engines of them, prove them equal, look at them."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path
from types import FrameType

import click
from tqdm import tqdm

from export import zoo
from export.engine_commands import build, onnx, prepare, verify
from export.own_model import command as manifest_command
from realtime.commands.shell import run
from realtime.engines.store import EngineStore
from realtime.models.catalogue import lifter, lifter_names, own, own_names

_MEGABYTE = 1e6


@click.group(
    invoke_without_command=True,
    epilog="Examples:\n\n  realtime-export\n\n  realtime-export list\n\n  realtime-export fetch blazepose\n\n"
    "  realtime-export build --all\n\n  realtime-export verify unified\n\n"
    "  realtime-export info model.onnx",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Get models as ONNX files, build engines of them, compare back ends, look at files.

    Without a command: everything the demo needs, for the best back end here.
    """
    if context.invoked_subcommand is None:
        prepare()


for command in (build, manifest_command, onnx, verify):
    cli.add_command(command)


@cli.command("list", epilog="Examples:\n\n  realtime-export list\n\n  realtime-export list --sources")
@click.option("--sources", is_flag=True, help="Show addresses and hashes too.")
def list_models(sources: bool) -> None:
    """Show the models known: what for, their licence, their size, and what of them is here."""
    from export.models import fetched

    here, plans = fetched(), EngineStore().plans()
    for models in zoo.known():
        parts = here.get(models.name, ())
        held = _held([m.sha256 for m in parts], plans)
        state = ("cached" + held) if parts else "not fetched"
        told = f"{models.name:<20} {models.licences:<12} {models.source:<24} {state:<12}"
        click.echo(f"{told} {models.purpose}")
        for detail in models.details if sources else ():
            click.echo(f"    {detail}")
    for manifest in (*(own(name) for name in own_names()), *(lifter(name) for name in lifter_names())):
        size = f"{manifest.path.stat().st_size / _MEGABYTE:.1f} MB" if manifest.path.is_file() else "missing"
        state = "shipped" + _held([manifest.sha256], plans)
        click.echo(f"{manifest.name:<20} {manifest.licence:<12} {size:<24} {state:<12} {manifest.role}")


def _held(hashes: list[str], plans: tuple[Path, ...]) -> str:
    """What is kept of models besides their ONNX files, in words."""
    from export.variants import cached_hashes

    halves = [cached_hashes(sha256) for sha256 in hashes]
    keys = [*hashes, *itertools.chain.from_iterable(halves)]
    count = sum(f"-{key[:12]}-" in plan.name for plan in plans for key in keys)
    said = [", fp16"] if hashes and all(halves) else []
    said += [f", {count} engine{'s' * (count != 1)}"] if count else []
    return "".join(said)


@cli.command(
    epilog="Examples:\n\n  realtime-export fetch blazepose\n\n"
    "  realtime-export fetch blazepose --wheel mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl\n\n"
    "  realtime-export fetch rtmpose-s --file end2end.onnx"
)
@click.argument("name")
@click.option(
    "--wheel",
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What is published, if you have it: nothing is downloaded.",
)
@click.option("--mirror", metavar="URL", help="An https folder that holds the published file.")
@click.option("--sha256", metavar="HEX", help="The hash of the published file, where it is not known.")
@click.option("--force", is_flag=True, help="Fetch even if the models are here.")
def fetch(name: str, file: Path | None, mirror: str | None, sha256: str | None, force: bool) -> None:
    """Download published weights and keep them as ONNX files.

    Wheels come through pip's package index. The files go into the user's cache folder, or the folder that
    REALTIME_POSE3D_CACHE names.
    """
    wishes = zoo.Wishes(file, force, mirror, sha256)
    # The delay keeps the bar away where nothing is downloaded.
    with tqdm(desc=f"fetching {name}", unit="B", unit_scale=True, delay=0.1) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        fetched = zoo.fetch(name, progress=show, wishes=wishes)
    said = f"fetched {name} into" if fetched.new else f"{name} is already here, nothing to do:"
    click.echo(f"{said} {fetched.directory}")


@cli.command(
    epilog="Examples:\n\n  realtime-export info model.onnx\n\n  realtime-export info landmark.json\n\n"
    "  realtime-export info tensorrt-rtx-96b8ad588659-0123456789abcdef.plan"
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def info(file: Path) -> None:
    """Show what a model file holds. FILE: an ONNX file, a manifest, or an engine.

    Of an engine: who built it, of what and for what, and whether this machine can run it.
    """
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

"""The commands of `realtime-export` that make ONNX files and engines, and prove them equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
from tqdm import tqdm

from export import zoo
from realtime.engines.build import BuildOptions
from realtime.engines.library import Kind, installed, why_not
from realtime.engines.open import available
from realtime.errors import EngineError, ModelError, UsageError
from realtime.manifest import Manifest
from realtime.models.catalogue import BLAZEPOSE

# onnx takes a third of a second to import, and torch seconds, which the other commands should not cost:
# what needs them is imported inside the commands.

_SHAPES = (
    "As trtexec: NAME:1x17x2,OTHER:1x17. Inputs that are not named have the batch of those that are. "
    "Without: batches from 1 to 16."
)


def prepare() -> None:
    """Fetch and build everything the demo needs, for the best back end here; one line a model."""
    with tqdm(desc=f"fetching {BLAZEPOSE}", unit="B", unit_scale=True, delay=0.1) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        zoo.fetch(BLAZEPOSE, progress=show)
    from export.models import demo_models

    models, lines = demo_models(), []
    with tqdm(models, unit="model", delay=0.5) as steps:
        for manifest in steps:
            steps.set_description(manifest.name)
            lines.append(f"{manifest.name:<26}{_ready(manifest)}")
    for line in lines:
        click.echo(line)


def _ready(manifest: Manifest) -> str:
    """Make what the best back end needs of a model, and say what that is. On a GPU FP16 comes first."""
    backend = available(manifest.role)[0]
    if backend == "openvino" or backend == "onnxruntime":
        manifest.check_file()
        lost = "; ".join(reason for kind in get_args(Kind) if installed(kind) and (reason := why_not(kind)))
        return f"{backend}: ready, it runs the ONNX file itself" + (f" ({lost})" if lost else "")
    from export.to_engine import build_engine

    why = ""
    try:
        built = build_engine(manifest, backend, "fp16")
    except (ModelError, EngineError) as error:
        why = f" (not in fp16: {error})"
        built = build_engine(manifest, backend)
    return f"{backend}: {built.precision} engine {built.path}{why}"


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the builder's options, by trtexec's names."""
    for option in reversed(
        (
            click.option("--minShapes", "low", default="", metavar="SHAPES", help=_SHAPES),
            click.option("--optShapes", "usual", default="", metavar="SHAPES", help="The most frequent."),
            click.option("--maxShapes", "high", default="", metavar="SHAPES", help="The largest."),
            click.option(
                "--memPoolSize",
                "--workspace",
                "workspace",
                metavar="MIB",
                help="Memory for the builder's choices, MiB; trtexec's workspace:MIB too.",
            ),
            click.option(
                "--timingCacheFile",
                "timing_cache",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Measured kernels, read and written.",
            ),
            click.option("--builderOptimizationLevel", "level", type=click.IntRange(0, 5), metavar="N"),
            click.option("--versionCompatible", "portable", is_flag=True, help="For other releases too."),
            click.option(
                "--hardwareCompatibilityLevel",
                "hardware",
                type=click.Choice(("none", "ampere+", "sameComputeCapability")),
                default="none",
                help="For other GPUs too. TensorRT-RTX's engines always are.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command(
    epilog="Examples:\n\n  realtime-export build unified\n\n"
    "  realtime-export build --all --backend tensorrt-rtx --precision fp16\n\n"
    "  realtime-export build unified --minShapes rays:1x17x2 --optShapes rays:2x17x2 "
    "--maxShapes rays:4x17x2"
)
@click.argument("model", required=False)
@click.option("--all", "every", is_flag=True, help="Every shipped and fetched model.")
@click.option(
    "--backend",
    type=click.Choice((*get_args(Kind), "openvino", "onnxruntime")),
    help="Without: the best TensorRT here.",
)
@click.option("--precision", type=click.Choice(("fp32", "fp16")), default="fp32", show_default=True)
@_settings
def build(model: str | None, every: bool, backend: str | None, precision: str, **given: Any) -> None:
    """Build engines and keep them in the user's cache. MODEL: a model's name, or the path of a manifest.

    FP16 stores weights and computes in half precision where the model bears it, as measured.
    """
    if every == (model is not None):
        raise UsageError("name one model, or all with --all: realtime-export list shows them")
    if backend in ("openvino", "onnxruntime"):
        raise UsageError(f"{backend} runs ONNX files itself, nothing is built: use --backend tensorrt-rtx")
    from export.models import everything, resolve
    from export.to_engine import build_engine, default_kind, parse_shapes

    options, shapes = _build_options(given), parse_shapes(given["low"], given["usual"], given["high"])
    models = everything() if model is None else resolve(model)
    kind = default_kind() if backend is None else next(k for k in get_args(Kind) if k == backend)
    with tqdm(unit=" measurements", delay=1, disable=precision == "fp32") as bar:
        for manifest in models:
            bar.set_description(f"{manifest.name} in {precision}")
            built = build_engine(
                manifest, kind, "fp16" if precision == "fp16" else "fp32", shapes, options, bar.update
            )
            said = f"built in {built.seconds:.1f} s" if built.new else "is already here"
            bar.clear()
            click.echo(f"{manifest.name:<26}{kind} {built.precision} {said}: {built.path}")


def _build_options(given: dict[str, Any]) -> BuildOptions:
    workspace = given["workspace"]
    if workspace is not None:
        number = workspace.removeprefix("workspace:").removesuffix("M")
        if not number.isdecimal() or not int(number):
            raise UsageError(f"--memPoolSize {workspace}: give MiB, such as 512 or workspace:512")
        workspace = int(number)
    levels = {"sameComputeCapability": "same-compute-capability"}
    return BuildOptions(
        workspace_mib=workspace,
        builder_optimization_level=given["level"],
        timing_cache=given["timing_cache"],
        version_compatible=given["portable"],
        hardware_compatibility=levels.get(given["hardware"], given["hardware"]),
    )


@click.command(
    epilog="Examples:\n\n  realtime-export verify unified\n\n"
    "  realtime-export verify unified --checkpoint runs/unified/checkpoint.npz\n\n"
    "  realtime-export verify blazepose"
)
@click.argument("model")
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The torch weights a lifter or an image net was exported from.",
)
def verify(model: str, checkpoint: Path | None) -> None:
    """Run a model through everything that runs it here, on the sample clip, and compare with ONNX Runtime.

    Shows the maximum and mean error of each tensor, and in px or mm after decoding. Exit 1 when a decoded
    point moves by more than 0.5 px of the net's input, or 1 mm.
    """
    from export.models import resolve
    from export.verify import verify as run_all

    bad: list[str] = []
    for manifest in resolve(model):
        for finding in run_all(manifest, checkpoint):
            parity = finding.parity
            if parity is None:
                click.echo(f"{manifest.name:<26}{finding.way:<20}not run: {finding.why}")
                continue
            for name, gap in parity.tensors.items():
                click.echo(f"{manifest.name:<26}{finding.way:<20}{name:<20}{gap}")
            jumps = parity.smooth is not None and parity.smooth != parity.decoded
            smooth = f"; before the decoder's jumps: {parity.smooth} {parity.unit}" if jumps else ""
            verdict = "" if parity.holds else "  TOO FAR"
            click.echo(
                f"{manifest.name:<26}{finding.way:<20}{'decoded':<20}{parity.decoded} {parity.unit}, "
                f"98 % within {parity.decoded.most:.3g}{smooth}{verdict}"
            )
            bad += [] if parity.holds else [f"{manifest.name} in {finding.way}"]
    if bad:
        raise ModelError(f"{', '.join(bad)}: too far from FP32 in ONNX Runtime; use another back end for it")


@click.command(
    epilog="Examples:\n\n  realtime-export onnx unified\n\n"
    "  realtime-export onnx unified --checkpoint runs/unified/checkpoint.npz -o out\n\n"
    "  realtime-export onnx cpn --checkpoint runs/cpn/weights.safetensors -o out\n\n"
    "  realtime-export onnx ssd --checkpoint runs/ssd/weights.safetensors --side 288 -o out\n\n"
    "  realtime-export onnx blazepose --preprocessing --frame-size 640x480 -o out"
)
@click.argument("name")
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Weights of a training run: a lifter's checkpoint.npz, an image net's weights.safetensors.",
)
@click.option(
    "--weights",
    type=click.Choice(("fp16", "fp32")),
    default="fp16",
    show_default=True,
    help="How an image net's weights are stored. It computes in FP32 either way.",
)
@click.option("--origin", metavar="WORDS", help="Where the weights come from, for the manifest.")
@click.option(
    "--side",
    "side_px",
    type=click.IntRange(min=64),
    metavar="PX",
    help="Of the square image an ssd takes: larger finds smaller people, and takes longer. "
    "Default: that of its training.",
)
@click.option("--card", "made_by", metavar="COMMAND", help="Write an image net's card; what trained it.")
@click.option(
    "--preprocessing",
    is_flag=True,
    help="Put crop, resize and normalisation into the image nets, which then take whole frames.",
)
@click.option(
    "--frame-size",
    metavar="WxH",
    help="The only frames that nets with --preprocessing take; TensorRT needs it.",
)
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), metavar="DIR")
def onnx(
    name: str, checkpoint: Path | None, weights: str, origin: str | None, made_by: str | None,
    side_px: int | None, preprocessing: bool, frame_size: str | None, out: Path,
) -> None:  # fmt: skip
    """Write a model as a checked, slimmed ONNX file with its manifest. NAME: a lifter, or any model here.

    A lifter's batch is free. With --checkpoint the file is made anew of torch weights; without, it is a
    slimmed copy of the ONNX file that is here. With --preprocessing an estimator's detector is written
    beside it.
    """
    from export.models import resolve

    if frame_size and not preprocessing:
        raise UsageError("--frame-size is of nets with --preprocessing: give that too")
    if preprocessing and checkpoint is not None:
        raise UsageError("--preprocessing is for ONNX files, not for a --checkpoint: give one of them")
    if side_px is not None and checkpoint is None:
        raise UsageError("--side is for the weights of a training: give --checkpoint too")
    if preprocessing:
        _frame_nets(name, _frame_size(frame_size), out)
        return
    if checkpoint is not None:
        from export.checkpoints import export_checkpoint

        said = origin or f"{checkpoint.name} of a training run by the user"
        made = export_checkpoint(name, checkpoint, said, out, weights == "fp16", made_by, side_px)
        click.echo(f"{made.path}: exported from {checkpoint}")
        return
    from export.variants import slimmed_copy

    for manifest in resolve(name):
        made = slimmed_copy(manifest, out)
        click.echo(f"{made.path}: slimmed copy of {manifest.path}, whose torch weights are not here")


def _frame_nets(name: str, frame_size: tuple[int, int] | None, out: Path) -> None:
    """Write image nets that take whole frames, and say how to run them."""
    from export.models import resolve
    from export.variants import with_preprocessing

    for made in with_preprocessing(resolve(name), out, frame_size):
        run = f"; realtime-demo --models {made.path.with_suffix('.json')}" if made.role == "estimator" else ""
        click.echo(f"{made.path}: takes frames as they are{run}")


def _frame_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of `WxH`."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError(f"--frame-size {text}: give width and height, such as 640x480")
    return int(width), int(height)

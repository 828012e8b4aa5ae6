"""`realtime-evaluate`: how wrong the lifters are on a motion file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from tqdm import tqdm

from realtime.commands.shell import run
from realtime.errors import UsageError
from realtime.manifest import Manifest
from realtime.models.catalogue import lifter, lifter_names
from training.lifters.cameras import FOV_DEG
from training.lifters.evaluate import Conditions, InputKind, evaluate
from training.mocap.motion import Motion, load_motion
from training.mocap.split import TEST_SUBJECTS

_EXAMPLES = """
\b
Examples:
  realtime-evaluate cmu_h36m17_30hz.npz --subjects test
  realtime-evaluate cmu_h36m17_30hz.npz --subjects cmu-03,cmu-16 --input noise --seed 3
  realtime-evaluate walk.npz --lifters causal-tcn,runs/mine/causal-tcn.json --json
"""
_KEYS = (
    "lifter", "input", "lag_frames", "mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm",
    "accel_mm", "pck150", "auc", "params", "step_ms",
)  # fmt: skip


@click.command(epilog=_EXAMPLES)
@click.argument("motion_file", metavar="MOTION.npz", type=click.Path(path_type=Path))
@click.option(
    "--lifters",
    default="all",
    show_default=True,
    metavar="A,B",
    help="Shipped lifters or manifests, or `all`.",
)
@click.option(
    "--input",
    "kind",
    type=click.Choice(["gt", "noise"]),
    default="gt",
    show_default=True,
    help="Exact 2D, or 2D through the noise model.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of cameras and noise."
)
@click.option(
    "--subjects",
    metavar="A,B",
    help="Only these subjects; `test` means those held out of training. Default: all.",
)
@click.option(
    "--fov",
    "fov_deg",
    type=click.FloatRange(10, 150),
    help="Field of view in degrees of every camera. Default: drawn from 30 to 90.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def cli(
    motion_file: Path,
    lifters: str,
    kind: InputKind,
    seed: int,
    subjects: str | None,
    fov_deg: float | None,
    as_json: bool,
) -> None:
    """Measure lifters on MOTION.npz, frame by frame, each sequence seen by a camera drawn from the seed."""
    motion = _chosen(load_motion(motion_file), subjects)
    manifests = _manifests(lifters)
    view = (fov_deg, fov_deg) if fov_deg is not None else FOV_DEG
    rows = []
    with tqdm(total=motion.frames * len(manifests), unit="frame", disable=None) as bar:
        for manifest in manifests:
            figures = evaluate(manifest, motion, Conditions(kind, seed, view), bar.update)
            named = {"lifter": manifest.name, "input": kind} | figures
            rows.append({key: named[key] for key in _KEYS})
    click.echo(json.dumps({"rows": rows}, indent=2) if as_json else _table(rows))


def _chosen(motion: Motion, subjects: str | None) -> Motion:
    if subjects is None:
        return motion
    names = TEST_SUBJECTS if subjects == "test" else [name.strip() for name in subjects.split(",")]
    return motion.of_subjects(names)


def _manifests(lifters: str) -> list[Manifest]:
    names = lifter_names() if lifters == "all" else [name.strip() for name in lifters.split(",")]
    if not names:
        raise UsageError("no lifter is shipped with this version: name a manifest with --lifters")
    return [lifter(name) for name in names]


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    cells = [list(_KEYS)] + [[_shown(row[key]) for key in _KEYS] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(_KEYS))]
    lines = ("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main() -> None:
    """Entry point."""
    run(cli)


if __name__ == "__main__":
    main()

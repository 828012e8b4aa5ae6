"""`realtime-evaluate`: how wrong the lifters are on a motion file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import click
from tqdm import tqdm

from realtime.commands.shell import run
from realtime.errors import UsageError
from realtime.manifest import Manifest
from realtime.models.catalogue import lifter, lifter_names
from training.lifters.cameras import FOV_DEG
from training.lifters.evaluate import Conditions, Row, lags_of, rows_of
from training.lifters.takes import INPUTS, GroupBy, InputKind
from training.mocap.motion import Motion, load_motion
from training.mocap.split import TEST_SUBJECTS

_EXAMPLES = """
\b
Examples:
  realtime-evaluate cmu_h36m17_30hz.npz --subjects test
  realtime-evaluate cmu_h36m17_30hz.npz --subjects cmu-03,cmu-16 --input noise --seed 3 --by action
  realtime-evaluate cmu_h36m17_30hz.npz --subjects test --input records --records runs/records --height
  realtime-evaluate walk.npz --lifters unified,runs/mine/unified.json --lag 0,5 --json
"""


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
    type=click.Choice(INPUTS),
    default="gt",
    show_default=True,
    help="Exact 2D; 2D drawn from the shipped error model; or what the 2D net said of rendered people.",
)
@click.option(
    "--records",
    type=click.Path(path_type=Path),
    help="A folder or file of `realtime-train records` for `--input records`. Default: those shipped.",
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
    "--by", type=click.Choice(["subject", "action"]), help="One row for each subject, or each action."
)
@click.option(
    "--lag",
    "lags",
    multiple=True,
    metavar="K,L",
    help="Frames to wait, for lifters that have a choice; negative predicts. May be repeated. Default: 0.",
)
@click.option("--height", "height_given", is_flag=True, help="The people's true body height is given.")
@click.option(
    "--tilt", "tilt_given", is_flag=True, help="The cameras' true tilt is given, to lifters that take it."
)
@click.option(
    "--closed-form-root", is_flag=True, help="Place the root by its rays alone, not by the net's own depth."
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
    records: Path | None,
    seed: int,
    subjects: str | None,
    by: GroupBy | None,
    lags: tuple[str, ...],
    height_given: bool,
    tilt_given: bool,
    closed_form_root: bool,
    fov_deg: float | None,
    as_json: bool,
) -> None:
    """Measure lifters on MOTION.npz, frame by frame, each sequence seen by a camera drawn from the seed.

    With `--input records` the cameras are those of the records, and their clips of MOTION.npz's takes count.
    """
    if kind == "records" and fov_deg is not None:
        raise UsageError("records have cameras of their own: leave out --fov, or choose another --input")
    if kind != "records" and records is not None:
        raise UsageError("--records needs --input records")
    asked = _lags(lags)
    motion = _chosen(load_motion(motion_file), subjects)
    runs = [(manifest, lag) for manifest in _manifests(lifters) for lag in lags_of(manifest, asked)]
    view = (fov_deg, fov_deg) if fov_deg is not None else FOV_DEG
    conditions = Conditions(
        kind, seed, view, height_given=height_given, tilt_given=tilt_given,
        closed_form_root=closed_form_root, records=records,
    )  # fmt: skip
    takes = conditions.takes(motion)
    rows: list[Row] = []
    with tqdm(total=sum(map(len, takes)) * len(runs), unit="frame", disable=None) as bar:
        for manifest, lag in runs:
            rows += rows_of(manifest, takes, dataclasses.replace(conditions, lag=lag), by, bar.update)
    click.echo(json.dumps({"rows": rows}, indent=2) if as_json else _table(rows))


def _lags(words: Sequence[str]) -> list[int]:
    try:
        return [int(lag) for word in words for lag in word.split(",")]
    except ValueError as error:
        raise UsageError(f"--lag takes whole frames, such as 0,4, not {','.join(words)!r}") from error


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


def _table(rows: Sequence[Row]) -> str:
    cells = [list(rows[0])] + [[_shown(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value).replace(" ", "-")


def main() -> None:
    """Entry point."""
    run(cli)


if __name__ == "__main__":
    main()

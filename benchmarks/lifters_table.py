"""The lifters side by side on people held out of training: exact 2D, a given height, noisy 2D, a real 2D net.

    python benchmarks/lifters_table.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz
    python benchmarks/lifters_table.py --motion FILE --lifters unified,anatomy

One row for each lifter and way of feeding it, those with a lag dial at each of its lags. Where a net gives
its own root depth, rows with the root fitted to the rays alone stand beside it. Saves JSON, prints Markdown.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
from tqdm import tqdm

from realtime.errors import PoseError
from realtime.lift import ROOT_DEPTH
from realtime.machine import processor
from realtime.manifest import Manifest
from realtime.models.catalogue import lifter, lifter_names
from training.lifters.evaluate import Conditions, Row, lags_of, rows_of
from training.lifters.takes import Take, shipped_records
from training.mocap.motion import Motion, load_motion
from training.mocap.split import TEST_SUBJECTS

RESULTS = Path(__file__).parent / "results"
COLUMNS = {
    "lag": "lag_frames", "MPJPE": "mpjpe_mm", "N-MPJPE": "n_mpjpe_mm", "PA-MPJPE": "pa_mpjpe_mm",
    "MRPE": "mrpe_mm", "MPJVE": "mpjve_mm", "accel.": "accel_mm", "PCK": "pck150", "AUC": "auc",
    "depth bias %": "depth_bias_percent", "in sigma": "within_sigma", "bones %": "bone_cv_percent",
    "parameters": "params", "ms a step": "step_ms",
}  # fmt: skip


def ways(seed: int, records: Path | None) -> dict[str, Conditions]:
    """How lifters are fed, by name."""
    exact = Conditions("gt", seed)
    net = Conditions("records", seed, records=records)
    return {
        "exact 2D": exact,
        "exact 2D, body height given": replace(exact, height_given=True),
        "exact 2D, body height and camera's tilt given": replace(exact, height_given=True, tilt_given=True),
        "2D through the error model": Conditions("noise", seed),
        "what the 2D net saw of rendered people": net,
        "what the 2D net saw of rendered people, body height given": replace(net, height_given=True),
    }


def rows_for(
    manifest: Manifest, takes: Sequence[Take], conditions: Conditions, tick: Callable[[int], object]
) -> list[Row]:
    """A lifter's rows: every lag, and at lag 0 the root by its rays alone beside the net's own."""
    rows = []
    for lag in lags_of(manifest, sorted(manifest.lags)):
        at = replace(conditions, lag=lag)
        rows += rows_of(manifest, takes, at, tick=tick)
        if lag == 0 and ROOT_DEPTH in manifest.outputs:
            rows += rows_of(manifest, takes, replace(at, closed_form_root=True), tick=tick)
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """A table of rows."""
    lines = [
        "| lifter | root | " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---:|" * len(COLUMNS),
    ]
    for row in rows:
        cells = [cell(key, row[key]) for key in COLUMNS.values()]
        lines.append(f"| `{row['lifter']}` | {row['root']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(key: str, value: object) -> str:
    """A figure as short as it may be."""
    if not isinstance(value, float):
        return f"{value:,}" if key == "params" else str(value)
    return f"{100 * value:.0f} %" if key == "within_sigma" else f"{value:.{2 if key == 'step_ms' else 1}f}"


def table(
    name: str, conditions: Conditions, motion: Motion, manifests: Sequence[Manifest]
) -> tuple[list[Row], int, int]:
    """All rows of one way of feeding, and how many takes and frames there were."""
    takes = conditions.takes(motion)
    rows: list[Row] = []
    with tqdm(unit="frame", desc=name, disable=None) as bar:
        for manifest in manifests:
            rows += rows_for(manifest, takes, conditions, bar.update)
    return rows, len(takes), sum(map(len, takes))


@click.command()
@click.option("--motion", "motion_file", type=click.Path(path_type=Path), required=True)
@click.option("--lifters", default="all", show_default=True, help="Names or manifests, or `all`.")
@click.option("--records", type=click.Path(path_type=Path), help="Default: the records shipped.")
@click.option("--seed", default=0, show_default=True)
@click.option("--subjects", default=",".join(TEST_SUBJECTS), show_default=True)
def main(motion_file: Path, lifters: str, records: Path | None, seed: int, subjects: str) -> None:
    """Measure, save, print."""
    motion = load_motion(motion_file).of_subjects(subjects.split(","))
    names = lifter_names() if lifters == "all" else lifters.split(",")
    manifests = [lifter(name) for name in names]
    date = time.strftime("%Y-%m-%d")
    result: dict[str, object] = {
        "machine": processor(), "python": platform.python_version(), "date": date,
        "command": shlex.join(["python", "benchmarks/lifters_table.py", *sys.argv[1:]]), "seed": seed,
        "subjects": list(motion.subjects), "records": str(records or shipped_records().name),
        "sha256": {manifest.name: manifest.sha256 for manifest in manifests},
    }  # fmt: skip
    tables: dict[str, object] = {}
    for name, conditions in ways(seed, records).items():
        try:
            rows, takes, frames = table(name, conditions, motion, manifests)
        except PoseError as error:
            print(f"\nleft out: {name}: {error}", file=sys.stderr)
            tables[name] = {"left_out": str(error)}
            continue
        tables[name] = {"takes": takes, "frames": frames, "rows": rows}
        print(f"\n**{name[0].upper() + name[1:]}** ({takes} takes, {frames:,} frames)\n\n{markdown(rows)}")
    path = RESULTS / f"lifters_{date}.json"
    path.write_text(json.dumps(result | {"tables": tables}, indent=1) + "\n", encoding="utf-8")
    print(f"\nwrote {path}", file=sys.stderr)


if __name__ == "__main__":
    main()

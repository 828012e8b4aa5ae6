"""The 2D error model of our own estimator, fitted by leaving bodies out, and lifters trained through it.

    python benchmarks/own_errors.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz \\
        --parts runs/own-records/own_errors.jsonl \\
        runs/own-records/integral-validation.npz runs/own-records/integral-test.npz

FILES are what the net said of people and motion it was not trained on, each FILE of other people. First, each
person of the motion is left out: the model is fitted to all others and judged on them, beside the generic one
(BlazePose's). Then lifters are trained on motion seen through the generic model and through ours, fitted to
one FILE, and tested on the other. --save writes the model of all FILES and a few of the records it was
fitted to.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import click
import numpy as np
from short_lifters import NET, SIZE, Recipe, Row, Rows, measured

from realtime.machine import processor
from realtime.skeleton import H36M17
from realtime.types import Array
from training.lifters.augment import ClipSampler
from training.lifters.batches import Draws, Mixture
from training.lifters.noise import shipped_error_model
from training.lifters.takes import record_takes
from training.mocap import split
from training.mocap.motion import Motion, load_motion
from training.records.depth_model import true_shares
from training.records.error_model import ErrorModel, fit, shares
from training.records.store import Records, joined, load_records

RESULTS = Path(__file__).parent / "results"
SYSTEMS = ("videopose-tcn", "depth-tcn")
LEVELS = (0.5, 0.9)
_PELVIS = H36M17.index("pelvis")
_DRAWS = 20
_SAMPLE_CLIPS = 12


def of_subjects(records: Records, subjects: Sequence[str]) -> Records:
    """The clips of some people alone."""
    return joined([records.clip(i) for i, subject in enumerate(records.subject) if subject in subjects])


def judged(model: ErrorModel, records: Records) -> Row:
    """How well a model foretells errors.

    log_likelihood: nats a joint, of the mixture. within: the share of errors below the model's own quantile
    of each level, the joints' mean; off: by how much the joints differ from the level, on average.
    """
    errors, used = shares(records)
    seen = np.linalg.norm(errors, axis=-1)
    drawn = _drawn_errors(model)
    row: Row = {
        "log_likelihood": round(model.log_likelihoods(records)["mixture"], 3),
        "depth_log_likelihood": depth_log_likelihood(model, records),
    }
    for level in LEVELS:
        limits = np.quantile(drawn, level, axis=0)
        below = np.array([np.mean(seen[j, used[j]] <= limits[j]) for j in range(len(H36M17))])
        row[f"within_{level:g}"] = round(float(below.mean()), 3)
        row[f"off_{level:g}"] = round(float(np.abs(below - level).mean()), 3)
    return row


def depth_log_likelihood(model: ErrorModel, records: Records) -> float | None:
    """Mean log density, nats a joint but the pelvis, of the depths given; None where there are none."""
    seen = (records.depth_px - records.depth_px[:, [_PELVIS]]) / records.sizes_px[:, None]
    used = np.isfinite(seen).all(axis=1) & records.found
    if model.depth is None or not used.any():
        return None
    true = true_shares(records.pose_m, records.height_m[records.clip_of])
    rest = (seen - true @ model.depth.matrix.T - model.depth.offset)[used]
    rest, spread = np.delete(rest, _PELVIS, axis=1), np.delete(model.depth.factor, _PELVIS, axis=0)
    covariance = spread @ spread.T
    squares = (rest * np.linalg.solve(covariance, rest.T).T).sum(axis=1)
    constant = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return round(float(-0.5 * (squares.mean() + constant) / rest.shape[1]), 3)


def _drawn_errors(model: ErrorModel) -> Array:
    """(N, 17) distances that a model draws, in shares of the stature."""
    exact = np.zeros((_DRAWS, 500, len(H36M17), 2), np.float32)
    seen, _ = model.draw(np.random.default_rng(0), exact, np.ones(exact.shape[:2], np.float32))
    return np.linalg.norm(seen, axis=-1).reshape(-1, len(H36M17))


def left_out(records: Records) -> Iterator[Row]:
    """A row a person of the motion and model, and one of each for all of them, by joints."""
    generic, everyone = shipped_error_model(), sorted(set(records.subject))
    for subject in everyone:
        own = of_subjects(records, [subject])
        others = of_subjects(records, [s for s in everyone if s != subject])
        joints = int(shares(own)[1].sum())
        models = {"generic": generic, "ours, left out": fit(others), "ours, fitted to them": fit(own)}
        for name, model in models.items():
            yield {"subject": subject, "joints": joints, "model": name} | judged(model, own)


def pooled(rows: Sequence[Row]) -> dict[str, Row]:
    """The mean over people, weighted by joints, of each model; figures that some lack are left out."""
    figures = (
        "log_likelihood",
        "depth_log_likelihood",
        *(f"{key}_{level:g}" for level in LEVELS for key in ("within", "off")),
    )
    found: dict[str, Row] = {}
    for name in dict.fromkeys(row["model"] for row in rows):
        some = [row for row in rows if row["model"] == name]
        weights = [row["joints"] for row in some]
        whole = [key for key in figures if all(row[key] is not None for row in some)]
        found[name] = {
            key: round(float(np.average([row[key] for row in some], weights=weights)), 3) for key in whole
        }
    return found


def trained(files: Mapping[str, Records], motion: Motion, rows: Rows, steps: int, seeds: int) -> None:
    """Train lifters on motion through each error model, tested on files it was not fitted to."""
    clips = ClipSampler(split.training_part(motion))
    takes = {name: record_takes(records, motion) for name, records in files.items()}
    generic = shipped_error_model()
    models: dict[str, tuple[ErrorModel, list[str]]] = {"generic": (generic, list(files))}
    for name, records in files.items():
        ours = replace(fit(records), missing=generic.missing)
        models[f"ours, of {name}"] = (ours, [other for other in files if other != name])
    for seed, system, (name, (model, tests)) in product(range(1, seeds + 1), SYSTEMS, models.items()):
        draws = Draws(clips, None, model, Mixture(exact=0.0, records=0.0, depthless=0.0))
        tested = {test: takes[test] for test in tests}
        key = {"errors": name, "system": system, "steps": steps, "seed": seed}
        recipe = Recipe(system, steps, seed, NET)
        rows.get(key, lambda r=recipe, d=draws, t=tested: dict(measured(r, motion, d, t)))  # type: ignore[misc]


def summary(rows: Sequence[Row], tests: Sequence[str]) -> Iterator[Row]:
    """Mean and standard deviation of MPJPE over the seeds, by system, test and error model."""
    for system, test, ours in product(SYSTEMS, tests, (False, True)):
        some = [
            r for r in rows if r["system"] == system and test in r and r["errors"].startswith("ours") == ours
        ]
        if some:
            mpjpe_mm, pa_mm = ([r[test][key] for r in some] for key in ("mpjpe_mm", "pa_mpjpe_mm"))
            yield {
                "system": system, "test": test, "errors": "ours" if ours else "generic", "seeds": len(some),
                "mpjpe_mm": round(float(np.mean(mpjpe_mm)), 1),
                "spread_mm": round(float(np.std(mpjpe_mm)), 1),
                "pa_mpjpe_mm": round(float(np.mean(pa_mm)), 1),
            }  # fmt: skip


def saved(records: Records, folder: Path) -> None:
    """Leave the model of all records and a few of them, spread over the people, as files that ship."""
    name = records.net.split(",")[0]
    fit(records).save(folder / f"{name}_errors.yaml")
    found = [i for i, span in enumerate(records.bounds) if records.found[span].mean() > 0.5]
    some = [found[i] for i in np.linspace(0, len(found) - 1, _SAMPLE_CLIPS).round().astype(int)]
    joined([records.clip(i) for i in some]).save(folder / f"{name}_sample.npz")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--motion", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--steps", default=250, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Trainings of each kind; 0: none.")
@click.option(
    "--parts", type=click.Path(path_type=Path), required=True, help="Rows as they come; a run goes on."
)
@click.option("--save", type=click.Path(path_type=Path), help="Folder for the model of all FILES.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: benchmarks/results.")
def main(
    files: tuple[Path, ...],
    motion: Path,
    steps: int,
    seeds: int,
    parts: Path,
    save: Path | None,
    out: Path | None,
) -> None:
    """Fit, judge and use the error model of the net behind FILES."""
    records = {path.stem: load_records(path) for path in files}
    everybody = joined(list(records.values()))
    judgement = list(left_out(everybody))
    totals = pooled(judgement)
    print(json.dumps(totals, indent=1), flush=True)
    if save is not None:
        saved(everybody, save)
    rows = Rows(parts)
    if seeds:
        trained(records, load_motion(motion), rows, steps, seeds)
    said = {
        "machine": processor(), "python": platform.python_version(), "date": time.strftime("%Y-%m-%d"),
        "command": shlex.join(["python", "benchmarks/own_errors.py", *sys.argv[1:]]),
        "net": everybody.net, "frames": everybody.frames, "people": everybody.clips,
        "left_out": {"all": totals, "rows": judgement},
        "lifters": {
            "net": NET, "steps": steps, "batch": {"clips": SIZE.clips, "frames": SIZE.frames},
            "summary": list(summary(rows.all, list(records))), "rows": rows.all,
        },
    }  # fmt: skip
    path = out or RESULTS / f"own_errors_{said['date']}.json"
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()

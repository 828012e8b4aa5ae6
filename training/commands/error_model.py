"""`realtime-train error-model`: how a 2D net errs, from records of it."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from realtime.skeleton import H36M17
from training.records.em import WINDOW
from training.records.error_model import ALL, HIDDEN, VISIBLE, ErrorModel, fit
from training.records.plot import plot_error_model
from training.records.report import medians, offsets, size_tests
from training.records.store import Records, load_records

_EXAMPLES = """
\b
Examples:
  realtime-train error-model records --out error_model.yaml
  realtime-train error-model records/records-00000.npz --out error_model.yaml --plot error_model.png
"""
_PERCENT = 100


@click.command("error-model", epilog=_EXAMPLES)
@click.argument("records_path", metavar="RECORDS", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the model goes (YAML).",
)
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the errors and the fit (PNG).",
)
@click.option(
    "--window",
    type=click.FloatRange(0.01, 4),
    default=WINDOW,
    show_default=True,
    help="Side of the square that outliers lie in, as a share of the person's stature.",
)
def error_model(records_path: Path, out: Path, plot: Path | None, window: float) -> None:
    """Fit a Gaussian and a uniform to each joint's 2D error and write them down.

    RECORDS is a file or a folder that `realtime-train records` made.
    """
    records = load_records(records_path)
    model = fit(records, window)
    model.save(out)
    click.echo(_errors(records, model))
    click.echo()
    click.echo(_offsets(records, model))
    click.echo()
    click.echo(_summary(records, model))
    click.echo(f"wrote {out}")
    if plot is not None:
        plot_error_model(model, records, plot)
        click.echo(f"wrote {plot}")


def _errors(records: Records, model: ErrorModel) -> str:
    """A row a joint and class of visibility."""
    found, rows = medians(records), []
    for j, joint in enumerate(H36M17.joints):
        for key in (VISIBLE, HIDDEN):
            behaviour = model.behaviour[key]
            fitted, median = behaviour.mixture, found[key]
            shares = (median.error[j], *fitted.mu[j], *fitted.sigma[j])
            percents = [_number(_PERCENT * share, 2) for share in shares]
            row = [joint, key, str(behaviour.samples[j]), _number(median.error_px[j], 1), *percents]
            rows.append([*row, f"{fitted.gamma[j]:.3f}", f"{behaviour.correlation[j]:.2f}"])
    head = ["joint", "class", "samples", "med px", "med %", "mu x %", "mu y %", "sd x %", "sd y %"]
    title = "Errors by visibility; % of stature, x right, y down; corr from a frame to the next"
    return title + "\n" + _table([[*head, "gamma", "corr"], *rows])


def _offsets(records: Records, model: ErrorModel) -> str:
    """A row a joint: the constant part of the error in the picture's and in the body's axes."""
    mean = offsets(records, model)
    head = ["joint", "right %", "down %", "up trunk %", "to left %", "forward %", "explained"]
    rows = [
        [joint, *(f"{_PERCENT * v:.2f}" for v in (*mean.image[j], *mean.body[j])), f"{mean.explained[j]:.0%}"]
        for j, joint in enumerate(H36M17.joints)
    ]
    title = "Mean offset of visible joints, % of stature, in the picture and along the trunk's own axes"
    return title + "\n" + _table([head, *rows])


def _summary(records: Records, model: ErrorModel) -> str:
    used = int(model.behaviour[ALL].samples.sum())
    likelihood = ", ".join(f"{kind} {value:.3f}" for kind, value in model.log_likelihoods(records).items())
    sizes = "; ".join(
        f"{name}: exponent {test.exponent:.2f}, spread {test.spread:.2f}"
        for name, test in size_tests(records).items()
    )
    return "\n".join(
        (
            f"{records.frames} frames of {records.clips} clips, {model.missing:.1%} missed; {used} joints",
            f"log likelihood a joint, nats: {likelihood}",
            f"do errors scale with the size (exponent 1, least spread)? {sizes or 'too few joints in view'}",
        )
    )


def _number(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)

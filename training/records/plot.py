"""A picture of a fitted error model: each joint's errors and the curves that stand for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import Array
from training.records.em import Mixture, clipped
from training.records.error_model import ALL, ErrorModel, shares
from training.records.store import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS, _ROWS = 5, 4
_BINS = 101
_COLOURS = ("tab:blue", "tab:orange")
_PERCENT = 100


def plot_error_model(model: ErrorModel, records: Records, path: Path) -> None:
    """Write a PNG: a panel a joint with the density of x and y errors, in % of stature, on a log scale.

    Steps: the records. Solid: the mixture. Dashed: the single Gaussian. Errors beyond the window are in its
    last bins. Raises UsageError when matplotlib is absent or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "a plot needs matplotlib: run `pip install matplotlib`, or leave out --plot"
        ) from error
    errors, used = shares(records)
    behaviour = model.behaviour[ALL]
    figure = Figure(
        figsize=(4 * _COLUMNS, 3 * _ROWS),
    )
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.04, right=0.99, bottom=0.05, top=0.93, wspace=0.06, hspace=0.22)
    panels = figure.subplots(_ROWS, _COLUMNS, sharex=True, sharey=True).ravel()
    for joint, name in enumerate(H36M17.joints):
        inside = clipped(errors[joint][used[joint]], behaviour.mixture.window)
        panel: Axes = panels[joint]
        _panel(panel, inside, joint, (behaviour.mixture, behaviour.gaussian))
        panel.set_title(f"{name}: gamma {behaviour.mixture.gamma[joint]:.3f}")
        if joint % _COLUMNS == 0:
            panel.set_ylabel("density, 1 / %")
        if joint + _COLUMNS >= len(H36M17):
            panel.set_xlabel("error, % of stature")
            panel.tick_params(labelbottom=True)
    for spare in panels[len(H36M17) :]:
        spare.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    panels[-2].legend(handles, labels, loc="center", frameon=False)
    where = model.provenance
    figure.suptitle(
        f"2D errors of {where.net}: {where.frames} frames, {model.missing:.1%} missed with the person in view"
    )
    try:
        figure.savefig(path, format="png", dpi=100)
    except OSError as error:
        raise UsageError(f"cannot write the plot to {path}: {error.strerror}") from error


def _panel(panel: Axes, errors: Array, joint: int, models: tuple[Mixture, Mixture]) -> None:
    """One joint's errors (N, 2) with both models."""
    half = _PERCENT * models[0].window / 2
    edges = np.linspace(-half, half, _BINS + 1)
    at = np.linspace(-half, half, 4 * _BINS)
    for axis, (label, colour) in enumerate(zip(("x, right", "y, down"), _COLOURS, strict=True)):
        density, _ = np.histogram(_PERCENT * errors[:, axis], edges, density=True)
        panel.stairs(density, edges, color=colour, alpha=0.35, fill=True, label=f"{label}: records")
        for model, style, name in zip(models, ("-", "--"), ("mixture", "one Gaussian"), strict=True):
            panel.plot(
                at, _marginal(model, joint, axis, at), style, color=colour, lw=1.3, label=f"{label}: {name}"
            )
    panel.set_yscale("log", subs=[])
    panel.set_ylim(1e-4, 3)
    panel.grid(alpha=0.3)


def _marginal(model: Mixture, joint: int, axis: int, at: Array) -> Array:
    """The density of one axis, per % of stature, at errors in % of stature."""
    gamma = model.gamma[joint]
    mu, sigma = _PERCENT * model.mu[joint, axis], _PERCENT * model.sigma[joint, axis]
    bell = np.exp(-0.5 * ((at - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return np.asarray(gamma * bell + (1 - gamma) / (_PERCENT * model.window))

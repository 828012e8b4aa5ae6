"""`realtime-profile`: where the milliseconds go."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from realtime.commands.options import pipeline_options, to_options
from realtime.commands.shell import run
from realtime.engines.open import Backend, available
from realtime.errors import RecordError, UsageError
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.profiling.compare import compare as compared
from realtime.profiling.compare import load
from realtime.profiling.machine import describe
from realtime.profiling.pipeline import Job, paced, pipelined, sweep, time_frames
from realtime.profiling.report import ENGINE_COLUMNS, PACED_COLUMNS, engine_cells, paced_cells, to_html
from realtime.stream.ledger_text import check_ledger_path, write_ledger

_FIELDS = {27: 2, 81: 3, 243: 4, 729: 5}
"""Receptive fields, and how many blocks of the net make them."""

_OUTPUTS = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    click.option(
        "--out", type=click.Path(path_type=Path), metavar="FILE.json", help="Save it for `compare`."
    ),
    click.option("--html", type=click.Path(path_type=Path), metavar="FILE.html", help="Write a page of it."),
)


def _output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OUTPUTS):
        command = option(command)
    return command


@click.group(epilog="Example: realtime-profile pipeline --source sample --json")
def profile() -> None:
    """Measure networks and the pipeline on this machine."""


@profile.command("engines", epilog="Example: realtime-profile engines --backend openvino --html engines.html")
@click.option("--models", default=catalogue.BLAZEPOSE, show_default=True, help="Image nets, as in the demo.")
@click.option("--lifter", "lifters", multiple=True, help="Lifters by name; the usual one if none is named.")
@click.option("--backend", "backends", multiple=True, help="Back ends; all that run here if none is named.")
@click.option("--batch", "batches", multiple=True, type=click.IntRange(1, 16), help="Usual: 1 and 4.")
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(min=0.01), help="For each.")
@_output_options
def profile_engines(
    models: str, lifters: tuple[str, ...], backends: tuple[str, ...], batches: tuple[int, ...],
    seconds: float, as_json: bool, out: Path | None, html: Path | None,
) -> None:  # fmt: skip
    """Time each network on each back end, and set it beside what the machine can do."""
    from realtime.profiling.engines import rows  # onnx takes a third of a second to import
    from realtime.profiling.roofline import measure_peak

    chosen = _backends(backends)
    nets: list[Manifest] = [*catalogue.image_models(models)]
    nets += [catalogue.lifter(name) for name in lifters or (catalogue.DEFAULT_LIFTER,)]
    peak = measure_peak()
    report: dict[str, Any] = {
        "machine": describe(),
        "peak": {"flops_s": peak.flops_s, "bytes_s": peak.bytes_s},
        "engines": [],
    }
    if not as_json:
        _say_row(ENGINE_COLUMNS)
    for row in rows(nets, chosen, batches or (1, 4), seconds, peak):
        report["engines"].append(row.to_json())
        if not as_json:
            _say_row(engine_cells(row.to_json()))
    _hand_out(report, as_json, out, html)


def _backends(names: tuple[str, ...]) -> tuple[Backend, ...]:
    here = available()
    if unknown := set(names) - set(here):
        raise UsageError(
            f"{', '.join(sorted(unknown))} does not run here: choose --backend from {', '.join(here)}"
        )
    return tuple(name for name in here if not names or name in names)


@profile.command("pipeline", epilog="Example: realtime-profile pipeline --source walk.mp4 --engine openvino")
@pipeline_options
@click.option("--paced", "paces", multiple=True, type=click.FloatRange(1, 1000), metavar="FPS",
              help="Also play the frames as a camera of this rate does; may be repeated.")  # fmt: skip
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(min=1), help="For each pace."
)
@click.option(
    "--resolution", "sizes", multiple=True, metavar="WxH", help="Also at this size; may be repeated."
)
@click.option("--with-people", "crowds", multiple=True, type=click.IntRange(1, 16), metavar="N",
              help="Also following up to N people; may be repeated.")  # fmt: skip
@click.option("--ledger", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the pipelined run's ledger: .json, .csv, or .prom for Prometheus.")  # fmt: skip
@_output_options
def profile_pipeline(
    paces: tuple[float, ...], seconds: float, sizes: tuple[str, ...], crowds: tuple[int, ...],
    ledger: Path | None, as_json: bool, out: Path | None, html: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Time the whole path: per frame one at a time, pipelined, and at a camera's pace."""
    if ledger is not None:
        check_ledger_path(ledger)
    wanted = [_size(text) for text in sizes]
    job = Job(given["source"], to_options(given), given["frames"])
    timing = time_frames(job)
    snapshot = pipelined(job)
    report: dict[str, Any] = {"frames": snapshot.frames, "fps": round(snapshot.fps, 2), **timing.summary()}
    report["machine"] = describe()
    report["sweep"] = list(sweep(job, wanted, crowds))
    report["paced"] = [paced(job, fps, seconds) for fps in paces]
    if ledger is not None:
        write_ledger(ledger, snapshot)
    if not as_json:
        _say_pipeline(report)
    _hand_out(report, as_json, out, html)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or not all(16 <= int(side) <= 16384 for side in match.groups()):
        raise UsageError(f"--resolution is a width and a height, as 1280x720, not {text!r}")
    return int(match[1]), int(match[2])


def _say_pipeline(report: dict[str, Any]) -> None:
    click.echo(f"{report['frames']} frames, {report['fps']:.1f} frames/s pipelined")
    click.echo("p50 {p50_ms:.2f} ms, p90 {p90_ms:.2f}, p99 {p99_ms:.2f} a frame".format(**report))
    for stage, values in report["stages"].items():
        click.echo(f"  {stage:9s} p50 {values['p50_ms']:.2f} ms, p99 {values['p99_ms']:.2f}")
    for stage, values in report.get("device", {}).items():
        click.echo(f"  {stage:9s} p50 {values['p50_ms']:.2f} ms, p99 {values['p99_ms']:.2f} on its device")
    for row in report["sweep"]:
        what = f"{row['width']}x{row['height']}" if "width" in row else f"up to {row['most_people']} people"
        click.echo(f"{what}: p50 {row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f}")
    if report["paced"]:
        _say_row(PACED_COLUMNS)
        for row in report["paced"]:
            _say_row(paced_cells(row))


@profile.command("lifters", epilog="Example: realtime-profile lifters --html lifters.html")
@click.option("--field", "fields", multiple=True, type=click.Choice([str(f) for f in _FIELDS]),
              help="Receptive fields in frames; all if none is named.")  # fmt: skip
@click.option(
    "--people", multiple=True, type=click.IntRange(1, 16), help="For the lifters here; usual: 1, 4."
)
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(min=0.01), help="For each.")
@_output_options
def profile_lifters(
    fields: tuple[str, ...], people: tuple[int, ...], seconds: float,
    as_json: bool, out: Path | None, html: Path | None,
) -> None:  # fmt: skip
    """Time a step that keeps its past against a window computed again, and the lifters that ship."""
    from realtime.profiling.lifters import growth, steps

    report: dict[str, Any] = {"machine": describe(), "growth": [], "steps": []}
    for row in growth([_FIELDS[int(f)] for f in fields] or list(_FIELDS.values()), seconds):
        report["growth"].append(row.to_json())
        if not as_json:
            click.echo(
                f"{row.receptive_field} frames, {row.parameters / 1e6:.1f} M weights: step "
                f"{row.step.median_ms:.2f} ms, window {row.window.median_ms:.2f}, {row.ratio:.2f} times"
            )
    nets = [catalogue.lifter(name) for name in catalogue.lifter_names()]
    for net in steps(nets, people or (1, 4), seconds):
        report["steps"].append(net.to_json())
        if not as_json:
            click.echo(
                f"{net.lifter}, {net.people} people: {net.step.median_ms:.3f} ms, p99 {net.step.p99_ms:.3f}"
            )
    _hand_out(report, as_json, out, html)


@profile.command("compare", epilog="Example: realtime-profile compare before.json after.json")
@click.argument("before", type=click.Path(path_type=Path), metavar="A.json")
@click.argument("after", type=click.Path(path_type=Path), metavar="B.json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def profile_compare(before: Path, after: Path, as_json: bool) -> None:
    """Set two saved reports side by side: what changed by more than the machine's own unrest."""
    first, second = load(before), load(after)
    changes = compared(first, second)
    if as_json:
        rows = [
            {"name": c.name, "before_ms": c.before_ms, "after_ms": c.after_ms, "ratio": c.ratio,
             "verdict": c.verdict} for c in changes
        ]  # fmt: skip
        click.echo(json.dumps({"changes": rows}))
        return
    if first["machine"].get("processor") != second["machine"].get("processor"):
        click.echo("note: the two were measured on different processors", err=True)
    for change in changes:
        click.echo(
            f"{change.name}: {change.before_ms:.3f} -> {change.after_ms:.3f} ms, ratio {change.ratio:.3f}, "
            f"{change.verdict}"
        )


def _say_row(cells: tuple[str, ...]) -> None:
    click.echo("  ".join(f"{cell:>{24 if n == 0 else 10}}" for n, cell in enumerate(cells)))


def _hand_out(report: dict[str, Any], as_json: bool, out: Path | None, html: Path | None) -> None:
    """Print, save and draw a report, as asked."""
    if as_json:
        click.echo(json.dumps(report))
    if out is not None:
        _write(out, json.dumps(report, indent=1) + "\n")
    if html is not None:
        _write(html, to_html(report))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}") from error


def main() -> None:
    """Entry point."""
    run(profile)


if __name__ == "__main__":
    main()

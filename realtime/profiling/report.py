"""A report as one HTML file that needs nothing else: tables, and plots as inline SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from realtime.profiling.compare import figures

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem}
body{color:#1d2733;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #dde3ea}
th:first-child,td:first-child{text-align:left}
svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#1d2733}
@media(prefers-color-scheme:dark){body{color:#e6ebf1;background:#14181d}svg text{fill:#e6ebf1}
th,td{border-color:#313a45}}
"""
_COLOURS = ("#2f7fd1", "#d1732f")
_WIDTH, _BAR, _LEFT, _RIGHT = 900, 24, 320, 90


def to_html(report: Mapping[str, Any]) -> str:
    """The whole page."""
    body = "\n".join(_sections(report))
    title = "realtime-profile"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>\n{body}\n</html>\n"
    )


def _sections(report: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Machine</h2>" + table(("", ""), [(k, _words(v)) for k, v in report["machine"].items()])
    if "peak" in report:
        peak = report["peak"]
        yield (
            f"<p>Measured peak: {peak['flops_s'] / 1e9:.1f} GFLOP/s (product of matrices, float32), "
            f"{peak['bytes_s'] / 1e9:.1f} GB/s (copying memory).</p>"
        )
    found = list(figures(report))
    if found:
        yield "<h2>Medians</h2>" + bars([(name, ms, slices) for name, (ms, slices) in found])
    yield from _tables(report)
    if report.get("growth"):
        rows = report["growth"]
        lines = {
            form: [(row["receptive_field"], row[form]["median_ms"]) for row in rows]
            for form in ("step", "window")
        }
        yield "<h2>Growth with the receptive field</h2>" + curves(lines, "frames", "ms")


def _tables(report: Mapping[str, Any]) -> Iterator[str]:
    if report.get("engines"):
        yield "<h2>Networks</h2>" + table(ENGINE_COLUMNS, [engine_cells(row) for row in report["engines"]])
    if "stages" in report:
        stages = [(n, f"{s['p50_ms']:.2f}", f"{s['p99_ms']:.2f}") for n, s in report["stages"].items()]
        yield f"<h2>Pipeline</h2><p>{report['frames']} frames, {report['fps']:.1f} frames/s pipelined</p>"
        yield table(("stage", "p50 ms", "p99 ms"), stages)
    if report.get("paced"):
        yield "<h2>At a camera's pace</h2>" + table(
            PACED_COLUMNS, [paced_cells(row) for row in report["paced"]]
        )


ENGINE_COLUMNS = (
    "network", "back end", "batch", "throughput /s", "min ms", "mean", "median", "p90", "p95", "p99", "max",
    "GFLOP", "weights MB", "of the peak", "bound",
)  # fmt: skip


def engine_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One network's row, in words."""
    latency = row["latency"]
    times = [latency[f"{name}_ms"] for name in ("min", "mean", "median", "p90", "p95", "p99", "max")]
    return (
        row["net"], f"{row['backend']} {row['precision']}", str(row["batch"]), f"{row['throughput_hz']:.1f}",
        *(f"{ms:.3f}" for ms in times), f"{row['work']['flops'] / 1e9:.3f}",
        f"{row['work']['weight_bytes'] / 1e6:.1f}", f"{row['peak_share']:.0%}", row["bound"],
    )  # fmt: skip


PACED_COLUMNS = ("frames/s", "grabbed", "results", "dropped", "age p50 ms", "age p99", "services p50")


def paced_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One pace's row, in words."""
    drops = ", ".join(f"{count} ({reason})" for reason, count in row["drops"].items()) or "none"
    age = row["age_ms"]
    return (
        f"{row['fps']:g}", str(row["frames_grabbed"]), str(row["frames"]), drops, f"{age['p50_ms']:.1f}",
        f"{age['p99_ms']:.1f}", f"{row['services_ms']:.1f}",
    )  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table of words."""
    cells = "".join(f"<th>{html.escape(cell)}" for cell in head)
    lines = ("<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) for row in rows)
    return f"<table><tr>{cells}{''.join(lines)}</table>"


def bars(rows: Sequence[tuple[str, float, Sequence[float]]]) -> str:
    """Horizontal bars: name, length in ms, and the stretches of the run between whose medians it lies."""
    most = max((max((ms, *slices)) for _, ms, slices in rows), default=1.0) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    parts = []
    for n, (name, ms, slices) in enumerate(rows):
        y = n * _BAR
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end">{html.escape(name)}</text>')
        parts.append(
            f'<rect x="{_LEFT}" y="{y + 4}" width="{ms * scale:.1f}" height="{_BAR - 8}" '
            f'fill="{_COLOURS[0]}"/>'
        )
        if slices:
            low, high = _LEFT + min(slices) * scale, _LEFT + max(slices) * scale
            parts.append(
                f'<path d="M{low:.1f} {y + 12}H{high:.1f}" stroke="{_COLOURS[1]}" stroke-width="2"/>'
            )
        end = _LEFT + max((ms, *slices)) * scale
        parts.append(f'<text x="{end + 6:.1f}" y="{y + 16}">{ms:.3f} ms</text>')
    return _svg(_WIDTH, len(rows) * _BAR, parts)


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], x_name: str, y_name: str) -> str:
    """Lines over a logarithmic x axis: name to points."""
    points = [point for line in lines.values() for point in line]
    low, high = (math.log(f(x for x, _ in points)) for f in (min, max))
    top = max(y for _, y in points) or 1.0
    height = 320

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - low) / ((high - low) or 1.0)
        return 60 + across * (_WIDTH - 180), (height - 40) - y / top * (height - 70)

    parts = [f'<path d="M60 20V{height - 40}H{_WIDTH - 100}" fill="none" stroke="#8894a3"/>']
    parts += (
        f'<text x="{place(x, 0)[0]:.1f}" y="{height - 20}" text-anchor="middle">{x:g}</text>'
        for x in sorted({x for x, _ in points})
    )
    parts.append(f'<text x="60" y="14">{y_name}, up to {top:.2f}</text>')
    parts.append(f'<text x="{_WIDTH - 90}" y="{height - 20}">{x_name}</text>')
    for colour, (name, line) in zip(_COLOURS, lines.items(), strict=False):
        placed = [place(*point) for point in line]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = placed[-1]
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}">{html.escape(name)} {line[-1][1]:.2f}</text>')
    return _svg(_WIDTH, height, parts)


def _svg(width: int, height: int, parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    if isinstance(value, list):
        return "; ".join(_words(v) for v in value) or "none"
    return str(value)

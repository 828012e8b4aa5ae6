"""What changed between two saved reports, and what of it is more than noise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.errors import UsageError

_LEAST_CHANGE = 0.02


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both reports. ratio: the second over the first.

    beyond_noise: whether the machine's own unrest does not explain it: the median of every stretch of one run
    lies on the same side of that of every stretch of the other.
    """

    name: str
    before_ms: float
    after_ms: float
    ratio: float
    beyond_noise: bool

    @property
    def verdict(self) -> str:
        """In a word."""
        if not self.beyond_noise:
            return "same"
        return "faster" if self.ratio < 1 else "slower"


def load(path: Path) -> dict[str, Any]:
    """A saved report. Raises UsageError when it is none."""
    try:
        node = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; save one with --out") from error
    except ValueError as error:
        raise UsageError(f"{path} is not a report of realtime-profile: save one with --out") from error
    if not isinstance(node, dict) or "machine" not in node:
        raise UsageError(f"{path} is not a report of realtime-profile: save one with --out")
    return node


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every figure that both have. Raises UsageError when there is none."""
    first, second = dict(figures(before)), dict(figures(after))
    changes = [
        Change(
            name,
            first[name][0],
            second[name][0],
            second[name][0] / first[name][0] if first[name][0] else 1.0,
            _apart(first[name][1], second[name][1]) and _differ(first[name][0], second[name][0]),
        )
        for name in first
        if name in second
    ]
    if not changes:
        raise UsageError("the two reports have no figure in common: compare reports of the same command")
    return changes


def _apart(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return bool(a and b) and (max(a) < min(b) or max(b) < min(a))


def _differ(a_ms: float, b_ms: float) -> bool:
    return abs(a_ms - b_ms) > _LEAST_CHANGE * max(a_ms, b_ms)


def figures(report: Mapping[str, Any]) -> Iterator[tuple[str, tuple[float, tuple[float, ...]]]]:
    """Each figure's name, its median, and the medians of ten stretches of the run."""
    for row in report.get("engines", ()):
        yield f"{row['net']} {row['backend']} {row['precision']} batch {row['batch']}", _of(row["latency"])
    if "p50_ms" in report:
        yield "pipeline, a frame", _of_summary(report)
    for row in report.get("sweep", ()):
        if "width" in row:
            yield f"pipeline, {row['width']}x{row['height']}", _of_summary(row)
        else:
            yield f"pipeline, up to {row['most_people']} people", _of_summary(row)
    for row in report.get("growth", ()):
        yield f"step, {row['receptive_field']} frames", _of(row["step"])
        yield f"window, {row['receptive_field']} frames", _of(row["window"])
    for row in report.get("steps", ()):
        yield f"{row['lifter']}, {row['people']} people", _of(row["step"])


def _of(latency: Mapping[str, Any]) -> tuple[float, tuple[float, ...]]:
    return float(latency["median_ms"]), tuple(latency["slices_ms"])


def _of_summary(summary: Mapping[str, Any]) -> tuple[float, tuple[float, ...]]:
    return float(summary["p50_ms"]), tuple(summary.get("slices_ms", ()))

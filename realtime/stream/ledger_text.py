"""The ledger as text for others to read: JSON, CSV, and what Prometheus scrapes."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from realtime.errors import RecordError, UsageError
from realtime.stream.ledger import Snapshot

_PREFIX = "realtime_pose"
_QUANTILES = {"0.5": "p50_ms", "0.9": "p90_ms", "0.95": "p95_ms", "0.99": "p99_ms"}


def to_json(snapshot: Snapshot) -> str:
    """One object: `frames`, `fps`, `drops`, `stages`, `age_at_display` and `device` (percentiles over the
    window), `spent_ms` (all frames so far) and `recent`, the last frames one by one."""
    node = {
        "frames": snapshot.frames,
        "fps": snapshot.fps,
        "drops": dict(snapshot.drops),
        "stages": {name: dataclasses.asdict(p) for name, p in snapshot.stages.items()},
        "age_at_display": dataclasses.asdict(snapshot.age_at_display),
        "device": {name: dataclasses.asdict(p) for name, p in snapshot.device.items()},
        "spent_ms": dict(snapshot.spent_ms),
        "recent": [
            {
                "frame": e.index,
                "captured_ns": e.captured_ns,
                "done_ns": e.done_ns,
                "displayed_ns": e.displayed_ns,
                "age_ms": dict(e.age_ms),
                "device_ms": dict(e.device_ms),
            }
            for e in snapshot.recent
        ],
    }
    return json.dumps(node, indent=1) + "\n"


def to_csv(snapshot: Snapshot) -> str:
    """The last frames, one a row: frame, captured_ns, each stage in ms, what its network took by its device's
    own clock, and the age when it was painted."""
    stages, device = list(snapshot.spent_ms), list(snapshot.device)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    named = [*(f"{stage}_ms" for stage in stages), *(f"{stage}_device_ms" for stage in device)]
    rows.writerow(["frame", "captured_ns", *named, "age_at_display_ms"])
    for e in snapshot.recent:
        spent = [f"{e.age_ms.get(stage, 0.0):.4f}" for stage in stages]
        spent += [f"{e.device_ms.get(stage, 0.0):.4f}" for stage in device]
        age_ms = e.age_at_display_ms
        rows.writerow([e.index, e.captured_ns, *spent, "" if age_ms is None else f"{age_ms:.4f}"])
    return text.getvalue()


def to_prometheus(snapshot: Snapshot) -> str:
    """Counters, a gauge and a summary a stage in seconds. Source: Prometheus text exposition format 0.0.4."""
    return "\n".join(_metrics(snapshot)) + "\n"


def _metrics(snapshot: Snapshot) -> Iterator[str]:
    yield f"# HELP {_PREFIX}_frames_total Results so far."
    yield f"# TYPE {_PREFIX}_frames_total counter"
    yield f"{_PREFIX}_frames_total {snapshot.frames}"
    yield f"# HELP {_PREFIX}_dropped_total Frames let go, by reason."
    yield f"# TYPE {_PREFIX}_dropped_total counter"
    for reason, count in snapshot.drops.items():
        yield f'{_PREFIX}_dropped_total{{reason="{_escaped(reason)}"}} {count}'
    yield f"# HELP {_PREFIX}_frames_per_second Results a second over the last frames."
    yield f"# TYPE {_PREFIX}_frames_per_second gauge"
    yield f"{_PREFIX}_frames_per_second {snapshot.fps:.6g}"
    yield f"# HELP {_PREFIX}_stage_seconds Time a frame spent; quantiles over the last frames."
    yield f"# TYPE {_PREFIX}_stage_seconds summary"
    for stage, percentiles in snapshot.stages.items():
        label = f'stage="{_escaped(stage)}"'
        for quantile, field in _QUANTILES.items():
            seconds = getattr(percentiles, field) / 1e3
            yield f'{_PREFIX}_stage_seconds{{{label},quantile="{quantile}"}} {seconds:.9g}'
        if stage in snapshot.spent_ms:
            yield f"{_PREFIX}_stage_seconds_sum{{{label}}} {snapshot.spent_ms[stage] / 1e3:.9g}"
            yield f"{_PREFIX}_stage_seconds_count{{{label}}} {snapshot.frames}"
    yield from _device_metrics(snapshot)


def _device_metrics(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.device:
        yield f"# HELP {_PREFIX}_device_seconds What a network took by its device's own clock, last frames."
        yield f"# TYPE {_PREFIX}_device_seconds gauge"
    for stage, percentiles in snapshot.device.items():
        for quantile, field in _QUANTILES.items():
            label = f'stage="{_escaped(stage)}",quantile="{quantile}"'
            yield f"{_PREFIX}_device_seconds{{{label}}} {getattr(percentiles, field) / 1e3:.9g}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


_FORMATS: Mapping[str, Callable[[Snapshot], str]] = {
    ".json": to_json,
    ".csv": to_csv,
    ".prom": to_prometheus,
}


def check_ledger_path(path: Path) -> None:
    """Raise UsageError unless the name's ending says which format to write."""
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"cannot write {path}: a ledger's name must end in {', '.join(_FORMATS)}")


def write_ledger(path: Path, snapshot: Snapshot) -> None:
    """Write the ledger in the format its ending names. Raises UsageError, RecordError."""
    check_ledger_path(path)
    try:
        path.write_text(_FORMATS[path.suffix.lower()](snapshot), encoding="utf-8")
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}") from error

"""What comes back: few files, none too large, whatever of it there is."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

MOST_BYTES = 16 * 2**20 - 4096
_TEXT = (".csv", ".json", ".yaml", ".md", ".log")


def pack_text(out: Path, folders: Sequence[Path]) -> None:
    """All logs, figures and settings as one archive."""
    with tarfile.open(out, "w:xz") as archive:
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix in _TEXT and path.stat().st_size < 4_000_000:
                    archive.add(path, f"{folder.name}/{path.relative_to(folder)}")


def pack_weights(out: Path, folder: Path, say: Callable[[str], None]) -> None:
    """An image net's weights; at half precision where they are too large."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    source = folder / "weights.safetensors"
    if not source.is_file():
        source = folder / "checkpoint.safetensors"  # of a training that was cut off
    if not source.is_file():
        say(f"{folder} has no weights")
        return
    with safe_open(source, "pt") as file:
        names = [key for key in file.keys() if source.stem == "weights" or key.startswith("averaged/")]  # noqa: SIM118
        tensors = {key.removeprefix("averaged/"): file.get_tensor(key) for key in names}
        metadata = {"measures": "{}"} | dict(file.metadata() or {})
    if sum(value.nbytes for value in tensors.values()) > MOST_BYTES:
        tensors = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
        metadata["stored"] = "float16"
    save_file(tensors, out, metadata)
    _check(out, say)


def pack_lifter(out: Path, source: Path, say: Callable[[str], None]) -> None:
    """A lifter's checkpoint without its optimisers' moments: enough to export it, or to begin from it."""
    if not source.is_file():
        say(f"{source} is not there")
        return
    with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        kept = ("net/", "averaged/", "random", "progress", "described")
        arrays = {key: archive[key] for key in archive.files if key.startswith(kept)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    out.write_bytes(buffer.getvalue())
    _check(out, say)


def pack_records(out: Path, folder: Path, say: Callable[[str], None]) -> None:
    """What nets said of people, beside the truth; compressed already."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        say("no records")
        return
    with tarfile.open(out, "w") as archive:
        for path in files:
            archive.add(path, f"records-own/{path.name}")
    _check(out, say)


def _check(path: Path, say: Callable[[str], None]) -> None:
    size = path.stat().st_size
    if size > MOST_BYTES:
        say(f"{path.name} has {size / 2**20:.1f} MiB, which is too much: left out")
        path.unlink()
    else:
        say(f"{path.name}: {size / 2**20:.1f} MiB")


def summary(runs: Path) -> list[str]:
    """A line for every training: its last figures."""
    lines = []
    for folder in sorted(runs.glob("*")):
        log, result = folder / "train.csv", folder / "result.json"
        if log.is_file():
            text = log.read_text(encoding="utf-8").splitlines()
            header = max(n for n, line in enumerate(text) if line.startswith("step"))
            rows = list(csv.DictReader(text[header:]))
            shown = {k: float(v) for k, v in rows[-1].items() if v} if rows else {}
            lines.append(f"{folder.name}: " + " ".join(f"{k} {v:.4g}" for k, v in shown.items()))
        if result.is_file():
            lines.append(f"  {json.loads(result.read_text(encoding='utf-8')).get('measures')}")
        for part in sorted(folder.glob("[0-9][0-9].json")):
            row = json.loads(part.read_text(encoding="utf-8"))
            figures = " ".join(f"{k} {row[k]['mpjpe_mm']:.1f}" for k in ("gt", "noise", "records"))
            times = f"{row['seconds']} s + {row['evaluation_seconds']} s"
            lines.append(f"{folder.name} {row['number']:2} {row['system']} {row['what']}: {times}, {figures}")
    return lines

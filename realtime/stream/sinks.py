"""Where results go besides the window: the record file, the overlay video."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

from realtime.camera import Intrinsics
from realtime.errors import RecordError
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.types import FloatArray, Person, Result

RECORD_VERSION = 1


class Sink(Protocol):
    """Takes every result, in order, on one thread. `close` is called once, also after a failure."""

    def write(self, result: Result) -> None: ...

    def close(self) -> None: ...


class NetInUse(NamedTuple):
    """A net as it ran. fallback: what would have run it faster and why that did not; empty if nothing."""

    manifest: Manifest
    backend: str
    precision: str
    fallback: str = ""


def header_line(intrinsics: Intrinsics, models: Sequence[NetInUse], lag_frames: int = 0) -> str:
    """The first line of a record. lag_frames: how long lines wait; below 0, how far ahead their poses lie."""
    camera = {
        "fx": intrinsics.fx,
        "fy": intrinsics.fy,
        "cx": intrinsics.cx,
        "cy": intrinsics.cy,
        "distortion": list(intrinsics.distortion),
        "width": intrinsics.width,
        "height": intrinsics.height,
        "source": intrinsics.source,
    }
    nets = [
        {
            "name": net.manifest.name,
            "role": net.manifest.role,
            "backend": net.backend,
            "precision": net.precision,
            "sha256": net.manifest.sha256,
            "licence": net.manifest.licence,
        }
        | ({"fallback": net.fallback} if net.fallback else {})
        for net in models
    ]
    header = {
        "version": RECORD_VERSION,
        "skeleton": list(H36M17.joints),
        "intrinsics": camera,
        "models": nets,
        "lag_frames": lag_frames,
    }
    return _line({"header": header})


def result_line(result: Result) -> str:
    """One result as a line of a record."""
    return _line(
        {
            "frame": result.frame.index,
            "captured_ns": result.frame.captured_ns,
            "people": [_person(person) for person in result.people],
            "age_ms": {stage: round(ms, 3) for stage, ms in result.age_ms.items()},
            "dropped": result.dropped,
        }
    )


def _person(person: Person) -> dict[str, Any]:
    confidence = person.pose.confidence
    return {
        "id": person.id,
        "box": _rounded(person.box_px, 2),
        "keypoints_px": _rounded(person.keypoints_px, 3),
        "pose_m": _rounded(person.pose.absolute_m, 5),
        "root_m": _rounded(person.pose.root_m, 5),
        "root_sigma_m": round(person.pose.root_sigma_m, 5),
        "score": round(person.score, 4),
    } | ({} if confidence is None else {"confidence": _rounded(confidence, 3)})


def _rounded(values: FloatArray, digits: int) -> Any:
    return values.astype("float64").round(digits).tolist()


def _line(node: dict[str, Any]) -> str:
    return json.dumps(node, separators=(",", ":"), allow_nan=False) + "\n"


class RecordSink:
    """Writes a JSON-lines record, one flushed line a result, so that a cut leaves whole lines.

    The file is created by the first line, so a source that never delivers leaves none behind; that it
    can be created is checked here. Raises RecordError when it cannot be written.
    """

    def __init__(self, path: Path, header: str) -> None:
        check_writable(path)
        self._path = path
        self._header = header
        self._file: TextIO | None = None

    def write(self, result: Result) -> None:
        """Append one result."""
        try:
            if self._file is None:
                self._file = self._path.open("w", encoding="utf-8")
                self._file.write(self._header)
            self._file.write(result_line(result))
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # closing flushes, and fails again
                self.close()
            self._file = None
            raise RecordError(f"cannot write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def check_writable(path: Path) -> None:
    """Raise RecordError unless a file can be created or replaced at `path`; changes nothing."""
    if path.is_dir():
        raise RecordError(f"cannot write {path}: it is a folder; name a file")
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}; choose another place") from error

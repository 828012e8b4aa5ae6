"""Where results go besides the window: the record file, the overlay video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson

from realtime.camera import Intrinsics
from realtime.finite import all_finite
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.stream.lines import LineFile, check_writable, line
from realtime.types import Array, FloatArray, Floor, Person, Result

RECORD_VERSION = 1

__all__ = ["NetInUse", "RecordSink", "Sink", "check_writable", "header_line", "result_line"]


class Sink(Protocol):
    """Takes every result, in order, on one thread. `close` is called once, also after a failure.

    A sink may have a `label`, by which it is called where it fails.
    """

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
    return line({"header": header})


def result_line(result: Result) -> str:
    """One result as a line of a record. Raises ValueError where a person or the floor is not finite."""
    node = {
        "frame": result.frame.index,
        "captured_ns": result.frame.captured_ns,
        "people": [_person(person) for person in result.people],
        "age_ms": {stage: round(ms, 3) for stage, ms in result.age_ms.items()},
        "dropped": result.dropped,
        "smoothing_lag_ms": round(result.smoothing_lag_ms, 1),
    }
    if result.up is not None:
        node["up"] = _rounded(result.up, 5)
    if result.floor is not None:
        node["floor"] = _floor(result.floor)
    # The standard library's writer takes a tenth of what a frame costs besides its networks.
    return orjson.dumps(node, option=_NUMBERS).decode()


_NUMBERS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def _floor(floor: Floor) -> dict[str, Any]:
    return {
        "up": _rounded(floor.up, 5),
        "camera_height_m": _number(floor.camera_height_m, 4),
        "sigma_m": _number(floor.sigma_m, 4),
    }


def _person(person: Person) -> dict[str, Any]:
    pose = person.pose
    arrays = (person.box_px, person.keypoints_px, pose.absolute_m, pose.root_m, pose.confidence)
    given = [array.ravel() for array in arrays if array is not None]
    # Rounded all at once, in the way of `round` and to the same digits: so few numbers cost by the call.
    values = np.concatenate(given, dtype=np.float64)
    if not all_finite(values):
        raise ValueError(_NO_NUMBER)
    scale = _SCALE[: len(values)]
    values *= scale
    np.rint(values, out=values)
    values /= scale
    box, keypoints, joints, root, confidence = (values[part] for part in _PARTS)
    node = {
        "id": person.id,
        "box": box,
        "keypoints_px": keypoints.reshape(-1, 3),
        "pose_m": joints.reshape(-1, 3),
        "root_m": root,
        "root_sigma_m": _number(pose.root_sigma_m, 5),
        "score": _number(person.score, 4),
    }
    if pose.confidence is not None:
        node["confidence"] = confidence
    if pose.stature_m is not None:
        node["stature_m"] = _number(pose.stature_m, 4)
    return node


_NO_NUMBER = "NaN and infinity are not JSON compliant"
_SIZES = (4, 3 * len(H36M17), 3 * len(H36M17), 3, len(H36M17))
_SCALE = np.repeat(10.0 ** np.array([2, 3, 5, 5, 3]), _SIZES)
"""Ten to the digits kept of box, keypoints, joints, root and confidence."""
_PARTS = [slice(first, first + size) for first, size in zip(np.cumsum((0, *_SIZES)), _SIZES, strict=False)]


def _rounded(values: FloatArray, digits: int) -> Array:
    if not all_finite(values):
        raise ValueError(_NO_NUMBER)
    return values.astype(np.float64).round(digits)


def _number(value: float, digits: int) -> float:
    if not math.isfinite(value):
        raise ValueError(_NO_NUMBER)
    return round(value, digits)


class RecordSink:
    """Writes a JSON-lines record, one whole line a result, on disk when `write` returns.

    The file is created by the first line, so a source that never delivers leaves none behind; that it
    can be created is checked here. Raises RecordError when it cannot be written.
    """

    label = "the record"

    def __init__(self, path: Path, header: str) -> None:
        check_writable(path)
        self._lines = LineFile(path, header)

    def write(self, result: Result) -> None:
        """Append one result."""
        self._lines.write(result_line(result))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

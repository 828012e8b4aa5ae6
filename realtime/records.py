"""Records read back: what `realtime-demo --record` wrote, as arrays."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from realtime.errors import RecordFileError
from realtime.skeleton import H36M17
from realtime.types import FloatArray

log = logging.getLogger(__name__)

VERSION = 1
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class RecordedPerson:
    """One person in one frame, as a record has them.

    box_px: (4,) x0, y0, x1, y1. keypoints_px: (17, 3) x, y, score, full-image pixels. pose_m: (17, 3)
    absolute, camera space, metres. root_m: (3,) the pelvis. root_sigma_m: one standard deviation of its
    depth. score: how sure it is that they are there. confidence: (17,) the probability that a joint is
    within 100 mm of its place; None where the lifter does not say.
    """

    id: int
    box_px: FloatArray
    keypoints_px: FloatArray
    pose_m: FloatArray
    root_m: FloatArray
    root_sigma_m: float
    score: float
    confidence: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One line of a record. index: the source's count. captured_ns: the clock at the grab.

    up: (3,) the world's up in camera axes, a unit vector; None where it was not known.
    """

    index: int
    captured_ns: int
    people: tuple[RecordedPerson, ...]
    age_ms: Mapping[str, float]
    dropped: int
    up: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A whole record. header: skeleton, intrinsics, models, lag, as the first line has them.

    cut: whether the last line was incomplete, as a killed writer or a full disk leaves it; it is left out.
    """

    header: Mapping[str, Any]
    frames: tuple[RecordedFrame, ...]
    cut: bool = False


def read(path: Path) -> Record:
    """Read a record: the header, and every complete line.

    A last line that is cut is left out and said so in `cut`. Raises RecordFileError when the file is
    missing, is no record, or is damaged before its last line.
    """
    lines, cut = complete_lines(path)
    if not lines:
        raise RecordFileError(f"{path} holds no complete line: it is empty, or no record")
    try:
        header = _header(lines[0])
    except _BROKEN as error:
        raise RecordFileError(
            f"{path} is not a record ({_words(error)}): name a file that realtime-demo --record wrote"
        ) from error
    frames: list[RecordedFrame] = []
    for number, text in enumerate(lines[1:], start=2):
        try:
            frames.append(_frame(parse(text)))
        except _BROKEN as error:
            if number == len(lines) and not cut:
                cut = True
                break
            raise RecordFileError(
                f"{path} is damaged in line {number} ({_words(error)}): copy or record it again"
            ) from error
    if cut:
        log.warning("%s ends in the middle of a line: its %d whole frames are read", path, len(frames))
    return Record(header, tuple(frames), cut)


def complete_lines(path: Path) -> tuple[list[bytes], bool]:
    """The lines of a file that end as a line does, and whether something without an end follows them.

    Raises RecordFileError when it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordFileError(f"cannot read {path}: {error.strerror}") from error
    *lines, rest = data.split(b"\n")
    return lines, bool(rest)


def parse(text: bytes) -> dict[str, Any]:
    """One line as a JSON object. Raises ValueError for anything else, and for NaN, which JSON lacks."""
    node = json.loads(text, parse_constant=_refuse)
    if not isinstance(node, dict):
        raise ValueError("not an object")
    return node


def numbers(node: Any, *shape: int) -> FloatArray:
    """A float32 array of this shape from JSON lists. Raises ValueError, TypeError, OverflowError."""
    array = np.array(node, np.float64)
    if array.shape != shape:
        raise ValueError(f"expected numbers of shape {shape}, not {array.shape}")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError("a number is too large")
    return np.asarray(array, np.float32)


def whole_number(node: Any) -> int:
    """An int from JSON. Raises ValueError for anything else, and beyond 64 bits."""
    if type(node) is not int or not -(2**63) <= node < 2**63:
        raise ValueError(f"expected a whole number, not {str(node)[:40]}")
    return node


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:80]}"


def _header(text: bytes) -> dict[str, Any]:
    header = parse(text)["header"]
    if header["version"] != VERSION:
        raise ValueError(f"version {header['version']} is not {VERSION}, the one this program reads")
    if tuple(header["skeleton"]) != H36M17.joints:
        raise ValueError("its skeleton is another one")
    if not isinstance(header["intrinsics"], dict) or not isinstance(header["models"], list):
        raise ValueError("intrinsics or models are missing")
    return dict(header)


def _frame(node: Mapping[str, Any]) -> RecordedFrame:
    return RecordedFrame(
        whole_number(node["frame"]),
        whole_number(node["captured_ns"]),
        tuple(_person(person) for person in node["people"]),
        {str(stage): float(numbers(ms)) for stage, ms in node["age_ms"].items()},
        whole_number(node["dropped"]),
        numbers(node["up"], 3) if node.get("up") is not None else None,
    )


def _person(node: Mapping[str, Any]) -> RecordedPerson:
    joints = len(H36M17)
    return RecordedPerson(
        whole_number(node["id"]),
        numbers(node["box"], 4),
        numbers(node["keypoints_px"], joints, 3),
        numbers(node["pose_m"], joints, 3),
        numbers(node["root_m"], 3),
        float(numbers(node["root_sigma_m"])),
        float(numbers(node["score"])),
        numbers(node["confidence"], joints) if node.get("confidence") is not None else None,
    )

"""Motion files: NPZ of 17 joints over time in a world whose y axis points up."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.errors import PoseError
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

_MAX_FPS = 1000
_MAX_EXTENT_M = 3.0


class MotionFileError(PoseError):
    """A motion file is missing, unreadable, or breaks the contract."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Sequence:
    """One take. positions_m: (T, 17, 3) world, y up, joints in H36M-17 order."""

    name: str
    subject: str
    positions_m: FloatArray

    def __len__(self) -> int:
        return len(self.positions_m)


@dataclass(frozen=True, slots=True)
class Motion:
    """Takes at one frame rate."""

    sequences: tuple[Sequence, ...]
    fps: float

    @property
    def subjects(self) -> tuple[str, ...]:
        """The people in it, sorted."""
        return tuple(sorted({s.subject for s in self.sequences}))

    @property
    def frames(self) -> int:
        """Frames in all takes."""
        return sum(len(s) for s in self.sequences)

    def of_subjects(self, subjects: Iterable[str]) -> Motion:
        """The takes of these people. Raises MotionFileError for one who is not in the file."""
        wanted = set(subjects)
        absent = sorted(wanted - set(self.subjects))
        if absent:
            known = ", ".join(self.subjects)
            raise MotionFileError(f"no subject {', '.join(absent)} in the motion file; it has {known}")
        return Motion(tuple(s for s in self.sequences if s.subject in wanted), self.fps)


def load_motion(path: Path) -> Motion:
    """Read and check a motion file.

    Keys: positions_mm (sum T, 17, 3), lengths (S,), fps; optional name, subject (S,) and joints (17,).
    Raises MotionFileError naming what is wrong.
    """
    arrays = _read(path)
    for key in ("positions_mm", "lengths", "fps"):
        if key not in arrays:
            raise MotionFileError(f"{path} is not a motion file: it lacks {key!r}; it has {sorted(arrays)}")
    fps = _rate(path, arrays["fps"])
    lengths = arrays["lengths"]
    if lengths.ndim != 1 or not len(lengths) or lengths.dtype.kind not in "iu" or lengths.min() < 1:
        raise MotionFileError(f"{path}: lengths must be a list of whole numbers, each at least 1")
    positions_m = _positions(path, arrays["positions_mm"], _order(path, arrays.get("joints")))
    if lengths.sum() != len(positions_m):
        raise MotionFileError(
            f"{path}: lengths add up to {lengths.sum()} but positions_mm has {len(positions_m)} frames"
        )
    names = _labels(path, arrays, "name", [str(i) for i in range(len(lengths))])
    subjects = _labels(path, arrays, "subject", ["unknown"] * len(lengths))
    ends = np.cumsum(lengths)
    return Motion(
        tuple(
            Sequence(name, subject, positions_m[end - length : end])
            for name, subject, end, length in zip(names, subjects, ends, lengths, strict=True)
        ),
        fps,
    )


def _read(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except OSError as error:
        raise MotionFileError(f"cannot read motion file {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise MotionFileError(f"{path} is not a motion file: it must be an NPZ of plain arrays") from error


def _rate(path: Path, value: Array) -> float:
    if value.size != 1 or value.dtype.kind not in "iuf" or not 0 < float(value.item()) <= _MAX_FPS:
        raise MotionFileError(f"{path}: fps must be one number between 0 and {_MAX_FPS}")
    return float(value.item())


def _order(path: Path, joints: Array | None) -> list[int]:
    """Where each joint of the contract lies in the file."""
    if joints is None:
        return list(range(len(H36M17)))
    named = [str(j) for j in joints.ravel()]
    if sorted(named) != sorted(H36M17.joints):
        odd = sorted(set(named) ^ set(H36M17.joints)) or ["a joint named twice"]
        raise MotionFileError(f"{path}: joints must be the 17 of {H36M17.name}; at odds: {', '.join(odd)}")
    return [named.index(joint) for joint in H36M17.joints]


def _positions(path: Path, millimetres: Array, order: list[int]) -> FloatArray:
    if millimetres.ndim != 3 or millimetres.shape[1:] != (len(H36M17), 3):
        raise MotionFileError(f"{path}: positions_mm must be (frames, 17, 3), not {millimetres.shape}")
    if millimetres.dtype.kind not in "iuf":
        raise MotionFileError(f"{path}: positions_mm must be numbers, not {millimetres.dtype}")
    positions_m = (millimetres[:, order].astype(np.float64) / 1000.0).astype(np.float32)
    broken = ~np.isfinite(positions_m).all(axis=(1, 2))
    if broken.any():
        raise MotionFileError(
            f"{path}: {broken.sum()} frames hold NaN or infinity, the first is frame {broken.argmax()}: "
            "drop or repair them"
        )
    extent_m = np.abs(positions_m - positions_m[:, :1]).max()
    if not 0 < extent_m <= _MAX_EXTENT_M:
        raise MotionFileError(
            f"{path}: a joint lies {extent_m:.3g} m from its pelvis: positions_mm must be in millimetres"
        )
    return positions_m


def _labels(path: Path, arrays: dict[str, Array], key: str, default: list[str]) -> list[str]:
    if key not in arrays:
        return default
    labels = [str(v) for v in arrays[key].ravel()]
    if len(labels) != len(default):
        raise MotionFileError(f"{path}: {key} has {len(labels)} entries for {len(default)} sequences")
    return labels

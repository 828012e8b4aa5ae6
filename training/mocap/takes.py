"""Takes: what one person does over time, from any motion file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.errors import UsageError
from realtime.types import FloatArray
from training.mocap.anatomy import Anatomy, find_anatomy, joints_of
from training.mocap.asf_amc import CMU_FPS, load_amc
from training.mocap.bvh import load_bvh
from training.mocap.motion import load_motion
from training.mocap.reference import Reference, find_reference
from training.mocap.skeleton import SourceMotion, sample_points

_CMU_NAME = re.compile(r"(\d{2,3})_\d{2,3}")


@dataclass(frozen=True, slots=True)
class Source:
    """The skeleton a take was read from, over the take's frames.

    reference: a pose in which the person stands upright with straight limbs; None where the file has none.
    """

    motion: SourceMotion
    anatomy: Anatomy
    reference: Reference | None


@dataclass(frozen=True, slots=True)
class Take:
    """One person's motion. joints_m: (T, 17, 3) world, y up. source: where the file has a full skeleton."""

    name: str
    subject: str
    fps: float
    joints_m: FloatArray
    source: Source | None = None

    def __len__(self) -> int:
        return len(self.joints_m)

    def joints_at(self, fps: float) -> FloatArray:
        """(T, 17, 3) the joints at another rate, by straight lines between frames."""
        before, after, share = sample_points(len(self), self.fps, fps)
        weight = share[:, None, None].astype(np.float32)
        return self.joints_m[before] * (1 - weight) + self.joints_m[after] * weight


def load_takes(path: Path, unit_m: float | None = None, fps: float | None = None) -> tuple[Take, ...]:
    """The takes of a motion file: NPZ of 17 joints, AMC with its ASF beside it, or BVH.

    unit_m: a BVH file's unit of length in metres, told from the person's size if absent. fps: an AMC file's
    rate, 120 if absent. Raises UsageError for another suffix, MotionFileError for a file that does not serve.
    """
    kind = path.suffix.lower()
    if (unit_m is not None and kind != ".bvh") or (fps is not None and kind != ".amc"):
        raise UsageError(f"{path}: only BVH files need a unit of length, and only AMC files a rate")
    if kind == ".npz":
        motion = load_motion(path)
        return tuple(Take(s.name, s.subject, motion.fps, s.positions_m) for s in motion.sequences)
    if kind == ".amc":
        return (_take(path, load_amc(path, fps=CMU_FPS if fps is None else fps)),)
    if kind == ".bvh":
        return (_take(path, load_bvh(path, unit_m)),)
    raise UsageError(f"{path} is no motion file known here: name an .npz, .amc or .bvh file")


def _take(path: Path, motion: SourceMotion) -> Take:
    anatomy = find_anatomy(path, motion.skeleton.names, motion.skeleton.parents)
    reference, first = find_reference(motion, anatomy)
    motion = motion[first:]
    joints = joints_of(motion, anatomy).astype(np.float32)
    return Take(path.stem, _subject(path.stem), motion.fps, joints, Source(motion, anatomy, reference))


def _subject(stem: str) -> str:
    """Who moved: CMU's files are named by subject and trial; of others only the file's name is known."""
    named = _CMU_NAME.fullmatch(stem)
    return f"cmu-{int(named[1]):02d}" if named else stem

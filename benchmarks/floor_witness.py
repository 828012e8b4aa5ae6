"""What a floor that is known beforehand tells of where people of unknown size are: a part of
`absolute_pose.py`."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from realtime.lift import LiftedPerson, Lifter
from realtime.size import KnownSize
from realtime.skeleton import H36M17
from realtime.stream.bodies import Bodies
from realtime.stream.body import BodySettings
from realtime.types import Array, FloatArray, Floor, Pose3D
from training.lifters.takes import Take

LEVEL_SUBJECTS = ("cmu-07", "cmu-08", "cmu-16")
"""Test subjects who walk on the floor itself; cmu-03 walks over steps up to 0.4 m high."""
_FPS = 30
_PELVIS = H36M17.index("pelvis")
_LEAST_TILT_SIGMA_DEG, _LEAST_SIGMA_M = 0.3, 0.01


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known besides the picture. floor_off: by how much the floor is wrong (degrees, metres); None:
    no floor. height: whether the person's is given."""

    floor_off: tuple[float, float] | None = None
    height: bool = False


KNOWN: Mapping[str, Knowledge] = {
    "nothing": Knowledge(),
    "floor": Knowledge((0.0, 0.0)),
    "floor, 2 cm off": Knowledge((0.0, 0.02)),
    "floor, 5 cm off": Knowledge((0.0, 0.05)),
    "floor, 1 degree off": Knowledge((1.0, 0.0)),
    "floor, 1 degree and 2 cm off": Knowledge((1.0, 0.02)),
    "floor, 2 degrees off": Knowledge((2.0, 0.0)),
    "floor, 2 degrees and 5 cm off": Knowledge((2.0, 0.05)),
    "height": Knowledge(None, True),
}


class Followed(NamedTuple):
    """Frames followed through the pipeline's last part. error: (F,) shares of the distance; within: (F,)
    the depth's error is inside its sigma."""

    error: Array
    within: Array


def floor_of(take: Take, off: tuple[float, float]) -> Floor:
    """A take's floor, wrong by so many degrees and metres, to a side that depends on the take.

    Its sigmas are what it is wrong by, and at least 0.3 degrees and 1 cm.
    """
    tilt_deg, height_m = off
    rng = np.random.default_rng(zlib.crc32(take.truth_m.tobytes()))
    up = take.up.astype(np.float64)
    way = rng.normal(size=3)
    way -= (way @ up) * up
    tilt = math.radians(tilt_deg)
    up = math.cos(tilt) * up + math.sin(tilt) * way / np.linalg.norm(way)
    height_m = take.floor_m + height_m * (1 if rng.random() < 0.5 else -1)
    sigma_deg, sigma_m = max(tilt_deg, _LEAST_TILT_SIGMA_DEG), max(off[1], _LEAST_SIGMA_M)
    return Floor(up.astype(np.float32), height_m, sigma_m, math.radians(sigma_deg))


def spoken(
    live: Lifter, take: Take, bodies: Bodies, up: Callable[[], FloatArray | None] | None = None
) -> Iterator[tuple[LiftedPerson, Pose3D]]:
    """What a lifter says of a take, frame by frame, and the pose made of it.

    up: what it is told of the camera's tilt; if not said, what the bodies know, as in the pipeline.
    """
    for t in range(len(take)):
        now, told = slice(t, t + 1), bodies.told_up if up is None else up()
        said = live.step(take.rays[now], take.score[now], (0,), take.depth[now], told).person(0)
        yield said, bodies.update((0,), [said], take.rays[now], take.score[now], t / _FPS)[0]
    live.drop(0)


def followed(live: Lifter, take: Take, known: Knowledge) -> Followed:
    """A take as the pipeline has it, smoothed as by default: all its frames."""
    size = KnownSize(take.stature_m if known.height else None)
    floor = None if known.floor_off is None else floor_of(take, known.floor_off)
    bodies = Bodies(BodySettings(size=size, floor=floor))
    error, within = [], []
    for t, (_, pose) in enumerate(spoken(live, take, bodies)):
        true_m = take.truth_m[t, _PELVIS]
        error.append(float(np.linalg.norm(pose.root_m - true_m) / np.linalg.norm(true_m)))
        within.append(abs(float(pose.root_m[2] - true_m[2])) <= pose.root_sigma_m)
    return Followed(np.array(error), np.array(within))


def floor_rows(
    live: Lifter,
    takes: Sequence[Take],
    counted: Sequence[Array],
    groups: Mapping[str, Array],
) -> dict[str, object]:
    """Mean errors with each kind of knowledge, percent of the distance; by group for the first two and the
    height.

    counted: of each take, (T,) the frames that count. groups: names to (F,) of all those that do.
    """
    rows: dict[str, object] = {}
    for name, known in KNOWN.items():
        found = [followed(live, take, known) for take in takes]
        error = np.concatenate([f.error[c] for f, c in zip(found, counted, strict=True)])
        within = np.concatenate([f.within[c] for f, c in zip(found, counted, strict=True)])
        row = {
            "mean": round(100 * float(error.mean()), 2),
            "median": round(100 * float(np.median(error)), 2),
            "in_sigma": round(float(within.mean()), 3),
        }
        if known.floor_off in (None, (0.0, 0.0)):
            row |= {
                group: round(100 * float(error[some].mean()), 2)
                for group, some in groups.items()
                if some.any()
            }
        rows[name] = row
    return rows

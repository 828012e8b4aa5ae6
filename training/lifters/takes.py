"""What lifters are tested on: motion seen by drawn cameras, or what a 2D net said of rendered people."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np

from realtime.errors import UsageError
from realtime.types import FloatArray
from training.lifters.augment import ClipSampler
from training.lifters.cameras import FOV_DEG, look_at, rays_of
from training.lifters.noise import Seen, corrupt, shipped_error_model, statures_m
from training.lifters.replay import seen_by_net
from training.mocap.motion import Motion, Sequence
from training.records.error_model import ErrorModel
from training.records.store import Records, load_records

InputKind = Literal["gt", "noise", "records"]
INPUTS: tuple[InputKind, ...] = ("gt", "noise", "records")
GroupBy = Literal["subject", "action"]

_CANDIDATES = 256
_SAMPLES = ("blazepose_test.npz", "blazepose_sample.npz")

_SPOKEN = (
    ("washwindow", "wash window"), ("directing_traffic", "direct traffic"), ("basketball", "basketball"),
    ("soccer", "soccer"), ("jump", "jump"), ("run", "run"), ("walk", "walk"),
)  # fmt: skip
_KNOWN = {
    "cmu-01": "climb", "cmu-02": "varied", "cmu-03": "uneven ground", "cmu-07": "walk", "cmu-08": "walk",
    "cmu-16": "walk, run, jump", "cmu-35": "walk, run", "cmu-39": "walk",
}  # fmt: skip
_DONOR = {"005": "dance", "006": "basketball", "007": "walk"}


@dataclass(frozen=True, slots=True)
class Take:
    """One person as a lifter is given them, and the truth in camera axes.

    rays: (T, 17, 2). score: (T, 17). depth: (T, 17) behind the pelvis in ray units, zeros for none.
    truth_m: (T, 17, 3), root included. stature_m: the person's true body height. up, floor_m: (3,) the
    world's up in camera axes and the camera's height over the floor, metres; NaN where that is not kept.
    """

    rays: FloatArray
    score: FloatArray
    depth: FloatArray
    truth_m: FloatArray
    stature_m: float
    name: str = ""
    subject: str = ""
    up: FloatArray = field(default_factory=lambda: np.full(3, np.nan, np.float32))
    floor_m: float = math.nan

    def __len__(self) -> int:
        return len(self.rays)

    def group(self, by: GroupBy | None) -> str:
        """What the take is counted under: its subject, its action, or "all"."""
        if by is None:
            return "all"
        return self.subject if by == "subject" else action_of(self.subject, self.name)


def action_of(subject: str, name: str) -> str:
    """What is done in a take, in a word.

    The word in the take's name, if it has one (`test_washwindow_washwindow_1`); else what the subject is
    known for: CMU's list of subjects for the real bodies, the recording's number for `iclone-donor`;
    else "other".
    """
    for word, action in _SPOKEN:
        if word in name.lower():
            return action
    if subject == "iclone-donor":
        return _DONOR.get(re.split(r"\W|_", name)[0], "other")
    return _KNOWN.get(subject, "other")


def draw_take(sequence: Sequence, kind: InputKind, seed: int, fov_deg: tuple[float, float] = FOV_DEG) -> Take:
    """One sequence seen by a still camera. The same sequence name and seed give the same take.

    The camera is the first drawn, in the manner of training, that shows every joint in every probed
    frame, or the best of 256. "gt": exact joints with score 1 and no depth. "noise": joints, scores and
    depths drawn from the shipped error model, correlated in time. Joints outside the image are missing.
    """
    rng = np.random.default_rng((seed, zlib.crc32(f"{sequence.subject}/{sequence.name}".encode())))
    world_m = sequence.positions_m[None]
    cameras = look_at(rng, world_m, np.ones(1), _CANDIDATES, fov_deg)
    truth_m = cameras.joints(world_m)
    rays, score = rays_of(truth_m), np.ones(truth_m.shape[:-1], np.float32)
    seen = Seen(rays, score, np.zeros_like(score))
    if kind == "noise":
        seen = corrupt(rng, truth_m, rays, shipped_errors())
    score = np.where(cameras.in_image(truth_m), seen.score, 0.0).astype(np.float32)
    stature_m = float(statures_m(truth_m)[0])
    return Take(
        seen.rays[0], score[0], seen.depth[0], truth_m[0], stature_m, sequence.name, sequence.subject,
        cameras.up[0], float(cameras.position_m[0, 1]),
    )  # fmt: skip


def drawn_takes(sampler: ClipSampler, clips: int, frames: int, kind: InputKind, seed: int) -> list[Take]:
    """Clips of motion on bodies of any stature before usual cameras that show them whole; "gt" or "noise"."""
    rng = np.random.default_rng(seed)
    world_m = sampler.sample(rng, clips, frames)
    cameras = look_at(rng, world_m, np.full(clips, 0.98), 64)
    truth_m = cameras.joints(world_m)
    rays = rays_of(truth_m)
    score = np.ones(rays.shape[:-1], np.float32)
    seen = Seen(rays, score, np.zeros_like(score))
    if kind == "noise":
        seen = corrupt(rng, truth_m, rays, shipped_errors())
    shown = np.where(cameras.in_image(truth_m), seen.score, 0).astype(np.float32)
    height_m = statures_m(truth_m)
    up, floor_m = cameras.up, cameras.position_m[:, 1]
    return [
        Take(
            seen.rays[n],
            shown[n],
            seen.depth[n],
            truth_m[n],
            float(height_m[n]),
            up=up[n],
            floor_m=float(floor_m[n]),
        )
        for n in range(clips)
    ]


@cache
def shipped_errors() -> ErrorModel:
    """The error model fitted to the default 2D net, read once."""
    return shipped_error_model()


def shipped_records() -> Path:
    """The records shipped: of held-out people if there are any, else the small sample."""
    return next((p for p in map(_shipped, _SAMPLES) if p.is_file()), _shipped(_SAMPLES[-1]))


def _shipped(name: str) -> Path:
    return Path(str(resources.files("training.records"))) / name


def record_takes(records: Records, motion: Motion) -> list[Take]:
    """The clips of records whose take is in the motion, each as one take. Raises UsageError for none."""
    wanted = {(s.subject, s.name) for s in motion.sequences}
    clips = [i for i, key in enumerate(zip(records.subject, records.name, strict=True)) if key in wanted]
    if not clips:
        raise UsageError(
            "no clip of the records is of a chosen take of the motion: make some of held-out people with "
            "`realtime-train records --part test` and name them with --records"
        )
    return [_recorded(records.clip(i)) for i in clips]


def _recorded(clip: Records) -> Take:
    """A clip as the live pipeline hands it to the lifter; score 0 in frames in which nobody was found."""
    seen = seen_by_net(clip)
    return Take(
        seen.rays, seen.score, seen.depth, clip.pose_m, float(clip.height_m[0]), clip.name[0],
        clip.subject[0], clip.up[0], float(clip.floor_m[0]),
    )  # fmt: skip


def takes_of(
    motion: Motion,
    kind: InputKind,
    seed: int,
    fov_deg: tuple[float, float] = FOV_DEG,
    records: Path | None = None,
) -> Many[Take]:
    """All takes of a motion. records: where to read what a 2D net said; None for what is shipped."""
    if kind == "records":
        return record_takes(load_records(records or shipped_records()), motion)
    return [draw_take(sequence, kind, seed, fov_deg) for sequence in motion.sequences]

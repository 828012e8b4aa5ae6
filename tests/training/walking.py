"""A made-up walker, and motion files of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import FloatArray
from tests.fakes import standing_pose
from training.mocap.motion import Motion, Sequence


def walker_m(frames: int = 60, seed: int = 0) -> FloatArray:
    """(frames, 17, 3) world, y up, metres: an adult who steps and swings, with bones of constant length."""
    rest = standing_pose() * np.array([-1, -1, 1], np.float32)
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(frames) / 30 + rng.uniform(0, 6)
    joints = np.repeat(rest[None], frames, axis=0)
    for child, parent in H36M17.bones:
        c, p = H36M17.index(child), H36M17.index(parent)
        sign = 1 if child.startswith("l_") else -1
        bend = (
            (0.5 * sign * np.sin(phase)) if child.endswith(("knee", "ankle", "elbow", "wrist")) else 0 * phase
        )
        x, y, z = rest[c] - rest[p]
        turned = np.stack(
            [np.full(frames, x), y * np.cos(bend) - z * np.sin(bend), y * np.sin(bend) + z * np.cos(bend)], -1
        )
        joints[:, c] = joints[:, p] + turned
    travel = np.stack([0 * phase, np.full(frames, 0.95), 0.03 * np.arange(frames)], -1)
    return (joints + travel[:, None]).astype(np.float32)


def walkers(*subjects: str, frames: int = 60) -> Motion:
    """One take of each subject."""
    return Motion(
        tuple(Sequence(f"{s}_walk", s, walker_m(frames, seed)) for seed, s in enumerate(subjects)), 30.0
    )


def write_motion(path: Path, **changes: Any) -> Path:
    """A valid motion file of two takes, with some keys changed; None leaves a key out."""
    takes = [walker_m(40, 1), walker_m(20, 2)]
    arrays: dict[str, Any] = {
        "positions_mm": np.round(1000 * np.concatenate(takes)).astype(np.int32),
        "lengths": np.array([40, 20]),
        "fps": np.array(30),
        "subject": np.array(["ann", "bob"]),
        "name": np.array(["ann_1", "bob_1"]),
        "joints": np.array(H36M17.joints),
    }
    arrays = {k: v for k, v in (arrays | changes).items() if v is not None}
    np.savez(path, **arrays)
    return path

"""Made-up records: walkers before made-up cameras, and detections that err as told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from tests.training.walking import walker_m
from training.records.store import Records, joined

JOINTS = len(H36M17)
PINHOLE = Intrinsics(1145, 1145, 511.5, 511.5, 1024, 1024)
WIDE = Intrinsics(700, 705, 630, 370, 1280, 720, (-0.2, 0.05, 1e-3, -1e-3, 0.01))


def turned_walker_m(frames: int, seed: int, turn_rad: float) -> FloatArray:
    """(frames, 17, 3) a walker on the spot, y up, turned about the vertical."""
    joints = walker_m(frames, seed)
    joints[..., 2] -= joints[:, :1, 2]
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    return (joints @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])).astype(np.float32)


def exact_records(
    clips: int = 8, frames: int = 50, seed: int = 0, cameras: tuple[Intrinsics, ...] = (PINHOLE, WIDE)
) -> Records:
    """Records of a net that is always right: walkers 2.5 to 6 m away, facing anywhere, all joints visible."""
    rng = np.random.default_rng(seed)
    parts = []
    for clip in range(clips):
        world_m = turned_walker_m(frames, seed + clip, rng.uniform(0, 2 * np.pi))
        pose_m = world_m * np.array([1, -1, -1], np.float32) + np.array(
            [rng.uniform(-0.3, 0.3), 1.0, rng.uniform(2.5, 6)], np.float32
        )
        camera = cameras[clip % len(cameras)]
        parts.append(
            Records(
                seen_px=camera.project(pose_m),
                score=np.full((frames, JOINTS), 0.9, np.float32),
                depth_px=np.full((frames, JOINTS), np.nan, np.float32),
                found=np.ones(frames, bool),
                pose_m=pose_m,
                visible=np.ones((frames, JOINTS), bool),
                lengths=np.array([frames], np.int32),
                height_m=np.array([rng.uniform(1.5, 1.95)], np.float32),
                up=np.array([[0, -1, 0]], np.float32),
                floor_m=np.array([1.0], np.float32),
                fps=np.array([30], np.float32),
                cameras=(camera,),
                name=(f"take_{clip}",),
                subject=(f"person_{clip % 3}",),
                net="made-up",
            )
        )
    return joined(parts)


def erring(records: Records, errors: Array, **changes: Array) -> Records:
    """The same records with errors (F, 17, 2), in shares of stature, added, and other fields changed."""
    seen_px = records.exact_px + errors * records.sizes_px[:, None, None]
    return replace(records, seen_px=seen_px.astype(np.float32), **changes)  # type: ignore[arg-type]

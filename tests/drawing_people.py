"""People to draw: a standing pose placed in camera space, its keypoints where a camera sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime.camera import Intrinsics
from realtime.types import FloatArray, Frame, Person, Pose3D, Result
from tests.fakes import standing_pose

AGES_MS = {"capture": 1.0, "detect": 5.0, "estimate": 16.0, "lift": 2.0, "total": 24.0}


def drawn_person(
    identity: int = 0, root_m: Sequence[float] = (0.0, 0.0, 3.0), score: float = 1.0, width: int = 640
) -> Person:
    """Someone standing with the pelvis at `root_m`, seen by the camera assumed for a 4:3 image."""
    pose = Pose3D(standing_pose(), np.array(root_m, np.float32), 0.05)
    camera = Intrinsics.assumed(width, width * 3 // 4)
    xy_px = camera.project(pose.absolute_m)
    box_px = np.concatenate([xy_px.min(axis=0) - 10, xy_px.max(axis=0) + 10]).astype(np.float32)
    keypoints_px = np.column_stack([xy_px, np.full(17, score)]).astype(np.float32)
    return Person(identity, box_px, keypoints_px, pose, 0.9)


def drawn_result(
    people: tuple[Person, ...] = (), index: int = 0, width: int = 640, captured_ns: int = 0, level: int = 128
) -> Result:
    """A result on a plain 4:3 image of one grey."""
    image = np.full((width * 3 // 4, width, 3), level, np.uint8)
    return Result(Frame(image, index, captured_ns, index / 30), people, AGES_MS)


def poses_of(people: Sequence[Person]) -> FloatArray:
    """(N, 17, 3) joints in camera space."""
    return np.stack([person.pose.absolute_m for person in people])

"""The exact truth of a rendered frame: where the joints are, where they show, whether they can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.people.body import Body, Pose
from training.people.figure import Figure
from training.render.raster import Coverage, Viewpoint

_TORSO = ("Hips", "LHipJoint", "RHipJoint", "LowerBack", "Spine", "Spine1")
_CHEST = ("Spine", "Spine1", "LeftShoulder", "RightShoulder", "Neck")
_THICKNESS_M = 0.22
"""A joint lies inside the body: the surface over it, of its own parts, is nearer by less than this."""


def _limb(side: str) -> dict[str, tuple[str, ...]]:
    s, thumb = side[0].lower(), f"{side[0]}Thumb"
    hand = (f"{side}Hand", f"{side}FingerBase", thumb)
    return {
        f"{s}_hip": (*_TORSO, f"{side}UpLeg"),
        f"{s}_knee": (f"{side}UpLeg", f"{side}Leg"),
        f"{s}_ankle": (f"{side}Leg", f"{side}Foot"),
        f"{s}_shoulder": (f"{side}Arm", f"{side}Shoulder", "Spine1"),
        f"{s}_elbow": (f"{side}Arm", f"{side}ForeArm"),
        f"{s}_wrist": (f"{side}ForeArm", *hand),
    }


_JOINT_PARTS: Mapping[str, tuple[str, ...]] = {
    "pelvis": (*_TORSO, "LeftUpLeg", "RightUpLeg"),
    "spine": (*_TORSO, *_CHEST),
    "thorax": (*_TORSO, *_CHEST),
    "neck": (*_CHEST, "Neck1", "Head"),
    "head": ("Head", "Neck1", "Neck"),
    **_limb("Left"),
    **_limb("Right"),
}
"""The bones whose surface may lie over a joint without hiding it."""


@dataclass(frozen=True, slots=True)
class Truth:
    """T frames of one person in one still camera.

    pose_m: (T, 17, 3) absolute, camera space. keypoints_px: (T, 17, 2). visible: (T, 17) bool.
    box_px: (T, 4) x0, y0, x1, y1 around all that is drawn, clipped to the image. height_m: barefoot.
    """

    pose_m: FloatArray
    keypoints_px: FloatArray
    visible: Array
    box_px: FloatArray
    height_m: float
    fps: float

    def save(self, path: Path) -> None:
        """Write an NPZ of plain arrays, with the joints' names."""
        np.savez_compressed(
            path, pose_m=self.pose_m, keypoints_px=self.keypoints_px, visible=self.visible,
            box_px=self.box_px, height_m=np.float32(self.height_m), fps=np.float32(self.fps),
            joints=np.array(H36M17.joints),
        )  # fmt: skip


def joints_seen(view: Viewpoint, body: Body, pose: Pose) -> tuple[FloatArray, FloatArray]:
    """(..., 17, 3) joints in camera space and (..., 17, 2) where they show in the image."""
    pose_m = view.camera_m(body.joints(pose))
    return pose_m, view.intrinsics.project(pose_m)


def visible_joints(
    coverage: Coverage, body: Body, figure: Figure, pose_m: FloatArray, keypoints_px: FloatArray
) -> Array:
    """(17,) bool: the joint is in the image and nothing but its own parts of the body lies over it."""
    part = coverage.image(figure.part[coverage.triangle], -1)
    depth = coverage.image(coverage.depth_m, np.inf)
    out = np.zeros(len(H36M17), bool)
    for number, joint in enumerate(H36M17.joints):
        x, y = (round(float(value)) for value in keypoints_px[number])
        if not (0 <= x < coverage.width and 0 <= y < coverage.height):
            continue
        bone, cover_m = int(part[y, x]), float(pose_m[number, 2] - depth[y, x])
        own = bone < 0 or body.bones[bone] in _JOINT_PARTS[joint]
        out[number] = cover_m < 0 or (own and cover_m < _THICKNESS_M)
    return out


def box_px(view: Viewpoint, points_m: FloatArray) -> FloatArray:
    """(4,) x0, y0, x1, y1 around world points (N, 3), clipped to the image."""
    points_px = view.intrinsics.project(view.camera_m(points_m))
    limits = np.array([view.intrinsics.width - 1, view.intrinsics.height - 1], np.float32)
    corners = np.stack([points_px.min(axis=0), points_px.max(axis=0)])
    return np.asarray(np.clip(corners, 0, limits).reshape(4), np.float32)

"""What is known of a rendered frame: where the joints are, where they show, whether they can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.people.body import Body
from training.people.figure import Figure
from training.render.annotation import FrameAnnotation
from training.render.cast import Actor
from training.render.lens import Viewpoint
from training.render.painter import Painted

_TORSO = ("Hips", "LHipJoint", "RHipJoint", "LowerBack", "Spine", "Spine1")
_CHEST = ("Spine", "Spine1", "LeftShoulder", "RightShoulder", "Neck")
_THICKNESS_M = 0.22
"""A joint lies inside the body: the surface over it, of its own parts, is nearer by less than this."""
_PROBES = 400
_OVER_M = 0.03


def _limb(side: str) -> dict[str, tuple[str, ...]]:
    s, thumb = side[0].lower(), f"{side[0]}Thumb"
    hand = (f"{side}Hand", f"{side}FingerBase", thumb)
    return {
        f"{s}_hip": (*_TORSO, f"{side}UpLeg"),
        f"{s}_knee": (f"{side}UpLeg", f"{side}Leg"),
        f"{s}_ankle": (f"{side}Leg", f"{side}Foot", f"{side}ToeBase"),
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


class Annotator:
    """Reads the truth off pictures painted by one camera.

    camera: as its lens shows the scene. fine: the pinhole, at the resolution that is painted.
    actors: the people, as they are painted.
    """

    def __init__(self, camera: Viewpoint, fine: Viewpoint, actors: Sequence[Actor]) -> None:
        self._camera, self._fine = camera, fine
        self._own = [_own_parts(actor.body) for actor in actors]
        self._probes = [_spread(actor.figure) for actor in actors]

    def frame(
        self, painted: Painted, joints_m: Sequence[FloatArray], points_m: Sequence[FloatArray]
    ) -> FrameAnnotation:
        """The truth of one picture. joints_m: (17, 3), points_m: (N, 3) of each person, in the world."""
        pose_m = np.stack([self._camera.camera_m(joints) for joints in joints_m])
        keypoints_px = self._camera.intrinsics.project(pose_m)
        visible = [self._visible(painted, n, pose_m[n], keypoints_px[n]) for n in range(len(pose_m))]
        surface = [self._surface(painted, n, points) for n, points in enumerate(points_m)]
        return FrameAnnotation(
            pose_m,
            keypoints_px,
            np.stack(visible),
            np.stack([box for box, _ in surface]),
            np.array([shown for _, shown in surface], np.float32),
        )

    def _visible(self, painted: Painted, person: int, pose_m: FloatArray, keypoints_px: FloatArray) -> Array:
        """(17,) bool: in the image, and under nothing but the body parts the joint lies in."""
        row, column, inside = self._at(painted, pose_m)
        inside &= self._in_image(keypoints_px)
        seen = painted.at(row, column)
        cover_m = pose_m[:, 2] - seen.depth_m
        own = seen.person == person
        own &= self._own[person][np.arange(len(H36M17)), seen.part]
        return np.asarray(inside & ((cover_m < 0) | (own & (cover_m < _THICKNESS_M))))

    def _surface(self, painted: Painted, person: int, points_m: FloatArray) -> tuple[FloatArray, np.float32]:
        """(4,) the box around all of a person, in the image; the share of them that nothing else hides."""
        camera_m = self._camera.camera_m(points_m)
        points_px = self._camera.intrinsics.project(camera_m)
        points_px = points_px[np.isfinite(points_px).all(axis=1)]
        if not len(points_px):
            return np.zeros(4, np.float32), np.float32(0)
        width, height = self._camera.intrinsics.width, self._camera.intrinsics.height
        limits = np.array([width - 1, height - 1], np.float32)
        box = np.clip(np.stack([points_px.min(axis=0), points_px.max(axis=0)]), 0, limits).reshape(4)
        if box[0] >= box[2] or box[1] >= box[3]:
            return np.zeros(4, np.float32), np.float32(0)
        probes = camera_m[self._probes[person]]
        row, column, inside = self._at(painted, probes)
        inside &= self._in_image(self._camera.intrinsics.project(probes))
        seen = painted.at(row, column)
        hidden = (seen.person != person) & (probes[:, 2] - seen.depth_m > _OVER_M)
        return box.astype(np.float32), np.float32((inside & ~hidden).mean())

    def _at(self, painted: Painted, camera_m: FloatArray) -> tuple[Array, Array, Array]:
        """Row and column of points (N, 3) in the painted picture, and whether they lie in it."""
        at = self._fine.intrinsics.project(camera_m)
        height, width = painted.raw_depth.shape
        limits = np.array([width, height]) - 0.5
        inside = np.asarray(((at > -0.5) & (at < limits)).all(axis=1))
        column, row = np.rint(np.where(inside[:, None], at, 0)).astype(np.intp).T
        return row, column, inside

    def _in_image(self, points_px: FloatArray) -> Array:
        size = np.array([self._camera.intrinsics.width, self._camera.intrinsics.height]) - 0.5
        return np.asarray(((points_px > -0.5) & (points_px < size)).all(axis=-1))


def _own_parts(body: Body) -> Array:
    """(17, B) bool: the bone's surface may lie over the joint."""
    rows = [[bone in _JOINT_PARTS[joint] for bone in body.bones] for joint in H36M17.joints]
    return np.array(rows)


def _spread(figure: Figure) -> Array:
    """Vertices that stand for equal shares of a figure's surface."""
    a, b, c = (figure.points_m[figure.triangles[:, k]] for k in range(3))
    area = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    chosen = np.searchsorted(area, (np.arange(_PROBES) + 0.5) / _PROBES * area[-1])
    return np.asarray(figure.triangles[chosen, 0])

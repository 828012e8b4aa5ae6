"""A person: a shaped mesh on a skeleton, its poses, and the joints they put where.

World and body space: metres, y up; at rest the person stands on y = 0 facing z, their left at positive x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from realtime.errors import UsageError
from realtime.skeleton import COCO17, joint_map
from realtime.types import FloatArray
from training.people.makehuman import METRES_PER_UNIT, IntArray, MakeHumanData, Shape

_JOINT_BONES: Mapping[str, str] = {
    "l_hip": "LeftUpLeg", "l_knee": "LeftLeg", "l_ankle": "LeftFoot",
    "r_hip": "RightUpLeg", "r_knee": "RightLeg", "r_ankle": "RightFoot",
    "l_shoulder": "LeftArm", "l_elbow": "LeftForeArm", "l_wrist": "LeftHand",
    "r_shoulder": "RightArm", "r_elbow": "RightForeArm", "r_wrist": "RightHand",
}  # fmt: skip
"""The bone whose head is the joint."""

# The tragus, the flap before the ear canal: where 2D nets put the ear. The mesh's topology is fixed, so the
# numbers hold for every shape; the right one is the left one's mirror image.
_EAR_VERTICES: Mapping[str, int] = {"l_ear": 12055, "r_ear": 5456}

_EYE_GROUPS = ("helper-l-eye", "helper-r-eye")
_HEIGHTS_M = (0.5, 2.5)


@dataclass(frozen=True, slots=True)
class Pose:
    """One pose, or a series of them.

    rotations: (..., B, 3, 3), each bone's turn relative to its parent, in axes that at rest are the world's:
    the identity is the rest pose. root_m: (..., 3), the head of the root bone in the world.
    """

    rotations: FloatArray
    root_m: FloatArray

    def __post_init__(self) -> None:
        lead, turns = self.root_m.shape[:-1], self.rotations.shape
        if self.root_m.shape != (*lead, 3) or turns != (*lead, turns[-3], 3, 3):
            raise ValueError(f"a pose needs (..., B, 3, 3) and (..., 3), not {turns} and {self.root_m.shape}")

    def __getitem__(self, frame: int | slice) -> Pose:
        return Pose(self.rotations[frame], self.root_m[frame])


@dataclass(frozen=True, slots=True)
class Body:
    """A shaped person at rest.

    bones: B names, parents before children; parents: their parents' positions, -1 for the root.
    heads_m, tails_m: (B, 3) ends of the bones. vertices_m: (V, 3) the whole base mesh, the helpers that
    clothes hang on included; weights: (V, B). skin, eyes: (F, 4) faces that are drawn.
    height_m: stature, barefoot.
    """

    bones: tuple[str, ...]
    parents: tuple[int, ...]
    heads_m: FloatArray
    tails_m: FloatArray
    vertices_m: FloatArray
    weights: FloatArray
    skin: IntArray
    eyes: IntArray
    height_m: float

    def bone(self, name: str) -> int:
        """The position of a bone. Raises ValueError for a name the rig lacks."""
        return self.bones.index(name)

    def rest_pose(self) -> Pose:
        """The pose the mesh was made in."""
        eyes = np.broadcast_to(np.eye(3, dtype=np.float32), (len(self.bones), 3, 3))
        return Pose(eyes.copy(), self.heads_m[0].copy())

    def world_rotations(self, pose: Pose) -> FloatArray:
        """(..., B, 3, 3) turns of the bones from rest, in the world."""
        world = np.empty_like(pose.rotations)
        for bone, parent in enumerate(self.parents):
            own = pose.rotations[..., bone, :, :]
            world[..., bone, :, :] = own if parent < 0 else world[..., parent, :, :] @ own
        return world

    def local_rotations(self, world: FloatArray) -> FloatArray:
        """The inverse of `world_rotations`: (..., B, 3, 3) turns relative to the parents."""
        local = np.empty_like(world)
        for bone, parent in enumerate(self.parents):
            own = world[..., bone, :, :]
            local[..., bone, :, :] = (
                own if parent < 0 else np.swapaxes(world[..., parent, :, :], -1, -2) @ own
            )
        return local

    def transforms(self, pose: Pose) -> FloatArray:
        """(..., B, 3, 4) affine maps that carry what moves with each bone from rest into the world."""
        world = self.world_rotations(pose)
        heads = np.empty((*world.shape[:-2], 3), np.float32)
        for bone, parent in enumerate(self.parents):
            if parent < 0:
                heads[..., bone, :] = pose.root_m
                continue
            step = self.heads_m[bone] - self.heads_m[parent]
            heads[..., bone, :] = heads[..., parent, :] + world[..., parent, :, :] @ step
        offset = heads - (world @ self.heads_m[..., None])[..., 0]
        return np.concatenate([world, offset[..., None]], axis=-1)

    def bone_heads(self, pose: Pose) -> FloatArray:
        """(..., B, 3) heads of the bones in the world."""
        return apply(self.transforms(pose), self.heads_m)

    def keypoints(self, pose: Pose) -> FloatArray:
        """(..., 17, 3) COCO-17 points in the world; the nose and eyes, which no joint needs, are zero."""
        transforms = self.transforms(pose)
        points = np.zeros((*transforms.shape[:-3], len(COCO17), 3), np.float32)
        heads = apply(transforms, self.heads_m)
        for joint, bone in _JOINT_BONES.items():
            points[..., COCO17.index(joint), :] = heads[..., self.bone(bone), :]
        for ear, vertex in _EAR_VERTICES.items():
            blended = np.einsum("b,...bij->...ij", self.weights[vertex], transforms)
            points[..., COCO17.index(ear), :] = apply(blended, self.vertices_m[vertex])
        return points

    def joints(self, pose: Pose) -> FloatArray:
        """(..., 17, 3) the output joints in the world, by the recipe that serves keypoints."""
        return joint_map(COCO17).matrix @ self.keypoints(pose)


def apply(transforms: FloatArray, points_m: FloatArray) -> FloatArray:
    """Affine maps (..., 3, 4) applied each to its point (..., 3)."""
    return (transforms[..., :3] @ points_m[..., None])[..., 0] + transforms[..., 3]


def skin(transforms: FloatArray, points_m: FloatArray, weights: FloatArray) -> FloatArray:
    """Linear-blend skinning: rest points (V, 3) with weights (V, B), moved by bones (B, 3, 4)."""
    return apply(blend(transforms, weights), points_m)


def blend(transforms: FloatArray, weights: FloatArray) -> FloatArray:
    """(V, 3, 4) the mixture of bone maps (B, 3, 4) that moves each vertex, weights (V, B)."""
    return (weights @ transforms.reshape(len(transforms), 12)).reshape(-1, 3, 4)


def build_body(data: MakeHumanData, shape: Shape, height_m: float) -> Body:
    """A body of this shape and exactly this stature, standing on y = 0 under the origin.

    Raises UsageError when the stature is not a person's.
    """
    if not _HEIGHTS_M[0] <= height_m <= _HEIGHTS_M[1]:
        raise UsageError(f"height must lie between {_HEIGHTS_M[0]} and {_HEIGHTS_M[1]} m, not {height_m:g}")
    vertices = data.shaped(shape).astype(np.float64) * METRES_PER_UNIT
    skin_faces = data.base.faces["body"]
    span = vertices[np.unique(skin_faces), 1]
    vertices = ((vertices - [0, span.min(), 0]) * (height_m / np.ptp(span))).astype(np.float32)
    names = [bone.name for bone in data.bones]
    return Body(
        bones=tuple(names),
        parents=tuple(names.index(bone.parent) if bone.parent else -1 for bone in data.bones),
        heads_m=np.stack([vertices[list(bone.head)].mean(axis=0) for bone in data.bones]),
        tails_m=np.stack([vertices[list(bone.tail)].mean(axis=0) for bone in data.bones]),
        vertices_m=vertices,
        weights=data.weights,
        skin=skin_faces,
        eyes=np.concatenate([data.base.faces[group] for group in _EYE_GROUPS]),
        height_m=height_m,
    )

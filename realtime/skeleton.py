"""Joint sets, by name, and the linear maps from each of them to the 17 output joints.

A map is a matrix whose rows sum to one, so it serves pixels and metres alike. Five output joints are
no keypoint of the 2D sets and are derived, with coefficients read off the motion data (median positions
in the torso's own frame, where mid-hip is 0 and mid-shoulder is 1):

- pelvis: the middle of the hips.
- spine: 0.67 of the way from mid-hip to mid-shoulder.
- thorax: 0.90 of that way.
- neck (the upper neck, under the skull): half way from mid-shoulder to mid-ear.
- head (top of the skull's bone): mid-ear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from realtime.types import FloatArray

SPINE_RATIO = 0.67
THORAX_RATIO = 0.90
NECK_RATIO = 0.50


@dataclass(frozen=True)
class Skeleton:
    """Joint names in order, bones as (child, parent) names, and left-right pairs for mirroring."""

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    pairs: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        known = set(self.joints)
        if len(known) != len(self.joints):
            raise ValueError(f"skeleton {self.name} names a joint twice")
        for a, b in self.bones + self.pairs:
            if a not in known or b not in known:
                raise ValueError(f"skeleton {self.name} has no joint {a if a not in known else b}")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """The position of a joint. Raises ValueError for a name this skeleton lacks."""
        return self.joints.index(joint)

    def indices(self, *joints: str) -> list[int]:
        """The positions of several joints."""
        return [self.index(joint) for joint in joints]

    @property
    def parents(self) -> tuple[int, ...]:
        """For each joint its parent's position, -1 for the root or a joint with no bone."""
        parent_of = dict(self.bones)
        return tuple(self.index(parent_of[j]) if j in parent_of else -1 for j in self.joints)

    @property
    def mirror(self) -> list[int]:
        """The order of joints after a left-right flip."""
        swap = dict(self.pairs) | {b: a for a, b in self.pairs}
        return [self.index(swap.get(j, j)) for j in self.joints]


def _sides(*parts: str, left: str = "l_", right: str = "r_") -> tuple[tuple[str, str], ...]:
    return tuple((left + part, right + part) for part in parts)


_LIMBS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")

H36M17 = Skeleton(
    "h36m-17",
    (
        "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "spine", "thorax",
        "neck", "head", "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist",
    ),
    (
        ("r_hip", "pelvis"), ("r_knee", "r_hip"), ("r_ankle", "r_knee"),
        ("l_hip", "pelvis"), ("l_knee", "l_hip"), ("l_ankle", "l_knee"),
        ("spine", "pelvis"), ("thorax", "spine"), ("neck", "thorax"), ("head", "neck"),
        ("l_shoulder", "thorax"), ("l_elbow", "l_shoulder"), ("l_wrist", "l_elbow"),
        ("r_shoulder", "thorax"), ("r_elbow", "r_shoulder"), ("r_wrist", "r_elbow"),
    ),
    _sides(*_LIMBS),
)  # fmt: skip

COCO17 = Skeleton(
    "coco-17",
    (
        "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow",
        "l_wrist", "r_wrist", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle",
    ),
    (),
    _sides("eye", "ear", *_LIMBS),
)  # fmt: skip

BLAZEPOSE33 = Skeleton(
    "blazepose-33",
    (
        "nose", "l_eye_inner", "l_eye", "l_eye_outer", "r_eye_inner", "r_eye", "r_eye_outer", "l_ear",
        "r_ear", "l_mouth", "r_mouth", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist",
        "r_wrist", "l_pinky", "r_pinky", "l_index", "r_index", "l_thumb", "r_thumb", "l_hip", "r_hip",
        "l_knee", "r_knee", "l_ankle", "r_ankle", "l_heel", "r_heel", "l_foot_index", "r_foot_index",
    ),
    (),
    _sides(
        "eye_inner", "eye", "eye_outer", "ear", "mouth", "pinky", "index", "thumb", "heel", "foot_index",
        *_LIMBS,
    ),
)  # fmt: skip

HALPE26 = Skeleton(
    "halpe-26",
    (
        "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow",
        "l_wrist", "r_wrist", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle", "head_top",
        "neck_base", "mid_hip", "l_big_toe", "r_big_toe", "l_small_toe", "r_small_toe", "l_heel", "r_heel",
    ),
    (),
    _sides("eye", "ear", "big_toe", "small_toe", "heel", *_LIMBS),
)  # fmt: skip

SKELETONS: Mapping[str, Skeleton] = {s.name: s for s in (H36M17, COCO17, BLAZEPOSE33, HALPE26)}


def _recipe() -> dict[str, dict[str, float]]:
    """Each output joint as weights on keypoints that all 2D sets here share."""
    mid_hip = {"l_hip": 0.5, "r_hip": 0.5}
    mid_shoulder = {"l_shoulder": 0.5, "r_shoulder": 0.5}
    mid_ear = {"l_ear": 0.5, "r_ear": 0.5}

    def between(a: dict[str, float], b: dict[str, float], t: float) -> dict[str, float]:
        return {k: v * (1 - t) for k, v in a.items()} | {k: v * t for k, v in b.items()}

    recipe = {f"{side}_{limb}": {f"{side}_{limb}": 1.0} for side in "lr" for limb in _LIMBS}
    recipe["pelvis"] = mid_hip
    recipe["spine"] = between(mid_hip, mid_shoulder, SPINE_RATIO)
    recipe["thorax"] = between(mid_hip, mid_shoulder, THORAX_RATIO)
    recipe["neck"] = between(mid_shoulder, mid_ear, NECK_RATIO)
    recipe["head"] = mid_ear
    return recipe


@dataclass(frozen=True)
class JointMap:
    """A linear map from one joint set to the 17 output joints. matrix: (17, J), rows sum to one."""

    source: Skeleton
    matrix: FloatArray

    def points(self, values: FloatArray) -> FloatArray:
        """Map coordinates (J, D) in any space to (17, D) in the same space."""
        return self.matrix @ values

    def scores(self, values: FloatArray) -> FloatArray:
        """Map scores (J,) to (17,): a derived joint is as sure as the least sure of its keypoints."""
        return np.asarray(np.minimum.reduce(values.take(self._used)), np.float32)

    @cached_property
    def _used(self) -> npt.NDArray[np.intp]:
        """(K, 17) the keypoints each joint is made of, some more than once so that all have as many."""
        used = [np.flatnonzero(row > 0) for row in self.matrix]
        most = max(len(row) for row in used)
        return np.stack([np.resize(row, most) for row in used], axis=1)


def joint_map(skeleton: str | Skeleton) -> JointMap:
    """The map from a joint set (or its name) to the 17 output joints. Raises ValueError if unknown."""
    if isinstance(skeleton, str):
        if skeleton not in SKELETONS:
            raise ValueError(f"unknown skeleton {skeleton!r}; known: {', '.join(SKELETONS)}")
        skeleton = SKELETONS[skeleton]
    if skeleton is H36M17:
        return JointMap(skeleton, np.eye(len(H36M17), dtype=np.float32))
    matrix = np.zeros((len(H36M17), len(skeleton)), np.float32)
    for row, weights in _recipe().items():
        for keypoint, weight in weights.items():
            matrix[H36M17.index(row), skeleton.index(keypoint)] = weight
    return JointMap(skeleton, matrix)

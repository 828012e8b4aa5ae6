"""Which bone of a motion file is which part of a person: names of CMU, BVH and character tools, and the tree.

Arms, legs and the head are found by name; hips, spine and neck by how these hang together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.skeleton import H36M17
from training.mocap.motion import MotionFileError
from training.mocap.rotations import Float64Array, unit
from training.mocap.skeleton import SourceMotion

# For each limb bone, what it is called after its side. A bone serves once, so the order of the rows counts:
# where "shoulder" is the upper arm, the collar bone has another name, and ASF's "wrist" is our hand.
_LIMBS: Mapping[str, tuple[str, ...]] = {
    "thigh": ("femur", "upleg", "thigh", "upperleg", "hip"),
    "shank": ("tibia", "leg", "calf", "shin", "lowerleg", "knee"),
    "foot": ("foot", "ankle"),
    "toes": ("toes", "toebase", "toe"),
    "upper_arm": ("humerus", "arm", "upperarm", "uparm", "shldr", "shoulder"),
    "forearm": ("radius", "forearm", "lowerarm", "lowarm", "elbow"),
    "hand": ("wrist", "hand"),
    "clavicle": ("clavicle", "collar", "collarbone", "shoulder"),
    "palm": ("fingerbase", "hand"),
    "fingers": ("fingers", "handfinger1", "handmiddle1", "mid1"),
    "thumb": ("thumb", "handthumb1", "thumb1"),
}
_OPTIONAL = frozenset({"toes", "clavicle", "palm", "fingers", "thumb"})
_PREFIXES = ("ccbase", "mixamorig", "bip01", "bip001", "valvebiped")

_SHORTEST_SKULL_M, _SKULL_M = 0.05, 0.12

_UNITS_M = (1.0, 0.01, 0.001, 0.0254, 0.0254 / 0.45)
_USUAL_PERSON_M = 1.40
_PERSON_M = (0.7, 2.2)
"""From the ankle over knee and hip, and on up the spine to the skull's base."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Positions of bones in a skeleton.

    hips: what carries both legs. spine: from what carries legs and arms up to the chest, which carries both
    arms. neck: what lies between the chest and the head. limbs: "l_thigh" and so on; those of `_OPTIONAL`
    may be absent.
    """

    hips: int
    spine: tuple[int, ...]
    neck: tuple[int, ...]
    head: int
    limbs: Mapping[str, int]

    @property
    def chest(self) -> int:
        """The bone that carries both arms and the neck."""
        return self.spine[-1]


def find_anatomy(path: Path, names: Sequence[str], parents: Sequence[int]) -> Anatomy:
    """Tell the bones of a person. Raises MotionFileError listing what could not be found."""
    known: dict[str, int] = {}
    for bone, name in enumerate(names):
        known.setdefault(_plain(name), bone)
    taken: set[int] = set()

    def pick(aliases: Sequence[str]) -> int | None:
        for alias in aliases:
            bone = known.get(alias)
            if bone is not None and bone not in taken:
                taken.add(bone)
                return bone
        return None

    found = {"head": pick(["head"])}
    for letter, word in (("l", "left"), ("r", "right")):
        for limb, aliases in _LIMBS.items():
            spelt = [
                text for a in aliases for text in (f"{letter}{a}", f"{word}{a}", f"{a}{letter}", f"{a}{word}")
            ]
            found[f"{letter}_{limb}"] = pick(spelt)
    lost = [part for part, bone in found.items() if bone is None and part[2:] not in _OPTIONAL]
    if lost:
        raise MotionFileError(
            f"{path}: found no bone for {', '.join(lost)} among {', '.join(names[:40])}: "
            "name them as CMU or Mixamo do"
        )
    bones = {part: bone for part, bone in found.items() if bone is not None}
    return _with_trunk(path, bones, parents)


def _with_trunk(path: Path, bones: dict[str, int], parents: Sequence[int]) -> Anatomy:
    head = bones.pop("head")
    legs, arms = (
        [_ancestors(bones[f"{side}_{limb}"], parents) for side in "lr"] for limb in ("thigh", "upper_arm")
    )
    above = _ancestors(head, parents)
    hips = [bone for bone in legs[0] if bone in legs[1]]
    carriers = [bone for bone in above if bone in arms[0] and bone in arms[1]]
    spine = [bone for bone in carriers if bone not in hips]
    if not spine or not hips or not set(carriers) - set(spine):
        raise MotionFileError(f"{path}: the arms and the head do not hang on a spine above the hips")
    neck = above[: above.index(spine[0])]
    return Anatomy(hips[0], tuple(reversed(spine)), tuple(reversed(neck)), head, bones)


def _ancestors(bone: int, parents: Sequence[int]) -> list[int]:
    """The bones that a bone hangs on, the nearest first."""
    line = []
    while (bone := parents[bone]) >= 0:
        line.append(bone)
    return line


def _plain(name: str) -> str:
    """A bone's name in small letters, without punctuation and the prefix of the tool that wrote it."""
    text = re.sub(r"[^a-z0-9]", "", name.rpartition(":")[2].lower())
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text


def metres_per_unit(path: Path, names: Sequence[str], parents: Sequence[int], offsets: Float64Array) -> float:
    """The unit of length in which a skeleton is nearest to a person's size.

    Metres, centimetres, millimetres, inches or CMU's 1/0.45 inch. Raises MotionFileError when none fits.
    """
    anatomy = find_anatomy(path, names, parents)
    length = sum(
        float(np.linalg.norm(offsets[bone])) for bone in (*anatomy.spine, *anatomy.neck, anatomy.head)
    )
    for bone in ("l_shank", "l_foot"):
        length += float(np.linalg.norm(offsets[anatomy.limbs[bone]]))
    sizes = {unit_m: unit_m * length for unit_m in _UNITS_M}
    best = min(sizes, key=lambda unit_m: abs(np.log(max(sizes[unit_m], 1e-9) / _USUAL_PERSON_M)))
    if not _PERSON_M[0] <= sizes[best] <= _PERSON_M[1]:
        raise MotionFileError(f"{path}: its person is {length:.3g} units tall: give the length of a unit")
    return best


def joints_of(motion: SourceMotion, anatomy: Anatomy) -> Float64Array:
    """(T, 17, 3) the output joints.

    The spine is where the chest begins, the thorax where the neck does, the neck where the head does. A head
    without an end, as character tools write it, goes on in line with the neck's last bone.
    """
    heads, tails = motion.heads_m, motion.tails_m()
    limbs = anatomy.limbs
    out = np.empty((len(heads), len(H36M17), 3))
    for side in "lr":
        for joint, bone in _JOINTS.items():
            out[:, H36M17.index(f"{side}_{joint}")] = heads[:, limbs[f"{side}_{bone}"]]
    out[:, H36M17.index("pelvis")] = (heads[:, limbs["l_thigh"]] + heads[:, limbs["r_thigh"]]) / 2
    out[:, H36M17.index("spine")] = heads[:, anatomy.chest]
    thorax, neck, head = (
        heads[:, (*anatomy.neck, anatomy.head)[0]],
        heads[:, anatomy.head],
        tails[:, anatomy.head],
    )
    if np.linalg.norm(motion.skeleton.tips_m[anatomy.head]) < _SHORTEST_SKULL_M:
        head = neck + _SKULL_M * unit(neck - heads[:, (anatomy.chest, *anatomy.neck)[-1]])
    out[:, H36M17.index("thorax")], out[:, H36M17.index("neck")] = thorax, neck
    out[:, H36M17.index("head")] = head
    return out


_JOINTS: Mapping[str, str] = {
    "hip": "thigh", "knee": "shank", "ankle": "foot",
    "shoulder": "upper_arm", "elbow": "forearm", "wrist": "hand",
}  # fmt: skip

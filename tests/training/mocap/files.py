"""Motion files made by hand: a two-bone ASF with its AMC, and a person as BVH."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from realtime.types import Array

ASF = """# two bones
:version 1.10
:units
  mass 1.0
  length {length}
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name upper
    direction 1 0 0
    length 2
    axis {axis}
    dof {dof}
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
    id 2
    name lower
    direction 0 -1 0
    length 3
    axis 0 0 0 XYZ
    dof rz
    limits (-10 170)
  end
:hierarchy
  begin
    root upper
    upper lower
  end
"""

AMC = """#!OML:ASF
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 0 0 0
upper 10 20 30
lower 40
2
root 1 2 4 0 0 90
upper 0 0 0
lower 0
"""


def write_acclaim(
    folder: Path, amc: str = AMC, length: float = 0.45, axis: str = "0 0 0 XYZ", dof: str = "rx ry rz"
) -> Path:
    """7.asf and 7_01.amc; gives the path of the AMC."""
    (folder / "7.asf").write_text(ASF.format(length=length, axis=axis, dof=dof), encoding="utf-8")
    path = folder / "7_01.amc"
    path.write_text(amc, encoding="utf-8")
    return path


def turn(axis: str, degrees: float) -> Array:
    """(3, 3) about one axis of the world, written out."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rows = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }
    return np.array(rows[axis])


_SIDE: Mapping[str, tuple[str, tuple[float, float, float]]] = {
    "UpLeg": ("Hips", (0.09, -0.05, 0.0)), "Leg": ("UpLeg", (0.0, -0.42, 0.0)),
    "Foot": ("Leg", (0.0, -0.41, 0.0)), "ToeBase": ("Foot", (0.0, -0.06, 0.14)),
    "Shoulder": ("Spine1", (0.03, 0.20, 0.0)), "Arm": ("Shoulder", (0.15, 0.0, 0.0)),
    "ForeArm": ("Arm", (0.28, 0.0, 0.0)), "Hand": ("ForeArm", (0.25, 0.0, 0.0)),
    "HandFinger1": ("Hand", (0.09, 0.0, 0.0)),
}  # fmt: skip
PERSON: Mapping[str, tuple[str, tuple[float, float, float]]] = {
    "Hips": ("", (0.0, 0.0, 0.0)), "Spine": ("Hips", (0.0, 0.12, 0.0)), "Spine1": ("Spine", (0.0, 0.14, 0.0)),
    "Neck": ("Spine1", (0.0, 0.24, 0.0)), "Head": ("Neck", (0.0, 0.10, 0.0)),
} | {
    side + bone: (parent if parent in ("Hips", "Spine1") else side + parent, (sign * x, y, z))
    for side, sign in (("Left", 1), ("Right", -1))
    for bone, (parent, (x, y, z)) in _SIDE.items()
}  # fmt: skip
"""A T-pose in metres, bones named as in CMU's BVH files: parent and offset. The skull is 0.16 m long."""

HIPS_M = 0.94


def write_person(
    path: Path,
    rename: Callable[[str], str] = str,
    unit_m: float = 0.01,
    turns: Sequence[Mapping[str, tuple[float, float, float]]] = ({},) * 3,
    walk_m: float = 0.0,
    fps: float = 30.0,
) -> Path:
    """A BVH of PERSON. turns: for each frame, bone to degrees about z, x and y. walk_m: along z, a frame."""
    lines, order = ["HIERARCHY"], []

    def add(bone: str) -> None:
        order.append(bone)
        parent, offset = PERSON[bone]
        place = " ".join(f"{v / unit_m:.6f}" for v in offset)
        lines.extend([f"{'JOINT' if parent else 'ROOT'} {rename(bone)}", "{", f"OFFSET {place}"])
        shifts = "" if parent else "Xposition Yposition Zposition "
        lines.append(f"CHANNELS {3 if parent else 6} {shifts}Zrotation Xrotation Yrotation")
        children = [child for child, (of, _) in PERSON.items() if of == bone]
        for child in children:
            add(child)
        if not children:
            tip = 0.16 if bone == "Head" else 0.05
            lines.extend(["End Site", "{", f"OFFSET 0 {tip / unit_m:.6f} 0", "}"])
        lines.append("}")

    add("Hips")
    lines.extend(["MOTION", f"Frames: {len(turns)}", f"Frame Time: {1 / fps:.7f}"])
    for frame, pose in enumerate(turns):
        values = [0.0, HIPS_M / unit_m, frame * walk_m / unit_m]
        for bone in order:
            values.extend(pose.get(bone, (0.0, 0.0, 0.0)))
        lines.append(" ".join(f"{value:.6f}" for value in values))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def mixamo(bone: str) -> str:
    """A CMU bone's name in Mixamo's files."""
    named = {"Spine1": "Spine2", "Spine": "Spine1", "LeftHandFinger1": "LeftHandMiddle1"}
    return "mixamorig:" + named.get(bone, bone)


def character_creator(bone: str) -> str:
    """A CMU bone's name in Character Creator's files."""
    parts = {
        "UpLeg": "Thigh", "Leg": "Calf", "Arm": "Upperarm", "ForeArm": "Forearm", "Shoulder": "Clavicle",
        "HandFinger1": "Mid1",
    }  # fmt: skip
    for side in ("Left", "Right"):
        if bone.startswith(side):
            rest = bone.removeprefix(side)
            return f"CC_Base_{side[0]}_{parts.get(rest, rest)}"
    return "CC_Base_" + bone

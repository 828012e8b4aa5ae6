"""BVH motion: a tree of joints with offsets, then the values of their channels, frame by frame.

Angles are degrees; those listed first turn last. Position channels of the root add to its offset; those of
another joint stand in for its offset where they are near it, as most writers mean them, else add to it.
The file does not say its unit of length: see `training.mocap.anatomy.metres_per_unit`.
Source: "Biovision BVH" (Meredith, Maddock: Motion Capture File Formats Explained, 2001).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from realtime.errors import UsageError
from training.mocap.anatomy import metres_per_unit
from training.mocap.motion import MotionFileError
from training.mocap.rotations import Float64Array
from training.mocap.skeleton import SourceMotion, SourceSkeleton, euler, move
from training.mocap.text import Line, bad_line, number, read_lines

_POSITIONS = ("xposition", "yposition", "zposition")
_ROTATIONS = ("xrotation", "yrotation", "zrotation")
_MAX_FPS = 1000.0
_CUT_SHORT = "the hierarchy ends before its last brace: the file is cut short"


@dataclass(slots=True)
class _Joint:
    name: str
    parent: int
    offset: Float64Array = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()
    tip: Float64Array | None = None


def load_bvh(path: Path, unit_m: float | None = None) -> SourceMotion:
    """Read a BVH file. unit_m: metres in a unit of length; without it, told from the person's size.

    Raises MotionFileError with the line where it makes sense, UsageError for a unit that is no length.
    """
    if unit_m is not None and not 0 < unit_m < np.inf:
        raise UsageError(f"the unit of length must be more than 0 metres, not {unit_m:g}")
    lines = read_lines(path)
    joints = _read_hierarchy(path, lines)
    values, fps = _read_motion(path, lines, sum(len(joint.channels) for joint in joints))
    names = tuple(joint.name for joint in joints)
    parents = tuple(joint.parent for joint in joints)
    offsets = np.stack([joint.offset for joint in joints])
    tips = np.stack([_tip(joints, bone) for bone in range(len(joints))])
    if unit_m is None:
        unit_m = metres_per_unit(path, names, parents, offsets)
    local, moved = _channels(joints, values)
    skeleton = SourceSkeleton(names, parents, offsets * unit_m, tips * unit_m)
    return move(skeleton, local, moved * unit_m, fps)


def _tip(joints: list[_Joint], bone: int) -> Float64Array:
    """A joint's End Site, or the middle of its children."""
    own = joints[bone].tip
    children = [joint.offset for joint in joints if joint.parent == bone]
    if own is not None or not children:
        return np.zeros(3) if own is None else own
    return np.asarray(np.mean(children, axis=0))


def _channels(joints: list[_Joint], values: Float64Array) -> tuple[Float64Array, Float64Array]:
    """(T, B, 3, 3) turns of the joints, and (T, B, 3) offsets, in the file's unit."""
    frames = len(values)
    local = np.empty((frames, len(joints), 3, 3))
    offsets = np.empty((frames, len(joints), 3))
    column = 0
    for bone, joint in enumerate(joints):
        table = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        turned = [k for k, kind in enumerate(joint.channels) if kind in _ROTATIONS]
        axes = "".join(joint.channels[k][0] for k in turned)
        local[:, bone] = euler(np.radians(table[:, turned]), axes)
        offsets[:, bone] = joint.offset
        shifted = [k for k, kind in enumerate(joint.channels) if kind in _POSITIONS]
        if shifted:
            coordinates = [_POSITIONS.index(joint.channels[k]) for k in shifted]
            places, rest = table[:, shifted], joint.offset[coordinates]
            usual = np.median(places, axis=0)
            instead = joint.parent >= 0 and np.linalg.norm(usual - rest) < np.linalg.norm(usual)
            offsets[:, bone, coordinates] = places if instead else rest + places
    return local, offsets


def _read_hierarchy(path: Path, lines: Iterator[Line]) -> list[_Joint]:
    first = next(lines, None)
    if first is None or first.words[0].upper() != "HIERARCHY":
        raise MotionFileError(f"{path} is not a BVH file: it does not begin with HIERARCHY")
    joints: list[_Joint] = []
    open_: list[int] = []  # the joints, and -1 for an End Site, whose braces are open
    opening: int | None = None
    for line in lines:
        kind = line.words[0].upper()
        if opening is not None and kind != "{":
            raise bad_line(path, line, "an opening brace is needed here")
        if kind in ("ROOT", "JOINT"):
            opening = _add_joint(path, line, joints, open_)
        elif kind == "END":
            opening = -1
        elif kind == "{":
            if opening is None:
                raise bad_line(path, line, "this brace opens nothing")
            open_.append(opening)
            opening = None
        elif kind == "}":
            if not open_:
                raise bad_line(path, line, "this brace closes nothing")
            open_.pop()
        elif kind == "MOTION":
            if open_ or not joints:
                raise bad_line(path, line, _CUT_SHORT)
            return joints
        else:
            _read_joint_line(path, line, joints, open_)
    raise MotionFileError(f"{path}: {_CUT_SHORT}")


def _add_joint(path: Path, line: Line, joints: list[_Joint], open_: list[int]) -> int:
    name = " ".join(line.words[1:])
    root = line.words[0].upper() == "ROOT"
    if not name or any(joint.name == name for joint in joints):
        raise bad_line(path, line, f"joints need names of their own, not {name!r}")
    if root != (not open_) or (open_ and open_[-1] < 0):
        raise bad_line(path, line, f"{name!r} does not belong here: one ROOT holds all the JOINTs")
    if root and joints:
        raise bad_line(path, line, "a second ROOT: export one person at a time")
    joints.append(_Joint(name, open_[-1] if open_ else -1))
    return len(joints) - 1


def _read_joint_line(path: Path, line: Line, joints: list[_Joint], open_: list[int]) -> None:
    if not open_:
        raise bad_line(path, line, f"{line.words[0]!r} does not belong here")
    kind = line.words[0].upper()
    if kind == "OFFSET":
        offset = np.array([number(path, line, k) for k in (1, 2, 3)])
        if open_[-1] >= 0:
            joints[open_[-1]].offset = offset
        else:
            joints[open_[-2]].tip = offset
    elif kind == "CHANNELS" and open_[-1] >= 0:
        channels = tuple(word.lower() for word in line.words[2:])
        known = set(channels) <= set(_POSITIONS + _ROTATIONS) and len(set(channels)) == len(channels)
        if not known or number(path, line, 1) != len(channels):
            raise bad_line(path, line, "CHANNELS must be how many, then as many of Xposition ... Zrotation")
        joints[open_[-1]].channels = channels
    else:
        raise bad_line(path, line, f"{line.words[0]!r} does not belong here")


def _read_motion(path: Path, lines: Iterator[Line], width: int) -> tuple[Float64Array, float]:
    """(T, width) values and the frame rate."""
    frames, fps = 0, 0.0
    for line in lines:
        words = [word.lower().rstrip(":") for word in line.words[:2]]
        if words[0] == "frames":
            frames = int(number(path, line, len(line.words) - 1))
        elif words == ["frame", "time"]:
            seconds = number(path, line, len(line.words) - 1)
            if not seconds > 1 / _MAX_FPS:
                raise bad_line(path, line, "Frame Time must be the seconds from one frame to the next")
            fps = _usual_rate(1 / seconds)
            break
        else:
            raise bad_line(path, line, "Frames and Frame Time are needed here")
    rows: list[Float64Array] = []
    for line in lines:
        if len(line.words) != width:
            raise bad_line(path, line, f"a frame has {width} values here, not {len(line.words)}")
        try:
            row = np.array(line.words, np.float64)
        except ValueError as error:
            raise bad_line(path, line, "a frame must be numbers") from error
        if not np.isfinite(row).all():
            raise bad_line(path, line, "a frame holds NaN or infinity: drop or repair it")
        rows.append(row)
    if not rows or len(rows) != frames:
        raise MotionFileError(
            f"{path} says it has {frames} frames but holds {len(rows)}: it is cut short or damaged"
        )
    return np.stack(rows), fps


def _usual_rate(fps: float) -> float:
    """The whole number that a rate is, where a rounded Frame Time keeps it from being so."""
    return float(round(fps)) if abs(fps - round(fps)) < 0.005 * fps and round(fps) else fps

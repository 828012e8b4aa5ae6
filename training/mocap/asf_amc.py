"""Acclaim motion: a skeleton (ASF) and its bones' angles over time (AMC), as the CMU database has them.

Lengths are in units of 1 / `length` inches (the file's own field; 0.45 at CMU). A bone's angles turn it about
axes of its own, given by `axis`; angles listed first are applied first. Limits, masses and the skin are
skipped: they do not move a bone. AMC files do not say their rate; CMU records at 120 Hz.
Source: "Acclaim ASF/AMC file specifications" (Jeff Lander, 1998).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.mocap.motion import MotionFileError
from training.mocap.rotations import Float64Array, unit
from training.mocap.skeleton import SourceMotion, SourceSkeleton, euler, move
from training.mocap.text import Line, bad_line, number, read_lines

CMU_FPS = 120.0
_INCH_M = 0.0254
_ROOT = "root"
_TURNS = ("rx", "ry", "rz")
_SHIFTS = ("tx", "ty", "tz")


@dataclass(slots=True)
class _Bone:
    """A bone as the file has it: direction in the world, length in units, axis angles in the file's unit."""

    name: str
    direction: Float64Array = field(default_factory=lambda: np.zeros(3))
    length: float = 0.0
    axis: tuple[Float64Array, str] = (np.zeros(3), "xyz")
    dof: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acclaim:
    """What an ASF file holds. axes: (B, 3, 3) each bone's own axes. dof: bone to the names of its angles."""

    skeleton: SourceSkeleton
    axes: Float64Array
    dof: Mapping[str, tuple[str, ...]]
    root_m: Float64Array
    metres_per_unit: float
    degrees: bool


def load_amc(path: Path, asf: Path | None = None, fps: float = CMU_FPS) -> SourceMotion:
    """Read an AMC file with its skeleton: `asf`, or 07.asf beside 07_01.amc, or 07_01.asf.

    Raises MotionFileError, with the line where it makes sense.
    """
    acclaim = load_asf(asf or _skeleton_of(path))
    values, degrees = _read_frames(path, acclaim)
    scale = np.radians(1.0) if (acclaim.degrees if degrees is None else degrees) else 1.0
    frames, bones = len(values), len(acclaim.skeleton.names)
    local = np.empty((frames, bones, 3, 3))
    offsets = np.broadcast_to(acclaim.skeleton.offsets_m, (frames, bones, 3)).copy()
    offsets[:, 0] = acclaim.root_m
    column = 0
    for bone, name in enumerate(acclaim.skeleton.names):
        dof = acclaim.dof[name]
        table = values[:, column : column + len(dof)]
        column += len(dof)
        turned = [k for k, kind in enumerate(dof) if kind in _TURNS][::-1]
        angles = euler(table[:, turned] * scale, "".join(dof[k][1] for k in turned))
        local[:, bone] = acclaim.axes[bone] @ angles @ acclaim.axes[bone].T
        for k, kind in enumerate(dof):
            if kind in _SHIFTS:
                offsets[:, bone, _SHIFTS.index(kind)] += table[:, k] * acclaim.metres_per_unit
    return move(acclaim.skeleton, local, offsets, fps)


def load_asf(path: Path) -> Acclaim:
    """Read a skeleton. Raises MotionFileError naming the line at fault, or what is absent."""
    sections: dict[str, list[Line]] = {}
    current: list[Line] = []
    for line in read_lines(path, "#"):
        if line.words[0].startswith(":"):
            current = sections.setdefault(line.words[0][1:].lower(), [])
            current.append(Line(line.number, line.words[1:]))
        else:
            current.append(line)
    for name in ("units", "root", "bonedata", "hierarchy"):
        if name not in sections:
            raise MotionFileError(f"{path} is not an ASF skeleton: it has no section :{name}")
    units = {line.words[0].lower(): line for line in sections["units"] if len(line.words) == 2}
    length = number(path, units["length"], 1) if "length" in units else 1.0
    if length <= 0:
        raise bad_line(path, units["length"], "the unit of length must be more than 0")
    degrees = "angle" not in units or units["angle"].words[1].lower().startswith("deg")
    root, at = _read_root(path, sections["root"])
    bones = {_ROOT: root} | {bone.name: bone for bone in _read_bones(path, sections["bonedata"])}
    parents = _read_hierarchy(path, sections["hierarchy"], bones)
    return _assemble(bones, parents, at, _INCH_M / length, degrees)


def _assemble(
    bones: Mapping[str, _Bone], parents: Mapping[str, str], at: Float64Array, unit_m: float, degrees: bool
) -> Acclaim:
    names = tuple(parents)
    tips = np.stack([unit(bones[name].direction) * bones[name].length * unit_m for name in names])
    rows = [names.index(parents[name]) if parents[name] else -1 for name in names]
    offsets = np.stack([tips[row] if row >= 0 else np.zeros(3) for row in rows])
    scale = np.radians(1.0) if degrees else 1.0
    axes = []
    for name in names:
        angles, order = bones[name].axis
        axes.append(euler(angles[::-1] * scale, order[::-1]))
    dof = {name: bones[name].dof for name in names}
    return Acclaim(
        SourceSkeleton(names, tuple(rows), offsets, tips), np.stack(axes), dof, at * unit_m, unit_m, degrees
    )


def _read_root(path: Path, lines: list[Line]) -> tuple[_Bone, Float64Array]:
    """The root as a bone of no length, and where it stands, in file units."""
    rows = {line.words[0].lower(): line for line in lines if line.words}
    if "order" not in rows:
        raise MotionFileError(f"{path}: the section :root has no line 'order'")
    dof = tuple(word.lower() for word in rows["order"].words[1:])
    _check_dof(path, rows["order"], dof, _TURNS + _SHIFTS)
    order = rows["axis"].words[1].lower() if "axis" in rows and len(rows["axis"].words) > 1 else "xyz"
    if sorted(order) != list("xyz"):
        raise bad_line(path, rows["axis"], "axis must be an order of XYZ")
    angles = _triple(path, rows["orientation"]) if "orientation" in rows else np.zeros(3)
    at = _triple(path, rows["position"]) if "position" in rows else np.zeros(3)
    # The angles of `orientation` are given for x, y and z, those of a bone in the order of its axis.
    ordered = angles[["xyz".index(axis) for axis in order]]
    return _Bone(_ROOT, axis=(ordered, order), dof=dof), at


def _read_bones(path: Path, lines: list[Line]) -> Iterator[_Bone]:
    bone: _Bone | None = None
    for line in lines:
        kind = line.words[0].lower() if line.words else ""
        if kind == "begin":
            bone = _Bone("")
        elif kind == "end":
            if bone is None or not bone.name:
                raise bad_line(path, line, "a bone ends here that has no name")
            yield bone
            bone = None
        elif bone is not None:
            _read_bone_line(path, line, kind, bone)
    if bone is not None:
        raise MotionFileError(f"{path} ends within the bone {bone.name!r}: fetch the file again")


def _read_bone_line(path: Path, line: Line, kind: str, bone: _Bone) -> None:
    if kind == "name":
        if len(line.words) != 2:
            raise bad_line(path, line, "a bone's name must be one word")
        bone.name = line.words[1]
    elif kind == "direction":
        bone.direction = _triple(path, line)
    elif kind == "length":
        bone.length = number(path, line, 1)
    elif kind == "axis":
        order = line.words[4].lower() if len(line.words) > 4 else "xyz"
        if sorted(order) != list("xyz"):
            raise bad_line(path, line, "axis must be three angles and an order of XYZ")
        bone.axis = (_triple(path, line), order)
    elif kind == "dof":
        bone.dof = tuple(word.lower() for word in line.words[1:])
        _check_dof(path, line, bone.dof, _TURNS)


def _check_dof(path: Path, line: Line, dof: tuple[str, ...], known: tuple[str, ...]) -> None:
    odd = [kind for kind in dof if kind not in known]
    if odd or len(set(dof)) != len(dof):
        raise bad_line(path, line, f"degrees of freedom must be of {', '.join(known)}, each once")


def _read_hierarchy(path: Path, lines: list[Line], bones: Mapping[str, _Bone]) -> dict[str, str]:
    """Bone to its parent, parents first; the root's is empty."""
    parents = {_ROOT: ""}
    for line in lines:
        if len(line.words) < 2 or line.words[0].lower() in ("begin", "end"):
            continue
        parent, *children = line.words
        for name in line.words:
            if name not in bones:
                raise bad_line(path, line, f"no bone {name!r} in :bonedata")
        if parent not in parents:
            raise bad_line(path, line, f"{parent!r} has children before it has a parent")
        for child in children:
            if child in parents:
                raise bad_line(path, line, f"{child!r} has two parents")
            parents[child] = parent
    loose = [name for name in bones if name not in parents]
    if loose:
        raise MotionFileError(f"{path}: :hierarchy does not hang up {', '.join(loose)}")
    return parents


def _triple(path: Path, line: Line) -> Float64Array:
    return np.array([number(path, line, k) for k in (1, 2, 3)])


def _skeleton_of(path: Path) -> Path:
    places = [path.with_name(f"{stem}.asf") for stem in (path.stem.partition("_")[0], path.stem)]
    for place in places:
        if place.is_file():
            return place
    raise MotionFileError(f"{path} has no skeleton beside it: put {places[0].name} in {path.parent}")


def _read_frames(path: Path, acclaim: Acclaim) -> tuple[Float64Array, bool | None]:
    """(T, D) values, bone after bone of the skeleton, and whether the file says that they are degrees."""
    places: dict[str, tuple[int, int]] = {}
    width = 0
    for name, dof in acclaim.dof.items():
        if dof:
            places[name] = (width, len(dof))
        width += len(dof)
    degrees: bool | None = None
    rows: list[Float64Array] = []
    left: set[str] = set()
    for line in read_lines(path, "#"):
        first = line.words[0]
        if first.startswith(":"):
            degrees = {":DEGREES": True, ":RADIANS": False}.get(first.upper(), degrees)
        elif len(line.words) == 1 and first.isdigit():
            _check_whole(path, left, len(rows))
            rows.append(np.full(width, np.nan))
            left = set(places)
        elif not rows:
            raise bad_line(path, line, "values before the first frame's number")
        else:
            start, count = _place(path, line, places, left)
            rows[-1][start : start + count] = [number(path, line, 1 + k) for k in range(count)]
            left.discard(first)
    _check_whole(path, left, len(rows))
    if not rows:
        raise MotionFileError(f"{path} holds no frame: an AMC file has a frame's number, then its bones")
    return np.stack(rows), degrees


def _place(path: Path, line: Line, places: Mapping[str, tuple[int, int]], left: set[str]) -> tuple[int, int]:
    name = line.words[0]
    if name not in places:
        raise bad_line(path, line, f"the skeleton has no moving bone {name!r}: is it another subject's?")
    if name not in left:
        raise bad_line(path, line, f"{name!r} comes twice in one frame")
    if len(line.words) - 1 != places[name][1]:
        raise bad_line(path, line, f"{name!r} needs {places[name][1]} values, not {len(line.words) - 1}")
    return places[name]


def _check_whole(path: Path, left: set[str], frame: int) -> None:
    if left:
        raise MotionFileError(
            f"{path}: frame {frame} lacks {', '.join(sorted(left))}: the file is cut short or damaged"
        )

"""Reading the MakeHuman data folder: base mesh, shape targets, skeleton and skinning weights.

The mesh is in decimetres, y up, facing z, the person's left at positive x. Bones begin and end at the means
of a few mesh vertices, so they follow every change of shape. The data is CC0 and is never shipped.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.errors import UsageError
from realtime.types import Array, FloatArray

IntArray = npt.NDArray[np.int32]

METRES_PER_UNIT = 0.1
RIG = "cmu_mb"
_WEIGHT_EPSILON = 1e-4
_TARGETS_KEPT = 96


@dataclass(frozen=True, slots=True)
class ObjMesh:
    """A Wavefront mesh. vertices: (V, 3) in the file's units. faces: group to (F, 4) vertex numbers.

    texture: group to (F, 4) numbers of the corners' places in the texture, or of the vertices where there is
    none. A triangle repeats its last vertex.
    """

    vertices: FloatArray
    faces: Mapping[str, IntArray]
    texture: Mapping[str, IntArray]

    def all_faces(self) -> IntArray:
        """(F, 4) faces of all groups."""
        return np.concatenate(list(self.faces.values()))

    def panels(self) -> IntArray:
        """(F,) the piece of the texture each of `all_faces` lies on, counted in the order of the faces.

        Clothes are cut into panels much as a tailor cuts them.
        """
        corners = np.concatenate(list(self.texture.values()))
        edges = np.concatenate([corners[:, [0, k]] for k in (1, 2, 3)])
        island = connected(int(corners.max(initial=-1)) + 1, edges)[corners[:, 0]]
        _, first, number = np.unique(island, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first)).astype(np.int32)[number]


@dataclass(frozen=True, slots=True)
class Bone:
    """A bone of the rig: its head and tail are the means of these vertices."""

    name: str
    parent: str
    head: tuple[int, ...]
    tail: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """Who the body is: each value in [0, 1], 0.5 the average.

    male: 0 a woman, 1 a man. origin: parts african, asian, caucasian, that sum to one.
    """

    male: float = 0.5
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    origin: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)

    def __post_init__(self) -> None:
        values = (self.male, self.muscle, self.weight, self.height, *self.origin)
        if not all(0.0 <= value <= 1.0 for value in values) or abs(sum(self.origin) - 1) > 1e-6:
            raise UsageError("shape values must lie in [0, 1] and the parts of origin must sum to one")

    def targets(self) -> dict[str, float]:
        """The target files this shape is mixed from, and how much of each."""
        genders = {"female": 1 - self.male, "male": self.male}
        origins = dict(zip(("african", "asian", "caucasian"), self.origin, strict=True))
        builds = {
            f"{gender}-young-{muscle}muscle-{weight}weight": a * b * c
            for (gender, a), (muscle, b), (weight, c) in product(
                genders.items(), _thirds(self.muscle).items(), _thirds(self.weight).items()
            )
        }
        mix = {f"{o}-{g}-young": a * b for (o, a), (g, b) in product(origins.items(), genders.items())}
        mix |= {f"universal-{build}": amount for build, amount in builds.items()}
        stature = _thirds(self.height)
        mix |= {
            f"height/{build}-{end}height": amount * stature[end]
            for (build, amount), end in product(builds.items(), ("min", "max"))
        }
        return {name: amount for name, amount in mix.items() if amount > 0}


def _thirds(value: float) -> dict[str, float]:
    """How much of the least, the average and the most makes up a value in [0, 1]."""
    low, high = max(0.0, 1 - 2 * value), max(0.0, 2 * value - 1)
    return {"min": low, "average": 1 - low - high, "max": high}


@dataclass(frozen=True, slots=True)
class MakeHumanData:
    """What the folder holds. base: all 19,158 vertices and every group. bones: parents before children.

    weights: (V, B) float32, rows sum to one.
    """

    folder: Path
    base: ObjMesh
    bones: tuple[Bone, ...]
    weights: FloatArray

    def shaped(self, shape: Shape) -> FloatArray:
        """(V, 3) vertices of the base mesh, in the file's units, after the shape's targets."""
        vertices = self.base.vertices.copy()
        for name, amount in shape.targets().items():
            rows = _read_target(self.folder / "targets" / f"{name}.target.gz", len(vertices))
            vertices[rows[:, 0].astype(int)] += np.float32(amount) * rows[:, 1:]
        return vertices


def triangulate(quads: IntArray) -> IntArray:
    """(T, 3) triangles of quads (F, 4); a quad that repeats its last corner gives one."""
    halves = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return np.asarray(halves[halves[:, 1] != halves[:, 2]])


def connected(count: int, edges: IntArray) -> IntArray:
    """(count,) the least node each node is connected to by edges (E, 2)."""
    label = np.arange(count, dtype=np.int32)
    while True:
        spread = label.copy()
        for here, there in ((0, 1), (1, 0)):
            np.minimum.at(spread, edges[:, here], label[edges[:, there]])
        spread = spread[spread]
        if (spread == label).all():
            return label
        label = spread


def vertex_normals(points_m: FloatArray, triangles: IntArray) -> FloatArray:
    """(N, 3) unit normals: the mean of the triangles around each vertex, by area."""
    a, b, c = (points_m[triangles[:, k]] for k in range(3))
    facing = np.cross(b - a, c - a)
    total = sums(np.tile(facing, (3, 1)), triangles.T.reshape(-1), len(points_m))
    return unit_or(total, np.zeros_like(points_m))


def sums(values: FloatArray, group: Array, count: int) -> Array:
    """(count, 3) sums of values (N, 3) by group (N,)."""
    return np.stack([np.bincount(group, values[:, k], count) for k in range(3)], axis=1)


def unit_or(vectors: Array, otherwise: FloatArray) -> FloatArray:
    """Vectors (N, 3) at length one; those without length as given."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-12, vectors / np.maximum(length, 1e-12), otherwise).astype(np.float32)


def load_makehuman(folder: Path) -> MakeHumanData:
    """Read a MakeHuman data folder. Raises UsageError saying what it lacks."""
    base = read_obj(folder / "base.obj")
    bones = _read_rig(folder / f"rig.{RIG}.json", base)
    weights = _read_weights(folder / f"weights.{RIG}.json", [bone.name for bone in bones], len(base.vertices))
    return MakeHumanData(folder, base, bones, weights)


def read_text(path: Path) -> str:
    """A text file of the folder, plain or gzipped. Raises UsageError when it cannot be read."""
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {path} ({type(error).__name__}): name a complete MakeHuman data folder"
        ) from error


def damaged(path: Path, error: Exception) -> UsageError:
    """The error for a file of the folder that does not hold what it should."""
    return UsageError(f"{path} is damaged ({type(error).__name__}: {error}): fetch the MakeHuman data again")


def read_obj(path: Path) -> ObjMesh:
    """Read vertices, and faces and their texture by group; normals are left out."""
    vertices: list[list[str]] = []
    corners: dict[str, list[list[list[str]]]] = {}
    group = corners.setdefault("", [])
    try:
        for line in read_text(path).splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append(rest.split()[:3])
            elif kind == "g":
                group = corners.setdefault(rest.strip(), [])
            elif kind == "f":
                face = [corner.split("/") for corner in rest.split()]
                group.append(face if len(face) == 4 else [*face, face[-1]])
        return ObjMesh(
            np.array(vertices, np.float32).reshape(-1, 3),
            {name: _numbers(faces, 0) for name, faces in corners.items() if faces},
            {name: _numbers(faces, 1) for name, faces in corners.items() if faces},
        )
    except ValueError as error:
        raise damaged(path, error) from error


def _numbers(faces: list[list[list[str]]], field: int) -> IntArray:
    """(F, 4) one field of the corners of faces, from 0; the vertex where a corner lacks it."""
    rows = [
        [int(corner[field] if len(corner) > field and corner[field] else corner[0]) - 1 for corner in face]
        for face in faces
    ]
    return np.array(rows, np.int32).reshape(len(rows), 4)


@lru_cache(maxsize=_TARGETS_KEPT)
def _read_target(path: Path, count: int) -> FloatArray:
    """(N, 4) rows of a target: vertex number, then what is added to x, y and z."""
    lines = [line for line in read_text(path).splitlines() if line and not line.startswith("#")]
    try:
        values = np.loadtxt(lines, np.float64, ndmin=2) if lines else np.zeros((0, 4))
        rows = values.reshape(len(lines), 4).astype(np.float32)
        if len(rows) and not 0 <= rows[:, 0].min() <= rows[:, 0].max() < count:
            raise ValueError(f"it names vertices outside 0 to {count - 1}")
    except ValueError as error:
        raise damaged(path, error) from error
    rows.flags.writeable = False
    return rows


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise damaged(path, error) from error


def _read_rig(path: Path, base: ObjMesh) -> tuple[Bone, ...]:
    nodes = _read_json(path)
    try:
        return tuple(
            Bone(name, node["parent"], _anchor(node["head"], base), _anchor(node["tail"], base))
            for name, node in _parents_first(nodes)
        )
    except (KeyError, TypeError) as error:
        raise damaged(path, error) from error


def _parents_first(nodes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    done, waiting = {""}, dict(nodes)
    while waiting:
        ready = [name for name, node in waiting.items() if node["parent"] in done]
        if not ready:
            raise KeyError(f"no parent for {next(iter(waiting))}")
        for name in ready:
            done.add(name)
            yield name, waiting.pop(name)


def _anchor(node: Mapping[str, Any], base: ObjMesh) -> tuple[int, ...]:
    """The vertices whose mean is an end of a bone: a joint cube's, or those listed."""
    if node["strategy"] == "CUBE":
        return tuple(int(v) for v in np.unique(base.faces[node["cube_name"]]))
    return tuple(int(v) for v in node["vertex_indices"])


def _read_weights(path: Path, bones: list[str], count: int) -> FloatArray:
    node = _read_json(path)
    weights = np.zeros((count, len(bones)), np.float32)
    try:
        for bone, rows in node["weights"].items():
            table = np.array(rows, np.float64).reshape(-1, 2)
            weights[table[:, 0].astype(int), bones.index(bone)] = table[:, 1]
        total = weights.sum(axis=1, keepdims=True)
        if np.abs(total - 1).max() > 10 * _WEIGHT_EPSILON:
            raise ValueError("the weights of a vertex do not sum to one")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise damaged(path, error) from error
    return np.asarray(weights / total, np.float32)

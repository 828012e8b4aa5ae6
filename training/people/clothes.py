"""Clothes and hair that follow a body: each vertex hangs on three of the base mesh (.mhclo files)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from realtime.types import Array, FloatArray
from training.people.body import Body
from training.people.makehuman import (
    IntArray,
    ObjMesh,
    damaged,
    read_obj,
    read_text,
    triangulate,
    vertex_normals,
)

_AXES = ("x_scale", "y_scale", "z_scale")
_GARMENTS_KEPT = 48
_BRIM_FROM = 0.85
"""Where the brim begins, in halves of the hat's length and width from its middle."""
_UNDER_BRIM_M, _OVERLAP_M, _RELAXING = 0.004, 0.03, 6
_SUNK_M, _LOOSE_M, _BESIDE_M, _RIM_RINGS = 0.006, 0.05, 0.03, 2
_ENOUGH_POINTS = 2500


@dataclass(frozen=True, slots=True)
class Garment:
    """A garment on a body at rest.

    vertices_m: (N, 3) in the body's space; weights: (N, B) of its bones; faces: (F, 4).
    panels: (F,) the panel of each face, counted as in the file. hidden: base-mesh vertices that lie under it.
    """

    name: str
    vertices_m: FloatArray
    weights: FloatArray
    faces: IntArray
    panels: IntArray
    hidden: IntArray


@dataclass(frozen=True, slots=True)
class Fitting:
    """How a garment hangs on the base mesh.

    corners: (N, 3) base vertices; shares: (N, 3) of each; offsets: (N, 3) in the mesh's units.
    spans: per axis the two base vertices whose distance sizes the offsets, and the distance they are for.
    """

    obj_file: str
    corners: IntArray
    shares: FloatArray
    offsets: FloatArray
    spans: tuple[tuple[int, int, float], ...]
    hidden: IntArray


def fit_garment(body: Body, path: Path) -> Garment:
    """Hang the garment of a .mhclo file on a body. Raises UsageError when a file is missing or damaged."""
    fitting, mesh, panels = _pattern(path)
    try:
        if len(mesh.vertices) != len(fitting.corners):
            raise ValueError(
                f"{fitting.obj_file} has {len(mesh.vertices)} vertices, not {len(fitting.corners)}"
            )
        base = body.vertices_m
        sizes = [
            abs(float(base[a, axis] - base[b, axis])) / span
            for axis, (a, b, span) in enumerate(fitting.spans)
        ]
        vertices = np.einsum("nk,nkj->nj", fitting.shares, base[fitting.corners])
        weights = np.einsum("nk,nkb->nb", np.maximum(fitting.shares, 0), body.weights[fitting.corners])
    except (ValueError, IndexError) as error:
        raise damaged(path, error) from error
    return Garment(
        name=path.stem,
        vertices_m=(vertices + fitting.offsets * np.array(sizes, np.float32)).astype(np.float32),
        weights=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        faces=mesh.all_faces(),
        panels=panels,
        hidden=fitting.hidden,
    )


def tucked(hair: Garment, hat: Garment) -> Garment:
    """The hair pressed down to the hat's brim, which it would come through, and open above."""
    x, y, z = hat.vertices_m.T
    outward = [(side - (side.max() + side.min()) / 2) / (np.ptp(side) / 2) for side in (x, z)]
    brim = np.hypot(*outward) > _BRIM_FROM
    level, *_ = np.linalg.lstsq(np.stack([x, z, np.ones_like(x)], axis=1)[brim], y[brim])
    pressed = hair.vertices_m.copy()
    x, y, z = pressed.T
    ceiling = level[0] * x + level[1] * z + level[2] - _UNDER_BRIM_M
    kept = (y < ceiling)[hair.faces].any(axis=1)
    pressed[:, 1] = np.minimum(y, ceiling)
    return replace(hair, vertices_m=pressed, faces=hair.faces[kept], panels=hair.panels[kept])


def under(inner: Garment, covered: Array, hem_m: float) -> Garment:
    """The garment without those of its faces covered (F,) bool that lie well above a hem.

    hem_m: height at rest of the lower end of what covers them.
    """
    low = inner.vertices_m[inner.faces, 1].min(axis=1)
    kept = ~covered | (low < hem_m + _OVERLAP_M)
    return replace(inner, faces=inner.faces[kept], panels=inner.panels[kept])


def covering(garment: Garment, body: Body) -> Garment:
    """The garment hiding all skin that lies under it on this body, but for a rim along its openings.

    Cloth and skin do not bend quite alike: what is left under tight cloth comes through in some poses.
    """
    low, high = (f(garment.vertices_m, axis=0) for f in (np.min, np.max))
    reached = ((body.vertices_m >= low) & (body.vertices_m <= high)).all(axis=1)
    reached[garment.hidden] = False
    near = np.intersect1d(np.flatnonzero(reached), body.skin)
    normals = vertex_normals(body.vertices_m, triangulate(body.skin))[near]
    sparse = garment.vertices_m[:: 1 + len(garment.vertices_m) // _ENOUGH_POINTS]
    gaps = _nearest(body.vertices_m[near], sparse) - body.vertices_m[near]
    above = (gaps * normals).sum(axis=1)
    beside = np.linalg.norm(gaps - above[:, None] * normals, axis=1)
    under = np.zeros(len(body.vertices_m), bool)
    under[garment.hidden] = True
    under[near[(above > -_SUNK_M) & (above < _LOOSE_M) & (beside < _BESIDE_M)]] = True
    for _ in range(_RIM_RINGS):
        open_faces = body.skin[~under[body.skin].all(axis=1)]
        under[np.setdiff1d(open_faces, garment.hidden)] = False
    return replace(garment, hidden=np.flatnonzero(under).astype(np.int32))


def _nearest(points_m: FloatArray, among_m: FloatArray) -> FloatArray:
    """(N, 3) of points (M, 3) the nearest to each of points (N, 3)."""
    size = (among_m * among_m).sum(axis=1) / 2
    chosen = [(size - block @ among_m.T).argmin(axis=1) for block in np.array_split(points_m, 16)]
    return np.asarray(among_m[np.concatenate(chosen)])


def relaxed(garment: Garment) -> Garment:
    """The garment with its weights evened out over the cloth: no two neighbours follow other bones."""
    faces = garment.faces
    edges = np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    keys = np.unique(edges[:, 0].astype(np.int64) * len(garment.vertices_m) + edges[:, 1])
    ends, there = np.divmod(keys, len(garment.vertices_m))
    here, first, count = np.unique(ends, return_index=True, return_counts=True)
    weights = garment.weights.copy()
    used = np.flatnonzero(weights.any(axis=0))
    even = weights[:, used]
    for _ in range(_RELAXING):
        around = np.add.reduceat(even[there], first, axis=0) / count[:, None]
        even[here] = 0.5 * (even[here] + around)
    weights[:, used] = even
    return replace(garment, weights=weights)


@lru_cache(maxsize=_GARMENTS_KEPT)
def _pattern(path: Path) -> tuple[Fitting, ObjMesh, IntArray]:
    fitting = read_fitting(path)
    mesh = read_obj(path.parent / fitting.obj_file)
    return fitting, mesh, mesh.panels()


def read_fitting(path: Path) -> Fitting:
    """Read a .mhclo file. Raises UsageError when it is missing or damaged."""
    lines = read_text(path).splitlines()
    try:
        head = {line.split()[0]: line.split()[1:] for line in lines if line[:1].isalpha()}
        spans = tuple((int(a), int(b), float(span)) for a, b, span in (head[axis] for axis in _AXES))
        start = _keyword(lines, "verts")
        end = _keyword(lines, "delete_verts") if "delete_verts" in head else len(lines)
        rows = np.array([_corner_row(line) for line in _numbers(lines[start:end])], np.float64).reshape(-1, 9)
        hidden = _ranges(" ".join(_numbers(lines[end:])))
        return Fitting(
            obj_file=head["obj_file"][0],
            corners=rows[:, :3].astype(np.int32),
            shares=rows[:, 3:6].astype(np.float32),
            offsets=rows[:, 6:].astype(np.float32),
            spans=spans,
            hidden=np.array(hidden, np.int32),
        )
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise damaged(path, error) from error


def _keyword(lines: list[str], word: str) -> int:
    return next(number for number, line in enumerate(lines) if line.split()[:1] == [word])


def _numbers(lines: list[str]) -> list[str]:
    """The lines that begin with a number; keywords may stand among them."""
    return [line for line in lines if line.lstrip()[:1].isdigit()]


def _corner_row(line: str) -> list[float]:
    """Three vertices, three shares, an offset. A line of one number is that very vertex."""
    values = [float(value) for value in line.split()]
    return [values[0]] * 3 + [1.0] + [0.0] * 5 if len(values) == 1 else values


def _ranges(text: str) -> list[int]:
    """The numbers that `1 - 3 7` stands for."""
    out: list[int] = []
    words = text.split()
    for place, word in enumerate(words):
        if word == "-":
            out.extend(range(out[-1] + 1, int(words[place + 1])))
        else:
            out.append(int(word))
    return out

"""Clothes and hair that follow a body: each vertex hangs on three of the base mesh (.mhclo files)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.types import FloatArray
from training.people.body import Body
from training.people.makehuman import IntArray, damaged, read_obj, read_text

_AXES = ("x_scale", "y_scale", "z_scale")


@dataclass(frozen=True, slots=True)
class Garment:
    """A garment on a body at rest.

    vertices_m: (N, 3) in the body's space; weights: (N, B) of its bones; faces: (F, 4).
    hidden: base-mesh vertices that lie under it.
    """

    name: str
    vertices_m: FloatArray
    weights: FloatArray
    faces: IntArray
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
    fitting = read_fitting(path)
    mesh = read_obj(path.parent / fitting.obj_file)
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
        hidden=fitting.hidden,
    )


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

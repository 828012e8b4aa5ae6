"""Meshes on the GPU: drawn pattern by pattern, people moved anew for each frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.types import FloatArray
from training.people.makehuman import IntArray
from training.places.surface import PATTERNS, Finish
from training.render.cast import Actor
from training.render.gl import context, program, set_uniforms, vertex_array

PARTS = 64
"""Bones a person may have: identities count in steps of it."""

OUTSIDE = "cw"
"""Rows run downwards in these buffers, so what is counter-clockwise from outside is clockwise here."""

_SHADOW_CELL_M = 0.03
_TWO_SIDED = ("hair",)

Claim = Callable[[Any], None]
"""Gives a program what all that is drawn has in common."""


@dataclass(frozen=True, slots=True)
class Posed:
    """A person in one pose. points_m, normals: (N, 3) in the world. shades: (K, 3) what darkens the floor."""

    points_m: FloatArray
    normals: FloatArray
    shades_m: FloatArray


class ByPattern:
    """A mesh whose triangles are drawn pattern by pattern, each with a program of its own."""

    def __init__(self, triangles: IntArray, finish: IntArray, finishes: Sequence[Finish]) -> None:
        pattern = np.array([PATTERNS.index(f.pattern) for f in finishes])[finish[triangles[:, 0]]]
        order = np.argsort(pattern, kind="stable")
        self.indices = context().buffer(triangles[order].astype(np.int32).tobytes())
        kinds, starts, counts = np.unique(pattern[order], return_index=True, return_counts=True)
        self._runs = [(int(k), int(s), int(c)) for k, s, c in zip(kinds, starts, counts, strict=True)]
        self._arrays: list[tuple[Any, int, int, bool]] = []

    def arrays(self, shader: str, buffers: list[tuple[Any, ...]], cull: bool) -> None:
        """Say which shader and vertex buffers are used, and whether the insides of meshes are left out."""
        names = tuple((name.upper(), number) for number, name in enumerate(PATTERNS))
        for kind, start, count in self._runs:
            made = program(
                shader, "finish.glsl", "light.glsl", f"{shader}.frag", defines=(*names, ("PATTERN", kind))
            )
            solid = cull and PATTERNS[kind] not in _TWO_SIDED
            self._arrays.append((vertex_array(made, buffers, self.indices), start, count, solid))

    def draw(self, claim: Claim, uniforms: dict[str, Any]) -> None:
        """Draw all of it."""
        gl = context()
        gl.front_face = OUTSIDE
        for array, start, count, solid in self._arrays:
            claim(array.program)
            set_uniforms(array.program, uniforms)
            (gl.enable if solid else gl.disable)(gl.CULL_FACE)
            array.render(vertices=3 * count, first=3 * start)
        gl.disable(gl.CULL_FACE)


class PersonMesh:
    """One person's mesh on the GPU."""

    def __init__(self, actor: Actor, number: int, first_finish: int) -> None:
        gl, figure = context(), actor.figure
        self._uniforms = {
            "first_finish": first_finish,
            "person": number,
            "between_eyes": tuple(map(float, actor.between_eyes_m)),
            "half_eyes": float(actor.half_eyes_m),
        }
        self._moving = gl.buffer(reserve=24 * len(figure.points_m), dynamic=True)
        fixed = np.zeros(len(figure.points_m), np.dtype([("rest", "3f4"), ("kind", "2i4")]))
        fixed["rest"] = figure.points_m
        fixed["kind"][:, 0], fixed["kind"][:, 1] = figure.vertex_material, figure.vertex_part
        self._drawing = ByPattern(figure.triangles, figure.vertex_material, actor.finishes)
        self._drawing.arrays(
            "person",
            [
                (self._moving, "3f 3f", "point", "normal"),
                (gl.buffer(fixed.tobytes()), "3f 1i 1i", "rest", "material", "part"),
            ],
            cull=True,
        )
        outline = gl.buffer(figure.outline(_SHADOW_CELL_M).tobytes())
        self._caster = gl.vertex_array(
            program("shadow", "shadow.frag"), [(self._moving, "3f 12x", "point")], outline
        )

    def move(self, posed: Posed) -> None:
        """Take a pose."""
        data = np.concatenate([posed.points_m, posed.normals], axis=1)
        self._moving.write(np.ascontiguousarray(data, np.float32).tobytes())

    def draw(self, claim: Claim, live: dict[str, Any]) -> None:
        """Draw the person. live: the uniforms of this frame."""
        self._drawing.draw(claim, live | self._uniforms)

    def cast(self, matrix: bytes) -> None:
        """Draw the person's depth as the key light sees it."""
        set_uniforms(self._caster.program, {"clip_from_world": matrix})
        self._caster.render()


def table(finishes: Sequence[Finish]) -> FloatArray:
    """(F, 12) what the shader reads of each finish."""
    rows = [
        (*f.colour, PATTERNS.index(f.pattern), *f.second, f.size_m, f.strength, f.gloss, 0.0, 0.0)
        for f in finishes
    ]
    return np.array(rows, np.float32)

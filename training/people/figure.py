"""A dressed person: one mesh of skin, eyes, clothes and hair that the body's skeleton moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.types import Array, FloatArray
from training.people.body import Body, Pose
from training.people.clothes import Garment
from training.people.makehuman import IntArray, connected, sums, triangulate, unit_or, vertex_normals

MATERIALS = ("skin", "eye", "hair", "shirt", "trousers", "shoe", "jacket", "sock", "hat")

# A product this small stays on one thread; on busy processors, waiting for a second takes ten times longer.
_BLOCK = 512
# Strands of hair hang side by side without being joined, so they may merge; two legs may not.
_LOOSE = MATERIALS.index("hair")


@dataclass(frozen=True, slots=True)
class Figure:
    """A mesh at rest. points_m, normals: (N, 3). weights: (N, B). triangles: (T, 3).

    vertex_material: (N,) position in MATERIALS, the same all over a triangle. vertex_part: (N,) the bone that
    holds the vertex most.
    """

    points_m: FloatArray
    normals: FloatArray
    weights: FloatArray
    triangles: IntArray
    vertex_material: IntArray
    vertex_part: IntArray

    def posed(self, body: Body, pose: Pose) -> tuple[FloatArray, FloatArray]:
        """(N, 3) points and (N, 3) unit normals in the world, of one pose."""
        maps = self._maps(body, pose)
        points, normals = np.empty_like(self.points_m), np.empty_like(self.normals)
        x, y, z = np.ascontiguousarray(self.points_m.T)
        for axis in range(3):
            a, b, c, d = maps[4 * axis : 4 * axis + 4]
            points[:, axis] = a * x + b * y + c * z + d
        x, y, z = np.ascontiguousarray(self.normals.T)
        turned = [maps[k] * x + maps[k + 1] * y + maps[k + 2] * z for k in (0, 4, 8)]
        size = np.sqrt(turned[0] * turned[0] + turned[1] * turned[1] + turned[2] * turned[2])
        scale = 1 / np.maximum(size, np.float32(1e-6))
        for axis in range(3):
            np.multiply(turned[axis], scale, out=normals[:, axis])
        return points, normals

    def _maps(self, body: Body, pose: Pose) -> FloatArray:
        """(12, N) the rows of each vertex's affine map, the first row first."""
        flat = np.ascontiguousarray(body.transforms(pose).reshape(len(body.bones), 12).T)
        maps = np.empty((12, len(self.weights)), np.float32)
        for start in range(0, len(self.weights), _BLOCK):
            block = slice(start, start + _BLOCK)
            maps[:, block] = flat @ self.weights[block].T
        return maps

    def soles(self, body: Body) -> tuple[FloatArray, FloatArray]:
        """Points (M, 3) and weights (M, B) of what can touch the floor: the feet with their shoes."""
        bones = [body.bone(side + part) for side in ("Left", "Right") for part in ("Foot", "ToeBase")]
        chosen = self.weights[:, bones].sum(axis=1) > 0.5
        return self.points_m[chosen], self.weights[chosen]

    def simplified(self, cell_m: float) -> Figure:
        """The figure with fewer vertices: those joined within a cube of this size at rest become one.

        Vertex clustering ("Multi-resolution 3D approximations", Rossignac and Borrel 1993). The one kept is
        an existing vertex, so its weights hold. Materials stay apart, as do parts that are not joined and the
        sides of what is thin, such as fingers.
        """
        cluster = self._clusters(cell_m)
        kept = self._representatives(cluster)
        used, triangles = np.unique(self._left(cluster), return_inverse=True)
        normals = unit_or(sums(self.normals, cluster, len(kept)), self.normals[kept])
        rows = kept[used]
        return Figure(
            points_m=self.points_m[rows],
            normals=normals[used],
            weights=self.weights[rows],
            triangles=triangles.reshape(-1, 3).astype(np.int32),
            vertex_material=self.vertex_material[rows],
            vertex_part=self.vertex_part[rows],
        )

    def outline(self, cell_m: float) -> IntArray:
        """(T, 3) fewer triangles between the same vertices, as `simplified` merges them: for shadows."""
        cluster = self._clusters(cell_m)
        return self._representatives(cluster)[self._left(cluster)].astype(np.int32)

    def _left(self, cluster: Array) -> Array:
        """(T, 3) clusters at the corners of the triangles that keep three, each once."""
        corners = cluster[self.triangles]
        a, b, c = corners.T
        corners = corners[(a != b) & (b != c) & (c != a)]
        _, first = np.unique(np.sort(corners, axis=1), axis=0, return_index=True)
        return np.asarray(corners[np.sort(first)])

    def _clusters(self, cell_m: float) -> Array:
        """(N,) the cluster of each vertex, counted from 0."""
        cells = np.floor(self.points_m / cell_m).astype(np.int64)
        cells -= cells.min(axis=0)
        spans = cells.max(axis=0) + 1
        key = (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
        key = key * len(MATERIALS) + self.vertex_material
        octant = (self.normals > 0) @ np.array([1, 2, 4])
        key = key * 8 + np.where(self.vertex_material == _LOOSE, 0, octant)
        edges = np.concatenate([self.triangles[:, [k, (k + 1) % 3]] for k in range(3)])
        within = edges[key[edges[:, 0]] == key[edges[:, 1]]]
        joined = connected(len(key), within).astype(np.int64)
        _, cluster = np.unique(
            np.where(self.vertex_material == _LOOSE, -1 - key, joined), return_inverse=True
        )
        return np.asarray(cluster)

    def _representatives(self, cluster: Array) -> Array:
        """(C,) of each cluster the vertex nearest its middle."""
        count = int(cluster.max()) + 1
        middle = sums(self.points_m, cluster, count) / np.bincount(cluster, minlength=count)[:, None]
        away = ((self.points_m - middle[cluster]) ** 2).sum(axis=1)
        order = np.lexsort((away, cluster))
        return np.asarray(order[np.searchsorted(cluster[order], np.arange(count))])


def dress(body: Body, garments: Sequence[tuple[Garment, tuple[str, ...]]]) -> Figure:
    """Put garments on a body, each with the materials of its panels; the last serves all further panels."""
    hidden = np.zeros(len(body.vertices_m), bool)
    points, weights = [body.vertices_m], [body.weights]
    for garment, _ in garments:
        hidden[garment.hidden] = True
        points.append(garment.vertices_m)
        weights.append(garment.weights)
    quads = [body.skin[~hidden[body.skin].all(axis=1)], body.eyes]
    kinds = [np.full(len(quads[0]), MATERIALS.index("skin")), np.full(len(quads[1]), MATERIALS.index("eye"))]
    start = len(body.vertices_m)
    for garment, materials in garments:
        panels = np.minimum(garment.panels, len(materials) - 1)
        kinds.append(np.array([MATERIALS.index(m) for m in materials])[panels])
        quads.append(garment.faces + start)
        start += len(garment.vertices_m)
    return _figure(np.concatenate(points), np.concatenate(weights), quads, kinds)


def _figure(points: FloatArray, weights: FloatArray, quads: list[IntArray], kinds: list[Array]) -> Figure:
    """Drop the vertices no face uses, part those of two materials, and find normals and parts."""
    corners = np.concatenate([triangulate(group) for group in quads])
    kind = np.concatenate([_triangle_kinds(group, k) for group, k in zip(quads, kinds, strict=True)])
    normals = vertex_normals(points, corners)
    used, triangles = np.unique(
        corners.astype(np.int64) * len(MATERIALS) + kind[:, None], return_inverse=True
    )
    vertex, material = np.divmod(used, len(MATERIALS))
    return Figure(
        points_m=points[vertex],
        normals=normals[vertex],
        weights=weights[vertex],
        triangles=triangles.reshape(-1, 3).astype(np.int32),
        vertex_material=material.astype(np.int32),
        vertex_part=weights[vertex].argmax(axis=1).astype(np.int32),
    )


def _triangle_kinds(quads: IntArray, kinds: Array) -> Array:
    """The kind of each triangle that `triangulate` makes of quads with these kinds."""
    single = quads[:, 2] == quads[:, 3]
    return np.concatenate([kinds, kinds[~single]])

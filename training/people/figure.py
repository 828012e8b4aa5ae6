"""A dressed person: one mesh of skin, eyes, clothes and hair that the body's skeleton moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.types import Array, FloatArray
from training.people.body import Body, Pose, apply, blend
from training.people.clothes import Garment
from training.people.makehuman import IntArray
from training.render.raster import triangulate

MATERIALS = ("skin", "eye", "hair", "shirt", "trousers", "shoe")


@dataclass(frozen=True, slots=True)
class Figure:
    """A mesh at rest. points_m, normals: (N, 3). weights: (N, B). triangles: (T, 3).

    material: (T,) position in MATERIALS. part: (T,) the bone that holds each triangle most.
    """

    points_m: FloatArray
    normals: FloatArray
    weights: FloatArray
    triangles: IntArray
    material: IntArray
    part: IntArray

    def posed(self, body: Body, pose: Pose) -> tuple[FloatArray, FloatArray]:
        """(N, 3) points and (N, 3) unit normals in the world, of one pose."""
        maps = blend(body.transforms(pose), self.weights)
        turned = (maps[..., :3] @ self.normals[..., None])[..., 0]
        length = np.linalg.norm(turned, axis=1, keepdims=True)
        return apply(maps, self.points_m), turned / np.maximum(length, 1e-6)

    def soles(self, body: Body) -> tuple[FloatArray, FloatArray]:
        """Points (M, 3) and weights (M, B) of what can touch the floor: the feet with their shoes."""
        bones = [body.bone(side + part) for side in ("Left", "Right") for part in ("Foot", "ToeBase")]
        chosen = self.weights[:, bones].sum(axis=1) > 0.5
        return self.points_m[chosen], self.weights[chosen]


def dress(body: Body, garments: Sequence[tuple[Garment, tuple[str, ...]]]) -> Figure:
    """Put garments on a body, each with the materials of its pieces from the highest to the lowest.

    A garment of one material needs no more; the last material serves all further pieces.
    """
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
        pieces = np.minimum(_pieces(garment), len(materials) - 1)
        kinds.append(np.array([MATERIALS.index(m) for m in materials])[pieces])
        quads.append(garment.faces + start)
        start += len(garment.vertices_m)
    return _figure(np.concatenate(points), np.concatenate(weights), quads, kinds)


def _figure(points: FloatArray, weights: FloatArray, quads: list[IntArray], kinds: list[Array]) -> Figure:
    """Drop the vertices no face uses, and find normals and parts."""
    triangles = [triangulate(group) for group in quads]
    material = [_triangle_kinds(group, kind) for group, kind in zip(quads, kinds, strict=True)]
    used, renumbered = np.unique(np.concatenate(triangles), return_inverse=True)
    faces = renumbered.reshape(-1, 3).astype(np.int32)
    points, weights = points[used], weights[used]
    return Figure(
        points_m=points,
        normals=vertex_normals(points, faces),
        weights=weights,
        triangles=faces,
        material=np.concatenate(material).astype(np.int32),
        part=weights[faces].sum(axis=1).argmax(axis=1).astype(np.int32),
    )


def _triangle_kinds(quads: IntArray, kinds: Array) -> Array:
    """The kind of each triangle that `triangulate` makes of quads with these kinds."""
    single = quads[:, 2] == quads[:, 3]
    return np.concatenate([kinds, kinds[~single]])


def vertex_normals(points_m: FloatArray, triangles: IntArray) -> FloatArray:
    """(N, 3) unit normals: the mean of the triangles around each vertex, by area."""
    a, b, c = (points_m[triangles[:, k]] for k in range(3))
    facing = np.cross(b - a, c - a)
    normals = np.zeros_like(points_m)
    for k in range(3):
        np.add.at(normals, triangles[:, k], facing)
    length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return np.asarray(normals / length, np.float32)


def _pieces(garment: Garment) -> IntArray:
    """For each face the rank, from the top, of the connected piece it belongs to."""
    label = np.arange(len(garment.vertices_m))
    while True:
        spread = label.copy()
        lowest = label[garment.faces].min(axis=1)
        for corner in range(4):
            np.minimum.at(spread, garment.faces[:, corner], lowest)
        spread = spread[spread]
        if (spread == label).all():
            break
        label = spread
    _, piece = np.unique(label, return_inverse=True)
    height = np.bincount(piece, garment.vertices_m[:, 1]) / np.bincount(piece)
    rank = np.empty(len(height), np.int32)
    rank[np.argsort(-height)] = np.arange(len(height))
    return rank[piece[garment.faces[:, 0]]]

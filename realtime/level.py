"""Which way is up, from one picture: walls, doors and shelves stand upright, floors and furniture lie level.

Straight edges are found (LSD: von Gioi et al. 2010, OpenCV's), and the room's three axes are the ones that
explain them best: a mixture of upright edges, edges along two level directions at right angles, and edges
along anything (the Manhattan world of Coughlan and Yuille 1999), with how cameras are usually held as the
prior. An edge and the camera's centre span a plane, and an axis that the edge runs along lies in it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.types import Array, FloatArray, ImageArray

_LONG_SIDE_PX = 640
_LEAST_LENGTH, _MOST_LINES, _LEAST_LINES = 0.03, 120, 6
"""Edges shorter than this share of the longer side are noise, as are those after so many longer ones."""

_STRAY, _UPRIGHT, _LEVEL = 0.4, 0.25, 0.175
"""The mixture: edges along nothing, along the upright, along each of the two level axes."""
_COARSE, _FINE = math.radians(3.0), math.radians(0.7)
"""How far an edge is off its axis, one sigma: in the search, and at its end."""
_USUAL_LENGTH, _LONGEST = math.radians(8.6), 1.5
_WITNESS = 0.15
"""What an edge of the usual length counts: they are no independent witnesses, as one door has many. An edge
that is longer counts more, up to a limit."""

_ROLL_SIGMA, _ODD_ROLL_SIGMA, _ODD_ROLLS = math.radians(4), math.radians(15), 0.2
_PITCH, _DOWN_SIGMA, _UP_SIGMA = math.radians(5), math.radians(18), math.radians(11)
_ODD_PITCHES = 0.02
"""How cameras are held: a fifth of them rolled on purpose, most looking down a little, few looking up."""
_MOST_ROLL, _MOST_UP, _MOST_DOWN = math.radians(30), math.radians(25), math.radians(50)

_GRID, _GRID_ROLL, _GRID_PITCH = math.radians(4), math.radians(40), (math.radians(-36), math.radians(64))
_KEPT, _MODES, _ROUNDS = 50, 8, 8
_APART = math.radians(4)
_LEAST_MARGIN, _LEAST_UPRIGHT, _MOST_SIGMA = 3.0, 2.0, math.radians(1.5)
"""An answer is given where it is so much likelier (logarithm) than any other, where so many edges of the
usual length are upright, and where neither of its tilts is less sure."""
_LEAST_SIGMA = math.radians(0.7)


class Level(NamedTuple):
    """The world's up (3,), a unit vector in camera axes, and the angle by which it may be off, one sigma."""

    up: FloatArray
    sigma_rad: float


def shrunk(image: ImageArray) -> tuple[ImageArray, float]:
    """A picture (H, W, 3), BGR, grey and as large as edges need it, and how many times larger it was."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    times = max(1.0, max(grey.shape) / _LONG_SIDE_PX)
    if times > 1:
        size = (max(1, round(grey.shape[1] / times)), max(1, round(grey.shape[0] / times)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8), times


def straight_lines(grey: ImageArray, times: float = 1.0) -> FloatArray:
    """Ends (N, 4) of the straight edges of a grey picture (H, W): x0, y0, x1, y1, the longest first.

    In pixels of a picture `times` as large.
    """
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    lines = np.zeros((0, 4), np.float32) if found is None else found.reshape(-1, 4).astype(np.float32)
    length = np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])
    order = np.argsort(-length, kind="stable")
    order = order[length[order] > _LEAST_LENGTH * max(grey.shape)]
    return np.asarray((lines[order] + 0.5) * np.float32(times) - np.float32(0.5), np.float32)


def outside(lines_px: FloatArray, boxes_px: FloatArray) -> FloatArray:
    """Those of lines (N, 4) whose middles lie in none of the boxes (P, 4): people are no furniture."""
    middle = (lines_px[:, None, :2] + lines_px[:, None, 2:]) / 2
    within = (middle > boxes_px[:, :2]) & (middle < boxes_px[:, 2:])
    return lines_px[~within.all(axis=-1).any(axis=-1)]


def level_of(lines_px: FloatArray, camera: Intrinsics) -> Level | None:
    """Which way is up in a picture with these straight edges (N, 4), longest first; None if they do not say.

    They do not where too few of them are upright, where another tilt explains them nearly as well, or where
    the camera would be rolled by over 30 degrees or look down by over 50 or up by over 25.
    """
    if len(lines_px) < _LEAST_LINES:
        return None
    edges = _Edges.of(lines_px[:_MOST_LINES], camera)
    tilts, scores, margin = _best_tilt(edges)
    roll, pitch, yaw = tilts
    if abs(roll) > _MOST_ROLL or not -_MOST_UP <= pitch <= _MOST_DOWN or margin < _LEAST_MARGIN:
        return None
    up = _up(np.array([roll]), np.array([pitch]))[0]
    upright = edges.weight @ (np.abs(edges.normal @ up) < 2.5 * _FINE)
    sigmas = _sigmas(edges, roll, pitch, yaw, scores)
    if upright < _WITNESS * _LEAST_UPRIGHT or max(sigmas) > _MOST_SIGMA:
        return None
    return Level(up.astype(np.float32), max(_LEAST_SIGMA, math.hypot(*sigmas)))


def how_well_explained(lines_px: FloatArray, camera: Intrinsics, usual: Intrinsics) -> float:
    """How well the likeliest room explains edges (N, 4), longest first, if this camera saw them; a logarithm.

    The same lines may be compared for other cameras: `usual` says how long they are, for all of them.
    """
    weight = _Edges.of(lines_px[:_MOST_LINES], usual).weight
    return _best_tilt(_Edges.of(lines_px[:_MOST_LINES], camera)._replace(weight=weight))[1]


class _Edges(NamedTuple):
    """normal: (N, 3) of the planes that the edges span with the camera's centre. weight: (N,)."""

    normal: Array
    weight: Array

    @classmethod
    def of(cls, lines_px: FloatArray, camera: Intrinsics) -> _Edges:
        rays = camera.rays(lines_px.reshape(-1, 2)).reshape(-1, 2, 2)
        ends = np.concatenate([rays, np.ones((len(rays), 2, 1))], axis=-1)
        ends /= np.linalg.norm(ends, axis=-1, keepdims=True)
        normal = np.cross(ends[:, 0], ends[:, 1])
        length = np.maximum(np.linalg.norm(normal, axis=-1), 1e-9)
        return cls(normal / length[:, None], _WITNESS * np.minimum(length / _USUAL_LENGTH, _LONGEST))

    def score(self, turns: Array, sigma: float) -> Array:
        """The logarithms (M,) of how likely the edges are in rooms turned so, and such rooms themselves.

        turns: (3, M) rolls, pitches and yaws.
        """
        roll, pitch, yaw = turns
        upright, one, other = _axes(roll, pitch, yaw)
        likely = _STRAY + _UPRIGHT * _along(self.normal @ upright.T, sigma)
        likely += _LEVEL * (_along(self.normal @ one.T, sigma) + _along(self.normal @ other.T, sigma))
        return np.asarray(self.weight @ np.log(likely) + _prior(roll, pitch))


def _best_tilt(edges: _Edges) -> tuple[tuple[float, float, float], float, float]:
    """The likeliest roll, pitch and yaw, their score, and by how much it beats the next that is elsewhere.

    A grid over roll and pitch by the upright edges, the best of it with every yaw, and the best of those
    climbed from together.
    """
    low, high = _GRID_PITCH
    grid = np.meshgrid(
        np.arange(-_GRID_ROLL, _GRID_ROLL + 1e-9, _GRID), np.arange(low, high + 1e-9, _GRID), indexing="ij"
    )
    roll, pitch = (axis.ravel() for axis in grid)
    likely = _STRAY + 2 * _LEVEL + _UPRIGHT * _along(edges.normal @ _up(roll, pitch).T, _COARSE)
    kept = np.argsort(-(edges.weight @ np.log(likely) + _prior(roll, pitch)))[:_KEPT]
    roll, pitch = roll[kept], pitch[kept]
    yaws = np.arange(0, math.pi / 2, _GRID)
    every = np.stack([np.repeat(roll, len(yaws)), np.repeat(pitch, len(yaws)), np.tile(yaws, len(kept))])
    found = edges.score(every, _COARSE).reshape(len(kept), -1)
    likeliest = np.stack([roll, pitch, yaws[found.argmax(axis=1)]])
    plain = edges.score(likeliest, _FINE)
    modes = np.argsort(-found.max(axis=1))[:_MODES]
    climbed = _climbed(edges, likeliest[:, modes])
    scores = edges.score(climbed, _FINE)
    best = int(scores.argmax())
    ups = np.concatenate([_up(climbed[0], climbed[1]), _up(roll, pitch)])
    elsewhere = ups @ ups[best] < math.cos(_APART)
    rivals = np.concatenate([scores, plain])[elsewhere]
    margin = float(scores[best] - rivals.max()) if len(rivals) else math.inf
    at = climbed[:, best].tolist()
    return (at[0], at[1], at[2]), float(scores[best]), margin


def _climbed(edges: _Edges, at: Array) -> Array:
    """Rolls, pitches and yaws (3, M) after a pattern search that starts there, ever finer."""
    moves = np.stack(np.meshgrid(*[[0.0, -1.0, 1.0]] * 3, indexing="ij")).reshape(3, 1, -1)
    step, sigma = np.full((1, at.shape[1], 1), _GRID / 2), 0.8 * _COARSE
    for _ in range(_ROUNDS):
        tried = at[..., None] + step * moves
        scores = edges.score(tried.reshape(3, -1), sigma).reshape(at.shape[1], -1)
        best = scores.argmax(axis=1)
        at = np.take_along_axis(tried, best[None, :, None], axis=2)[..., 0]
        step = np.where(best[None, :, None] == 0, step / 2, step)
        sigma = max(0.8 * sigma, _FINE)
    return at


def _sigmas(edges: _Edges, roll: float, pitch: float, yaw: float, score: float) -> tuple[float, float]:
    """How sure roll and pitch are, by how the edges' likelihood falls a degree beside them at any yaw."""
    by = math.radians(1)
    yaws = yaw + np.radians(np.arange(-3, 4))
    beside = []
    for r, p in ((by, 0.0), (-by, 0.0), (0.0, by), (0.0, -by)):
        turns = np.stack([np.full(len(yaws), roll + r), np.full(len(yaws), pitch + p), yaws])
        beside.append(float((edges.score(turns, _FINE) - _prior(turns[0], turns[1])).max()))
    here = score - float(_prior(np.array([roll]), np.array([pitch]))[0])
    falls = (2 * here - beside[0] - beside[1], 2 * here - beside[2] - beside[3])
    first, second = (by / math.sqrt(max(fall, 1e-6)) for fall in falls)
    return first, second


def _along(off: Array, sigma: float) -> Array:
    """How much likelier an edge is that runs along an axis than one that runs along nothing.

    off: the sine of the angle between the axis and the edge's plane, anything from -1 to 1 being as likely
    for the latter.
    """
    return np.asarray(np.exp(-0.5 * (off / sigma) ** 2) * (2 / (sigma * math.sqrt(2 * math.pi))))


def _up(roll: Array, pitch: Array) -> Array:
    """The world's up (M, 3) in the axes of cameras that are rolled, and look down, by so much."""
    flat = np.cos(pitch)
    return np.stack([np.sin(roll) * flat, -np.cos(roll) * flat, -np.sin(pitch)], axis=-1)


def _axes(roll: Array, pitch: Array, yaw: Array) -> tuple[Array, Array, Array]:
    """The room's upright and level axes, (M, 3) each."""
    up = _up(roll, pitch)
    right = np.stack([np.cos(roll), np.sin(roll), np.zeros(len(roll))], axis=-1)
    ahead = np.cross(right, up)
    cosine, sine = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    return up, cosine * right + sine * ahead, cosine * ahead - sine * right


def _prior(roll: Array, pitch: Array) -> Array:
    """(M,) the logarithm of how usual it is to hold a camera so."""
    usual, odd = ((roll / sigma) ** 2 for sigma in (_ROLL_SIGMA, _ODD_ROLL_SIGMA))
    rolls = (1 - _ODD_ROLLS) / _ROLL_SIGMA * np.exp(-0.5 * usual)
    rolls += _ODD_ROLLS / _ODD_ROLL_SIGMA * np.exp(-0.5 * odd)
    off = pitch - _PITCH
    square = (off / np.where(off > 0, _DOWN_SIGMA, _UP_SIGMA)) ** 2
    pitches = np.exp(-0.5 * square) + _ODD_PITCHES * np.exp(-0.125 * square)
    return np.asarray(np.log(rolls + 1e-9) + np.log(pitches + 1e-9))

"""From 2D joints to absolute 3D: the streaming lifter, the root's place, the body's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from realtime.engines.base import Engine, StatefulEngine
from realtime.errors import ManifestError
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

RAYS, SCORE = "rays", "score"
POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA = "pose", "root_depth", "root_depth_sigma"


class LiftedPerson(NamedTuple):
    """What a lifter says of one person: (17, 3) metres, and the pelvis's depth with its sigma, metres."""

    relative_m: FloatArray
    root_depth_m: float
    root_sigma_m: float


@dataclass(frozen=True, slots=True)
class Lifted:
    """What a lifter says of N people.

    relative_m: (N, 17, 3), pelvis at the origin, camera axes. root_depth_m: (N,) along the optical axis.
    root_sigma_m: (N,) one standard deviation of it.
    """

    relative_m: FloatArray
    root_depth_m: FloatArray
    root_sigma_m: FloatArray

    def person(self, n: int) -> LiftedPerson:
        """One of the N."""
        return LiftedPerson(self.relative_m[n], float(self.root_depth_m[n]), float(self.root_sigma_m[n]))


class Lifter:
    """A step model with its temporal state, one row of state for each person.

    The state is the engine's input and output, or stays inside an engine that keeps it where the network
    runs; it starts at zeros with a person and dies with them.
    Raises ManifestError when the engine's tensors are not those of a lifter.
    """

    def __init__(self, manifest: Manifest, engine: Engine) -> None:
        wanted = {RAYS, SCORE} | {s.input for s in manifest.state}
        given = {POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA} | {s.output for s in manifest.state}
        if manifest.role != "lifter" or set(engine.inputs) != wanted or not given <= set(engine.outputs):
            raise ManifestError(
                f"{manifest.name} is not a lifter: it must take {sorted(wanted)} and give {sorted(given)}"
            )
        self.manifest = manifest
        self._engine = engine
        self._rows: dict[int, dict[str, Array]] = {}
        self._keeper: StatefulEngine | None = None
        pairs = {s.input: s.output for s in manifest.state}
        if pairs and isinstance(engine, StatefulEngine) and dict(engine.resident) == pairs:
            self._keeper = engine

    def step(self, rays: FloatArray, score: FloatArray, ids: Sequence[int]) -> Lifted:
        """Advance N people by one frame. rays: (N, 17, 2) x/z, y/z. score: (N, 17), 0 for missing."""
        if not len(ids):
            empty = np.zeros(0, np.float32)
            return Lifted(np.zeros((0, len(H36M17), 3), np.float32), empty, empty)
        feeds: dict[str, Array] = {RAYS: rays, SCORE: score}
        if self._keeper is not None:
            out = self._keeper.infer_stateful(feeds, ids)
        else:
            out = self._step_with_rows(feeds, ids)
        return Lifted(out[POSE].copy(), out[ROOT_DEPTH].copy(), out[ROOT_DEPTH_SIGMA].copy())

    def _step_with_rows(self, feeds: dict[str, Array], ids: Sequence[int]) -> Mapping[str, Array]:
        rows = [self._rows.get(i) or self._fresh() for i in ids]
        for state in self.manifest.state:
            feeds[state.input] = np.concatenate([row[state.input] for row in rows])
        out = self._engine.infer(feeds)
        for n, person in enumerate(ids):
            self._rows[person] = {s.input: out[s.output][n : n + 1].copy() for s in self.manifest.state}
        return out

    def drop(self, person: int) -> None:
        """Forget a person's state; the next step with this id starts afresh. Unknown ids are ignored."""
        self._rows.pop(person, None)
        if self._keeper is not None:
            self._keeper.forget(person)

    def _fresh(self) -> Mapping[str, Array]:
        return {s.input: np.zeros((1, *s.shape), np.float32) for s in self.manifest.state}


_POSE_ERROR_M = 0.05
"""How far a lifted joint is off sideways, one standard deviation: what the 2D residual is weighed by."""
_RAY_ERROR = 0.004
"""How far a keypoint's ray is off: about 2 px at a focal length of 500 px."""
_PRIOR_TRUST = 0.3
"""The prior's sigma is taken at this share of what it says. The fit would count the joints as so many
independent witnesses of the depth, but they share the error of the body's size; measured on unseen
subjects, 0.3 beats both 1 and the prior alone in the mean."""
_MIN_DEPTH_M = 0.2


def fit_root(
    relative_m: FloatArray, rays: FloatArray, score: FloatArray, depth_m: float, sigma_m: float
) -> FloatArray:
    """The pelvis (3,) that makes a pose (17, 3) fit its rays (17, 2), with a prior on its depth.

    Least squares in closed form on full perspective: each joint's (X + tx) - u (Z + tz) = 0, likewise in
    y, weighted by score and by the expected error of pose and ray at that depth; and tz = depth_m within
    sigma_m. With no joint in view the pelvis lies on the mean ray at depth_m.
    """
    noise_m = np.hypot(_POSE_ERROR_M, _RAY_ERROR * depth_m)
    weight = (score / noise_m**2).astype(np.float64)
    u, v = np.where(score[:, None] > 0, rays, 0.0).astype(np.float64).T
    x, y, z = relative_m.astype(np.float64).T
    prior = 1.0 / (_PRIOR_TRUST * sigma_m) ** 2
    total = weight.sum() + 1e-9
    normal = np.array(
        [
            [total, 0.0, -(weight * u).sum()],
            [0.0, total, -(weight * v).sum()],
            [-(weight * u).sum(), -(weight * v).sum(), (weight * (u * u + v * v)).sum() + prior],
        ]
    )
    rx, ry = u * z - x, v * z - y
    right = np.array(
        [(weight * rx).sum(), (weight * ry).sum(), -(weight * (u * rx + v * ry)).sum() + prior * depth_m]
    )
    root = np.linalg.solve(normal, right)
    if root[2] < _MIN_DEPTH_M:
        root *= _MIN_DEPTH_M / root[2] if root[2] > 1e-3 else 0.0
        root[2] = _MIN_DEPTH_M
    return root.astype(np.float32)


_SPINE_PATH = ("pelvis", "spine", "thorax", "neck", "head")
_LEG_PATHS = (("l_hip", "l_knee", "l_ankle"), ("r_hip", "r_knee", "r_ankle"))
STATURE_RATIO = 1.130
"""Stature over the summed bones from ankle to head, which leave out the sole and the crown: that of the
sample's body, whose joints are exact."""


def bone_path_m(relative_m: FloatArray) -> float:
    """The summed length of the bones from the ankles (both legs' mean) to the head, in metres."""

    def length(names: Sequence[str]) -> float:
        return float(np.linalg.norm(np.diff(relative_m[H36M17.indices(*names)], axis=0), axis=1).sum())

    return length(_SPINE_PATH) + sum(length(path) for path in _LEG_PATHS) / len(_LEG_PATHS)


class BodyScale:
    """Fixes the size of a person whose stature is known.

    Size and distance cannot be told apart in one image; a known stature settles both. The lifter's own
    body is measured over time, so that the scale does not follow single frames.
    """

    _MEMORY = 0.98

    def __init__(self, stature_m: float) -> None:
        self._stature_m = stature_m
        self._path_m = 0.0
        self._weight = 0.0

    def update(self, relative_m: FloatArray) -> float:
        """Take in one pose (17, 3); returns the factor for the pose and its root's depth."""
        self._path_m = self._MEMORY * self._path_m + (1 - self._MEMORY) * bone_path_m(relative_m)
        self._weight = self._MEMORY * self._weight + (1 - self._MEMORY)
        return self._stature_m / (STATURE_RATIO * self._path_m / self._weight)

"""From 2D joints to absolute 3D: the streaming lifter, the root's place, the body's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from realtime.engines.base import Engine, StatefulEngine
from realtime.errors import ManifestError, UsageError
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

RAYS, SCORE, DEPTH, LAG = "rays", "score", "depth", "lag"
POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA, CONFIDENCE = "pose", "root_depth", "root_depth_sigma", "confidence"


class LiftedPerson(NamedTuple):
    """What a lifter says of one person: (17, 3) metres, and the pelvis's depth with its sigma, metres.

    Depth and sigma are NaN, and the confidence (17,) is None, where the net does not say.
    """

    relative_m: FloatArray
    root_depth_m: float
    root_sigma_m: float
    confidence: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Lifted:
    """What a lifter says of N people.

    relative_m: (N, 17, 3), pelvis at the origin, camera axes. root_depth_m: (N,) along the optical axis.
    root_sigma_m: (N,) one standard deviation of it. Both are NaN where the net gives none. confidence:
    (N, 17) the probability that a joint is within 100 mm of its place; None where the net gives none.
    """

    relative_m: FloatArray
    root_depth_m: FloatArray
    root_sigma_m: FloatArray
    confidence: FloatArray | None = None

    def person(self, n: int) -> LiftedPerson:
        """One of the N."""
        confidence = None if self.confidence is None else self.confidence[n]
        depth_m, sigma_m = float(self.root_depth_m[n]), float(self.root_sigma_m[n])
        return LiftedPerson(self.relative_m[n], depth_m, sigma_m, confidence)


def choose_lag(manifest: Manifest, lag: int) -> FloatArray:
    """The (L,) ones and zeros that ask a lifter for the pose of `lag` frames ago; (0,) if it has no choice.

    Raises UsageError, naming the lags there are, when it cannot answer for that frame.
    """
    if lag not in (manifest.lags or (0,)):
        if not manifest.lags:
            raise UsageError(f"the lifter {manifest.name} has no choice of --lag: leave it out")
        known = ", ".join(map(str, sorted(manifest.lags)))
        raise UsageError(f"the lifter {manifest.name} has no lag {lag}: choose --lag from {known}")
    return np.array([float(known == lag) for known in manifest.lags], np.float32)


_IMAGE_MARGIN = 0.1


def near_image(points_px: FloatArray, width: int, height: int) -> Array:
    """Whether points (..., 2) lie in an image or within a tenth of its size beyond its rim, (...) bool.

    A net places joints it cannot see far outside; the lifter does better without them.
    """
    size = np.array([width, height], np.float32)
    margin = np.float32(_IMAGE_MARGIN) * size
    return np.asarray(((points_px > -margin) & (points_px < size + margin)).all(axis=-1))


class Lifter:
    """A step model with its temporal state, one row of state for each person.

    The state is the engine's input and output, or stays inside an engine that keeps it where the network
    runs; it starts at zeros with a person and dies with them.
    lag: frames ago that answers are for, one of `manifest.lags`; below 0 they are for a frame to come.
    Raises ManifestError when the engine's tensors are not those of a lifter, UsageError for another lag.
    """

    def __init__(self, manifest: Manifest, engine: Engine, lag: int = 0) -> None:
        wanted = {RAYS, SCORE} | {s.input for s in manifest.state} | ({LAG} if manifest.lags else set())
        given = {POSE} | {s.output for s in manifest.state}
        fits = wanted <= set(engine.inputs) <= wanted | {DEPTH} and given <= set(engine.outputs)
        if manifest.role != "lifter" or not fits:
            raise ManifestError(
                f"{manifest.name} is not a lifter: it must take {sorted(wanted)} and give {sorted(given)}"
            )
        self.manifest = manifest
        self.lag = lag
        self._lag_row = choose_lag(manifest, lag)
        self._engine = engine
        self._rows: dict[int, dict[str, Array]] = {}
        self._keeper: StatefulEngine | None = None
        pairs = {s.input: s.output for s in manifest.state}
        if pairs and isinstance(engine, StatefulEngine) and dict(engine.resident) == pairs:
            self._keeper = engine

    @property
    def delay(self) -> int:
        """Frames an answer lies behind the newest input; below 0, ahead of it."""
        return self.manifest.delay + self.lag

    def step(
        self, rays: FloatArray, score: FloatArray, ids: Sequence[int], depth: FloatArray | None = None
    ) -> Lifted:
        """Advance N people by one frame; the answers are for the frame `delay` steps before.

        rays: (N, 17, 2) x/z, y/z. score: (N, 17), 0 for missing. depth: (N, 17) behind the pelvis as the
        2D net sees it, in the unit of rays; zeros, or None, where it gives none.
        """
        if not len(ids):
            empty = np.zeros(0, np.float32)
            return Lifted(np.zeros((0, len(H36M17), 3), np.float32), empty, empty)
        feeds: dict[str, Array] = {RAYS: rays, SCORE: score}
        if DEPTH in self._engine.inputs:
            feeds[DEPTH] = np.zeros_like(score) if depth is None else depth
        if LAG in self._engine.inputs:
            feeds[LAG] = np.tile(self._lag_row, (len(ids), 1))
        if self._keeper is not None:
            out = self._keeper.infer_stateful(feeds, ids)
        else:
            out = self._step_with_rows(feeds, ids)
        unsaid = np.full(len(ids), np.nan, np.float32)
        return Lifted(
            out[POSE].copy(),
            out[ROOT_DEPTH].copy() if ROOT_DEPTH in out else unsaid,
            out[ROOT_DEPTH_SIGMA].copy() if ROOT_DEPTH_SIGMA in out else unsaid,
            out[CONFIDENCE].copy() if CONFIDENCE in out else None,
        )

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
_LEAST_ERROR_M = 0.02
"""What is left of that error where pose and rays fit perfectly."""
_PRIOR_TRUST = 0.3
"""The prior's sigma is taken at this share of what it says. The fit would count the joints as so many
independent witnesses of the depth, but they share the error of the body's size; measured on unseen
subjects, 0.3 beats both 1 and the prior alone in the mean."""
_SIZE_ERROR = 0.07
"""How far a body's size is off, one standard deviation: adults' statures differ by about 6 %."""
_ANYWHERE_M, _ANYWHERE_SIGMA_M = 4.0, 4.0
"""The depth, and its sigma, of someone of whom too little is seen to tell it."""
_SURE_SIGMA_M = 1e-3
_MIN_DEPTH_M = 0.2


def place(
    lifted: LiftedPerson, rays: FloatArray, score: FloatArray, scale: float | None = None
) -> tuple[FloatArray, float]:
    """Where a lifted person's pelvis is (3,), metres, and one standard deviation of its depth.

    A depth with a sigma is a prior for the fit of the pose to its rays. A depth alone is taken as it is,
    x and y from the rays. Without a depth the rays alone decide. The sigma is the net's, else the fit's;
    it is always finite. rays: (17, 2), score: (17,) of the frame the answer is for; of a prediction, whose
    rays nobody has yet, those of now: the depth is then the predicted one, the rest stays where it is seen.
    scale: the factor to the person's true size; None where that is not known, and then no sigma is less
    than what people's sizes differ by.
    """
    factor = 1.0 if scale is None else scale
    relative_m = lifted.relative_m * np.float32(factor)
    depth_m, sigma_m = lifted.root_depth_m * factor, lifted.root_sigma_m * factor
    if not np.isfinite(depth_m):
        return fit_root_alone(relative_m, rays, score)
    if np.isfinite(sigma_m):
        root_m = fit_root(relative_m, rays, score, depth_m, sigma_m)
        return root_m, max(sigma_m, 0.0 if scale is not None else _SIZE_ERROR * float(root_m[2]))
    root_m = fit_root(relative_m, rays, score, depth_m, _SURE_SIGMA_M)
    return root_m, _sigma_m(_equations(relative_m, rays, score)[0], float(root_m[2]))


def fit_root(
    relative_m: FloatArray, rays: FloatArray, score: FloatArray, depth_m: float, sigma_m: float
) -> FloatArray:
    """The pelvis (3,) that makes a pose (17, 3) fit its rays (17, 2), with a prior on its depth.

    Least squares in closed form on full perspective: each joint's (X + tx) - u (Z + tz) = 0, likewise in
    y, weighted by score and by how well pose and rays fit each other at all; and tz = depth_m within
    sigma_m. With no joint in view the pelvis lies on the optical axis at depth_m.
    """
    normal, right = _equations(relative_m, rays, score)
    # Everything is told in units of the expected error, which all joints share: what the fit by rays leaves.
    alone = np.linalg.solve(normal + np.diag([0.0, 0.0, 1e-9]), right)
    noise_m = np.hypot(_LEAST_ERROR_M, _residual_m(relative_m, rays, score, alone))
    prior = (noise_m / (_PRIOR_TRUST * sigma_m)) ** 2
    normal[2, 2] += prior
    right[2] += prior * depth_m
    root = np.linalg.solve(normal, right)
    if root[2] < _MIN_DEPTH_M:
        root *= _MIN_DEPTH_M / root[2] if root[2] > 1e-3 else 0.0
        root[2] = _MIN_DEPTH_M
    return root.astype(np.float32)


def fit_root_alone(relative_m: FloatArray, rays: FloatArray, score: FloatArray) -> tuple[FloatArray, float]:
    """The pelvis (3,) that makes a pose (17, 3) fit its rays (17, 2), and its depth's sigma, metres.

    `fit_root` without a prior. Where the joints in view are too few or too close together to tell the
    depth (its sigma would exceed it), it is taken for 4 m with a sigma of 4 m, and the rays say where in
    the image; nothing is ever NaN.
    """
    normal, right = _equations(relative_m, rays, score)
    normal[2, 2] += 1e-9
    root = np.linalg.solve(normal, right)
    if root[2] > _MIN_DEPTH_M:
        sigma_m = _sigma_m(normal, float(root[2]))
        if sigma_m < root[2]:
            return root.astype(np.float32), sigma_m
    anywhere = fit_root(relative_m, rays, score, _ANYWHERE_M, _ANYWHERE_SIGMA_M)
    return anywhere, _ANYWHERE_SIGMA_M


def _equations(relative_m: FloatArray, rays: FloatArray, score: FloatArray) -> tuple[Array, Array]:
    """The normal equations (3, 3), (3,) of the pelvis for joints with an error of 1 m."""
    weight = score.astype(np.float64)
    u, v = np.where(score[:, None] > 0, rays, 0.0).astype(np.float64).T
    x, y, z = relative_m.astype(np.float64).T
    total = weight.sum() + 1e-9
    normal = np.array(
        [
            [total, 0.0, -(weight * u).sum()],
            [0.0, total, -(weight * v).sum()],
            [-(weight * u).sum(), -(weight * v).sum(), (weight * (u * u + v * v)).sum()],
        ]
    )
    rx, ry = u * z - x, v * z - y
    right = np.array([(weight * rx).sum(), (weight * ry).sum(), -(weight * (u * rx + v * ry)).sum()])
    return normal, right


def _residual_m(relative_m: FloatArray, rays: FloatArray, score: FloatArray, root_m: Array) -> float:
    """How far joints put at a root (3,) lie off their rays, root mean square a coordinate, metres."""
    placed = relative_m + root_m
    off = placed[:, :2] - np.where(score[:, None] > 0, rays, 0.0) * placed[:, 2:]
    return float(np.sqrt((score @ (off * off).sum(axis=1)) / (2 * score.sum() + 1e-9)))


def _noise_m(depth_m: float) -> float:
    """How far a joint at this depth is off its ray."""
    return float(np.hypot(_POSE_ERROR_M, _RAY_ERROR * depth_m))


def _sigma_m(normal: Array, depth_m: float) -> float:
    """The sigma of a fitted depth: what the joints' errors make of it, and what the body's size does."""
    total, across, down = normal[0, 0], normal[0, 2], normal[1, 2]
    known = max(normal[2, 2] - (across**2 + down**2) / total, 1e-6)
    return float(np.hypot(_noise_m(depth_m) / np.sqrt(known), _SIZE_ERROR * depth_m))


_SPINE_PATH = ("pelvis", "spine", "thorax", "neck", "head")
_LEG_PATHS = (("l_hip", "l_knee", "l_ankle"), ("r_hip", "r_knee", "r_ankle"))
STATURE_RATIO = 1.130
"""Stature over the summed bones from ankle to head, which leave out the sole and the crown: that of the
sample's body, whose joints are exact."""


def bone_paths_m(pose_m: FloatArray) -> Array:
    """The summed length of the bones from the ankles (both legs' mean) to the head: (..., 17, 3) to (...)."""

    def length(names: Sequence[str]) -> Array:
        bones_m = np.diff(pose_m[..., H36M17.indices(*names), :], axis=-2)
        return np.asarray(np.linalg.norm(bones_m, axis=-1).sum(axis=-1), np.float64)

    return length(_SPINE_PATH) + (length(_LEG_PATHS[0]) + length(_LEG_PATHS[1])) / len(_LEG_PATHS)


def bone_path_m(relative_m: FloatArray) -> float:
    """`bone_paths_m` of one pose (17, 3)."""
    return float(bone_paths_m(relative_m))


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

"""From 2D joints to 3D: the streaming lifter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from realtime.engines.base import Engine, HoldingEngine, StatefulEngine
from realtime.errors import ManifestError, UsageError
from realtime.finite import FiniteCheck
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

RAYS, SCORE, DEPTH, UP, LAG = "rays", "score", "depth", "up", "lag"
POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA, CONFIDENCE = "pose", "root_depth", "root_depth_sigma", "confidence"


_HALF_SURE = math.radians(4)


def told_up(up: FloatArray, sigma_rad: float | Array) -> FloatArray:
    """The world's up (..., 3), a unit vector in camera axes, as lifters are told it: shorter if less sure.

    sigma_rad: (..., 1) root mean square of the angle by which it is off; at 4 degrees it is half as long.
    """
    return np.asarray(up / (1 + (sigma_rad / _HALF_SURE) ** 2), np.float32)


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
    middle_px = np.array((width / 2, height / 2), np.float32)
    within = np.abs(points_px - middle_px) < middle_px * np.float32(1 + 2 * _IMAGE_MARGIN)
    return np.asarray(within[..., 0] & within[..., 1])


class Lifter:
    """A step model with its temporal state, one row of state for each person.

    The state is the engine's input and output, or stays inside an engine that keeps it where the network
    runs; it starts at zeros with a person and dies with them.
    An engine that keeps state serves one lifter at a time: the last one made, at its lag.
    A person of whom the net gives NaN begins afresh; that pose is NaN, and `finite` counts it.
    lag: frames ago that answers are for, one of `manifest.lags`; below 0 they are for a frame to come.
    Raises ManifestError when the engine's tensors are not those of a lifter, UsageError for another lag.
    """

    def __init__(self, manifest: Manifest, engine: Engine, lag: int = 0) -> None:
        wanted = {RAYS, SCORE} | {s.input for s in manifest.state} | ({LAG} if manifest.lags else set())
        given = {POSE} | {s.output for s in manifest.state}
        fits = wanted <= set(engine.inputs) <= wanted | {DEPTH, UP} and given <= set(engine.outputs)
        if manifest.role != "lifter" or not fits:
            raise ManifestError(
                f"{manifest.name} is not a lifter: it must take {sorted(wanted)} and give {sorted(given)}"
            )
        self.manifest = manifest
        self.lag = lag
        self.finite = FiniteCheck(manifest.name)
        self._lag_row = choose_lag(manifest, lag)
        self._lag_rows = self._lag_row[None]
        self._up: FloatArray | None = None
        self._up_rows = np.zeros((1, 3), np.float32)
        self._engine = engine
        self._rows: dict[int, dict[str, Array]] = {}
        self._keeper: StatefulEngine | None = None
        pairs = dict(manifest.state_pairs)
        if pairs and isinstance(engine, StatefulEngine) and dict(engine.resident) == pairs:
            self._keeper = engine
        self._feeds_lag = bool(manifest.lags)
        if self._keeper is not None and isinstance(engine, HoldingEngine) and manifest.lags:
            engine.hold({LAG: self._lag_rows})
            self._feeds_lag = False

    @property
    def delay(self) -> int:
        """Frames an answer lies behind the newest input; below 0, ahead of it."""
        return self.manifest.delay + self.lag

    def step(
        self,
        rays: FloatArray,
        score: FloatArray,
        ids: Sequence[int],
        depth: FloatArray | None = None,
        up: FloatArray | None = None,
    ) -> Lifted:
        """Advance N people by one frame; the answers are for the frame `delay` steps before.

        rays: (N, 17, 2) x/z, y/z. score: (N, 17), 0 for missing. depth: (N, 17) behind the pelvis as the
        2D net sees it, in the unit of rays; zeros, or None, where it gives none. up: (3,) as of `told_up`;
        None where it is not known. Lifters that do not take these ignore them.
        """
        if not len(ids):
            empty = np.zeros(0, np.float32)
            return Lifted(np.zeros((0, len(H36M17), 3), np.float32), empty, empty)
        feeds: dict[str, Array] = {RAYS: rays, SCORE: score}
        if DEPTH in self._engine.inputs:
            feeds[DEPTH] = np.zeros(score.shape, np.float32) if depth is None else depth
        if UP in self._engine.inputs:
            feeds[UP] = self._ups(len(ids), up)
        if self._feeds_lag:
            if len(self._lag_rows) != len(ids):
                self._lag_rows = np.tile(self._lag_row, (len(ids), 1))
            feeds[LAG] = self._lag_rows
        if self._keeper is not None:
            out = self._keeper.infer_stateful(feeds, ids)
        else:
            out = self._step_with_rows(feeds, ids)
        if not self.finite.passes([out[POSE]]):
            for n in np.flatnonzero(~np.isfinite(out[POSE]).all(axis=(1, 2))).tolist():
                self.drop(ids[n])  # NaN in the state would stay there for good
        return Lifted(
            out[POSE].copy(),
            out[ROOT_DEPTH].copy() if ROOT_DEPTH in out else _unsaid(ids),
            out[ROOT_DEPTH_SIGMA].copy() if ROOT_DEPTH_SIGMA in out else _unsaid(ids),
            out[CONFIDENCE].copy() if CONFIDENCE in out else None,
        )

    def _ups(self, people: int, up: FloatArray | None) -> FloatArray:
        """The camera's up for each person, kept while it stays the same array."""
        if up is not self._up or len(self._up_rows) != people:
            self._up = up
            self._up_rows = np.zeros((people, 3), np.float32) if up is None else np.tile(up, (people, 1))
        return self._up_rows

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


def _unsaid(ids: Sequence[int]) -> FloatArray:
    return np.full(len(ids), np.nan, np.float32)

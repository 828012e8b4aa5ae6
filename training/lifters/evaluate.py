"""Evaluation of shipped lifters: the ONNX step model, frame by frame, as the live pipeline feeds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from export.onnx_info import parameter_count
from realtime.engines.base import Engine
from realtime.engines.open import Choice, open_engine
from realtime.lift import ROOT_DEPTH, Lifted, LiftedPerson, Lifter, choose_lag
from realtime.manifest import Manifest
from realtime.root import place
from realtime.size import BodySize, KnownSize
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.cameras import FOV_DEG
from training.lifters.metrics import (
    acceleration_error_mm,
    auc,
    bone_variation_percent,
    depth_bias_percent,
    joint_errors_mm,
    mpjpe_mm,
    n_mpjpe_mm,
    pa_mpjpe_mm,
    pck,
    root_error_mm,
    velocity_error_mm,
)
from training.lifters.takes import GroupBy, InputKind, Take, takes_of
from training.mocap.motion import Motion, MotionFileError

Row = dict[str, object]
Figures = dict[str, float]

KEYS = (
    "lifter", "input", "lag_frames", "mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm",
    "accel_mm", "pck150", "auc", "params", "step_ms",
)  # fmt: skip
"""What every row holds, in this order: a fixed contract."""
MORE_KEYS = ("within_sigma", "depth_bias_percent", "bone_cv_percent", "root")
"""What rows hold after them; "height_given", "tilt_given" and "group" follow where they apply."""

_PELVIS = H36M17.index("pelvis")
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a lifter said of a take.

    pose_m: (T, 17, 3) root-relative. root_m: (T, 3). sigma_m, step_ms: (T,).
    """

    pose_m: FloatArray
    root_m: FloatArray
    sigma_m: FloatArray
    step_ms: Array


@dataclass(frozen=True, slots=True)
class Conditions:
    """What lifters are given and where they run.

    height_given: poses and depths are scaled to the person's true stature, as live. tilt_given: lifters are
    told the world's up in camera axes, where they take it and the take keeps it. closed_form_root: the
    net's own depth is ignored. lag: asked of lifters that have a lag dial. records: None for those shipped.
    """

    kind: InputKind = "gt"
    seed: int = 0
    fov_deg: tuple[float, float] = FOV_DEG
    engine: Choice = "onnxruntime"
    threads: int = 2
    height_given: bool = False
    tilt_given: bool = False
    closed_form_root: bool = False
    lag: int = 0
    records: Path | None = None

    def takes(self, motion: Motion) -> Sequence[Take]:
        """What the lifters will see."""
        return takes_of(motion, self.kind, self.seed, self.fov_deg, self.records)


class Steps(Protocol):
    """What is evaluated: `realtime.lift.Lifter`, or a stand-in."""

    @property
    def delay(self) -> int: ...

    def step(
        self,
        rays: FloatArray,
        score: FloatArray,
        ids: Sequence[int],
        depth: FloatArray | None = None,
        up: FloatArray | None = None,
    ) -> Lifted: ...

    def drop(self, person: int) -> None: ...


def run_lifter(lifter: Steps, take: Take, conditions: Conditions = Conditions()) -> Answer:
    """Feed a take to a lifter one frame at a time, from a fresh state.

    An answer that lags is placed by the rays of its own frame; one that runs ahead, by the newest.
    """
    frames, behind = len(take), max(lifter.delay, 0)
    pose_m, root_m = np.empty((frames, 17, 3), np.float32), np.empty((frames, 3), np.float32)
    sigma_m, step_ms = np.empty(frames, np.float32), np.empty(frames)
    body = BodySize(KnownSize(take.stature_m)) if conditions.height_given else None
    up = take.up if conditions.tilt_given and np.isfinite(take.up).all() else None
    scale: float | None = None
    seen: Array = np.any(take.score > 0, axis=1)
    for t in range(frames):
        now = slice(t, t + 1)
        began_ns = time.perf_counter_ns()
        lifted = lifter.step(take.rays[now], take.score[now], (0,), take.depth[now], up).person(0)
        step_ms[t] = (time.perf_counter_ns() - began_ns) / 1e6
        if conditions.closed_form_root:
            lifted = _without_depth(lifted)
        own = max(t - behind, 0)
        if body is not None and seen[own] and t >= behind:
            scale = body.update(lifted.relative_m)
        pose_m[t] = lifted.relative_m if scale is None else lifted.relative_m * np.float32(scale)
        root_m[t], sigma_m[t] = place(lifted, take.rays[own], take.score[own], scale)
    lifter.drop(0)
    return Answer(pose_m, root_m, sigma_m, step_ms)


def _without_depth(lifted: LiftedPerson) -> LiftedPerson:
    return lifted._replace(root_depth_m=np.nan, root_sigma_m=np.nan)


class Tally:
    """Gathers per-frame errors over takes and reduces them to a row's figures."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}

    def __bool__(self) -> bool:
        """Whether any frame was counted."""
        return bool(self._parts)

    def add(self, take: Take, answer: Answer, lag: int) -> None:
        """Count one take. The answer at t is of frame t - lag; a negative lag is a prediction.

        Frames with no joint in view are left out, and those at the ends that have no answer or no truth.
        """
        behind, ahead, frames = max(lag, 0), max(-lag, 0), len(take)
        true, said = slice(ahead, frames - behind), slice(behind, frames - ahead)
        seen: Array = np.any(take.score[true] > 0, axis=1)
        if frames <= behind + ahead or not seen.any():
            return
        root_true = take.truth_m[true, _PELVIS]
        truth_m = take.truth_m[true] - root_true[:, None]
        pose_m, root_m = answer.pose_m[said], answer.root_m[said]
        miss_m = np.abs(root_m[:, 2] - root_true[:, 2])
        steps = seen[1:] & seen[:-1]
        for name, values in (
            ("joints", joint_errors_mm(pose_m, truth_m)[seen]),
            ("mpjpe_mm", mpjpe_mm(pose_m, truth_m)[seen]),
            ("n_mpjpe_mm", n_mpjpe_mm(pose_m, truth_m)[seen]),
            ("pa_mpjpe_mm", pa_mpjpe_mm(pose_m, truth_m)[seen]),
            ("mrpe_mm", root_error_mm(root_m, root_true)[seen]),
            ("within_sigma", (miss_m <= answer.sigma_m[said])[seen]),
            ("depth_bias_percent", depth_bias_percent(root_m, root_true)[seen]),
            ("bone_cv_percent", np.array([bone_variation_percent(pose_m[seen])])),
            ("mpjve_mm", velocity_error_mm(pose_m, truth_m)[steps]),
            ("accel_mm", acceleration_error_mm(pose_m, truth_m)[steps[1:] & steps[:-1]]),
            ("step_ms", answer.step_ms),
        ):
            self._parts.setdefault(name, []).append(values.reshape(-1))

    def figures(self) -> Figures:
        """Means over frames, PCK and AUC over joints, the median step time, bones' change over takes."""
        if not self:
            raise MotionFileError("no frame of the motion shows anyone: take longer or other sequences")
        whole = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        errors, step_ms = whole.pop("joints"), whole.pop("step_ms")
        found = {name: float(values.mean()) if values.size else 0.0 for name, values in whole.items()}
        found |= {"pck150": pck(errors), "auc": auc(errors), "step_ms": float(np.median(step_ms))}
        return {name: round(value, _DECIMALS) for name, value in found.items()}


def evaluate_takes(
    manifest: Manifest,
    takes: Sequence[Take],
    conditions: Conditions,
    by: GroupBy | None = None,
    tick: Callable[[int], object] = lambda frames: None,
) -> dict[str, Figures]:
    """The figures of one lifter for each group of takes, by name; `tick` is told how many frames each took.

    Root-relative errors are over all joints but the root. The root is where `realtime.lift.place` puts it,
    as in the live pipeline. Groups of which no frame shows anyone are left out.
    """
    model, state = manifest.check_file(), manifest.state_pairs
    engine: Engine = open_engine(model, conditions.engine, conditions.threads, manifest.role, state)
    tallies: dict[str, Tally] = {}
    try:
        lifter = Lifter(manifest, engine, conditions.lag)
        lag = lifter.delay
        for take in takes:
            tally = tallies.setdefault(take.group(by), Tally())
            tally.add(take, run_lifter(lifter, take, conditions), lag)
            tick(len(take))
    finally:
        engine.close()
    counted = {name: tally for name, tally in tallies.items() if tally} or {"all": Tally()}
    fixed = {"lag_frames": lag, "params": parameter_count(manifest.path)}
    return {name: counted[name].figures() | fixed for name in sorted(counted)}


def evaluate(
    manifest: Manifest,
    motion: Motion,
    conditions: Conditions,
    tick: Callable[[int], object] = lambda frames: None,
) -> Figures:
    """The figures of one lifter over all sequences; see `evaluate_takes`."""
    return evaluate_takes(manifest, conditions.takes(motion), conditions, tick=tick)["all"]


def rows_of(
    manifest: Manifest,
    takes: Sequence[Take],
    conditions: Conditions,
    by: GroupBy | None = None,
    tick: Callable[[int], object] = lambda frames: None,
) -> list[Row]:
    """One row for each group, as `realtime-evaluate` prints them."""
    nets = ROOT_DEPTH in manifest.outputs and not conditions.closed_form_root
    rows = []
    for group, figures in evaluate_takes(manifest, takes, conditions, by, tick).items():
        known: Row = {"lifter": manifest.name, "input": conditions.kind, **figures}
        known |= {"root": "net" if nets else "closed form", "group": group}
        given = {"height_given": conditions.height_given, "tilt_given": conditions.tilt_given}
        known |= given
        keys = (*KEYS, *MORE_KEYS, *(key for key, said in given.items() if said), *(("group",) * bool(by)))
        rows.append({key: known[key] for key in keys})
    return rows


def lags_of(manifest: Manifest, asked: Sequence[int]) -> list[int]:
    """The lags to evaluate a lifter at: those asked for if it has a dial, else its own alone.

    Raises UsageError for a lag that is not on its dial.
    """
    if not manifest.lags or not asked:
        return [0]
    for lag in asked:
        choose_lag(manifest, lag)
    return list(dict.fromkeys(asked))

"""Evaluation of shipped lifters: the ONNX step model, frame by frame, on motion seen by drawn cameras."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from export.onnx_info import parameter_count
from realtime.engines.base import Engine
from realtime.engines.open import Choice, open_engine
from realtime.lift import Lifter, fit_root
from realtime.manifest import Manifest
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.cameras import FOV_DEG, look_at, rays_of
from training.lifters.metrics import (
    acceleration_error_mm,
    auc,
    joint_errors_mm,
    mpjpe_mm,
    n_mpjpe_mm,
    pa_mpjpe_mm,
    pck,
    root_error_mm,
    velocity_error_mm,
)
from training.lifters.noise import corrupt
from training.mocap.motion import Motion, MotionFileError, Sequence

InputKind = Literal["gt", "noise"]
_PELVIS = H36M17.index("pelvis")
_CANDIDATES = 256
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Take:
    """A sequence as a lifter is given it, and the truth in camera axes.

    rays: (T, 17, 2). score: (T, 17). truth_m: (T, 17, 3), root included.
    """

    rays: FloatArray
    score: FloatArray
    truth_m: FloatArray


@dataclass(frozen=True, slots=True)
class Answer:
    """What a lifter said of a take.

    pose_m: (T, 17, 3) root-relative. root_m: (T, 3). sigma_m, step_ms: (T,).
    """

    pose_m: FloatArray
    root_m: FloatArray
    sigma_m: FloatArray
    step_ms: Array


def draw_take(sequence: Sequence, kind: InputKind, seed: int, fov_deg: tuple[float, float] = FOV_DEG) -> Take:
    """One sequence seen by a still camera. The same sequence name and seed give the same take.

    The camera is the first drawn, in the manner of training, that shows every joint in every probed
    frame, or the best of 256. Joints outside the image are missing, with either kind of input.
    """
    rng = np.random.default_rng((seed, zlib.crc32(f"{sequence.subject}/{sequence.name}".encode())))
    world_m = sequence.positions_m[None]
    cameras = look_at(rng, world_m, np.ones(1), _CANDIDATES, fov_deg)
    truth_m = cameras.joints(world_m)
    rays, score = rays_of(truth_m), np.ones(truth_m.shape[:-1], np.float32)
    if kind == "noise":
        rays, score = corrupt(rng, rays)
    score = np.where(cameras.in_image(truth_m), score, 0.0).astype(np.float32)
    return Take(rays[0], score[0], truth_m[0])


def run_lifter(lifter: Lifter, take: Take) -> Answer:
    """Feed a take to a lifter one frame at a time, from a fresh state."""
    frames = len(take.rays)
    pose_m, root_m = np.empty((frames, 17, 3), np.float32), np.empty((frames, 3), np.float32)
    sigma_m, step_ms = np.empty(frames, np.float32), np.empty(frames)
    for t in range(frames):
        rays, score = take.rays[t : t + 1], take.score[t : t + 1]
        began_ns = time.perf_counter_ns()
        lifted = lifter.step(rays, score, (0,)).person(0)
        step_ms[t] = (time.perf_counter_ns() - began_ns) / 1e6
        pose_m[t], sigma_m[t] = lifted.relative_m, lifted.root_sigma_m
        root_m[t] = fit_root(lifted.relative_m, rays[0], score[0], lifted.root_depth_m, lifted.root_sigma_m)
    lifter.drop(0)
    return Answer(pose_m, root_m, sigma_m, step_ms)


class Tally:
    """Gathers per-frame errors over takes and reduces them to a row's figures."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}

    def add(self, take: Take, answer: Answer, lag: int) -> None:
        """Count one take. Frames with no joint in view are left out; `lag` frames at the end too."""
        frames = len(take.rays) - lag
        seen: Array = np.any(take.score[:frames] > 0, axis=1)
        if frames < 1 or not seen.any():
            return
        root_true = take.truth_m[:frames, _PELVIS]
        truth_m = take.truth_m[:frames] - root_true[:, None]
        pose_m, root_m = answer.pose_m[lag:], answer.root_m[lag:]
        miss_m = np.abs(root_m[:, 2] - root_true[:, 2])
        self._put("joints", joint_errors_mm(pose_m, truth_m)[seen])
        for name, measure in (
            ("mpjpe_mm", mpjpe_mm),
            ("n_mpjpe_mm", n_mpjpe_mm),
            ("pa_mpjpe_mm", pa_mpjpe_mm),
        ):
            self._put(name, measure(pose_m, truth_m)[seen])
        self._put("mrpe_mm", root_error_mm(root_m, root_true)[seen])
        self._put("within_sigma", (miss_m <= answer.sigma_m[lag:])[seen])
        steps = seen[1:] & seen[:-1]
        self._put("mpjve_mm", velocity_error_mm(pose_m, truth_m)[steps])
        self._put("accel_mm", acceleration_error_mm(pose_m, truth_m)[steps[1:] & steps[:-1]])
        self._put("step_ms", answer.step_ms)

    def _put(self, name: str, values: Array) -> None:
        self._parts.setdefault(name, []).append(np.asarray(values).reshape(-1))

    def figures(self) -> dict[str, float]:
        """Means over frames, PCK and AUC over joints, the median step time, the share within a sigma."""
        if not self._parts:
            raise MotionFileError("no frame of the motion shows anyone: take longer or other sequences")
        whole = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        errors, step_ms = whole.pop("joints"), whole.pop("step_ms")
        found = {name: float(values.mean()) if values.size else 0.0 for name, values in whole.items()}
        found |= {"pck150": pck(errors), "auc": auc(errors), "step_ms": float(np.median(step_ms))}
        return {name: round(value, _DECIMALS) for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What lifters are given and where they run."""

    kind: InputKind = "gt"
    seed: int = 0
    fov_deg: tuple[float, float] = FOV_DEG
    engine: Choice = "onnxruntime"
    threads: int = 2


def evaluate(
    manifest: Manifest,
    motion: Motion,
    conditions: Conditions,
    tick: Callable[[int], object] = lambda frames: None,
) -> dict[str, float]:
    """The figures of one lifter over all sequences; `tick` is told how many frames each took.

    Root-relative errors are over all joints but the root. The root is the pose fitted to its rays with
    the model's depth as the prior (`realtime.lift.fit_root`), as the live pipeline does.
    """
    engine: Engine = open_engine(manifest.check_file(), conditions.engine, conditions.threads)
    try:
        lifter, tally = Lifter(manifest, engine), Tally()
        for sequence in motion.sequences:
            take = draw_take(sequence, conditions.kind, conditions.seed, conditions.fov_deg)
            tally.add(take, run_lifter(lifter, take), manifest.delay)
            tick(len(sequence))
    finally:
        engine.close()
    fixed = {"lag_frames": manifest.delay, "params": parameter_count(manifest.path)}
    return tally.figures() | fixed

"""The sample clip: a rendered person, its camera, and how far a run was from the exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from realtime.camera import Intrinsics, load_intrinsics
from realtime.types import Array, FloatArray, Result

NAME = "sample"


def clip_path() -> Path:
    """The video file."""
    return _asset("sample.mp4")


def camera() -> Intrinsics:
    """The exact camera it was rendered with."""
    return load_intrinsics(_asset("sample_camera.yaml"))


def load_truth() -> dict[str, Array]:
    """The exact truth: `pose_m` (T, 17, 3) absolute camera space, `keypoints_px` (T, 17, 2), `visible`
    (T, 17), `box_px` (T, 4), `height_m`, `fps`, `joints`."""
    with np.load(_asset("sample_truth.npz"), allow_pickle=False) as truth:
        return dict(truth)


def _asset(name: str) -> Path:
    return Path(str(resources.files("realtime.assets"))) / name


@dataclass(frozen=True, slots=True)
class TruthError:
    """Mean errors of a run on the sample against its truth, over the frames with a person.

    mpjpe_mm: joints but the root, root-relative. mrpe_mm: the root. keypoints_px: median over 2D joints.
    """

    frames: int
    found: int
    mpjpe_mm: float
    mrpe_mm: float
    keypoints_px: float

    def __str__(self) -> str:
        if not self.found:
            return f"against the exact truth: no person found in {self.frames} frames"
        return (
            f"against the exact truth ({self.found} of {self.frames} frames): "
            f"MPJPE {self.mpjpe_mm:.0f} mm, root {self.mrpe_mm:.0f} mm, 2D median {self.keypoints_px:.1f} px"
        )


class TruthSink:
    """Compares results with the sample's truth, frame by frame.

    ahead: frames that poses lie ahead of their images, for a lifter that predicts.
    """

    def __init__(self, ahead: int = 0) -> None:
        truth = load_truth()
        self._ahead = ahead
        self._pose_m: FloatArray = truth["pose_m"]
        self._keypoints_px: FloatArray = truth["keypoints_px"]
        self._frames = 0
        self._relative: list[float] = []
        self._root: list[float] = []
        self._pixels: list[FloatArray] = []

    def write(self, result: Result) -> None:
        """Take in one result; the first person counts."""
        self._frames += 1
        told = result.frame.index + self._ahead
        if not result.people or told >= len(self._pose_m):
            return
        person, truth_m = result.people[0], self._pose_m[told]
        relative_m = person.pose.relative_m - (truth_m - truth_m[0])
        self._relative.append(float(np.linalg.norm(relative_m[1:], axis=1).mean()))
        self._root.append(float(np.linalg.norm(person.pose.root_m - truth_m[0])))
        offset_px = person.keypoints_px[:, :2] - self._keypoints_px[result.frame.index]
        self._pixels.append(np.linalg.norm(offset_px, axis=1).astype(np.float32))

    def close(self) -> None:
        """Nothing is held open."""

    def error(self) -> TruthError:
        """The account so far."""
        if not self._relative:
            return TruthError(self._frames, 0, *[float("nan")] * 3)
        return TruthError(
            self._frames,
            len(self._relative),
            float(np.mean(self._relative)) * 1e3,
            float(np.mean(self._root)) * 1e3,
            float(np.median(np.stack(self._pixels))),
        )

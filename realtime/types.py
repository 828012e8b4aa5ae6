"""What flows through the pipeline: frozen, validated, never copied without need.

Arrays are float32 unless said otherwise. N people, J joints. Empty is shape (0, ...), never None.
Pixels: full image, x right, y down, the centre of the top-left pixel at (0, 0).
Camera space: metres, x right, y down, z forward.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ImageArray = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]


def _check(name: str, array: Array, shape: tuple[int | None, ...], dtype: type = np.float32) -> None:
    """Raise ValueError unless `array` has this dtype and shape (None: any size)."""
    if array.shape == shape and array.dtype == dtype:
        return
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = tuple("any" if size is None else size for size in shape)
        raise ValueError(f"{name} must be {np.dtype(dtype)} {wanted}, not {array.dtype} {array.shape}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One image and when it was grabbed.

    image: (H, W, 3) uint8, BGR. index: 0-based count of frames the source delivered.
    captured_ns: `time.perf_counter_ns` at the grab. media_s: seconds on the source's own clock.
    ready_ns: when the image was in hand and began to wait for the pipeline; None where it does not wait.
    """

    image: ImageArray
    index: int
    captured_ns: int
    media_s: float
    ready_ns: int | None = None

    def __post_init__(self) -> None:
        _check("Frame.image", self.image, (None, None, 3), np.uint8)

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True)
class Region:
    """A rotated square in the image that holds one person. Pixels and radians.

    `angle_rad` turns the upright square clockwise as seen on screen (y is down).
    """

    cx_px: float
    cy_px: float
    size_px: float
    angle_rad: float

    def corners_px(self) -> FloatArray:
        """(4, 2) corners: top-left, top-right, bottom-right, bottom-left of the turned square."""
        half = self.size_px / 2
        unit = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) * half
        c, s = np.cos(self.angle_rad), np.sin(self.angle_rad)
        turn = np.array([[c, s], [-s, c]], np.float32)
        return (unit @ turn + np.array([self.cx_px, self.cy_px], np.float32)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Boxes:
    """What a person detector found. xyxy_px: (N, 4); score: (N,) in [0, 1]; regions: one a person."""

    xyxy_px: FloatArray
    score: FloatArray
    regions: tuple[Region, ...]

    def __post_init__(self) -> None:
        _check("Boxes.xyxy_px", self.xyxy_px, (len(self.regions), 4))
        _check("Boxes.score", self.score, (len(self.regions),))

    def __len__(self) -> int:
        return len(self.regions)


@dataclass(frozen=True, slots=True)
class Keypoints2D:
    """One person's joints as a 2D net sees them.

    xy_px: (J, 2). score: (J,) in [0, 1], how likely the joint is visible where it is said to be.
    depth_px: (J,) along the optical axis relative to the hips, in pixels at the person's scale,
    negative towards the camera; NaN where the net gives none.
    presence: probability that a person is in the region at all.
    """

    xy_px: FloatArray
    score: FloatArray
    depth_px: FloatArray
    presence: float

    def __post_init__(self) -> None:
        joints = self.xy_px.shape[0]
        _check("Keypoints2D.xy_px", self.xy_px, (joints, 2))
        _check("Keypoints2D.score", self.score, (joints,))
        _check("Keypoints2D.depth_px", self.depth_px, (joints,))


@dataclass(frozen=True, slots=True)
class Pose3D:
    """One person in camera space. relative_m: (17, 3), pelvis at the origin. root_m: (3,) the pelvis.

    root_sigma_m: one standard deviation of the root's depth. confidence: (17,) the probability that a
    joint is within 100 mm of its place, root apart; None where nobody says. It falls while a joint is not
    seen, and at 0 the joint is to be hidden. stature_m: the body height that goes with these bones; None
    where they were not followed over time.
    """

    relative_m: FloatArray
    root_m: FloatArray
    root_sigma_m: float
    confidence: FloatArray | None = None
    stature_m: float | None = None

    def __post_init__(self) -> None:
        _check("Pose3D.relative_m", self.relative_m, (17, 3))
        _check("Pose3D.root_m", self.root_m, (3,))
        if self.confidence is not None:
            _check("Pose3D.confidence", self.confidence, (17,))

    @property
    def absolute_m(self) -> FloatArray:
        """(17, 3) joints with the root added."""
        return self.relative_m + self.root_m


@dataclass(frozen=True, slots=True)
class Person:
    """One tracked person in one frame.

    box_px: (4,) x0, y0, x1, y1 round the whole person. keypoints_px: (17, 3) x, y, score.
    """

    id: int
    box_px: FloatArray
    keypoints_px: FloatArray
    pose: Pose3D
    score: float

    def __post_init__(self) -> None:
        _check("Person.box_px", self.box_px, (4,))
        _check("Person.keypoints_px", self.keypoints_px, (17, 3))


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor in camera space. up: (3,) unit vector away from it. camera_height_m: of the camera over it.

    sigma_m: one standard deviation of its height where people stood. tilt_sigma: of its tilt besides,
    radians, where it was measured under the camera.
    """

    up: FloatArray
    camera_height_m: float
    sigma_m: float
    tilt_sigma: float = 0.0

    def __post_init__(self) -> None:
        _check("Floor.up", self.up, (3,))

    def height_m(self, points_m: FloatArray) -> FloatArray:
        """(...) metres that camera-space points (..., 3) are above the floor."""
        return np.asarray(points_m @ self.up + np.float32(self.camera_height_m), np.float32)

    def sigma_at_m(self, distance_m: float) -> float:
        """One standard deviation of its height so far from the camera."""
        return math.hypot(self.sigma_m, self.tilt_sigma * distance_m)


@dataclass(frozen=True, slots=True)
class Result:
    """Everything known about one frame.

    age_ms: time spent in `capture` (from the grab until the image was in hand), in each stage, in `wait` (in
    queues, or for later frames), and in `total`, which is their sum.
    dropped: frames the source's ring let go since the previous result.
    smoothing_lag_ms: how far smoothing holds the poses back just now. floor: None where it is not known.
    up: the world's up (3,), a unit vector in camera axes; None where nothing tells it, not the floor either.
    device_ms: of each stage's time, what its network took by its device's own clock; only where it has one.
    """

    frame: Frame
    people: tuple[Person, ...]
    age_ms: Mapping[str, float] = field(default_factory=dict)
    dropped: int = 0
    smoothing_lag_ms: float = 0.0
    floor: Floor | None = None
    up: FloatArray | None = None
    device_ms: Mapping[str, float] = field(default_factory=dict)

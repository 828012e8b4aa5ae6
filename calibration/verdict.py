"""What views can tell about a camera: whether to believe it, and what to do better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.errors import CalibrationError
from realtime.camera import Intrinsics
from realtime.types import Array, FloatArray

FEW_VIEWS = 6
GOOD_TILT_DEG = 15.0
GOOD_COVERAGE = 0.4

_UNSURE, _HOPELESS = 0.01, 0.1
_HIGH_RMS = 0.5 / 1280
_FOV_DEG = (5.0, 175.0)
_BLURRED_BOARD = 0.8
_MASK = 64


@dataclass(frozen=True, slots=True)
class Quality:
    """views: how many. tilted: how many tilted by GOOD_TILT_DEG or more. coverage: share of the image in
    which the board was seen."""

    views: int
    tilted: int
    coverage: float


def quality(corners_px: Sequence[FloatArray], tilt_deg: Sequence[float], size: tuple[int, int]) -> Quality:
    """What a set of views spans."""
    tilted = sum(tilt >= GOOD_TILT_DEG for tilt in tilt_deg)
    return Quality(len(corners_px), tilted, float(covered(corners_px, size).mean()))


def covered(corners_px: Sequence[FloatArray], size: tuple[int, int]) -> Array:
    """(64, 64) uint8, 1 where the board was seen: the image in 64 parts each way."""
    mask = np.zeros((_MASK, _MASK), np.uint8)
    for corners in corners_px:
        hull = cv2.convexHull((corners * (_MASK / np.array(size))).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
    return mask


def refuse(intrinsics: Intrinsics, sigma: Array, shown: Quality) -> None:
    """Raise CalibrationError for a camera that nobody should use."""
    focal_unsure = max(sigma[0] / intrinsics.fx, sigma[1] / intrinsics.fy)
    outside = not (0 < intrinsics.cx < intrinsics.width and 0 < intrinsics.cy < intrinsics.height)
    if not focal_unsure < _HOPELESS or not _FOV_DEG[0] < intrinsics.fov_deg < _FOV_DEG[1] or outside:
        faces = "the board faces the camera in nearly all of them; " if shown.tilted < 2 else ""
        raise CalibrationError(
            f"the {shown.views} views do not fix the camera (its focal length came out as "
            f"{intrinsics.fx:.0f} px, give or take {100 * np.nan_to_num(focal_unsure, nan=9.99):.0f} %): "
            f"{faces}tilt the board by 20 to 45 degrees to every side, and bring it near"
        )


def warnings(
    intrinsics: Intrinsics, sigma: Array, shown: Quality, rms_px: float, blurs: Sequence[float]
) -> tuple[str, ...]:
    """Sentences about what makes the camera less sure than it could be, each with its remedy."""
    said = []
    focal_unsure = max(sigma[0] / intrinsics.fx, sigma[1] / intrinsics.fy)
    if shown.tilted < min(3, shown.views):
        said.append(
            f"the board is tilted by {GOOD_TILT_DEG:g} degrees or more in only {shown.tilted} of "
            f"{shown.views} views, which leaves the focal length loose: tilt it by 20 to 45 degrees to every "
            "side"
        )
    if focal_unsure > _UNSURE:
        said.append(
            f"the focal length is only known to {100 * focal_unsure:.1f} % (one standard deviation), and "
            "every distance with it: add views with the board tilted and near"
        )
    if shown.views < FEW_VIEWS:
        said.append(
            f"only {shown.views} views: the uncertainties themselves are rough; 10 to 20 views are good"
        )
    if shown.coverage < GOOD_COVERAGE:
        said.append(
            f"the board was seen in {100 * shown.coverage:.0f} % of the image, and distortion is a guess "
            "elsewhere: bring the board to the corners and the rim"
        )
    if rms_px > _HIGH_RMS * max(intrinsics.width, intrinsics.height):
        said.append(
            f"an RMS of {rms_px:.2f} px is high: is the board flat, are the photos sharp, is the lens an "
            "ordinary one? For wide lenses try --lens rational or --lens fisheye"
        )
    if blurred := sum(b > _BLURRED_BOARD for b in blurs):
        said.append(f"the board is blurred in {blurred} views: hold camera and board still, in good light")
    if abs(intrinsics.fx / intrinsics.fy - 1) > 0.02:
        said.append(
            f"fx and fy differ by {100 * abs(intrinsics.fx / intrinsics.fy - 1):.1f} %, as few cameras' do: "
            "was the video stretched, or the board printed unevenly?"
        )
    return tuple(said)

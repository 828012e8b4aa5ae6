"""The focal length from the straight lines of a room, without a board.

A room's three axes are at right angles, and only with the true focal length are they so in a picture, too:
with another no room explains the edges as well (B. Caprile, V. Torre, "Using vanishing points for camera
calibration", IJCV 1990). For each focal length that a camera may have the room that explains them best is
sought (`realtime.level`); what is usual of cameras is the prior. Square pixels, centred, no distortion. How
good it is, is measured by benchmarks/focal_length.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.errors import CalibrationError
from realtime.camera import Intrinsics
from realtime.level import how_well_explained
from realtime.types import FloatArray

TELLING = 0.2
"""Up to this log_sigma an estimate is to be used; assuming 60 degrees is off by more."""

_USUAL_SIGMA = 0.3
_LOG_RATIOS = np.linspace(-0.7, 0.7, 57)
"""Focal lengths that are tried, over that of 60 degrees: from 98 to 32."""
_LEAST_SIGMA = 0.02


@dataclass(frozen=True, slots=True)
class FocalEstimate:
    """What the edges of some pictures tell of their camera.

    focal_px: in pixels of the image. log_sigma: one standard deviation of its logarithm. pictures: how many.
    """

    focal_px: float
    log_sigma: float
    pictures: int
    width: int
    height: int

    @property
    def fov_deg(self) -> float:
        """Field of view across the longer side."""
        return self.fov_deg_if(1.0)

    def fov_deg_if(self, factor: float) -> float:
        """The same if the focal length were so many times as long."""
        return math.degrees(2 * math.atan(max(self.width, self.height) / 2 / (self.focal_px * factor)))

    @property
    def usable(self) -> bool:
        """Whether it is sure enough."""
        return self.log_sigma <= TELLING


def focal_of_lines(pictures: Sequence[FloatArray], width: int, height: int) -> FocalEstimate:
    """The focal length that straight edges tell, of pictures by one camera that stands still.

    pictures: of each, the edges (N, 4) in pixels, longest first. Pictures of one place are no independent
    witnesses: what they say is averaged. Raises CalibrationError where there is no edge in any of them.
    """
    some = [lines_px for lines_px in pictures if len(lines_px)]
    if not some:
        raise CalibrationError(
            "no straight edge is to be seen: show walls, doors and shelves, sharply and in good light"
        )
    usual = Intrinsics.assumed(width, height)
    cameras = [
        Intrinsics(usual.fx * k, usual.fy * k, usual.cx, usual.cy, width, height) for k in np.exp(_LOG_RATIOS)
    ]
    scores = np.mean([[how_well_explained(lines, c, usual) for c in cameras] for lines in some], axis=0)
    scores -= 0.5 * (_LOG_RATIOS / _USUAL_SIGMA) ** 2
    likely = np.exp(scores - scores.max())
    likely /= likely.sum()
    mean = float(likely @ _LOG_RATIOS)
    sigma = math.sqrt(float(likely @ (_LOG_RATIOS - mean) ** 2))
    return FocalEstimate(
        usual.fx * math.exp(mean), max(sigma, _LOG_RATIOS[1] - _LOG_RATIOS[0]), len(some), width, height
    )

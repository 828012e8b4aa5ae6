"""The box round a whole person: their joints, and the body and clothes that lie round these."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import FloatArray

_REACH: Mapping[str, float] = {
    "pelvis": 0.07, "spine": 0.07, "thorax": 0.07, "neck": 0.05, "head": 0.085, "hip": 0.07, "knee": 0.05,
    "ankle": 0.06, "shoulder": 0.045, "elbow": 0.035, "wrist": 0.07,
}  # fmt: skip
"""How far the surface lies beyond a joint, as a share of the stature: the trunk's half depth; the skull and
hair over the top of its bone; hands and shoes. Medians of dressed bodies drawn at random, rounded."""
_REACHES = [_REACH[joint.split("_")[-1]] for joint in H36M17.joints]
_SEGMENTS: Mapping[tuple[str, str], float] = {
    ("pelvis", "thorax"): 0.288, ("l_hip", "l_knee"): 0.245, ("r_hip", "r_knee"): 0.245,
    ("l_knee", "l_ankle"): 0.246, ("r_knee", "r_ankle"): 0.246,
}  # fmt: skip
"""Lengths as a share of the stature. Source: Drillis and Contini (1966), in Winter, Biomechanics, ch. 4."""
_BONES = [(*H36M17.indices(*ends), 1 / share) for ends, share in _SEGMENTS.items()]
"""Where each starts and ends, and what the stature is of its length."""


def outline_box(points_px: FloatArray, box_px: FloatArray) -> FloatArray:
    """The box (4,) x0, y0, x1, y1 round a whole person, what is hidden or out of the image too, in pixels.

    points_px: (17, 2). box_px: (4,) round all joints that the 2D net gives.
    """
    stature = float(stature_px(points_px))
    reach_px = [share * stature for share in _REACHES]
    left, top, right, bottom = box_px.tolist()
    xs, ys = points_px.T.tolist()
    box = (
        min(left, min(map(operator.sub, xs, reach_px))),
        min(top, min(map(operator.sub, ys, reach_px))),
        max(right, max(map(operator.add, xs, reach_px))),
        max(bottom, max(map(operator.add, ys, reach_px))),
    )
    return np.array(box, np.float32)


def stature_px(points_px: FloatArray) -> np.float32:
    """How tall someone with joints (17, 2) would be in the image, upright and square to the camera.

    A bone that points at the camera looks short and a joint in the wrong place makes one long, so it is told
    by the second longest of trunk, thighs and shins, each by its usual share.
    """
    points = points_px.tolist()
    return np.float32(sorted(math.dist(points[start], points[end]) * by for start, end, by in _BONES)[-2])

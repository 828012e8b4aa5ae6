"""The focal length from somebody who walks: an experiment.

A walker's height is the same near and far, and their body stands upright on one floor. So the feet tell how
far they are (in units of the camera's height above the floor), and the rest of the body must then lie above
them at a constant height, seen in perspective. How that perspective changes over the image depends on the
focal length: hardly for a level camera, more for one that looks down or up at the walker. The camera's tilt
and the focal length are found together (F. Lv, T. Zhao, R. Nevatia, "Camera calibration from video of a
walking human", PAMI 2006, where the vanishing points of heads and feet serve).

How good it is, is measured by benchmarks/focal_length.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.errors import CalibrationError
from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

_FEET = H36M17.indices("l_ankle", "r_ankle")
_UP_THE_BODY = ("pelvis", "thorax", "neck", "head")
_BODY = H36M17.indices(*_UP_THE_BODY)
_USUAL_HEIGHTS = np.log([0.6, 0.95, 1.05, 1.15])
"""What is above the ankles, in units of the camera's height above them."""

TELLING = 0.2
"""Up to this log_sigma a walk tells enough to be used; it is about how far off 60 degrees usually is."""
UPRIGHT = 0.07
"""Up to this misfit somebody walks upright; who sits, bends or dances leads the estimate astray."""

_MIN_SCORE = 0.3
_MIN_FRAMES = 30
_NOISE = 0.06
"""How far a joint of a walker is off a rigid figure: share of the body's height in the picture. Chosen so
that on rendered walkers the stated sigmas are about what the errors are."""
_FRAMES_A_STEP = 15
"""Frames that err alike: a step's. Of them only one counts."""
_OUTLIER = 2.5

# What is known of cameras before anything is seen: one standard deviation.
_LOG_FOCAL = 0.35
_TILT_RAD, _ROLL_RAD, _LOG_HEIGHTS = 0.35, 0.05, 0.5
_LEAN, _LEAN_ASIDE = 0.08, 0.03
"""How far walkers lean, forward and to their side: horizontal shift over height."""
_STRIDE = 15
_STEPS = 40
_STARTS_FOV_DEG = (40.0, 60.0, 80.0)
_STARTS_TILT_RAD = (-0.3, 0.0, 0.3)


@dataclass(frozen=True, slots=True)
class Walk:
    """Somebody who walks, as a 2D net sees them. keypoints_px: (F, 17, 3) x, y, score, H36M-17."""

    keypoints_px: FloatArray
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FocalEstimate:
    """What a walk tells of a camera.

    focal_px: in pixels of the image. log_sigma: one standard deviation of its logarithm. prior_log_sigma:
    the same before the walk was seen. tilt_rad: the optical axis below the horizon. misfit: how far joints
    are off a figure that walks upright, root mean square, share of the body's height in the picture. frames:
    that were used.
    """

    focal_px: float
    log_sigma: float
    prior_log_sigma: float
    tilt_rad: float
    misfit: float
    frames: int
    width: int
    height: int

    @property
    def fov_deg(self) -> float:
        """Field of view across the longer side."""
        return math.degrees(2 * math.atan(max(self.width, self.height) / 2 / self.focal_px))

    @property
    def usable(self) -> bool:
        """Whether somebody walked upright, and that tells enough."""
        return self.log_sigma <= TELLING and self.misfit <= UPRIGHT

    @property
    def tells(self) -> float:
        """How much of what was unknown the walk tells, 0 to 1."""
        return 1 - self.log_sigma / self.prior_log_sigma


def focal_from_walk(walk: Walk) -> FocalEstimate:
    """The focal length that makes a walker's height constant; square pixels, centred, no distortion.

    Least squares with Huber's weights on the joints' distances from a rigid upright figure, with what is
    usual of cameras as a prior, so that a walk that tells nothing leaves the assumed field of view.
    Raises CalibrationError when too few frames show a whole standing person.
    """
    feet_px, body_px, weight = _figures(walk)
    centre = np.array([(walk.width - 1) / 2, (walk.height - 1) / 2])
    usual = Intrinsics.assumed(walk.width, walk.height).fx
    size_px = np.linalg.norm(body_px[:, -1] - feet_px, axis=-1)
    share = 1 / math.sqrt(_FRAMES_A_STEP)
    prior = np.array([0.0, 0.0, 0.0, 0.0, 0.0, *_USUAL_HEIGHTS])
    spread = np.array([_LOG_FOCAL, _TILT_RAD, _ROLL_RAD, _LEAN, _LEAN_ASIDE, *[_LOG_HEIGHTS] * len(_BODY)])

    def residual(at: Array) -> Array:
        seen = _predicted_px(at, feet_px - centre, usual) + centre
        off = (seen - body_px) / (_NOISE * size_px[:, None, None]) * np.sqrt(weight)[..., None]
        length = np.linalg.norm(off, axis=-1, keepdims=True)
        huber = np.sqrt(np.where(length > _OUTLIER, 2 * _OUTLIER * length - _OUTLIER**2, length**2))
        robust = off * (huber / np.maximum(length, 1e-9))
        return np.concatenate([(share * robust).ravel(), (at - prior) / spread])

    best, cost, jacobian = prior, math.inf, np.eye(len(prior))
    for fov_deg in _STARTS_FOV_DEG:
        for tilt in _STARTS_TILT_RAD:
            start = prior.copy()
            start[0] = math.log(Intrinsics.from_fov(fov_deg, walk.width, walk.height).fx / usual)
            start[1] = tilt
            found, found_cost, found_jacobian = _minimised(residual, start)
            if found_cost < cost:
                best, cost, jacobian = found, found_cost, found_jacobian
    covariance = np.linalg.inv(jacobian.T @ jacobian)
    off = (_predicted_px(best, feet_px - centre, usual) + centre - body_px) / size_px[:, None, None]
    misfit = math.sqrt(float((off**2).sum(axis=-1).mean()))
    return FocalEstimate(
        usual * math.exp(best[0]), math.sqrt(covariance[0, 0]), float(spread[0]), float(best[1]), misfit,
        len(feet_px), walk.width, walk.height,
    )  # fmt: skip


def _figures(walk: Walk) -> tuple[Array, Array, Array]:
    """The feet's middle (F, 2), the body's joints (F, 4, 2) and their weights, of frames that show both."""
    points = walk.keypoints_px.astype(np.float64)
    score = points[..., 2]
    whole = (score[:, _FEET].min(axis=1) > _MIN_SCORE) & (score[:, _BODY].min(axis=1) > _MIN_SCORE)
    # Whose feet are cut off has them guessed at the rim.
    inside = ((points[:, _FEET, :2] > 0) & (points[:, _FEET, :2] < (walk.width - 1, walk.height - 1))).all(
        axis=(1, 2)
    )
    kept = points[whole & inside]
    if len(kept) < _MIN_FRAMES:
        raise CalibrationError(
            f"{len(kept)} frames show a whole person, at least {_MIN_FRAMES} are needed: let somebody walk "
            "towards the camera and away, in view from head to feet"
        )
    return kept[:, _FEET, :2].mean(axis=1), kept[:, _BODY, :2], kept[:, _BODY, 2]


def _predicted_px(at: Array, feet_px: Array, usual: float) -> Array:
    """Where an upright rigid figure's joints (F, J, 2) are seen whose feet (F, 2) are; from the centre.

    at: log of the focal length over the usual one, tilt, roll, logs of the joints' heights above the feet in
    units of the camera's.
    """
    focal = usual * math.exp(at[0])
    tilt, roll = at[1], at[2]
    # The world's up in camera space (y down, z forward) of a camera that looks down by `tilt`.
    up = np.array([math.cos(tilt) * math.sin(roll), -math.cos(tilt) * math.cos(roll), -math.sin(tilt)])
    rays = np.concatenate([feet_px / focal, np.ones((len(feet_px), 1))], axis=1)
    below = np.maximum(-(rays @ up), 1e-3)  # feet at the horizon are very far
    feet = rays / below[:, None]
    onward = _onward(feet, up)
    aside = np.cross(onward, up)
    axis = up + at[3] * onward + at[4] * aside
    joints = feet[:, None] + np.exp(at[5:])[:, None] * axis[:, None]
    depth = np.maximum(joints[..., 2:], 1e-2)
    return np.asarray(focal * joints[..., :2] / depth)


def _onward(feet: Array, up: Array) -> Array:
    """The unit direction (F, 3) along the floor in which feet (F, 3) walk; zeros where they stand."""
    ahead = np.minimum(np.arange(len(feet)) + _STRIDE, len(feet) - 1)
    behind = np.maximum(np.arange(len(feet)) - _STRIDE, 0)
    step = feet[ahead] - feet[behind]
    step = step - (step @ up)[:, None] * up
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return np.asarray(step / np.maximum(length, 0.1))


def _minimised(residual: Callable[[Array], Array], start: Array) -> tuple[Array, float, Array]:
    """Levenberg and Marquardt's method with differences: where, the cost, the Jacobian there."""
    at, damping = start, 1e-2
    now = residual(at)
    jacobian = _jacobian(residual, at, now)
    for _ in range(_STEPS):
        normal = jacobian.T @ jacobian
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -jacobian.T @ now)
        tried = residual(at + step)
        if tried @ tried < now @ now:
            gained = now @ now - tried @ tried
            at, now, damping = at + step, tried, damping / 5
            jacobian = _jacobian(residual, at, now)
            if gained < 1e-6 * (now @ now):
                break
        else:
            damping *= 5
            if damping > 1e8:
                break
    return at, float(now @ now), jacobian


def _jacobian(residual: Callable[[Array], Array], at: Array, now: Array) -> Array:
    step = 1e-5
    columns = [(residual(at + step * unit) - now) / step for unit in np.eye(len(at))]
    return np.stack(columns, axis=1)

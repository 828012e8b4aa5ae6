"""From views of a board to a camera: fit, leave out views that do not fit, say how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from calibration.errors import CalibrationError
from calibration.verdict import Quality, quality, refuse, warnings
from calibration.views import MIN_VIEWS, View, Views
from realtime.camera import Intrinsics
from realtime.errors import CameraFileError
from realtime.types import Array

Lens = Literal["auto", "standard", "rational", "fisheye"]

PARAMETERS = ("fx", "fy", "cx", "cy")

_OUTLIER_RATIO = 2.5
_OUTLIER_PX = 0.3
_MOST_DROPPED = 1 / 3
_SUSPECTS = 3
_GAIN = 0.95
_GROUPS = 10
_STANDARD, _WITH_K3 = cv2.CALIB_FIX_K3, 0
_FISHEYE = -1


@dataclass(frozen=True, slots=True)
class ViewFit:
    """How well one view fits. tilt_deg: between the optical axis and the board's normal."""

    name: str
    rms_px: float
    tilt_deg: float
    distance_m: float
    blur: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A measured camera. rms_px: over all corners of the used views. sigma: of PARAMETERS, pixels.

    sigma is the larger of two standard deviations: what the fit's residuals imply if corners err
    independently, and what changes when views are left out (the jackknife), which also sees errors that all
    corners of a view share. outliers: views left out. warnings: one sentence each.
    """

    intrinsics: Intrinsics
    rms_px: float
    sigma: tuple[float, float, float, float]
    used: tuple[ViewFit, ...]
    outliers: tuple[ViewFit, ...]
    quality: Quality
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Fit:
    """One least-squares fit. poses: rotation vector and translation of the board in each view."""

    intrinsics: Intrinsics
    poses: tuple[tuple[Array, Array], ...]
    sigma: Array

    @property
    def parameters(self) -> Array:
        i = self.intrinsics
        return np.array([i.fx, i.fy, i.cx, i.cy])

    def view_rms(self, views: Sequence[View]) -> Array:
        """(V,) root mean square distance of a view's corners, pixels."""
        return np.array([_rms(self.intrinsics, v, p) for v, p in zip(views, self.poses, strict=True)])


def solve(views: Views, lens: Lens = "auto") -> Calibration:
    """Measure a camera. Raises CalibrationError where the views are too few or do not fix it.

    auto: radial k1, k2 and tangential p1, p2; k3 too if that lowers the RMS by a twentieth.
    """
    views.require()
    size = (views.width, views.height)
    flags = {"rational": cv2.CALIB_RATIONAL_MODEL, "fisheye": _FISHEYE}.get(lens, _STANDARD)
    used, fit, dropped = _without_outliers(views.seen, size, flags)
    if lens == "auto":
        richer = _fit(used, size, _WITH_K3)
        if _total(richer.view_rms(used), used) < _GAIN * _total(fit.view_rms(used), used):
            flags, fit = _WITH_K3, richer
    sigma = np.fmax(fit.sigma, _jackknife(used, size, flags))
    shown = quality([v.corners_px for v in used], [_tilt(p) for p in fit.poses], size)
    rms = _total(fit.view_rms(used), used)
    refuse(fit.intrinsics, sigma, shown)
    fits = _view_fits(fit, used)
    said = warnings(fit.intrinsics, sigma, shown, rms, [v.blur for v in used])
    s = tuple(float(v) for v in sigma)
    return Calibration(
        fit.intrinsics, rms, (s[0], s[1], s[2], s[3]), fits, _outlier_fits(fit, dropped), shown, said
    )


def _without_outliers(
    views: Sequence[View], size: tuple[int, int], flags: int
) -> tuple[list[View], _Fit, list[View]]:
    """Drop views, the worst first, while one is far worse than the others."""
    used, dropped = list(views), list[View]()
    fit = _fit(used, size, flags)
    while len(used) > MIN_VIEWS and len(dropped) < _MOST_DROPPED * len(views):
        rms = fit.view_rms(used)
        worst = np.argsort(rms)[::-1][:_SUSPECTS]
        if rms[worst[0]] < max(_OUTLIER_PX, _OUTLIER_RATIO * float(np.median(rms))) and rms.max() < 1.5:
            break
        # One wild view can spoil the fit of all: it is the one without which the rest fit best.
        trials = [(used[:i] + used[i + 1 :], used[i]) for i in worst]
        fits = [_fit(rest, size, flags) for rest, _ in trials]
        totals = [_total(f.view_rms(rest), rest) for f, (rest, _) in zip(fits, trials, strict=True)]
        best = int(np.argmin(totals))
        if totals[best] > 0.8 * _total(rms, used):
            break
        used, fit = trials[best][0], fits[best]
        dropped.append(trials[best][1])
    return used, fit, dropped


def _fit(views: Sequence[View], size: tuple[int, int], flags: int, start: Intrinsics | None = None) -> _Fit:
    """Least squares over camera and poses (Zhang 2000, in OpenCV's form)."""
    board = [v.board_m.astype(np.float32)[:, None] for v in views]
    seen = [v.corners_px.astype(np.float32)[:, None] for v in views]
    k = None if start is None else start.matrix
    d = None if start is None else np.array(start.distortion)
    try:
        if flags == _FISHEYE:
            return _fit_fisheye(board, seen, size)
        flags |= 0 if start is None else cv2.CALIB_USE_INTRINSIC_GUESS
        _, k, d, turns, moves, deviations, *_ = cv2.calibrateCameraExtended(
            board, seen, size, k, d, flags=flags
        )
        coefficients = tuple(float(v) for v in np.asarray(d).ravel())
        model = "rational_polynomial" if flags & cv2.CALIB_RATIONAL_MODEL else "plumb_bob"
        coefficients = coefficients[: 8 if flags & cv2.CALIB_RATIONAL_MODEL else 5]
        sigma = np.asarray(deviations).ravel()[:4]
        return _Fit(_intrinsics(k, size, coefficients, model), tuple(zip(turns, moves, strict=True)), sigma)
    except (cv2.error, CameraFileError) as error:
        raise CalibrationError(
            "the views do not fix a camera: take 10 to 20, with the board tilted by 20 to 45 degrees to "
            "every side, near and far, over the whole image; check that --board is this board"
        ) from error


def _fit_fisheye(board: list[Array], seen: list[Array], size: tuple[int, int]) -> _Fit:
    flags = sum(_fisheye_flag(n) for n in ("RECOMPUTE_EXTRINSIC", "FIX_SKEW", "USE_INTRINSIC_GUESS"))
    # Its own start (an image that spans 180 degrees) is far off for most lenses, and it diverges from there.
    focal = max(size) / np.pi * 1.5
    k = np.array([[focal, 0, (size[0] - 1) / 2], [0, focal, (size[1] - 1) / 2], [0, 0, 1]])
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 200, 1e-8)
    boards = [b.reshape(1, -1, 3).astype(np.float64) for b in board]
    views = [s.reshape(1, -1, 2).astype(np.float64) for s in seen]
    _, k, d, turns, moves = cv2.fisheye.calibrate(
        boards,
        views,
        size,
        k,
        np.zeros(4),
        flags=flags,
        criteria=stop,
    )
    coefficients = tuple(float(v) for v in np.asarray(d).ravel())
    poses = tuple((np.asarray(r).ravel(), np.asarray(t).ravel()) for r, t in zip(turns, moves, strict=True))
    return _Fit(_intrinsics(k, size, coefficients, "equidistant"), poses, np.full(4, np.nan))


def _fisheye_flag(name: str) -> int:
    """OpenCV 5 shares its flags between the models, OpenCV 4 does not."""
    return int(getattr(cv2.fisheye, f"CALIB_{name}", None) or getattr(cv2, f"CALIB_{name}"))


def _intrinsics(k: Array, size: tuple[int, int], distortion: tuple[float, ...], model: str) -> Intrinsics:
    fx, fy, cx, cy = (float(k[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return Intrinsics(fx, fy, cx, cy, *size, distortion, model)


def _jackknife(views: Sequence[View], size: tuple[int, int], flags: int) -> Array:
    """(4,) standard deviations of PARAMETERS from leaving out groups of views; NaN where that cannot be."""
    groups = min(len(views), _GROUPS)
    fits = []
    for group in range(groups):
        rest = [v for i, v in enumerate(views) if i % groups != group]
        try:
            fits.append(_fit(rest, size, flags).parameters)
        except CalibrationError:
            continue
    if len(fits) < MIN_VIEWS or len(views) <= MIN_VIEWS:
        return np.full(4, np.nan)
    spread = ((np.array(fits) - np.mean(fits, axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt((len(fits) - 1) / len(fits) * spread))


def _in_camera(view: View, pose: tuple[Array, Array]) -> Array:
    turn, _ = cv2.Rodrigues(np.asarray(pose[0], np.float64))
    return np.asarray(view.board_m @ turn.T + np.asarray(pose[1]).ravel())


def _rms(intrinsics: Intrinsics, view: View, pose: tuple[Array, Array]) -> float:
    miss = intrinsics.project(_in_camera(view, pose)) - view.corners_px
    squares = np.nan_to_num((miss.astype(np.float64) ** 2).sum(axis=1), nan=1e6)
    return float(np.sqrt(squares.mean()))


def _total(rms: Array, views: Sequence[View]) -> float:
    """The RMS over all corners of all views."""
    counts = np.array([len(v.corners_px) for v in views])
    return float(np.sqrt((rms**2 * counts).sum() / counts.sum()))


def _tilt(pose: tuple[Array, Array]) -> float:
    turn, _ = cv2.Rodrigues(np.asarray(pose[0], np.float64))
    return float(np.degrees(np.arccos(np.clip(abs(turn[2, 2]), 0, 1))))


def _view_fits(fit: _Fit, views: Sequence[View]) -> tuple[ViewFit, ...]:
    return tuple(
        ViewFit(v.name, _rms(fit.intrinsics, v, p), _tilt(p), _distance(v, p), v.blur)
        for v, p in zip(views, fit.poses, strict=True)
    )


def _distance(view: View, pose: tuple[Array, Array]) -> float:
    return float(np.linalg.norm(_in_camera(view, pose).mean(axis=0)))


def _outlier_fits(fit: _Fit, views: Sequence[View]) -> tuple[ViewFit, ...]:
    """How far views that were left out lie from the camera that the others gave."""
    poses = tuple(locate(fit.intrinsics, v) for v in views)
    return _view_fits(_Fit(fit.intrinsics, poses, fit.sigma), views)


def locate(intrinsics: Intrinsics, view: View) -> tuple[Array, Array]:
    """The board's pose in a view: rotation vector (3,), translation (3,) metres, camera from board."""
    rays = intrinsics.rays(view.corners_px).astype(np.float64)
    board = view.board_m.astype(np.float64)
    ok, turn, move = cv2.solvePnP(board, rays, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE)
    if not ok:
        raise CalibrationError(f"{view.name}: the board's place cannot be found from its corners")
    turn, move = cv2.solvePnPRefineLM(board, rays, np.eye(3), np.zeros(4), turn, move)
    return np.asarray(turn).ravel(), np.asarray(move).ravel()

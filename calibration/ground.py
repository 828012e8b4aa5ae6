"""Where the floor is, from a board that lies on it: the plane in camera space, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.board import Board
from calibration.check import frames_of
from calibration.detect import Finder, Sighting
from calibration.errors import CalibrationError
from calibration.solve import locate
from calibration.views import View
from realtime.camera import Intrinsics
from realtime.stream.assemble import Options, find_intrinsics
from realtime.types import Array, Floor, Frame

_MOST_PLACES = 12
_ANOTHER_PLACE = 0.03
"""A board counts as moved when its middle went by this share of the image's longer side."""
_STEPS, _STOP = 30, 1e-10
_CORNER_SIGMA_PX = 0.1
_SHARED = 2.0
"""Corners of one view share errors: what the residuals say is taken twice (docs/calibration.md)."""
_FLAT_M, _FLAT = 0.003, math.radians(0.2)
"""How flat floors and boards are: no plane is known better."""
_LOOSE = math.radians(1.5)
_STEEPEST = math.cos(math.radians(85))
_ROLLED_DEG = 8.0
_ASKED_M = (2.0, 4.0, 6.0)


@dataclass(frozen=True, slots=True)
class FloorSeen:
    """A floor as boards on it tell. places: where the board lay, views apart. rms_px: of all corners."""

    floor: Floor
    places: int
    rms_px: float
    intrinsics: Intrinsics


def measure_floor(name: str | None, options: Options, board: Board, limit: int) -> FloorSeen:
    """The floor under the board in a photo, a video, a folder, or before the camera.

    Raises CalibrationError where no board was found, or none that lies.
    """
    info, is_sample, frames = frames_of(name, limit)
    intrinsics = find_intrinsics(options, info, is_sample)
    finder = Finder(board, any_layout=True)
    views, reason = _places(frames, finder, max(info.width, info.height))
    if not views:
        raise CalibrationError(
            f"{info.name}: {reason}; lay the {board} board flat on the floor, whole in view"
        )
    return fit_floor(intrinsics, views)


def _places(frames: Iterable[Frame], finder: Finder, longer_px: int) -> tuple[list[View], str]:
    """One view of each place the board lay at, and what was wrong with the last image without one."""
    views, reason = list[View](), "no frame was read"
    for frame in frames:
        seen = finder.find(frame.image)
        if not isinstance(seen, Sighting):
            reason = seen.reason
            continue
        middle = seen.corners_px.mean(axis=0)
        moved = [float(np.linalg.norm(middle - v.corners_px.mean(axis=0))) for v in views]
        if min(moved, default=math.inf) > _ANOTHER_PLACE * longer_px:
            views.append(View.of(f"frame {frame.index}", seen, finder.board))
        if len(views) == _MOST_PLACES:
            break
    return views, reason


def fit_floor(intrinsics: Intrinsics, views: Sequence[View]) -> FloorSeen:
    """The one plane on which the boards of all views lie (least squares of their corners in the images).

    A board that lies at several places tells the tilt by how far they are apart, not by its own size.
    """
    problem = _Plane.of(intrinsics, views)
    values = problem.solved()
    off = problem.residuals(values)
    jacobian = problem.jacobian(values)
    spare = max(len(off) - len(values), 1)
    focal_px = (intrinsics.fx + intrinsics.fy) / 2
    rms = math.sqrt(float(off @ off) / spare)
    sigma = _SHARED * max(rms, _CORNER_SIGMA_PX / focal_px)
    covariance = sigma**2 * np.linalg.pinv(jacobian.T @ jacobian)[:3, :3]
    up = problem.up(values)
    if not -up[1] > -_STEEPEST:
        raise CalibrationError("the board hangs above the camera: it must lie on the floor")
    tilt = math.sqrt(float(np.linalg.eigvalsh(covariance[:2, :2])[-1]))
    # The height is told where the board lay: what the tilt adds elsewhere is counted with the distance.
    at = problem.middle_m(values)
    across = np.array([*(problem.tangents @ at), 1.0])
    floor = Floor(
        up.astype(np.float32),
        float(values[2]),
        math.hypot(_FLAT_M, math.sqrt(max(float(across @ covariance @ across), 0.0))),
        math.hypot(_FLAT, tilt),
    )
    return FloorSeen(
        floor, len(views), math.sqrt(2) * math.sqrt(float(off @ off) / len(off)) * focal_px, intrinsics
    )


@dataclass(frozen=True, slots=True)
class _Plane:
    """Least squares over two tilts and the height of the plane, then x, y and turn of each board on it.

    first: (3,) the plane's up to start from. tangents: (2, 3) the directions it tilts towards.
    """

    rays: tuple[Array, ...]
    board_m: tuple[Array, ...]
    first: Array
    tangents: Array
    start: Array

    @classmethod
    def of(cls, intrinsics: Intrinsics, views: Sequence[View]) -> _Plane:
        found = [(*locate(intrinsics, view), len(view.board_m)) for view in views]
        turns = [cv2.Rodrigues(turn)[0] for turn, _, _ in found]
        ups = np.array([-turn[:, 2] for turn in turns])
        if any(up @ move >= 0 for up, (_, move, _) in zip(ups, found, strict=True)):
            raise CalibrationError("a board is seen from behind: are --board and the printed board the same?")
        first = ups.mean(axis=0)
        first /= max(float(np.linalg.norm(first)), 1e-9)
        right = np.cross(first, (0.0, 0.0, 1.0) if abs(first[2]) < 0.9 else (0.0, 1.0, 0.0))
        right /= np.linalg.norm(right)
        tangents = np.array([right, np.cross(-first, right)])
        height = float(np.mean([-(first @ move) for _, move, _ in found]))
        start = [0.0, 0.0, height]
        for turn, (_, move, _) in zip(turns, found, strict=True):
            x, y = tangents @ turn[:, 0]
            start += [*(tangents @ move), math.atan2(y, x)]
        rays = tuple(intrinsics.rays(v.corners_px).astype(np.float64) for v in views)
        boards = tuple(v.board_m[:, :2].astype(np.float64) for v in views)
        return cls(rays, boards, first, tangents, np.array(start))

    def up(self, values: Array) -> Array:
        """(3,) the plane's normal, away from the floor."""
        up = self.first + values[:2] @ self.tangents
        return np.asarray(up / np.linalg.norm(up))

    def _boards_m(self, values: Array) -> list[Array]:
        """Each board's corners (N, 3) in camera space."""
        up = self.up(values)
        right = self.tangents[0] - (self.tangents[0] @ up) * up
        right /= np.linalg.norm(right)
        axes = np.array([right, np.cross(-up, right)])
        out = []
        for (x, y, turn), board_m in zip(values[3:].reshape(-1, 3), self.board_m, strict=True):
            c, s = math.cos(turn), math.sin(turn)
            on_floor = board_m @ np.array([[c, s], [-s, c]]) + (x, y)
            out.append(on_floor @ axes - values[2] * up)
        return out

    def middle_m(self, values: Array) -> Array:
        """(3,) the middle of all corners."""
        return np.asarray(np.concatenate(self._boards_m(values)).mean(axis=0))

    def residuals(self, values: Array) -> Array:
        """How far corners lie off their rays, all in a row."""
        boards = zip(self._boards_m(values), self.rays, strict=True)
        return np.concatenate([(p[:, :2] / np.maximum(p[:, 2:], 1e-3) - rays).ravel() for p, rays in boards])

    def jacobian(self, values: Array) -> Array:
        steps = 1e-6 * np.eye(len(values))
        pairs = [(self.residuals(values + s), self.residuals(values - s)) for s in steps]
        return np.array([(more - less) / 2e-6 for more, less in pairs]).T

    def solved(self) -> Array:
        """Levenberg-Marquardt."""
        values, damping = self.start, 1e-6
        off = self.residuals(values)
        for _ in range(_STEPS):
            jacobian = self.jacobian(values)
            normal = jacobian.T @ jacobian
            step = np.linalg.lstsq(
                normal + damping * np.diag(np.diag(normal)), -jacobian.T @ off, rcond=None
            )[0]
            tried = self.residuals(values + step)
            if tried @ tried > off @ off:
                damping *= 10
                continue
            gained = off @ off - tried @ tried
            values, off, damping = values + step, tried, damping / 3
            if gained < _STOP * (off @ off) + 1e-18:
                break
        return values


def floor_lines(seen: FloorSeen) -> list[str]:
    """What was found, how sure it is, and what would make it surer."""
    floor, places = seen.floor, "one place" if seen.places == 1 else f"{seen.places} places"
    tilt_deg = math.degrees(math.asin(-float(floor.up[2])))
    roll_deg = math.degrees(math.atan2(float(floor.up[0]), -float(floor.up[1])))
    way = "down" if tilt_deg >= 0 else "up"
    known = ", ".join(f"{100 * floor.sigma_at_m(m):.0f} cm at {m:g} m" for m in _ASKED_M)
    share = 100 * floor.sigma_at_m(4.0) / floor.camera_height_m
    lines = [
        f"the board lies at {places}, RMS {seen.rms_px:.2f} px; camera: {seen.intrinsics.source}, "
        f"{seen.intrinsics.fov_deg:.1f} degrees across the longer side",
        f"the lens is {floor.camera_height_m:.3f} m above the floor, looks {way} by {abs(tilt_deg):.1f} "
        f"degrees and rolls by {abs(roll_deg):.1f}",
        f"the tilt is known within {math.degrees(floor.tilt_sigma):.1f} degrees, the floor's height within "
        f"{known} (one standard deviation)",
        f"at 4 m that leaves the size of a person whose feet are seen unsure by {share:.0f} %",
    ]
    if floor.tilt_sigma > _LOOSE:
        lines.append(
            "warning: the tilt is loose: lay the board where people will stand, and at more places (give a "
            "folder of photos, or move it before the camera), or take a larger one"
        )
    if abs(roll_deg) > _ROLLED_DEG or -float(floor.up[1]) < _STEEPEST:
        lines.append(
            "warning: the camera would lie on its side, or look straight down: does the board lie flat?"
        )
    if seen.intrinsics.source != "calibrated":
        lines.append("warning: the camera is not calibrated, and the height is as wrong as its focal length")
    return lines

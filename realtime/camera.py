"""Camera intrinsics: where they come from, and the maps between pixels, rays and camera space.

Rays are (x/z, y/z) of undistorted directions; camera space is metres, x right, y down, z forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from realtime.errors import CameraFileError, UsageError
from realtime.types import Array, FloatArray

IntrinsicsSource = Literal["calibrated", "metadata", "fov", "assumed"]

ASSUMED_FOV_DEG = 60.0
"""Field of view across the longer image side when nothing is known: a common webcam or phone video."""

_MODELS = ("plumb_bob", "rational_polynomial", "equidistant")
_ASPECT_TOLERANCE = 0.01
_NEWTON_STEPS = 25
_NEWTON_STOP = 1e-9
_SINGULAR = 1e-12


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera with lens distortion. fx, fy, cx, cy in pixels of a width x height image.

    distortion: OpenCV's coefficients in OpenCV's order, empty for none. model: ROS's name of it.
    source: how the values are known.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: tuple[float, ...] = ()
    model: str = "plumb_bob"
    source: IntrinsicsSource = "calibrated"

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if not all(math.isfinite(v) for v in values) or min(self.fx, self.fy) <= 0:
            raise CameraFileError("focal lengths must be positive and all intrinsics finite numbers")
        if min(self.width, self.height) <= 0:
            raise CameraFileError(f"image size must be positive, not {self.width}x{self.height}")
        if self.model not in _MODELS:
            raise CameraFileError(f"unknown distortion model {self.model!r}; known: {', '.join(_MODELS)}")

    @classmethod
    def from_fov(
        cls, fov_deg: float, width: int, height: int, source: IntrinsicsSource = "fov"
    ) -> Intrinsics:
        """Square pixels, centred, `fov_deg` degrees across the longer image side."""
        if not 5.0 <= fov_deg <= 170.0:
            raise UsageError(f"field of view must lie between 5 and 170 degrees, not {fov_deg:g}")
        focal = max(width, height) / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height, source=source)

    @classmethod
    def assumed(cls, width: int, height: int) -> Intrinsics:
        """The intrinsics used when nothing is known about the camera."""
        return cls.from_fov(ASSUMED_FOV_DEG, width, height, source="assumed")

    @property
    def matrix(self) -> Array:
        """(3, 3) float64 camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def fov_deg(self) -> float:
        """Field of view across the longer side, distortion left out."""
        size, focal = (self.width, self.fx) if self.width >= self.height else (self.height, self.fy)
        return math.degrees(2 * math.atan(size / 2 / focal))

    def fits(self, width: int, height: int) -> bool:
        """Whether an image of this size has the aspect of this camera's."""
        aspect = self.width / self.height
        return abs(width / height - aspect) <= _ASPECT_TOLERANCE * aspect

    def scaled_to(self, width: int, height: int) -> Intrinsics:
        """The same camera at another resolution of the same aspect; another aspect is an error."""
        if (width, height) == (self.width, self.height):
            return self
        if not self.fits(width, height):
            raise CameraFileError(
                f"the camera file is for {self.width}x{self.height} but the image is {width}x{height}, "
                f"another aspect: {self._hint(width, height)}"
            )
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
            width=width,
            height=height,
        )

    def _hint(self, width: int, height: int) -> str:
        """What would mend another aspect."""
        command = "`realtime-calibrate convert"
        if self.fits(height, width):
            return f"it is turned on its side; turn the camera file too ({command} --rotate cw`, or ccw)"
        return (
            f"calibrate at this resolution, or crop the camera file too ({command} --crop X,Y,WIDTH,HEIGHT`)"
        )

    def cropped(self, left: int, top: int, width: int, height: int) -> Intrinsics:
        """The camera of an image cut out of this one's, which may reach beyond it. Pixels, whole."""
        return replace(self, cx=self.cx - left, cy=self.cy - top, width=width, height=height)

    def rotated(self, quarter_turns: int) -> Intrinsics:
        """The camera of the image turned clockwise by so many quarters, as seen on screen.

        Raises CameraFileError for a tilted sensor model, whose two angles cannot be exchanged.
        """
        camera = self
        for _ in range(quarter_turns % 4):
            camera = replace(
                camera,
                fx=camera.fy,
                fy=camera.fx,
                cx=camera.height - 1 - camera.cy,
                cy=camera.cx,
                width=camera.height,
                height=camera.width,
                distortion=_turned(camera.distortion, camera.model),
            )
        return camera

    def rays(self, points_px: FloatArray) -> FloatArray:
        """Undistorted rays (..., 2) = (x/z, y/z) of distorted pixels (..., 2)."""
        if not self.distortion:
            rays = points_px - np.array((self.cx, self.cy), np.float32)
            rays /= np.array((self.fx, self.fy), np.float32)
            return np.asarray(rays, np.float32)
        if not points_px.size:
            return np.zeros(points_px.shape, np.float32)
        offset, focal = np.array([self.cx, self.cy]), np.array([self.fx, self.fy])
        return self._undistort((points_px.astype(np.float64) - offset) / focal).astype(np.float32)

    def _undistort(self, distorted: Array) -> Array:
        """Damped Newton's method on `_distort`, from OpenCV's estimate: exact for strong lenses too.

        Where the model has no ray for a point (beyond the rim at which it folds back), the ray that comes
        nearest: always finite.
        """
        target = np.ascontiguousarray(distorted.reshape(-1, 2))
        rays = self._first_guess(target)
        step, damping = 1e-6, np.zeros(len(target))
        # Every call distorts the points and their two neighbours, for the Jacobian.
        probes = np.array([[[0.0, 0.0]], [[step, 0.0]], [[0.0, step]]])
        values = self._distort(rays + probes)
        for _ in range(_NEWTON_STEPS):
            residual = target - values[0]
            if np.abs(residual).max() < _NEWTON_STOP:
                break
            jacobian = np.stack([values[1] - values[0], values[2] - values[0]], axis=-1) / step
            normal = jacobian.swapaxes(1, 2) @ jacobian
            normal += (damping * np.trace(normal, axis1=1, axis2=2) + _SINGULAR)[:, None, None] * np.eye(2)
            moved = rays + np.linalg.solve(normal, jacobian.swapaxes(1, 2) @ residual[..., None])[..., 0]
            tried = self._distort(moved + probes)
            better = np.linalg.norm(target - tried[0], axis=1) <= np.linalg.norm(residual, axis=1)
            rays = np.where(better[:, None], moved, rays)
            values = np.where(better[:, None], tried, values)
            damping = np.where(better, damping / 10, np.maximum(10 * damping, 1e-3))
        return rays.reshape(distorted.shape)

    def _first_guess(self, target: Array) -> Array:
        """OpenCV's undistorted points (N, 2), or the points themselves where those come nearer."""
        solve = cv2.fisheye.undistortPoints if self.model == "equidistant" else cv2.undistortPoints
        found = solve(target[:, None], np.eye(3), np.array(self.distortion, np.float64))
        guesses = np.stack([np.asarray(found, np.float64).reshape(-1, 2), target])
        misses = np.linalg.norm(self._distort(guesses) - target, axis=-1)
        return np.asarray(np.where((misses[0] <= misses[1])[:, None], guesses[0], guesses[1]))

    def project(self, points_m: FloatArray) -> FloatArray:
        """Distorted pixels (..., 2) of camera-space points (..., 3). Points behind the camera give NaN."""
        z = points_m[..., 2:3]
        rays = points_m[..., :2] / np.where(z > 1e-6, z, np.nan)
        if self.distortion:
            rays = self._distort(rays.astype(np.float64))
        scale, offset = np.array([self.fx, self.fy]), np.array([self.cx, self.cy])
        return np.asarray(rays * scale + offset, np.float32)

    def _distort(self, rays: Array) -> Array:
        ones = np.ones((*rays.shape[:-1], 1))
        points = np.concatenate([rays, ones], axis=-1).reshape(-1, 1, 3)
        if not len(points):
            return rays
        coefficients = np.array(self.distortion, np.float64)
        if self.model == "equidistant":
            out, _ = cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), np.eye(3), coefficients)
        else:
            out, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), np.eye(3), coefficients)
        return np.asarray(out).reshape(rays.shape)

    def unproject(self, points_px: FloatArray, depth_m: FloatArray) -> FloatArray:
        """Camera-space points (..., 3) of pixels (..., 2) at depths (...) along the optical axis."""
        rays = self.rays(points_px)
        depth = np.asarray(depth_m, np.float32)[..., None]
        return np.concatenate([rays * depth, depth], axis=-1)

    def save(self, path: Path, comment: str = "") -> None:
        """Write a ROS `camera_info` YAML file, with a line of comment at its head."""
        import yaml  # a live window is there sooner without it

        text = yaml.safe_dump(
            {
                "image_width": self.width,
                "image_height": self.height,
                "camera_name": path.stem,
                "camera_matrix": _matrix_node(3, 3, self.matrix),
                "distortion_model": self.model,
                "distortion_coefficients": _matrix_node(1, len(self.distortion), np.array(self.distortion)),
            },
            sort_keys=False,
            default_flow_style=None,
        )
        try:
            path.write_text(f"# {comment}\n{text}" if comment else text, encoding="utf-8")
        except OSError as error:
            raise CameraFileError(f"cannot write {path}: {error.strerror}") from error


def _turned(distortion: tuple[float, ...], model: str) -> tuple[float, ...]:
    """Coefficients of the same lens in an image turned clockwise by a quarter.

    There x' = -y and y' = x, which exchanges what acts along an axis: p1, p2 and s1 to s4.
    """
    if model == "equidistant" or not distortion:
        return distortion
    k = list(distortion)
    k[2], k[3] = k[3], -k[2]
    if len(k) >= 12:
        k[8], k[9], k[10], k[11] = -k[10], -k[11], k[8], k[9]
    if any(k[12:]):
        raise CameraFileError(
            "a camera with a tilted sensor (14 coefficients) cannot be turned: calibrate with turned images"
        )
    return tuple(k)


def _matrix_node(rows: int, cols: int, values: Array) -> dict[str, Any]:
    return {"rows": rows, "cols": cols, "data": [float(v) for v in values.ravel()]}


def load_intrinsics(path: Path) -> Intrinsics:
    """Read a camera file of any format that `realtime.camera_files` knows.

    Raises CameraFileError when the file is missing, not a camera file, or holds impossible values.
    """
    # Imported late: the readers build Intrinsics.
    from realtime.camera_files import load

    return load(path)

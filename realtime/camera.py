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
import yaml

from realtime.errors import CameraFileError, UsageError
from realtime.types import Array, FloatArray

IntrinsicsSource = Literal["calibrated", "metadata", "fov", "assumed"]

ASSUMED_FOV_DEG = 60.0
"""Field of view across the longer image side when nothing is known: a common webcam or phone video."""

_MODELS = ("plumb_bob", "rational_polynomial", "equidistant")
_ASPECT_TOLERANCE = 0.01
_NEWTON_STEPS = 10
_NEWTON_STOP = 1e-9


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

    def scaled_to(self, width: int, height: int) -> Intrinsics:
        """The same camera at another resolution of the same aspect; another aspect is an error."""
        if (width, height) == (self.width, self.height):
            return self
        if abs(width / height - self.width / self.height) > _ASPECT_TOLERANCE * self.width / self.height:
            raise CameraFileError(
                f"the camera file is for {self.width}x{self.height} but the image is {width}x{height}, "
                "another aspect: calibrate at this resolution, or crop the intrinsics"
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

    def rays(self, points_px: FloatArray) -> FloatArray:
        """Undistorted rays (..., 2) = (x/z, y/z) of distorted pixels (..., 2)."""
        if not self.distortion:
            offset = np.array([self.cx, self.cy], np.float32)
            return ((points_px - offset) / np.array([self.fx, self.fy], np.float32)).astype(np.float32)
        if not points_px.size:
            return np.zeros(points_px.shape, np.float32)
        offset, focal = np.array([self.cx, self.cy]), np.array([self.fx, self.fy])
        return self._undistort((points_px.astype(np.float64) - offset) / focal).astype(np.float32)

    def _undistort(self, distorted: Array) -> Array:
        """Newton's method on `_distort`, from OpenCV's estimate: exact for strong lenses too."""
        flat = np.ascontiguousarray(distorted.reshape(-1, 1, 2))
        solve = cv2.fisheye.undistortPoints if self.model == "equidistant" else cv2.undistortPoints
        rays = np.asarray(solve(flat, np.eye(3), np.array(self.distortion, np.float64))).reshape(-1, 2)
        step = 1e-6
        for _ in range(_NEWTON_STEPS):
            # One call distorts the points and their two neighbours, for the Jacobian.
            probes = rays + np.array([[[0.0, 0.0]], [[step, 0.0]], [[0.0, step]]])
            values = self._distort(probes)
            residual = flat.reshape(-1, 2) - values[0]
            if np.abs(residual).max() < _NEWTON_STOP:
                break
            jacobian = np.stack([values[1] - values[0], values[2] - values[0]], axis=-1) / step
            rays = rays + np.linalg.solve(jacobian, residual[..., None])[..., 0]
        return rays.reshape(distorted.shape)

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

    def save(self, path: Path) -> None:
        """Write a ROS `camera_info` YAML file."""
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
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CameraFileError(f"cannot write {path}: {error.strerror}") from error


def _matrix_node(rows: int, cols: int, values: Array) -> dict[str, Any]:
    return {"rows": rows, "cols": cols, "data": [float(v) for v in values.ravel()]}


def load_intrinsics(path: Path) -> Intrinsics:
    """Read a camera file: ROS `camera_info` YAML, or OpenCV FileStorage YAML, XML or JSON.

    Raises CameraFileError when the file is missing, not a camera file, or holds impossible values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CameraFileError(f"cannot read camera file {path}: {reason}") from error
    try:
        if text.lstrip().startswith(("%YAML", "<?xml", "{")):
            return _from_file_storage(text)
        return _from_camera_info(yaml.safe_load(text))
    except (KeyError, TypeError, ValueError, IndexError, SystemError, cv2.error, yaml.YAMLError) as error:
        raise CameraFileError(
            f"{path} is not a camera file ({type(error).__name__}: {error}); expected a ROS camera_info "
            "YAML with image_width, image_height, camera_matrix and distortion_coefficients"
        ) from error


def _from_camera_info(node: Any) -> Intrinsics:
    k = np.array(node["camera_matrix"]["data"], np.float64).reshape(3, 3)
    distortion = node.get("distortion_coefficients") or {"data": []}
    return _from_parts(
        k, np.array(distortion["data"], np.float64), int(node["image_width"]), int(node["image_height"]),
        str(node.get("distortion_model", "plumb_bob")),
    )  # fmt: skip


def _from_file_storage(text: str) -> Intrinsics:
    storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    try:
        k = _first_mat(storage, "camera_matrix", "cameraMatrix", "K", "intrinsic")
        distortion = _first_mat(
            storage, "distortion_coefficients", "distCoeffs", "dist_coeffs", "D", "distortion", default=[]
        )
        width, height = storage.getNode("image_width").real(), storage.getNode("image_height").real()
        model = storage.getNode("distortion_model").string() or "plumb_bob"
    finally:
        storage.release()
    return _from_parts(k, distortion, int(width), int(height), model)


def _first_mat(storage: cv2.FileStorage, *names: str, default: Any = None) -> Array:
    for name in names:
        node = storage.getNode(name)
        if not node.empty() and node.mat() is not None:
            return np.asarray(node.mat(), np.float64)
    if default is None:
        raise KeyError(names[0])
    return np.asarray(default, np.float64)


def _from_parts(k: Array, distortion: Array, width: int, height: int, model: str) -> Intrinsics:
    if abs(k[0, 1]) > 1e-3 * abs(k[0, 0]):
        raise ValueError("a skewed camera matrix is not supported")
    coefficients = tuple(float(v) for v in distortion.ravel())
    if model in ("fisheye", "kannala_brandt"):
        model = "equidistant"
    if len(coefficients) > 5 and model == "plumb_bob":
        model = "rational_polynomial"
    if not any(coefficients) and model != "equidistant":
        coefficients, model = (), "plumb_bob"
    elif model == "equidistant" and len(coefficients) != 4:
        raise ValueError(f"an equidistant lens has 4 coefficients, not {len(coefficients)}")
    elif model != "equidistant" and len(coefficients) not in (4, 5, 8, 12, 14):
        raise ValueError(f"OpenCV knows 4, 5, 8, 12 or 14 distortion coefficients, not {len(coefficients)}")
    return Intrinsics(
        float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), width, height, coefficients, model
    )

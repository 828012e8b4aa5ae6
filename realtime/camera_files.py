"""Camera files of other programs, read as Intrinsics.

ROS `camera_info` YAML (the project's own), OpenCV FileStorage (YAML, XML, JSON), Kalibr's camchain YAML,
Pose2Sim's TOML. Of a file with several cameras one is named: `Calib.toml#cam_02`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from realtime.camera import Intrinsics
from realtime.errors import CameraFileError
from realtime.types import Array

_FORMATS = "ROS camera_info YAML, OpenCV FileStorage, Kalibr camchain YAML or Pose2Sim TOML"
_BROKEN = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    SystemError,
    cv2.error,
    yaml.YAMLError,
)
_KALIBR_LENSES = {"radtan": "plumb_bob", "equidistant": "equidistant", "none": "plumb_bob"}


def load(path: Path) -> Intrinsics:
    """Read a camera file; `FILE#NAME` picks one of several cameras.

    Raises CameraFileError when the file is missing, not a camera file, or holds impossible values.
    """
    file, camera = _split(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CameraFileError(f"cannot read camera file {file}: {reason}") from error
    try:
        return _read(text, file, camera)
    except _BROKEN as error:
        raise CameraFileError(
            f"{file} is not a camera file ({type(error).__name__}: {error}); expected {_FORMATS}: ROS's has "
            "image_width, image_height, camera_matrix and distortion_coefficients"
        ) from error


def _split(path: Path) -> tuple[Path, str | None]:
    """The file, and the camera named after a #, if any."""
    if path.exists() or "#" not in path.name:
        return path, None
    name, camera = path.name.rsplit("#", 1)
    return path.with_name(name), camera


def _read(text: str, file: Path, camera: str | None) -> Intrinsics:
    start = text.lstrip()
    if start.startswith(("<?xml", "{")) or "!!opencv-matrix" in text:
        return _from_file_storage(text)
    if file.suffix.lower() == ".toml":
        return _from_pose2sim(_pick(tomllib.loads(text), "matrix", file, camera))
    # PyYAML does not know OpenCV's way to write the directive (%YAML:1.0).
    node = yaml.safe_load(start.partition("\n")[2] if start.startswith("%YAML") else text)
    if isinstance(node, Mapping) and any(_has(table, "camera_model") for table in node.values()):
        return _from_kalibr(_pick(node, "camera_model", file, camera))
    return _from_camera_info(node)


def _has(table: Any, mark: str) -> bool:
    return isinstance(table, Mapping) and mark in table


def _pick(tables: Mapping[str, Any], mark: str, file: Path, camera: str | None) -> Mapping[str, Any]:
    """The table of one camera among a file's tables: those that hold the key `mark`."""
    cameras = {name: t for name, t in tables.items() if _has(t, mark)}
    if not cameras:
        raise KeyError(mark)
    if camera is None and len(cameras) == 1:
        return dict(next(iter(cameras.values())))
    if camera is None:
        first = next(iter(cameras))
        raise CameraFileError(
            f"{file} holds the cameras {', '.join(cameras)}: name one of them, as in {file}#{first}"
        )
    named = {str(t.get("name", name)): t for name, t in cameras.items()} | cameras
    if camera not in named:
        raise CameraFileError(f"{file} has no camera {camera}: it holds {', '.join(cameras)}")
    return dict(named[camera])


def _from_camera_info(node: Any) -> Intrinsics:
    k = np.array(node["camera_matrix"]["data"], np.float64).reshape(3, 3)
    distortion = node.get("distortion_coefficients") or {"data": []}
    return _from_parts(
        k, np.array(distortion["data"], np.float64), int(node["image_width"]), int(node["image_height"]),
        str(node.get("distortion_model", "plumb_bob")),
    )  # fmt: skip


def _from_pose2sim(node: Mapping[str, Any]) -> Intrinsics:
    """A camera of Pose2Sim's (and anipose's) calibration: size, matrix, distortions, fisheye."""
    width, height = (int(v) for v in node["size"])
    model = "equidistant" if node.get("fisheye") else "plumb_bob"
    distortion = np.array(node.get("distortions", []), np.float64)
    return _from_parts(np.array(node["matrix"], np.float64).reshape(3, 3), distortion, width, height, model)


def _from_kalibr(node: Mapping[str, Any]) -> Intrinsics:
    """A camera of Kalibr's camchain: only its pinhole projection is OpenCV's."""
    if node["camera_model"] != "pinhole":
        raise ValueError(f"Kalibr's {node['camera_model']} projection is not supported: use pinhole-equi")
    lens = str(node.get("distortion_model", "none"))
    if lens not in _KALIBR_LENSES:
        raise ValueError(f"Kalibr's {lens} distortion is not supported: use radtan or equi")
    fx, fy, cx, cy = (float(v) for v in node["intrinsics"])
    width, height = (int(v) for v in node["resolution"])
    k = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    distortion = np.array(node.get("distortion_coeffs", []) if lens != "none" else [], np.float64)
    return _from_parts(k, distortion, width, height, _KALIBR_LENSES[lens])


def _from_file_storage(text: str) -> Intrinsics:
    storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    try:
        k = _first_mat(storage, "camera_matrix", "Camera_Matrix", "cameraMatrix", "K", "intrinsic")
        distortion = _first_mat(
            storage,
            "distortion_coefficients", "Distortion_Coefficients", "distCoeffs", "dist_coeffs", "D",
            "distortion",
            default=[],
        )  # fmt: skip
        width = _first_number(storage, "image_width", "image_Width")
        height = _first_number(storage, "image_height", "image_Height")
        model = storage.getNode("distortion_model").string() or "plumb_bob"
        if storage.getNode("fisheye_model").real() == 1:
            model = "equidistant"
    finally:
        storage.release()
    return _from_parts(k, distortion, width, height, model)


def _first_mat(storage: cv2.FileStorage, *names: str, default: Any = None) -> Array:
    for name in names:
        node = storage.getNode(name)
        if not node.empty() and node.mat() is not None:
            return np.asarray(node.mat(), np.float64)
    if default is None:
        raise KeyError(names[0])
    return np.asarray(default, np.float64)


def _first_number(storage: cv2.FileStorage, *names: str) -> int:
    return int(max(storage.getNode(name).real() for name in names))


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

"""The floor as it is known beforehand: measured with a board, or from the camera's height and tilt.

A file of its own, beside the camera's: a camera file belongs to a lens and its resolution and stays true
when the camera is moved; the floor belongs to where the camera stands.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from realtime.errors import FloorFileError, UsageError
from realtime.floor import LEVEL_SIGMA, TAPE_SIGMA_M
from realtime.types import FloatArray, Floor

_HEIGHT_M, _TILT_DEG = (0.1, 20.0), (-60.0, 90.0)
_UNIT_WITHIN = 1e-3
_LEAST_SIGMA_M, _LEAST_TILT_SIGMA = 0.002, math.radians(0.05)

Numbers = tuple[float, ...]


def load_floor(path: Path) -> Floor:
    """Read a floor file. Raises FloorFileError when it is missing, not one, or holds impossible values."""
    import yaml  # a live window is there sooner without it

    try:
        node = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        return _floor(node)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise FloorFileError(f"cannot read floor file {path}: {reason}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, yaml.YAMLError) as error:
        raise FloorFileError(
            f"{path} is not a floor file ({type(error).__name__}: {error}): make one with "
            "realtime-calibrate floor"
        ) from error


def _floor(node: Any) -> Floor:
    up, sigma = node["up"], node["sigma"]
    numbers = (*up, node["camera_height_m"], sigma["height_m"], math.radians(sigma["tilt_deg"]))
    return from_numbers(tuple(float(v) for v in numbers))


def save_floor(floor: Floor, path: Path, comment: str = "") -> None:
    """Write a floor file, with a line of comment at its head. Raises FloorFileError."""
    import yaml

    sigma = {
        "height_m": round(float(floor.sigma_m), 5),
        "tilt_deg": round(math.degrees(floor.tilt_sigma), 4),
    }
    node = {
        "up": [round(float(v), 7) for v in floor.up],
        "camera_height_m": round(float(floor.camera_height_m), 5),
        "sigma": sigma,
    }
    text = yaml.safe_dump(node, sort_keys=False, default_flow_style=None)
    try:
        path.write_text(f"# {comment}\n{text}" if comment else text, encoding="utf-8")
    except OSError as error:
        raise FloorFileError(f"cannot write {path}: {error.strerror}") from error


def to_numbers(floor: Floor) -> Numbers:
    """A floor as plain numbers, which a session keeps: up, the camera's height, and both sigmas (m, rad)."""
    return (*(float(v) for v in floor.up), floor.camera_height_m, floor.sigma_m, floor.tilt_sigma)


def from_numbers(numbers: Numbers) -> Floor:
    """What `to_numbers` made. Raises ValueError for a plane that no floor under a camera is."""
    x, y, z, height_m, sigma_m, tilt_sigma = numbers
    length = math.hypot(x, y, z)
    if not abs(length - 1) < _UNIT_WITHIN:
        raise ValueError(f"up must have a length of 1, not {length:g}")
    if not _HEIGHT_M[0] <= height_m <= _HEIGHT_M[1]:
        raise ValueError(f"the camera must be {_HEIGHT_M[0]:g} to {_HEIGHT_M[1]:g} m high, not {height_m:g}")
    if not (0 <= sigma_m < height_m and 0 <= tilt_sigma < 1):
        raise ValueError("the sigmas must be positive, and less than the height and one radian")
    up = np.array((x / length, y / length, z / length), np.float32)
    return Floor(up, height_m, max(sigma_m, _LEAST_SIGMA_M), max(tilt_sigma, _LEAST_TILT_SIGMA))


def floor_under(camera_height_m: float, tilt_deg: float = 0.0) -> Floor:
    """The floor under a camera of known height that looks down by so much and does not roll.

    Its sigmas are those of a tape and of a phone's level: 2 cm and 1 degree. Raises UsageError.
    """
    return Floor(up_of_tilt(tilt_deg), checked_height_m(camera_height_m), TAPE_SIGMA_M, LEVEL_SIGMA)


def checked_height_m(camera_height_m: float) -> float:
    """A camera's height over the floor, if it can be one. Raises UsageError."""
    if not _HEIGHT_M[0] <= camera_height_m <= _HEIGHT_M[1]:
        raise UsageError(
            f"--camera-height must be {_HEIGHT_M[0]:g} to {_HEIGHT_M[1]:g} metres, not {camera_height_m:g}"
        )
    return camera_height_m


def up_of_tilt(tilt_deg: float) -> FloatArray:
    """The world's up (3,) in the axes of a camera that looks down by so much and does not roll.

    Raises UsageError.
    """
    if not _TILT_DEG[0] <= tilt_deg <= _TILT_DEG[1]:
        raise UsageError(
            f"--camera-tilt must be {_TILT_DEG[0]:g} to {_TILT_DEG[1]:g} degrees, down is positive, "
            f"not {tilt_deg:g}"
        )
    tilt = math.radians(tilt_deg)
    return np.array((0.0, -math.cos(tilt), -math.sin(tilt)), np.float32)

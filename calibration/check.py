"""A known distance against the measured one: how far off a camera's metres are, and what would mend them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.board import Board
from calibration.detect import Finder, Sighting
from calibration.errors import CalibrationError
from calibration.solve import locate
from calibration.views import View, read_photo
from realtime.camera import Intrinsics
from realtime.size import STATURE_RATIO, bone_path_m
from realtime.stream.assemble import Options, assemble, find_intrinsics, find_source
from realtime.stream.source import SourceInfo
from realtime.types import Frame

_PHOTOS = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
_PHOTO_REPEATS = 30
_SETTLED = 1 / 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Distances from the lens. size: of what was measured, as it was taken to be: a person's body height or
    a board's square, metres. known_size: whether the user said so. sigma_m: one standard deviation, as the
    program itself puts it (a person), or over the frames (a board)."""

    distances_m: tuple[float, ...]
    sigma_m: float
    size_m: float
    known_size: bool
    intrinsics: Intrinsics

    @property
    def distance_m(self) -> float:
        return float(np.median(self.distances_m))


def frames_of(name: str | None, limit: int) -> tuple[SourceInfo, bool, Iterator[Frame]]:
    """The frames of what a user named; a photo is shown again and again, for nets that need time."""
    if name is not None and Path(name).suffix.lower() in _PHOTOS and Path(name).is_file():
        image = read_photo(Path(name))
        info = SourceInfo(name, image.shape[1], image.shape[0], 30.0, _PHOTO_REPEATS, False, True)
        count = min(limit, _PHOTO_REPEATS)
        return info, False, (Frame(image, i, i * 33_333_333, i / 30) for i in range(count))
    source, is_sample = find_source(name)

    def read() -> Iterator[Frame]:
        try:
            for _ in range(limit):
                if (frame := source.read()) is None:
                    return
                yield frame
        finally:
            source.close()

    return source.info, is_sample, read()


def measure_person(name: str | None, options: Options, limit: int) -> Measured:
    """How far the person in a source is, through the live pipeline: the lens to the middle of the hips."""
    info, is_sample, frames = frames_of(name, limit)
    assembly = assemble(options, find_intrinsics(options, info, is_sample))
    poses = []
    try:
        for frame in frames:
            for result in assembly.perception.process(frame):
                poses += [max(result.people, key=lambda p: p.score).pose] if result.people else []
    finally:
        assembly.perception.close()
    if not poses:
        raise CalibrationError(
            f"no person was found in {info.name}: stand at the known distance, whole body in view"
        )
    # The filters and the nets need some frames to settle.
    settled = poses[int(len(poses) * _SETTLED) :]
    stature = float(np.median([STATURE_RATIO * bone_path_m(p.relative_m) for p in settled]))
    known = options.stature_m is not None
    return Measured(
        tuple(float(np.linalg.norm(p.root_m)) for p in settled),
        float(np.median([p.root_sigma_m for p in settled])),
        options.stature_m or stature,
        known,
        assembly.intrinsics,
    )


def measure_board(name: str | None, options: Options, board: Board, limit: int) -> Measured:
    """How far a board of known size in a source is: the lens to the middle of its inner corners."""
    info, is_sample, frames = frames_of(name, limit)
    intrinsics = find_intrinsics(options, info, is_sample)
    finder, distances, reason = Finder(board, any_layout=True), list[float](), "no frame was read"
    for frame in frames:
        seen = finder.find(frame.image)
        if not isinstance(seen, Sighting):
            reason = seen.reason
            continue
        turn, move = locate(intrinsics, View.of(f"frame {frame.index}", seen, finder.board))
        distances.append(_to_centre(turn, move, finder.board))
        if name is not None and Path(name).suffix.lower() in _PHOTOS:
            break
    if not distances:
        raise CalibrationError(
            f"{info.name}: {reason}; hold the {board} board at the known distance, whole, facing the camera"
        )
    return Measured(tuple(distances), float(np.std(distances)), board.square_m, True, intrinsics)


def _to_centre(turn: np.ndarray, move: np.ndarray, board: Board) -> float:
    angle = float(np.linalg.norm(turn))
    axis = turn / max(angle, 1e-12)
    c = board.centre_m.astype(np.float64)
    # Rodrigues' formula.
    turned = c * math.cos(angle) + np.cross(axis, c) * math.sin(angle)
    turned += axis * (axis @ c) * (1 - math.cos(angle))
    return float(np.linalg.norm(turned + move))


def verdict(measured: Measured, distance_m: float, what: str) -> list[str]:
    """Lines about the error and its two possible causes. what: "person" or "board"."""
    ratio = distance_m / measured.distance_m
    error = 100 * (1 / ratio - 1)
    camera, spread = measured.intrinsics, float(np.std(measured.distances_m))
    lines = [
        f"measured {measured.distance_m:.3f} m (median of {len(measured.distances_m)} frames, scattered by "
        f"{spread:.3f} m), known {distance_m:.3f} m: {abs(error):.1f} % too {'far' if error > 0 else 'near'}",
        f"camera: {camera.source}, {camera.fov_deg:.1f} degrees across the longer side, "
        f"fx {camera.fx:.1f} px",
    ]
    if abs(measured.distance_m - distance_m) <= measured.sigma_m:
        lines.append(f"within one standard deviation of what this can tell ({measured.sigma_m:.3f} m)")
    fov = 2 * math.degrees(math.atan(math.tan(math.radians(camera.fov_deg) / 2) / ratio))
    lines.append(
        f"either the focal length is {abs(error):.1f} % too {'long' if error > 0 else 'short'}: "
        f"fx {camera.fx * ratio:.1f} px (--fov {fov:.1f}) would agree"
    )
    size, unit, name = measured.size_m * ratio, "m", "the body height"
    if what == "board":
        size, unit, name = 1000 * size, "mm", "the square's side"
    option = f"--height {size:.2f}" if what == "person" else f"--square-mm {size:.2f}"
    taken = measured.size_m * (1 if what == "person" else 1000)
    said = "given" if measured.known_size else "taken"
    lines.append(
        f"or {name} is {abs(error):.1f} % too {'large' if error > 0 else 'small'} "
        f"({said} as {taken:.2f} {unit}): {option} would agree"
    )
    if camera.source != "calibrated":
        lines.append(
            "calibrate the camera first (realtime-calibrate images, or camera): then the size is left"
        )
    return lines

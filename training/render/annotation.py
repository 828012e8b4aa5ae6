"""The exact truth of rendered clips: joints in metres and pixels, visibility, boxes, the camera."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

_CAMERA = ("fx", "fy", "cx", "cy")


@dataclass(frozen=True, slots=True)
class FrameAnnotation:
    """One frame with P people; the fields are those of `ClipAnnotation` without T."""

    pose_m: FloatArray
    keypoints_px: FloatArray
    visible: Array
    box_px: FloatArray
    shown: FloatArray


@dataclass(frozen=True, slots=True)
class ClipAnnotation:
    """T frames of P people before one still camera.

    pose_m: (T, P, 17, 3) absolute camera space. keypoints_px: (T, P, 17, 2), distorted as the image is; NaN
    for a joint behind the camera. visible: (T, P, 17) bool: the joint is in the image and nothing but the
    body parts it lies in is in front of it. box_px: (T, P, 4) x0, y0, x1, y1 around the whole person, hidden
    parts too, clipped to the image; zeros when outside. shown: (T, P) share of the person that can be seen,
    in [0, 1]. height_m: (P,) stature barefoot. up: (3,) the world's up in camera space.
    floor_m: distance of the camera above the floor. takes, subjects: the motion and the body of each person,
    empty in a clip that does not say.
    """

    pose_m: FloatArray
    keypoints_px: FloatArray
    visible: Array
    box_px: FloatArray
    shown: FloatArray
    height_m: FloatArray
    intrinsics: Intrinsics
    up: FloatArray
    floor_m: float
    fps: float
    takes: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """T."""
        return len(self.pose_m)

    @property
    def people(self) -> int:
        """P."""
        return len(self.height_m)

    def save(self, path: Path) -> None:
        """Write an NPZ of plain arrays, with the joints' names. The same truth gives the same bytes."""
        lens = self.intrinsics
        players = {"takes": self.takes, "subjects": self.subjects}
        named: dict[str, Any] = {key: np.array(names) for key, names in players.items() if names}
        np.savez_compressed(
            path,
            pose_m=self.pose_m,
            keypoints_px=self.keypoints_px,
            visible=self.visible,
            box_px=self.box_px,
            shown=self.shown,
            height_m=self.height_m,
            camera=np.array([getattr(lens, name) for name in _CAMERA], np.float64),
            image_size=np.array([lens.width, lens.height], np.int32),
            distortion=np.array(lens.distortion, np.float64),
            distortion_model=np.array(lens.model),
            up=self.up,
            floor_m=np.float32(self.floor_m),
            fps=np.float32(self.fps),
            joints=np.array(H36M17.joints),
            **named,
        )


def load_annotation(path: Path) -> ClipAnnotation:
    """Read what `ClipAnnotation.save` wrote. Raises UsageError for any other file."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            data = {key: archive[key] for key in archive.files}
        fx, fy, cx, cy = (float(value) for value in data["camera"])
        width, height = (int(value) for value in data["image_size"])
        distortion = tuple(float(value) for value in data["distortion"])
        lens = Intrinsics(fx, fy, cx, cy, width, height, distortion, str(data["distortion_model"]))
        return ClipAnnotation(
            **{key: data[key] for key in (*FrameAnnotation.__slots__, "height_m", "up")},
            intrinsics=lens,
            floor_m=float(data["floor_m"]),
            fps=float(data["fps"]),
            takes=_names(data, "takes"),
            subjects=_names(data, "subjects"),
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is not the annotation of a rendered clip: {error}") from error


def _names(data: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(name) for name in data[key]) if key in data else ()


def collected(
    frames: Sequence[FrameAnnotation],
    height_m: FloatArray,
    view: tuple[Intrinsics, FloatArray, float],
    fps: float,
) -> ClipAnnotation:
    """The annotation of a clip from that of its frames. view: intrinsics, up and floor_m."""
    intrinsics, up, floor_m = view
    stacked: dict[str, Any] = {
        name: np.stack([getattr(f, name) for f in frames]) for name in FrameAnnotation.__slots__
    }
    return ClipAnnotation(
        **stacked, height_m=height_m, intrinsics=intrinsics, up=up, floor_m=floor_m, fps=fps
    )

"""Training samples cut out of rendered frames: crops of people, and whole frames with their boxes.

A sample is a row of several arrays, held together in a mapping by the names below. Coordinates are units of
the stored square: 0 to 1, edge to edge, as in `realtime.preprocess`.

Of all samples: IMAGE (N, S, S, 3) uint8 RGB. REGION (N, 3) float32 cx, cy, size in image pixels of the square
that was cut. Of crops: JOINTS (N, 17, 2) float32, zero where not known. IN_IMAGE, VISIBLE (N, 17) bool: the
joint lies within the image; and nothing is in front of it. DEPTH_M (N, 17) float32 behind the pelvis.
POSE_M (N, 17, 3) float32 camera space. HEAD (N,) float32 length of the segment neck to head as it would be
seen side on, in units. BOX (N, 4) float32 of the person. Of frames: BOXES (N, MOST_PEOPLE, 4) float32 and
SHOWN (N, MOST_PEOPLE) float32, both zero beyond the people there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.decode.geometry import region_of_box
from realtime.errors import UsageError
from realtime.preprocess import UnitMap
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray, ImageArray, Region
from training.dataset.media import media
from training.render.annotation import ClipAnnotation, load_annotation

Samples = Mapping[str, Array]

IMAGE, REGION = "image", "region"
JOINTS, IN_IMAGE, VISIBLE, DEPTH_M, POSE_M = "joints", "in_image", "visible", "depth_m", "pose_m"
HEAD, BOX = "head", "box"
BOXES, SHOWN = "boxes", "shown"

MOST_PEOPLE = 3
LIVE_PADDING = 1.25
"""How much larger than a person's box the square is that a 2D net is shown live (`decode.topdown`)."""
LEAST_SHOWN = 0.3
"""A person less of whom can be seen is neither trained on nor counted."""
_LEAST_VISIBLE, _LEAST_SIDE_PX = 5, 24.0
_PELVIS, _NECK, _HEAD = H36M17.indices("pelvis", "neck", "head")


@dataclass(frozen=True, slots=True)
class Cut:
    """How samples are cut. side_px: of the stored square. margin: how much larger than the square that a net
    is shown live, so that there is room to turn and shift. stride: every so many frames of a clip.

    whole: the whole frame takes the person's square's place (crop-and-resize off); only clips of one person.
    """

    side_px: int = 320
    margin: float = 1.4
    stride: int = 3
    whole: bool = False

    def __post_init__(self) -> None:
        if self.side_px < 32 or self.margin < 1 or self.stride < 1:
            raise UsageError("samples need a side of 32 px or more, a margin and a stride of 1 or more")

    @property
    def live_share(self) -> float:
        """The side of the square shown live as a share of the stored one."""
        return 1.0 if self.whole else 1.0 / self.margin


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """A clip of `realtime-train render --form frames`: its truth, and the folder of its JPEG files."""

    truth: Path

    @property
    def folder(self) -> Path:
        """Where the pictures are."""
        return self.truth.with_suffix("")

    def annotation(self) -> ClipAnnotation:
        """The truth. Raises UsageError for a damaged file."""
        return load_annotation(self.truth)

    def rgb(self, frame: int) -> ImageArray:
        """A picture (H, W, 3), red first. Raises UsageError for one that is not there."""
        return cv2.cvtColor(media("frames").frame(self.folder, frame), cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]


def clips_of(folder: Path) -> list[ClipFiles]:
    """The clips that are whole by now, in order. A folder that is not there yet has none."""
    return [ClipFiles(path) for path in sorted((folder / "clips").glob("[0-9]*.npz"))]


def crops(clip: ClipFiles, cut: Cut) -> tuple[Samples, tuple[Intrinsics, ...]]:
    """Crops of the people of a clip of whom enough is seen, and the camera of each."""
    truth = clip.annotation()
    rows: list[dict[str, Array]] = []
    if not cut.whole or truth.people == 1:
        for frame in range(0, truth.frames, cut.stride):
            people = [p for p in range(truth.people) if _worth(truth, frame, p)]
            rgb = clip.rgb(frame) if people else None
            rows += [_crop(rgb, truth, (frame, p), cut) for p in people if rgb is not None]
    return _stacked(rows), (truth.intrinsics,) * len(rows)


def frames(clip: ClipFiles, cut: Cut) -> tuple[Samples, tuple[Intrinsics, ...]]:
    """Whole frames of a clip with the boxes of its people, and the camera of each."""
    truth = clip.annotation()
    rows = [_frame(clip.rgb(frame), truth, frame, cut) for frame in range(0, truth.frames, cut.stride)]
    return _stacked(rows), (truth.intrinsics,) * len(rows)


def live_region(box_px: FloatArray) -> Region:
    """The square shown live for a person's box (4,): the longest side and a margin (crop-and-resize)."""
    return region_of_box(box_px, 1.0, LIVE_PADDING)


def frame_region(camera: Intrinsics) -> Region:
    """The square that holds a whole frame, in its middle."""
    return Region(
        (camera.width - 1) / 2, (camera.height - 1) / 2, float(max(camera.width, camera.height)), 0.0
    )


def to_unit(points_px: FloatArray, region: Region) -> FloatArray:
    """Image pixels (..., 2) in units of an upright region."""
    corner = np.array([region.cx_px, region.cy_px]) - region.size_px / 2
    return np.asarray((points_px - corner) / region.size_px, np.float32)


def warped(rgb: ImageArray, region: Region, side_px: int) -> ImageArray:
    """A region of an image, (side_px, side_px, 3), black beyond its rim."""
    # Linear even where pixels are skipped, as `realtime.preprocess` does it live.
    matrix = UnitMap.of_region(region).matrix(side_px, side_px).astype(np.float64)
    return cv2.warpAffine(  # type: ignore[no-any-return]
        rgb, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )


def _worth(truth: ClipAnnotation, frame: int, person: int) -> bool:
    box_px = truth.box_px[frame, person]
    return bool(
        truth.shown[frame, person] >= LEAST_SHOWN
        and truth.visible[frame, person].sum() >= _LEAST_VISIBLE
        and (box_px[2:] - box_px[:2]).max() >= _LEAST_SIDE_PX
    )


def _crop(rgb: ImageArray, truth: ClipAnnotation, at: tuple[int, int], cut: Cut) -> dict[str, Array]:
    lens, box_px, points_px = truth.intrinsics, truth.box_px[at], truth.keypoints_px[at]
    live = frame_region(lens) if cut.whole else live_region(box_px)
    region = Region(live.cx_px, live.cy_px, live.size_px / cut.live_share, 0.0)
    pose_m = truth.pose_m[at].astype(np.float32)
    head_m = float(np.linalg.norm(pose_m[_HEAD] - pose_m[_NECK]))
    head_px = head_m * (lens.fx + lens.fy) / 2 / max(float(pose_m[_HEAD, 2]), 0.1)
    known = np.isfinite(points_px).all(axis=-1)
    limits = np.array([lens.width, lens.height]) - 0.5
    within = (
        known
        & (np.nan_to_num(points_px) >= -0.5).all(axis=-1)
        & (np.nan_to_num(points_px) <= limits).all(axis=-1)
    )
    return {
        IMAGE: warped(rgb, region, cut.side_px),
        REGION: np.array([region.cx_px, region.cy_px, region.size_px], np.float32),
        JOINTS: np.where(known[:, None], to_unit(np.nan_to_num(points_px), region), 0).astype(np.float32),
        IN_IMAGE: within,
        VISIBLE: truth.visible[at] & within,
        DEPTH_M: pose_m[:, 2] - pose_m[_PELVIS, 2],
        POSE_M: pose_m,
        HEAD: np.float32(head_px / region.size_px),
        BOX: to_unit(box_px.reshape(2, 2), region).reshape(4),
    }


def _frame(rgb: ImageArray, truth: ClipAnnotation, frame: int, cut: Cut) -> dict[str, Array]:
    region = frame_region(truth.intrinsics)
    boxes, shown = np.zeros((MOST_PEOPLE, 4), np.float32), np.zeros(MOST_PEOPLE, np.float32)
    people = min(truth.people, MOST_PEOPLE)
    edges_px = truth.box_px[frame, :people].reshape(-1, 2, 2)
    in_view = np.all(edges_px[:, 1] > edges_px[:, 0], axis=-1)
    boxes[:people] = to_unit(edges_px, region).reshape(-1, 4) * in_view[:, None]
    shown[:people] = truth.shown[frame, :people] * in_view
    return {
        IMAGE: warped(rgb, region, cut.side_px),
        REGION: np.array([region.cx_px, region.cy_px, region.size_px], np.float32),
        BOXES: boxes,
        SHOWN: shown,
    }


def _stacked(rows: list[dict[str, Array]]) -> Samples:
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]} if rows else {}


def joined(parts: list[Samples]) -> Samples:
    """The samples of all parts, in order; none of none."""
    filled = [part for part in parts if part]
    return {key: np.concatenate([part[key] for part in filled]) for key in filled[0]} if filled else {}


def count(samples: Samples) -> int:
    """How many samples there are."""
    return len(samples[IMAGE]) if samples else 0

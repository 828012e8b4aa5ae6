"""One picture of many clips: frames with the truth drawn over them, to look at before training on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from realtime.draw import BACKGROUND, SHADOW, TEXT, bone_px, colour_of, draw_tag, fit_image
from realtime.scene import BODY_SIDE, BONES, Side
from realtime.strokes import bgr
from realtime.types import FloatArray, ImageArray
from training.render.annotation import ClipAnnotation

MOST_CLIPS = 40
_MOST_PANELS = 40
_PANEL_PX = 320, 240
_COLUMNS = 8
_GAP_PX = 4
_SHIFT = 4
_FAR_PX = 1e5
_ONE, _TWO = (0.5,), (0.25, 0.75)


@dataclass(frozen=True, slots=True)
class Panel:
    """One frame of a clip: its image, and the clip's truth of which `frame` is drawn."""

    clip: int
    image: ImageArray
    truth: ClipAnnotation
    frame: int


def frames_shown(clips: int) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Which of so many clips are shown, evenly spread, and at which shares of their length."""
    shown = min(clips, MOST_CLIPS)
    shares = _TWO if 2 * shown <= _MOST_PANELS else _ONE
    for place in range(shown):
        yield place * clips // shown, shares


def contact_sheet(panels: Iterable[Panel]) -> ImageArray:
    """All panels on one BGR image, in rows. Joints that can be seen are discs, hidden ones rings."""
    tiles = [_tile(panel) for panel in panels]
    columns = min(_COLUMNS, max(len(tiles), 1))
    rows = math.ceil(len(tiles) / columns)
    width, height = (size + _GAP_PX for size in _PANEL_PX)
    sheet = np.full((max(rows * height - _GAP_PX, 1), columns * width - _GAP_PX, 3), bgr(SHADOW), np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + _PANEL_PX[1], left : left + _PANEL_PX[0]] = tile
    return sheet


def _tile(panel: Panel) -> ImageArray:
    """The panel's frame in the middle of a tile, at its own aspect."""
    height, width = panel.image.shape[:2]
    scale = min(_PANEL_PX[0] / width, _PANEL_PX[1] / height)
    small = fit_image(panel.image, max(round(width * scale), 1), max(round(height * scale), 1)).copy()
    for person in range(panel.truth.people):
        _draw_person(small, panel, person, scale)
    draw_tag(small, str(panel.clip), (0, 0), TEXT)
    tile = np.full((_PANEL_PX[1], _PANEL_PX[0], 3), bgr(BACKGROUND), np.uint8)
    top, left = (tile.shape[0] - small.shape[0]) // 2, (tile.shape[1] - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def _draw_person(image: ImageArray, panel: Panel, person: int, scale: float) -> None:
    truth, frame = panel.truth, panel.frame
    points_px = (truth.keypoints_px[frame, person] + 0.5) * scale - 0.5
    placed = np.isfinite(points_px).all(axis=-1)
    at = _fixed(np.where(placed[:, None], points_px, 0))
    corners = _fixed(((truth.box_px[frame, person] + 0.5) * scale - 0.5).reshape(2, 2))
    if corners[0] != corners[1]:
        box_colour = bgr(colour_of(Side.MIDDLE, person))
        cv2.rectangle(image, corners[0], corners[1], box_colour, 1, cv2.LINE_AA, _SHIFT)
    width_px = bone_px(image.shape[1], image.shape[0])
    for (child, parent), side in zip(BONES.tolist(), BODY_SIDE.tolist(), strict=False):
        if placed[child] and placed[parent]:
            colour = bgr(colour_of(side, person))
            cv2.line(image, at[child], at[parent], colour, max(1, round(width_px / 2)), cv2.LINE_AA, _SHIFT)
    radius = round((width_px + 1) * 2**_SHIFT)
    for joint, side in enumerate(BODY_SIDE[len(BONES) :].tolist()):
        if placed[joint]:
            filled = cv2.FILLED if truth.visible[frame, person, joint] else 1
            cv2.circle(image, at[joint], radius, bgr(colour_of(side, person)), filled, cv2.LINE_AA, _SHIFT)


def _fixed(points_px: FloatArray) -> list[list[int]]:
    """Points in OpenCV's fixed point."""
    near = np.clip(points_px, -_FAR_PX, _FAR_PX)
    return np.round(near * 2**_SHIFT).astype(np.int32).tolist()  # type: ignore[no-any-return]

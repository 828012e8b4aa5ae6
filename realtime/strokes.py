"""Painting strokes on images with OpenCV, for the window and the video alike.

Images are (H, W, 3) or (H, W, 4) uint8, blue first, painted in place; colours are named in RGB. S strokes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from realtime.scene import Side, Strokes
from realtime.types import Array, FloatArray, ImageArray

Rgb = tuple[int, int, int]
Ink = Callable[[int, int], Rgb]
"""The colour of a side of the body of a person: (Side, position in the list of people; -1 for none)."""

_SHIFT = 4
_ONE_PX = 2**_SHIFT
_FARTHEST_PX = 1e7  # in fixed point it still fits 32 bits
_LEVELS = 16
_COARSE = 2
_FAINT_LEVELS = 4
_RIM_PX = 1
_HOLLOW = 0.5
_SMALLEST_HOLLOW_PX = 4.0
_MOST = 256


def one_ink(colour: Rgb) -> Ink:
    """The same colour for everything."""
    return lambda side, who: colour


def bgr(colour: Rgb) -> Rgb:
    """A colour as OpenCV takes it."""
    return colour[2], colour[1], colour[0]


@lru_cache(maxsize=4096)
def _mixed_bgr(colour: Rgb, level: int, over: Rgb) -> Rgb:
    """A colour that stands out `level / _LEVELS` from what is behind it, as OpenCV takes it."""
    share = level / _LEVELS
    red, green, blue = (round(under + (top - under) * share) for under, top in zip(over, colour, strict=True))
    return blue, green, red


def paint_lines(
    image: ImageArray, groups: Sequence[tuple[Strokes, Ink]], over: Rgb, density: float = 1.0
) -> None:
    """Paint groups of a canvas's lines in order, mixed into a plain background; few calls for many lines.

    Within a group, lines of one look are painted together. density: pixels of the image to the canvas's unit.
    """
    strokes = [group for group, _ in groups]
    strength, width_px, side, person = (
        np.concatenate([getattr(group, name) for group in strokes])
        for name in ("strength", "width_px", "side", "person")
    )
    lines = _fixed(_on_pixels(np.concatenate([group.ends_px for group in strokes]), density))
    level = np.ceil(strength * (_LEVELS // _COARSE)).astype(np.int64) * _COARSE
    thick = np.clip(np.round(width_px * density), 1, _MOST - 1).astype(np.int64)
    group = np.repeat(np.arange(len(groups)), [len(group) for group in strokes])
    # One number for all that lines can differ in, in the order to paint them.
    look = group
    for part, size in ((person + 1, _MOST), (side, len(Side)), (level, _LEVELS + 1), (thick, _MOST)):
        look = look * size + part
    order = np.argsort(look, kind="stable")
    rows, firsts = list(lines[order]), np.flatnonzero(np.diff(look[order], prepend=-1))
    kinds = np.stack([group, side, person, level, thick], axis=1)[order[firsts]].tolist()
    for first, beyond, kind in zip(firsts, [*firsts[1:], len(rows)], kinds, strict=True):
        n, of_side, who, strength_level, width = kind
        shade = _mixed_bgr(groups[n][1](of_side, who), strength_level, over)
        cv2.polylines(image, rows[first:beyond], False, shade, width, cv2.LINE_AA, _SHIFT)


def paint_path(image: ImageArray, points_px: FloatArray, colour: Rgb, width: int = 1) -> None:
    """Paint one line through points (K, 2), pixels that count from the centre of the top-left one."""
    cv2.polylines(image, [_fixed(points_px)], False, bgr(colour), width, cv2.LINE_AA, _SHIFT)


def paint_bodies(
    image: ImageArray, strokes: Strokes, ink: Ink, rim: Rgb, over: Rgb, density: float = 1.0
) -> None:
    """Paint a canvas's body strokes in order, mixed into a plain background as far as they stand out.

    Each has a rim against what lies behind it; right joints are hollow, so that no side is told by colour
    alone. density: pixels of the image to the canvas's unit.
    """
    levels = np.round(strokes.strength * _LEVELS).astype(int).tolist()
    looks = zip(strokes.side.tolist(), strokes.person.tolist(), levels, strict=True)
    colours = [_mixed_bgr(ink(side, who), level, over) for side, who, level in looks]
    ends_px, width_px = _on_pixels(strokes.ends_px, density), strokes.width_px * np.float32(density)
    _paint(image, replace(strokes, ends_px=ends_px, width_px=width_px), colours, bgr(rim))


def paint_bodies_through(image: ImageArray, strokes: Strokes, ink: Ink, rim: Rgb) -> None:
    """Paint body strokes on a picture, which shows through those that stand out less; the faintest first.

    Here pixels count from the centre of the top-left one.
    """
    level = np.clip(np.ceil(strokes.strength * _FAINT_LEVELS), 1, _FAINT_LEVELS).astype(int)
    for step in range(1, _FAINT_LEVELS + 1):
        chosen = strokes[level == step]
        if not len(chosen):
            continue
        looks = zip(chosen.side.tolist(), chosen.person.tolist(), strict=True)
        colours = [bgr(ink(side, who)) for side, who in looks]
        if step < _FAINT_LEVELS:
            _paint_faint(image, chosen, colours, bgr(rim), step / _FAINT_LEVELS)
        else:
            _paint(image, chosen, colours, bgr(rim))


def _paint_faint(
    image: ImageArray, strokes: Strokes, colours: Sequence[Rgb], rim: Rgb, opacity: float
) -> None:
    """Paint strokes half through, touching only the part of the image they cover."""
    margin = float(strokes.width_px.max()) + 4
    height, width = image.shape[:2]
    low = np.clip(strokes.ends_px.min(axis=(0, 1)) - margin, 0, (width, height)).astype(int)
    high = np.clip(strokes.ends_px.max(axis=(0, 1)) + margin, 0, (width, height)).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return
    painted = part.copy()
    _paint(painted, replace(strokes, ends_px=strokes.ends_px - low.astype(np.float32)), colours, rim)
    cv2.addWeighted(painted, opacity, part, 1 - opacity, 0, dst=part)


def _paint(image: ImageArray, strokes: Strokes, colours: Sequence[Rgb], rim: Rgb) -> None:
    """Bones are bars without ends, as a joint lies on each end: half the work of lines with round ones.

    colours, rim: as OpenCV takes them.
    """
    start, end = strokes.ends_px[:, 0], strokes.ends_px[:, 1]
    half_px = np.stack([strokes.width_px / 2 + _RIM_PX, strokes.width_px / 2])[..., None]
    along = end - start
    length = np.hypot(along[:, 0], along[:, 1])
    is_dot = length == 0
    aside = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.where(is_dot, 1, length)[:, None] * half_px
    bars = _fixed(np.stack([start + aside, end + aside, end - aside, start - aside], axis=2))
    centres, radii = _fixed(start).tolist(), np.round(half_px[..., 0] * _ONE_PX).astype(int).tolist()
    hollow = ((strokes.side == Side.RIGHT) & (strokes.width_px >= _SMALLEST_HOLLOW_PX)).tolist()
    aa, filled = cv2.LINE_AA, cv2.FILLED
    for n, (dot, at, colour) in enumerate(zip(is_dot.tolist(), centres, colours, strict=True)):
        if not dot:
            cv2.fillConvexPoly(image, bars[0, n], rim, aa, _SHIFT)
            cv2.fillConvexPoly(image, bars[1, n], colour, aa, _SHIFT)
            continue
        cv2.circle(image, at, radii[0][n], rim, filled, aa, _SHIFT)
        cv2.circle(image, at, radii[1][n], colour, filled, aa, _SHIFT)
        if hollow[n]:
            cv2.circle(image, at, round(radii[1][n] * _HOLLOW), rim, filled, aa, _SHIFT)


def _on_pixels(points: FloatArray, density: float) -> FloatArray:
    """Points of a canvas whose corner is (0, 0), in pixels that count from the centre of the top-left one."""
    return np.asarray(points * np.float32(density) - np.float32(0.5), np.float32)


def _fixed(points_px: FloatArray) -> Array:
    """Points in OpenCV's fixed point, int32."""
    return np.asarray(np.rint(np.clip(points_px, -_FARTHEST_PX, _FARTHEST_PX) * _ONE_PX), np.int32)

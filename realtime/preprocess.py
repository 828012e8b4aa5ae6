"""From image to network input: crop, letterbox, normalise. The only place.

Pixel positions count from the centre of the top-left pixel. Network positions are `unit` coordinates:
0 to 1 across the network's input in x and in y, edge to edge, whatever its resolution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from realtime.manifest import ImageInput
from realtime.types import Array, FloatArray, Frame, ImageArray, Region


@dataclass(frozen=True, slots=True)
class UnitMap:
    """An affine map from unit coordinates to image pixels: `px = unit @ linear.T + offset`."""

    linear: FloatArray
    offset: FloatArray

    @classmethod
    def of_region(cls, region: Region, aspect: float = 1.0) -> UnitMap:
        """The map whose unit square is the region, or its middle part for an input that is not square.

        aspect: width over height of the network's input.
        """
        c, s = math.cos(region.angle_rad), math.sin(region.angle_rad)
        across, down = min(1.0, aspect) * region.size_px, min(1.0, 1 / aspect) * region.size_px
        xx, xy, yx, yy = c * across, -s * down, s * across, c * down
        corner = region.cx_px - (xx + xy) / 2, region.cy_px - (yx + yy) / 2
        return cls(np.array([[xx, xy], [yx, yy]], np.float32), np.array(corner, np.float32))

    @classmethod
    def whole(cls, width: int, height: int) -> UnitMap:
        """The map of a whole image, centred in the smallest square that holds it."""
        size = max(width, height)
        return cls.of_region(Region((width - 1) / 2, (height - 1) / 2, size, 0.0))

    def to_px(self, unit: FloatArray) -> FloatArray:
        """Pixels (..., 2) of unit coordinates (..., 2)."""
        return np.asarray(unit @ self.linear.T + self.offset, np.float32)

    @property
    def scale_px(self) -> float:
        """Pixels per unit of x."""
        return math.hypot(self.linear[0, 0], self.linear[1, 0])

    def matrix(self, width: int, height: int) -> Array:
        """(2, 3) from the centres of a width x height input's pixels to image pixels."""
        linear = self.linear / np.array([width, height], np.float32)
        offset = self.offset + linear @ np.full(2, 0.5, np.float32)
        return np.concatenate([linear, offset[:, None]], axis=1)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a whole frame lies in a network's input, in input pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, spec: ImageInput, frame: Frame) -> Placement:
        """Stretched over the input, or as large as fits with its aspect kept."""
        if spec.fit == "stretch":
            return cls(0, 0, spec.width, spec.height)
        scale = min(spec.width / frame.width, spec.height / frame.height)
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        if spec.anchor == "top-left":
            return cls(0, 0, width, height)
        return cls((spec.width - width) // 2, (spec.height - height) // 2, width, height)

    def unit_map(self, spec: ImageInput, frame: Frame) -> UnitMap:
        """From the input's unit coordinates to the frame's pixels."""
        sides_px = [frame.width * spec.width / self.width, frame.height * spec.height / self.height]
        linear = np.diag(sides_px)
        corner = np.array([self.left / spec.width, self.top / spec.height])
        return UnitMap(linear.astype(np.float32), (-linear @ corner - 0.5).astype(np.float32))


class ImagePreparer:
    """Fills one network's image input from frames; the buffers are made once and reused.

    `prepare` returns the (1, H, W, 3) or (1, 3, H, W) tensor, valid until the next call.
    """

    def __init__(self, spec: ImageInput) -> None:
        self._spec = spec
        self._border = cv2.BORDER_REPLICATE if spec.beyond == "rim" else cv2.BORDER_CONSTANT
        self._pad = (float(spec.pad),) * 4
        shape = (spec.height, spec.width, 3)
        self._pixels = np.empty(shape, np.uint8)
        self._wide = np.empty((*shape[:2], 4), np.uint8)
        self._part = np.empty(0, np.uint8)
        planar = spec.layout == "NCHW"
        self._tensor = np.empty((1, 3, *shape[:2]) if planar else (1, *shape), np.dtype(spec.dtype))
        self._ordered = np.empty(shape, np.uint8)
        self._planes = np.empty((3, *shape[:2]), np.uint8) if planar else None
        self._scale, self._offset = (
            value.reshape(-1, 1, 1) if planar else value
            for value in (np.asarray(spec.scale, np.float32), np.asarray(spec.offset, np.float32))
        )

    def prepare(self, frame: Frame, unit_map: UnitMap) -> Array:
        """The part of the frame that the map's unit square covers, as the network's input."""
        # With four channels OpenCV warps more than twice as fast as with three, to the same pixels; making
        # them so costs less, up to a part of a million pixels or so.
        left, top, right, bottom = _bounds(frame, unit_map)
        part = frame.image[top:bottom, left:right]
        if (right - left) * (bottom - top) > _MOST_WIDENED_PX:
            out = self._warp(part, unit_map, (left, top), self._pixels)
        else:
            out = self._warp(self._widened(part), unit_map, (left, top), self._wide)
        return self._normalised(out)

    def _warp(
        self, part: ImageArray, unit_map: UnitMap, corner_px: tuple[int, int], out: ImageArray
    ) -> ImageArray:
        """Cut `out` from a part of the frame that begins at `corner_px`."""
        matrix = unit_map.matrix(self._spec.width, self._spec.height).astype(np.float64)
        matrix[:, 2] -= corner_px
        cv2.warpAffine(
            part, matrix, (self._spec.width, self._spec.height), out,
            cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=self._border, borderValue=self._pad,
        )  # fmt: skip
        return out

    def _widened(self, part: ImageArray) -> ImageArray:
        """The part with a fourth channel, in memory that is kept: fresh pages cost as much again."""
        height, width = part.shape[:2]
        if self._part.size < (size := height * width * 4):
            self._part = np.empty(size, np.uint8)
        wide = self._part[:size].reshape(height, width, 4)
        cv2.cvtColor(part, cv2.COLOR_BGR2BGRA, wide)
        return wide

    def prepare_whole(self, frame: Frame) -> tuple[Array, UnitMap]:
        """The whole frame, stretched or letterboxed, and the map back to its pixels.

        Shrunk by linear interpolation: by area it takes ten times as long, and BlazePose's detector, made
        for the former, finds small people less often.
        """
        place = Placement.of(self._spec, frame)
        self._pixels[:] = self._spec.pad
        target = self._pixels[place.top : place.top + place.height, place.left : place.left + place.width]
        target[:] = cv2.resize(frame.image, (place.width, place.height), interpolation=cv2.INTER_LINEAR)
        return self._normalised(self._pixels), place.unit_map(self._spec, frame)

    def _normalised(self, pixels: ImageArray) -> Array:
        """The tensor, filled from pixels in OpenCV's order of colours, of three channels or four."""
        code = _REORDER[self._spec.colour, pixels.shape[2]]
        if code is not None:
            pixels = cv2.cvtColor(pixels, code, self._ordered)
        if self._planes is not None:
            cv2.split(pixels, list(self._planes))
            pixels = self._planes
        if self._spec.dtype != "float32":
            self._tensor[0] = pixels
            return self._tensor
        np.multiply(pixels, self._scale, out=self._tensor[0])
        if self._offset.any():
            self._tensor += self._offset
        return self._tensor


_MOST_WIDENED_PX = 800_000
_REORDER: Mapping[tuple[str, int], int | None] = {
    ("BGR", 3): None,
    ("BGR", 4): cv2.COLOR_BGRA2BGR,
    ("RGB", 3): cv2.COLOR_BGR2RGB,
    ("RGB", 4): cv2.COLOR_BGRA2RGB,
}
"""By the network's order of colours and the channels there are, how to get there."""


def _bounds(frame: Frame, unit_map: UnitMap) -> tuple[int, int, int, int]:
    """The pixels that the unit square needs, at least one: left, top, and the first beyond, right and below.

    A rim of two pixels goes round it, for interpolation; where there is none the frame itself ends.
    """
    (xx, xy), (yx, yy) = unit_map.linear.tolist()
    x, y = unit_map.offset.tolist()
    left, right = x + min(xx, 0.0) + min(xy, 0.0), x + max(xx, 0.0) + max(xy, 0.0)
    top, bottom = y + min(yx, 0.0) + min(yy, 0.0), y + max(yx, 0.0) + max(yy, 0.0)
    first_x = min(max(math.floor(left) - 2, 0), frame.width - 1)
    first_y = min(max(math.floor(top) - 2, 0), frame.height - 1)
    beyond_x = min(max(math.ceil(right) + 3, first_x + 1), frame.width)
    beyond_y = min(max(math.ceil(bottom) + 3, first_y + 1), frame.height)
    return first_x, first_y, beyond_x, beyond_y


class Feeder(Protocol):
    """Makes what an image network is fed, by input name: a part of a frame, or the whole of it."""

    def crop(self, frame: Frame, unit_map: UnitMap) -> Mapping[str, Array]: ...

    def whole(self, frame: Frame) -> tuple[Mapping[str, Array], UnitMap]: ...


class PreparedFeeder:
    """For networks that take a prepared image. The arrays are valid until the next call."""

    def __init__(self, spec: ImageInput) -> None:
        self._tensor = spec.tensor
        self._preparer = ImagePreparer(spec)

    def crop(self, frame: Frame, unit_map: UnitMap) -> Mapping[str, Array]:
        """The part of the frame that the map's unit square covers."""
        return {self._tensor: self._preparer.prepare(frame, unit_map)}

    def whole(self, frame: Frame) -> tuple[Mapping[str, Array], UnitMap]:
        """The whole frame, and the map back to its pixels."""
        image, unit_map = self._preparer.prepare_whole(frame)
        return {self._tensor: image}, unit_map


class FrameFeeder:
    """For networks that cut and normalise themselves: the frame as it is, and the map into it."""

    def __init__(self, spec: ImageInput) -> None:
        self._spec = spec

    def crop(self, frame: Frame, unit_map: UnitMap) -> Mapping[str, Array]:
        """The frame and where the map's unit square lies in it."""
        spec = self._spec
        matrix = unit_map.matrix(spec.width, spec.height).astype(np.float32)
        return {spec.tensor: np.ascontiguousarray(frame.image), spec.transform: matrix}

    def whole(self, frame: Frame) -> tuple[Mapping[str, Array], UnitMap]:
        """The frame, where it lies in the input, and the map back to its pixels."""
        unit_map = Placement.of(self._spec, frame).unit_map(self._spec, frame)
        return self.crop(frame, unit_map), unit_map


def feeder(spec: ImageInput) -> Feeder:
    """What feeds such an input."""
    return FrameFeeder(spec) if spec.transform else PreparedFeeder(spec)

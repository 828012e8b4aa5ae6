"""From image to network input: crop, letterbox, normalise. The only place.

Pixel positions count from the centre of the top-left pixel. Network positions are `unit` coordinates:
0 to 1 across the network's input in x and in y, edge to edge, whatever its resolution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from realtime.manifest import ImageInput
from realtime.types import Array, FloatArray, Frame, ImageArray, Region

Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
"""The rows of x and of y: `px = row[0] * column + row[1] * row_below + row[2]`, as in a (2, 3) matrix."""


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

    def affine(self, width: int, height: int) -> Affine:
        """From the centres of a width x height input's pixels to image pixels."""
        ((xx, xy), (yx, yy)), (x, y) = self.linear.tolist(), self.offset.tolist()
        xx, xy, yx, yy = xx / width, xy / height, yx / width, yy / height
        return (xx, xy, x + (xx + xy) / 2), (yx, yy, y + (yx + yy) / 2)

    def matrix(self, width: int, height: int) -> Array:
        """`affine` as a (2, 3) matrix, float64."""
        return np.array(self.affine(width, height))


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


class _Tile(NamedTuple):
    """A rectangle of a network's input, from its first pixel on, and where its four channels are kept."""

    left: int
    top: int
    wide: ImageArray


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
        self._quarters = _quarters(self._wide)
        self._part = np.empty(0, np.uint8)
        self._ordered = np.empty(shape, np.uint8)
        self._planes = np.empty((3, *shape[:2]), np.uint8) if spec.layout == "NCHW" else None
        tensor_shape = shape if self._planes is None else self._planes.shape
        self._tensor = np.empty((1, *tensor_shape), np.dtype(spec.dtype))
        self._normalise = _Normalisation(spec, self._tensor[0])

    def prepare(self, frame: Frame, unit_map: UnitMap) -> Array:
        """The part of the frame that the map's unit square covers, as the network's input."""
        width, height = self._spec.width, self._spec.height
        affine = unit_map.affine(width, height)
        # With four channels OpenCV warps more than twice as fast as with three, to the same pixels; making
        # them so costs less, up to a part of a million pixels or so. A quarter of the input at a time: what
        # was just widened is then still in the cache.
        (xx, xy, _), (yx, yy, _) = affine
        if abs(xx * yy - xy * yx) * width * height > _MOST_WIDENED_PX:
            left, top, right, bottom = _needed(frame.image, affine, width, height)
            part = frame.image[top:bottom, left:right]
            return self._normalised(self._warp(part, affine, (left, top), self._pixels))
        for tile in self._quarters:
            placed = _moved(affine, tile.left, tile.top)
            left, top, right, bottom = _needed(frame.image, placed, tile.wide.shape[1], tile.wide.shape[0])
            part = self._widened(frame.image[top:bottom, left:right])
            self._warp(part, placed, (left, top), tile.wide)
        return self._normalised(self._wide)

    def _warp(
        self, part: ImageArray, affine: Affine, corner_px: tuple[int, int], out: ImageArray
    ) -> ImageArray:
        """Cut `out` from a part of the frame that begins at `corner_px`."""
        ((xx, xy, x), (yx, yy, y)), (left, top) = affine, corner_px
        cv2.warpAffine(
            part, np.array(((xx, xy, x - left), (yx, yy, y - top))), out.shape[1::-1], out,
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
        cv2.resize(frame.image, (place.width, place.height), target, interpolation=cv2.INTER_LINEAR)
        return self._normalised(self._pixels), place.unit_map(self._spec, frame)

    def _normalised(self, pixels: ImageArray) -> Array:
        """The tensor, filled from pixels in OpenCV's order of colours, of three channels or four."""
        code = _REORDER[self._spec.colour, pixels.shape[2]]
        if code is not None:
            pixels = cv2.cvtColor(pixels, code, self._ordered)
        if self._planes is not None:
            cv2.split(pixels, list(self._planes))
            pixels = self._planes
        self._normalise(pixels)
        return self._tensor


class _Normalisation:
    """Fills one image of a tensor: with `pixels * scale + offset` where it holds floats, else with pixels."""

    def __init__(self, spec: ImageInput, image: Array) -> None:
        self._plain = spec.dtype != "float32"
        # Numbers for each channel are written out for a whole row: NumPy is slow on inner loops of three.
        self._image = image if self._plain or spec.layout == "NCHW" else image.reshape(len(image), -1)
        self._scale, self._offset = (
            _spread(np.asarray(value, np.float32), spec) for value in (spec.scale, spec.offset)
        )
        self._is_offset = bool(self._offset.any())

    def __call__(self, pixels: ImageArray) -> None:
        if self._plain:
            self._image[...] = pixels
            return
        # Two passes: of bytes and floats together NumPy converts a block at a time, which costs more.
        self._image[...] = pixels.reshape(self._image.shape)
        self._image *= self._scale
        if self._is_offset:
            self._image += self._offset


def _spread(value: Array, spec: ImageInput) -> Array:
    """One number, or one a channel, in a shape that multiplies planes (3, H, W) or rows (H, 3 W)."""
    if not value.ndim:
        return value
    return value.reshape(-1, 1, 1) if spec.layout == "NCHW" else np.tile(value, spec.width)


_MOST_WIDENED_PX = 1_600_000
_RIM_PX = 2
_REORDER: Mapping[tuple[str, int], int | None] = {
    ("BGR", 3): None,
    ("BGR", 4): cv2.COLOR_BGRA2BGR,
    ("RGB", 3): cv2.COLOR_BGR2RGB,
    ("RGB", 4): cv2.COLOR_BGRA2RGB,
}
"""By the network's order of colours and the channels there are, how to get there."""


def _quarters(image: ImageArray) -> list[_Tile]:
    height, width = image.shape[:2]
    lefts, tops = sorted({0, width // 2, width}), sorted({0, height // 2, height})
    return [
        _Tile(left, top, image[top:below, left:beyond])
        for top, below in pairwise(tops)
        for left, beyond in pairwise(lefts)
    ]


def _moved(affine: Affine, left: int, top: int) -> Affine:
    """The map of the pixels from (left, top) on."""
    (xx, xy, x), (yx, yy, y) = affine
    return (xx, xy, x + xx * left + xy * top), (yx, yy, y + yx * left + yy * top)


def _needed(image: ImageArray, affine: Affine, width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels a width x height input needs, at least one: left, top, the first beyond right and below.

    A rim of two pixels goes round it, for interpolation; where there is none the frame itself ends.
    """
    (left, right), (top, bottom) = (_reach(row, width - 1, height - 1) for row in affine)
    rows, columns = image.shape[:2]
    first_x = min(max(math.floor(left) - _RIM_PX, 0), columns - 1)
    first_y = min(max(math.floor(top) - _RIM_PX, 0), rows - 1)
    beyond_x = min(max(math.ceil(right) + _RIM_PX + 1, first_x + 1), columns)
    beyond_y = min(max(math.ceil(bottom) + _RIM_PX + 1, first_y + 1), rows)
    return first_x, first_y, beyond_x, beyond_y


def _reach(row: tuple[float, float, float], across: int, down: int) -> tuple[float, float]:
    """The least and the most of one coordinate over an input."""
    along_x, along_y = row[0] * across, row[1] * down
    return (
        row[2] + min(along_x, 0.0) + min(along_y, 0.0),
        row[2] + max(along_x, 0.0) + max(along_y, 0.0),
    )


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

"""From image to network input: crop, letterbox, normalise. The only place.

Pixel positions count from the centre of the top-left pixel. Network positions are `unit` coordinates:
0 to 1 across the network's input in x and in y, edge to edge, whatever its resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        c, s = np.cos(region.angle_rad), np.sin(region.angle_rad)
        sides_px = np.array([min(1.0, aspect), min(1.0, 1 / aspect)], np.float32) * region.size_px
        linear = (np.array([[c, -s], [s, c]], np.float32) * sides_px).astype(np.float32)
        centre = np.array([region.cx_px, region.cy_px], np.float32)
        return cls(linear, centre - linear @ np.full(2, 0.5, np.float32))

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
        return float(np.hypot(self.linear[0, 0], self.linear[1, 0]))

    def matrix(self, width: int, height: int) -> Array:
        """(2, 3) from the centres of a width x height input's pixels to image pixels."""
        linear = self.linear / np.array([width, height], np.float32)
        offset = self.offset + linear @ np.full(2, 0.5, np.float32)
        return np.concatenate([linear, offset[:, None]], axis=1)


class ImagePreparer:
    """Fills one network's image input from frames; the buffers are made once and reused.

    `prepare` returns the (1, H, W, 3) or (1, 3, H, W) float32 tensor, valid until the next call.
    """

    def __init__(self, spec: ImageInput, border: int = cv2.BORDER_CONSTANT) -> None:
        self._spec = spec
        self._border = border
        shape = (spec.height, spec.width, 3)
        self._pixels = np.empty(shape, np.uint8)
        planar = spec.layout == "NCHW"
        self._tensor = np.empty((1, 3, *shape[:2]) if planar else (1, *shape), np.float32)
        self._interleaved = self._tensor[0].transpose(1, 2, 0) if planar else self._tensor[0]

    def prepare(self, frame: Frame, unit_map: UnitMap) -> FloatArray:
        """The part of the frame that the map's unit square covers, as the network's input."""
        spec, border = self._spec, self._border
        matrix = unit_map.matrix(spec.width, spec.height)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(frame.image, matrix, (spec.width, spec.height), self._pixels, flags, borderMode=border)
        self._normalise(self._pixels)
        return self._tensor

    def prepare_whole(self, frame: Frame) -> tuple[FloatArray, UnitMap]:
        """The whole frame, letterboxed, and the map back to its pixels.

        Shrunk by linear interpolation: by area it takes ten times as long, and BlazePose's detector, made
        for the former, finds small people less often.
        """
        spec = self._spec
        scale = min(spec.width / frame.width, spec.height / frame.height)
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        left, top = (spec.width - width) // 2, (spec.height - height) // 2
        self._pixels[:] = 0
        target = self._pixels[top : top + height, left : left + width]
        target[:] = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_LINEAR)
        self._normalise(self._pixels)
        linear = np.diag([frame.width * spec.width / width, frame.height * spec.height / height])
        corner = np.array([left / spec.width, top / spec.height])
        unit_map = UnitMap(linear.astype(np.float32), (-linear @ corner - 0.5).astype(np.float32))
        return self._tensor, unit_map

    def _normalise(self, pixels: ImageArray) -> None:
        spec = self._spec
        if spec.colour == "RGB":
            cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, pixels)
        np.multiply(pixels, np.asarray(spec.scale, np.float32), out=self._interleaved)
        if spec.offset != 0.0:
            self._interleaved += np.asarray(spec.offset, np.float32)

"""What a camera adds to light: exposure, blur of lens and motion, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from realtime.types import Array, ImageArray
from training.render.painter import Exposure

_NOISE_SIDE_PX = 1024
_NOISE_SCALE = 32
_ONE_BLUR_STEP_PX = 6.0
_MOST_STEPS = 4
_SLOW_SHUTTERS = 0.5


@dataclass(frozen=True, slots=True)
class Sensor:
    """One camera's manner.

    blur_px: standard deviation of the lens's blur. read_noise, shot_noise: standard deviations in 8-bit
    levels, at black and added at white. jpeg_quality: 0 for none. shutter: share of the frame interval it is
    open for.
    """

    exposure: Exposure = field(default_factory=Exposure)
    blur_px: float = 0.0
    read_noise: float = 0.0
    shot_noise: float = 0.0
    jpeg_quality: int = 0
    shutter: float = 0.0

    def steps(self, motion_px: float) -> int:
        """How many moments to draw for one frame when the fastest part moves so far between frames."""
        return int(np.clip(np.ceil(motion_px * self.shutter / _ONE_BLUR_STEP_PX), 1, _MOST_STEPS))

    def moments(self, steps: int) -> list[float]:
        """The moments to draw, in frame intervals from the middle of the exposure."""
        return [self.shutter * ((k + 0.5) / steps - 0.5) for k in range(steps)]

    def record(self, image: ImageArray, grain: Grain, rng: np.random.Generator) -> ImageArray:
        """The frame that comes out of the camera. image: (H, W, 3) uint8."""
        if self.blur_px > 0.15:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self.blur_px), np.uint8)
        if self.read_noise or self.shot_noise:
            image = grain.laid_on(image, self.read_noise, self.shot_noise, rng)
        if self.jpeg_quality:
            done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality])
            assert done
            image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return image


class Grain:
    """A sheet of Gaussian noise, cut anew for every frame."""

    def __init__(self) -> None:
        noise = np.random.default_rng(0).standard_normal((_NOISE_SIDE_PX, _NOISE_SIDE_PX, 3), np.float32)
        self._sheet: Array = np.rint(noise * _NOISE_SCALE).astype(np.int16)

    def laid_on(
        self, image: ImageArray, read_noise: float, shot_noise: float, rng: np.random.Generator
    ) -> ImageArray:
        """The image (H, W, 3) with noise that grows with the root of the light."""
        levels = np.sqrt(read_noise**2 + shot_noise**2 * np.linspace(0, 1, 256))
        spread = cv2.LUT(image, np.rint(levels * 64).astype(np.int16))
        height, width = image.shape[:2]
        rows, columns = (-(-side // _NOISE_SIDE_PX) + 1 for side in (height, width))
        sheet = np.tile(self._sheet, (rows, columns, 1)) if max(rows, columns) > 2 else self._tiled()
        y, x = rng.integers(_NOISE_SIDE_PX, size=2)
        cut = sheet[y : y + height, x : x + width]
        noise = cv2.multiply(cut, spread, scale=1 / (64 * _NOISE_SCALE), dtype=cv2.CV_16S)
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)

    def _tiled(self) -> Array:
        if len(self._sheet) == _NOISE_SIDE_PX:
            self._sheet = np.tile(self._sheet, (2, 2, 1))
        return self._sheet


def draw_sensor(rng: np.random.Generator) -> Sensor:
    """A camera at random: from a good one in good light to a cheap one in the dark."""
    poor = rng.beta(1.2, 2.5)
    warmth = rng.normal(0, 0.06)
    gain = np.exp(rng.normal(0, 0.22)) * np.array([1 - warmth, 1.0, 1 + warmth])
    vignette = float(rng.uniform(0, 0.35) * (rng.random() < 0.5))
    return Sensor(
        exposure=Exposure((float(gain[0]), float(gain[1]), float(gain[2])), vignette),
        blur_px=float(rng.uniform(0.3, 0.7) + 1.2 * poor * rng.random()),
        read_noise=float(0.5 + 4.0 * poor * rng.random()),
        shot_noise=float(0.5 + 5.0 * poor * rng.random()),
        jpeg_quality=int(rng.integers(45, 96)) if rng.random() < 0.5 else 0,
        shutter=float(rng.uniform(0.1, 0.9) if rng.random() < _SLOW_SHUTTERS else 0.05),
    )

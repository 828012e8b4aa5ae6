"""How blurred an image is, without another one to compare it with."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.types import ImageArray

BLURRED = 0.6
"""Above this an image counts as blurred: sharp photos lie near 0.3, a board moved by ten pixels near 0.7."""

_SIZE_PX = 1000
_TAPS = 9
_LEAST_STEP = 2


def blur(gray: ImageArray) -> float:
    """0 for a sharp image to 1 for a blurred one. gray: (H, W) uint8; a plain one counts as blurred.

    How little of the difference between neighbours one more blur takes away, in the worse direction
    (Crete et al. 2007, "The blur effect"). Images are looked at in at most 1000 px.
    """
    scale = _SIZE_PX / max(gray.shape)
    if scale < 1:
        gray = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    image = gray.astype(np.float32)
    return max(_along(image), _along(np.ascontiguousarray(image.T)))


def _along(image: np.ndarray) -> float:
    """The measure along rows."""
    if min(image.shape) < 2:
        return 1.0
    soft = cv2.blur(image, (_TAPS, 1))
    sharp_steps, soft_steps = np.abs(np.diff(image, axis=1)), np.abs(np.diff(soft, axis=1))
    # Steps of one grey level are rounding, which makes a smooth slope look like stairs.
    counted = sharp_steps >= _LEAST_STEP
    sharp_steps, soft_steps = sharp_steps[counted], soft_steps[counted]
    total = float(sharp_steps.sum())
    if total <= 0:
        return 1.0
    return 1.0 - float(np.maximum(0, sharp_steps - soft_steps).sum()) / total

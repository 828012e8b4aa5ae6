"""How images are normalised for these nets: `(rgb / 255 - MEAN) / STD`, a number a channel, in RGB order."""

from __future__ import annotations

from torch import Tensor

MEAN: tuple[float, float, float] = (0.485, 0.456, 0.406)
STD: tuple[float, float, float] = (0.229, 0.224, 0.225)
"""Of ImageNet's photographs, as every ResNet has them: another set of weights can be put in."""


def normalise(rgb: Tensor) -> Tensor:
    """Images (N, 3, H, W) of grey levels 0 to 255, of any type, as float32 network input."""
    grey = rgb.float()
    mean, std = (grey.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (grey / 255.0 - mean) / std

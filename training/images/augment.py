"""Pictures made to look as other cameras, lights and rooms would have them, in batches on the device.

Images are (N, 3, H, W) float32 grey levels, 0 to 255, RGB. Every change falls on some of the images alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_GREY = (0.299, 0.587, 0.114)
_BLUR_KERNEL = 9


@dataclass(frozen=True, slots=True)
class Looks:
    """How much pictures are changed: shares of images, but for the first.

    strength: of brightness, contrast, saturation and colour, 0 for none. blur, noise, grey: how often.
    occlude: how often a patch of another picture hides a part. background: how often another picture
    takes the place of what lies beyond the person's box.
    """

    strength: float = 1.0
    blur: float = 0.3
    noise: float = 0.4
    grey: float = 0.05
    occlude: float = 0.4
    background: float = 0.25


PLAIN = Looks(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Painter:
    """Changes pictures as `Looks` says. generator: on their device."""

    def __init__(self, looks: Looks, generator: torch.Generator) -> None:
        self._looks = looks
        self._generator = generator

    def photographed(self, images: Tensor) -> Tensor:
        """The same pictures in other light, through other lenses, on other sensors."""
        looks = self._looks
        if looks.strength:
            images = self._coloured(images)
        if looks.grey:
            grey = _grey(images).expand_as(images)
            images = torch.where(self._some(images, looks.grey), grey, images)
        if looks.blur:
            images = torch.where(self._some(images, looks.blur), self._blurred(images), images)
        if looks.noise:
            spread = 12.0 * self._uniform(images, 0, 1) ** 2 * self._some(images, looks.noise)
            noise = torch.randn(images.shape, generator=self._generator, device=images.device)
            images = images + spread * noise
        return images.clamp(0, 255)

    def rimmed(self, images: Tensor, inside: Tensor) -> Tensor:
        """Pictures whose part beyond the stored square shows something: black mostly, else a flat colour.

        inside: (N, 1, H, W) share of each pixel that is known.
        """
        if not self._looks.background:
            return images
        colour = 255 * self._uniform(images, 0, 1).expand(-1, 3, 1, 1)
        return images + self._some(images, 0.3) * colour * (1 - inside)

    def placed(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Pictures before other backgrounds: beyond their box (N, 4), in units, another of the batch shows.

        The seam is soft and keeps a margin to the box.
        """
        if not self._looks.background:
            return images
        margin = self._uniform(images, 0.02, 0.15)[:, 0, 0, 0]
        softness = self._uniform(images, 0.01, 0.05)
        x, y = _unit_grids(images)
        low, high = boxes[:, :2] - margin[:, None], boxes[:, 2:] + margin[:, None]
        across = torch.minimum(x - low[:, 0].view(-1, 1, 1, 1), high[:, 0].view(-1, 1, 1, 1) - x)
        down = torch.minimum(y - low[:, 1].view(-1, 1, 1, 1), high[:, 1].view(-1, 1, 1, 1) - y)
        kept = torch.sigmoid(torch.minimum(across, down) / softness)
        mixed = images * kept + images.roll(1, 0) * (1 - kept)
        return torch.where(self._some(images, self._looks.background), mixed, images)

    def occluded(self, images: Tensor, points: Tensor) -> Tensor:
        """Pictures with a part hidden: about one of the points (N, K, 2), by another picture or a colour."""
        if not self._looks.occlude:
            return images
        many = len(images)
        pick = torch.randint(points.shape[1], (many,), generator=self._generator, device=images.device)
        middle = points[torch.arange(many, device=images.device), pick].clamp(0, 1)
        middle = middle + 0.1 * (
            torch.rand(middle.shape, generator=self._generator, device=images.device) - 0.5
        )
        half_w, half_h = self._uniform(images, 0.04, 0.2), self._uniform(images, 0.04, 0.2)
        x, y = _unit_grids(images)
        hidden = ((x - middle[:, 0].view(-1, 1, 1, 1)).abs() < half_w) & (
            (y - middle[:, 1].view(-1, 1, 1, 1)).abs() < half_h
        )
        flat = 255 * torch.rand((many, 3, 1, 1), generator=self._generator, device=images.device)
        patch = torch.where(self._some(images, 0.4), flat, images.roll(2, 0).flip(-1))
        return torch.where(hidden & self._some(images, self._looks.occlude), patch, images)

    def _coloured(self, images: Tensor) -> Tensor:
        """Gamma, contrast about the mean, saturation, brightness, and a tint."""
        s = self._looks.strength
        gamma = (self._uniform(images, -0.4, 0.4) * s).exp()
        images = 255 * (images.clamp(min=0) / 255) ** gamma
        mean = images.mean((1, 2, 3), keepdim=True)
        images = mean + (images - mean) * (self._uniform(images, -0.4, 0.3) * s).exp()
        grey = _grey(images)
        images = grey + (images - grey) * (1 + s * self._uniform(images, -0.5, 0.5))
        tint = torch.rand((len(images), 3, 1, 1), generator=self._generator, device=images.device) - 0.5
        return (images * (self._uniform(images, -0.35, 0.35) * s).exp() * (1 + 0.3 * s * tint)).clamp(0, 255)

    def _blurred(self, images: Tensor) -> Tensor:
        """A Gaussian of up to 2 px or so, wider in one direction than in the other, as motion blurs."""
        kernels = []
        for _ in range(2):
            sigma = self._uniform(images, 0.2, 2.0)[:, 0, 0]
            at = torch.arange(_BLUR_KERNEL, device=images.device) - _BLUR_KERNEL // 2
            kernel = torch.exp(-0.5 * (at / sigma) ** 2)
            kernels.append((kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0))
        many, _, height, width = images.shape
        flat, pad = images.reshape(1, many * 3, height, width), _BLUR_KERNEL // 2
        flat = functional.pad(flat, (pad,) * 4, mode="replicate")
        flat = functional.conv2d(flat, kernels[0][:, None, None, :], groups=many * 3)
        flat = functional.conv2d(flat, kernels[1][:, None, :, None], groups=many * 3)
        return flat.reshape(images.shape)

    def _uniform(self, images: Tensor, low: float, high: float) -> Tensor:
        """(N, 1, 1, 1) a number for each image."""
        drawn = torch.rand((len(images), 1, 1, 1), generator=self._generator, device=images.device)
        return low + (high - low) * drawn

    def _some(self, images: Tensor, share: float) -> Tensor:
        """(N, 1, 1, 1) whether an image is one of this share."""
        return self._uniform(images, 0, 1) < share


def _grey(images: Tensor) -> Tensor:
    return (images * images.new_tensor(_GREY).view(3, 1, 1)).sum(1, keepdim=True)


def _unit_grids(images: Tensor) -> tuple[Tensor, Tensor]:
    """x (1, 1, 1, W) and y (1, 1, H, 1) of the pixels' centres, in units."""
    height, width = images.shape[-2:]
    x = (torch.arange(width, device=images.device) + 0.5) / width
    y = (torch.arange(height, device=images.device) + 0.5) / height
    return x.view(1, 1, 1, -1), y.view(1, 1, -1, 1)

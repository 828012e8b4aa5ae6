"""The image nets by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from export.nets.images.cpn import Cpn
from export.nets.images.integral_regression import IntegralRegression
from export.nets.images.ssd import Ssd
from realtime.errors import UsageError

ImageNet = Ssd | Cpn | IntegralRegression
IMAGE_NETS: Mapping[str, type[Ssd] | type[Cpn] | type[IntegralRegression]] = {
    net.name: net for net in (Ssd, Cpn, IntegralRegression)
}


def build_image_net(name: str, options: Mapping[str, Any] | None = None) -> nn.Module:
    """A net with fresh weights. Raises UsageError for a name or an option there is not."""
    if name not in IMAGE_NETS:
        raise UsageError(f"there is no image net {name!r} to train: choose {', '.join(IMAGE_NETS)}")
    try:
        return IMAGE_NETS[name](**(options or {}))
    except TypeError as error:
        raise UsageError(f"{name} cannot be built with {dict(options or {})}: {error}") from error


def options_of(net: nn.Module) -> dict[str, Any]:
    """What to give `build_image_net` for another net of the same shape; goes into a checkpoint."""
    if not isinstance(net, ImageNet):
        raise TypeError(f"{type(net).__name__} is no image net")
    return dict(net.options)

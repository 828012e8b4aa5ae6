"""Image nets with fresh weights that answer to what they see, as trained ones do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from export.nets.images.catalogue import ImageNet, build_image_net, options_of
from export.nets.images.integral_regression import IntegralRegression

NETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ssd": ("ssd", {}),
    "cpn": ("cpn", {}),
    "global": ("cpn", {"refine": False}),
    "integral": ("integral-regression", {}),
    "flat": ("integral-regression", {"depth_bins": 1}),
}
"""The nets there are, with what of their options changes what they give."""


def lively(kind: str, seed: int = 3) -> ImageNet:
    """One of NETS, in evaluation mode; no layer is nothing and no norm is idle."""
    torch.manual_seed(seed)
    name, options = NETS[kind]
    net = build_image_net(name, options)
    assert isinstance(net, ImageNet)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for given, low, high in ((module.weight, 0.4, 0.9), (module.bias, -0.2, 0.3)):
                nn.init.uniform_(given, low, high)
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.weight, std=0.1)
            nn.init.normal_(module.bias, std=0.5)
    if isinstance(net, IntegralRegression):
        # Volumes are spread over so many cells that little is left of little differences.
        nn.init.normal_(net.volume.weight, std=2.0)
    return net.eval()


def save_weights(net: ImageNet, path: Path, **metadata: str) -> Path:
    """What a training run leaves of a net."""
    said = {"name": net.name, "options": json.dumps(options_of(net)), **metadata}
    save_file(dict(net.state_dict()), path, said)
    return path

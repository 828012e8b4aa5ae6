"""What the image nets are built from: convolutions with batch norm, residual blocks, upsampling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_STD = 0.001


class ConvNorm(nn.Sequential):
    """A convolution that keeps the size (but for its stride), batch norm, and ReLU if asked."""

    def __init__(self, size_in: int, size_out: int, kernel: int, stride: int = 1, relu: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(size_in, size_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(size_out),
        ]
        super().__init__(*layers, *([nn.ReLU()] if relu else []))


class DeconvNorm(nn.Sequential):
    """A transposed convolution of kernel 4 that doubles the size, batch norm and ReLU."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(size_in, size_out, 4, 2, 1, bias=False), nn.BatchNorm2d(size_out), nn.ReLU()
        )


class Residual(nn.Module):
    """ReLU of the sum of a branch and a way past it, which is a 1 x 1 convolution where sizes differ."""

    def __init__(self, branch: nn.Module, size_in: int, size_out: int, stride: int = 1) -> None:
        super().__init__()
        same = stride == 1 and size_in == size_out
        self.branch = branch
        self.past = nn.Identity() if same else ConvNorm(size_in, size_out, 1, stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, size_in, H, W) -> (N, size_out, H / stride, W / stride)."""
        return functional.relu(self.branch(x) + self.past(x))


def basic(size_in: int, size_out: int, stride: int = 1) -> Residual:
    """ResNet's block of two 3 x 3 convolutions. Source: He et al. (2016), figure 5 left."""
    branch = nn.Sequential(
        ConvNorm(size_in, size_out, 3, stride), ConvNorm(size_out, size_out, 3, relu=False)
    )
    return Residual(branch, size_in, size_out, stride)


def bottleneck(size_in: int, size_out: int, stride: int = 1, narrowing: int = 4) -> Residual:
    """ResNet's block of 1 x 1, 3 x 3 and 1 x 1 convolutions, narrower inside, with the stride on the 3 x 3.

    narrowing: how many times narrower. Source: He et al. (2016), figure 5 right; the stride on the 3 x 3 as
    is usual since.
    """
    inner = size_out // narrowing
    branch = nn.Sequential(
        ConvNorm(size_in, inner, 1),
        ConvNorm(inner, inner, 3, stride),
        ConvNorm(inner, size_out, 1, relu=False),
    )
    return Residual(branch, size_in, size_out, stride)


def resized(x: Tensor, like: Tensor) -> Tensor:
    """Feature maps brought bilinearly to the height and width of others, whole multiples of theirs."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    if torch.is_grad_enabled():
        # The gradient of `interpolate` adds up cell by cell on a GPU; that of products does not.
        down, across = (_between(a, b, x) for a, b in zip(x.shape[-2:], like.shape[-2:], strict=True))
        return down @ x @ across.T
    # By factors and not by sizes: ONNX then has them as constants.
    factors = [float(a) / float(b) for a, b in zip(like.shape[-2:], x.shape[-2:], strict=True)]
    return functional.interpolate(x, scale_factor=factors, mode="bilinear", align_corners=False)


def _between(few: int, many: int, like: Tensor) -> Tensor:
    """(many, few): the shares of `few` cells in each of `many` that lie over them, linearly, edge to edge."""
    at = ((torch.arange(many, device=like.device) + 0.5) * few / many - 0.5).clamp(0, few - 1)
    cells = torch.arange(few, device=like.device)
    return (1 - (at[:, None] - cells).abs()).clamp(min=0).to(like.dtype)


def start_weights(net: nn.Module) -> None:
    """He's start for every convolution; residual branches begin at nothing."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in net.modules():
        if isinstance(module, Residual):
            norms = [m for m in module.branch.modules() if isinstance(m, nn.BatchNorm2d)]
            nn.init.zeros_(norms[-1].weight)


def head(size_in: int, size_out: int, kernel: int) -> nn.Conv2d:
    """A convolution whose outputs are the answer."""
    return nn.Conv2d(size_in, size_out, kernel, padding=kernel // 2)


def start_heads(*heads: nn.Module) -> None:
    """Heads that answer next to nothing before they learn."""
    for each in heads:
        for module in each.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=HEAD_STD)

"""Causal convolutions and folded batch norms."""

from __future__ import annotations

import torch
from torch import nn

from export.nets.taps import CausalTaps, NormedLinear


def test_taps_are_a_padded_dilated_convolution() -> None:
    taps = CausalTaps(4, 6, dilation=2)
    assert isinstance(taps.mix, nn.Linear)
    weight = taps.mix.weight.reshape(6, 3, 4).transpose(1, 2)
    x = torch.randn(2, 9, 4)
    padded = nn.functional.pad(x.transpose(1, 2), (4, 0))
    expected = nn.functional.conv1d(padded, weight, taps.mix.bias, dilation=2).transpose(1, 2)
    torch.testing.assert_close(taps(x), expected)


def test_steps_of_taps_are_the_clip() -> None:
    taps, x = CausalTaps(4, 6, dilation=3, taps=2), torch.randn(2, 12, 4)
    assert taps.state_shape == (3, 4)
    state, outs = torch.zeros(2, *taps.state_shape), []
    for t in range(12):
        out, state = taps.step(x[:, t], state)
        outs.append(out)
    torch.testing.assert_close(torch.stack(outs, 1), taps(x))


def test_a_folded_norm_is_the_norm() -> None:
    layer = NormedLinear(5, 7)
    with torch.no_grad():
        for _ in range(50):
            layer(torch.randn(8, 6, 5) * 2 + 1)
    layer.norm.weight.data.uniform_(0.5, 2)
    layer.norm.bias.data.normal_()
    layer.eval()
    x = torch.randn(3, 5)
    torch.testing.assert_close(layer(x), layer.norm(layer.linear(x)))

"""The optimiser: steps without starved directions, and a descent that arrives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.lifters.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(20, 50), (50, 20), (30, 30)])
def test_singular_values_end_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.4
    assert orthogonalise(matrix).shape == shape


def test_the_step_does_not_depend_on_the_gradients_size() -> None:
    matrix = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(orthogonalise(matrix), orthogonalise(1000 * matrix), atol=1e-4, rtol=0)


def test_it_descends() -> None:
    generator = torch.Generator().manual_seed(2)
    x, target = torch.randn(200, 12, generator=generator), torch.randn(12, 6, generator=generator)
    weights = nn.Parameter(torch.zeros(12, 6))
    optimiser = Muon([weights], lr=0.05, weight_decay=0.0)
    first = float((x @ weights - x @ target).square().mean().detach())
    for step in range(150):
        optimiser.param_groups[0]["lr"] = 0.3 * (1 - step / 150)
        optimiser.zero_grad()
        loss = (x @ weights - x @ target).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(loss.detach()) < 0.01 * first

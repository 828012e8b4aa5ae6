"""Maps are made of places and read back to them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.images.heatmaps import decoded, gaussians

SIZE = (40, 56)
WITHIN = {"argmax": 0.51, "quarter": 0.27, "soft-argmax": 0.06}
"""Cells by which a reading may be off, along each axis."""


@pytest.mark.parametrize("how", WITHIN)
@settings(max_examples=50, deadline=None)
@given(u=st.floats(0.15, 0.85), v=st.floats(0.15, 0.85))
def test_a_gaussian_is_read_where_it_was_put(how: str, u: float, v: float) -> None:
    places, peak = decoded(gaussians(torch.tensor([[[u, v]]]), SIZE, 1.5), how)
    off_cells = (places[0, 0] - torch.tensor([u, v])) * torch.tensor([SIZE[1], SIZE[0]])
    assert float(off_cells.abs().max()) <= WITHIN[how]
    assert 0.8 < float(peak) <= 1.0


def test_a_peak_on_a_cell_is_one() -> None:
    maps = gaussians(torch.tensor([[[10.5 / SIZE[1], 7.5 / SIZE[0]]]]), SIZE, 2.0)
    assert float(maps[0, 0, 7, 10]) == pytest.approx(1.0)
    assert float(maps[0, 0, 7, 12]) == pytest.approx(float(torch.exp(torch.tensor(-0.5))))


@pytest.mark.parametrize("how", WITHIN)
def test_a_peak_at_the_rim_stays_in_the_picture(how: str) -> None:
    places, _ = decoded(gaussians(torch.tensor([[[0.001, 0.999]]]), SIZE, 1.5), how)
    assert ((places >= 0) & (places <= 1)).all()


def test_each_joint_has_its_own() -> None:
    points = torch.rand(3, 17, 2) * 0.6 + 0.2
    places, _ = decoded(gaussians(points, SIZE, 1.5), "soft-argmax")
    assert torch.allclose(places, points, atol=0.003)

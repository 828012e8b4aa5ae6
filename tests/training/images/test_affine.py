"""Images and points go through the same map."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from realtime.skeleton import H36M17
from training.images.affine import EXACT, Spread, draw_maps, inverse, maps, mirrored, moved, read_through

SIDE_PX, OUT_PX = 96, 64


def spot(at: Tensor, side_px: int = SIDE_PX) -> Tensor:
    """(1, 3, S, S) uint8 with a soft white spot about a place (2,) in units."""
    grid = (torch.arange(side_px) + 0.5) / side_px
    away = (grid[None, :] - at[0]) ** 2 + (grid[:, None] - at[1]) ** 2
    return (255 * torch.exp(-away / (2 * 0.03**2))).byte().expand(1, 3, -1, -1)


def centre_of(image: Tensor) -> Tensor:
    """The centre of mass (2,) of a picture (1, 3, H, W), in units."""
    mass = image[0, 0]
    height, width = mass.shape
    x, y = (torch.arange(width) + 0.5) / width, (torch.arange(height) + 0.5) / height
    return torch.stack([(mass.sum(0) * x).sum(), (mass.sum(1) * y).sum()]) / mass.sum()


@settings(max_examples=60, deadline=None)
@given(
    side=st.floats(0.5, 1.4),
    turn=st.floats(-0.7, 0.7),
    shift=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)),
    flip=st.booleans(),
    at=st.tuples(st.floats(0.2, 0.8), st.floats(0.2, 0.8)),
)
def test_a_spot_and_its_point_move_alike(
    side: float, turn: float, shift: tuple[float, float], flip: bool, at: tuple[float, float]
) -> None:
    # The spot is put where the map will show it well inside.
    here = maps(torch.tensor([side]), torch.tensor([turn]), 0.5 + torch.tensor([shift]), torch.tensor([flip]))
    shown = 0.3 + 0.4 * (torch.tensor([[at]]) - 0.2) / 0.6
    place = moved(shown, here)
    assume(bool(((place > 0.15) & (place < 0.85)).all()))
    image, inside = read_through(spot(place[0, 0]), here, (OUT_PX, OUT_PX))
    assert torch.allclose(moved(place, inverse(here))[0, 0], shown[0, 0], atol=1e-5)
    assert torch.allclose(centre_of(image), shown[0, 0], atol=0.006)
    assert inside.shape == (1, 1, OUT_PX, OUT_PX)


def test_the_exact_map_keeps_the_middle_share_upright() -> None:
    here, flips = draw_maps(3, 0.5, EXACT, torch.Generator().manual_seed(1))
    assert not flips.any()
    corners = torch.tensor([[[0.0, 0.0], [1.0, 1.0]]]).expand(3, -1, -1)
    assert torch.allclose(moved(corners, here), 0.25 + 0.5 * corners)


def test_pixels_are_kept_by_the_identity() -> None:
    image = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    here, _ = draw_maps(2, 1.0, EXACT, torch.Generator())
    shown, inside = read_through(image, here, (32, 32))
    assert torch.allclose(shown, image.float(), atol=0.01)
    assert (inside == 1).all()


def test_skipped_pixels_are_averaged() -> None:
    stripes = torch.zeros((1, 3, 64, 64), dtype=torch.uint8)
    stripes[..., ::2] = 200
    here, _ = draw_maps(1, 1.0, EXACT, torch.Generator())
    shown, _ = read_through(stripes, here, (32, 32))
    assert shown[..., 2:-2].std() < 30


def test_beyond_the_square_it_is_black_and_said_so() -> None:
    image = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    here = maps(torch.tensor([2.0]), torch.zeros(1), torch.full((1, 2), 0.5), torch.tensor([False]))
    shown, inside = read_through(image, here, (40, 40))
    assert float(inside.mean()) == pytest.approx(0.25, abs=0.02)
    assert float(shown[inside.expand_as(shown) == 0].max()) < 140


def test_draws_stay_within_their_spread() -> None:
    spread = Spread(scale=(0.75, 1.25), turn_deg=30, shift=0.1, flip=0.5)
    here, flips = draw_maps(4000, 0.5, spread, torch.Generator().manual_seed(2))
    side = here[:, :, 0].norm(dim=1)
    assert 0.75 * 0.5 - 1e-5 <= float(side.min()) < 0.4
    assert 0.6 < float(side.max()) <= 1.25 * 0.5 + 1e-5
    turn = torch.atan2(here[:, 0, 1], here[:, 1, 1]).abs()
    assert math.radians(20) < float(turn.max()) <= math.radians(30) + 1e-5
    middle = moved(torch.full((4000, 1, 2), 0.5), here)[:, 0] - 0.5
    assert 0.04 < float(middle.abs().max()) <= 0.05 + 1e-5
    assert float(flips.float().mean()) == pytest.approx(0.5, abs=0.05)
    assert torch.equal(torch.linalg.det(here[..., :2]) < 0, flips)


def test_left_and_right_change_places_where_it_flips() -> None:
    names = torch.arange(17).expand(2, -1)
    out = mirrored(names, torch.tensor([True, False]))
    assert int(out[0, H36M17.index("l_wrist")]) == H36M17.index("r_wrist")
    assert int(out[0, H36M17.index("head")]) == H36M17.index("head")
    assert torch.equal(out[1], names[1])

"""Pictures change as asked, within bounds, and only those asked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.images.augment import PLAIN, Looks, Painter


@pytest.fixture
def images() -> Tensor:
    return torch.randint(40, 200, (64, 3, 32, 32), generator=torch.Generator().manual_seed(1)).float()


def painter(**looks: float) -> Painter:
    plain = {name: getattr(PLAIN, name) for name in PLAIN.__slots__}
    return Painter(Looks(**plain | looks), torch.Generator().manual_seed(7))


def changed(before: Tensor, after: Tensor) -> float:
    """The share of images that are not what they were."""
    return float((before != after).flatten(1).any(1).float().mean())


def test_plain_changes_nothing(images: Tensor) -> None:
    plain = painter()
    boxes, points = torch.tensor([[0.3, 0.3, 0.7, 0.7]]).expand(64, -1), torch.full((64, 17, 2), 0.5)
    out = plain.rimmed(images, torch.ones(64, 1, 32, 32))
    out = plain.photographed(plain.occluded(plain.placed(out, boxes), points))
    assert torch.equal(out, images)


@pytest.mark.parametrize("looks", [{"blur": 0.5}, {"noise": 0.5}, {"grey": 0.5}])
def test_a_share_of_the_images_is_changed(images: Tensor, looks: dict[str, float]) -> None:
    assert changed(images, painter(**looks).photographed(images)) == pytest.approx(0.5, abs=0.2)


def test_everything_together_stays_in_range(images: Tensor) -> None:
    out = Painter(Looks(), torch.Generator().manual_seed(3)).photographed(images)
    assert out.shape == images.shape
    assert 0 <= float(out.min()) <= float(out.max()) <= 255
    assert changed(images, out) > 0.95


def test_grey_has_one_value_a_pixel(images: Tensor) -> None:
    out = painter(grey=1.0).photographed(images)
    assert torch.allclose(out[:, 0], out[:, 1])


def test_blur_keeps_the_mean_and_smooths(images: Tensor) -> None:
    out = painter(blur=1.0).photographed(images)
    assert torch.allclose(out.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=3)
    assert float(out.std()) < float(images.std())


def test_another_background_leaves_the_person(images: Tensor) -> None:
    flat = torch.arange(64.0).view(-1, 1, 1, 1).expand(-1, 3, 32, 32) * 3
    out = painter(background=1.0).placed(flat, torch.tensor([[0.4, 0.4, 0.6, 0.6]]).expand(64, -1))
    assert torch.allclose(out[:, :, 16, 16], flat[:, :, 16, 16], atol=40)
    assert torch.allclose(out[:, :, 0, 0], flat.roll(1, 0)[:, :, 0, 0], atol=1)


def test_patches_hide_about_a_point(images: Tensor) -> None:
    out = painter(occlude=1.0).occluded(images, torch.full((64, 1, 2), 0.5))
    hidden = (out != images).any(1).float().mean(0)
    assert float(hidden[14:18, 14:18].mean()) > 0.6
    assert float(hidden[:2].mean()) < 0.05


def test_the_rim_shows_a_colour_at_times(images: Tensor) -> None:
    inside = torch.ones(64, 1, 32, 32)
    inside[..., :8] = 0
    out = painter(background=1.0).rimmed(images * inside, inside)
    assert torch.equal(out[..., 8:], images[..., 8:])
    assert 0.1 < float((out[:, :, :, 0].amax((1, 2)) > 0).float().mean()) < 0.6


def test_the_same_seed_paints_the_same(images: Tensor) -> None:
    first, second = (
        Painter(Looks(), torch.Generator().manual_seed(3)).photographed(images) for _ in range(2)
    )
    assert torch.equal(first, second)

"""The shapes that training and export count on, and what the nets' own arithmetic must satisfy."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from export.nets.images.blocks import resized
from export.nets.images.catalogue import IMAGE_NETS, build_image_net, options_of
from export.nets.images.default_boxes import decode, default_boxes, encode
from export.nets.images.integral_regression import DEPTH_RANGE_M, IntegralRegression, mass_near_top
from export.nets.images.normalise import MEAN, STD, normalise
from export.nets.images.ssd import RATIOS, SIDES_PX, Ssd
from realtime.errors import UsageError
from tests.export.nets.images.lively import lively

BACKBONES = ("light", "resnet50")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_what_nets_give_has_the_shapes_that_training_expects(backbone: str) -> None:
    with torch.device("meta"):  # shapes alone: nothing is computed
        ssd, cpn, integral = (build_image_net(name, {"backbone": backbone}) for name in IMAGE_NETS)
        detected, mapped, volume = (net(torch.zeros(2, 3, *net.size)) for net in (ssd, cpn, integral))
    many = len(ssd.priors)
    assert {name: tuple(v.shape) for name, v in detected.items()} == {
        "logits": (2, many, 2), "offsets": (2, many, 4),
    }  # fmt: skip
    assert [tuple(maps.shape) for maps in (*mapped["global"], mapped["refined"])] == [(2, 17, 56, 56)] * 5
    assert volume["volume"].shape[:3] == (2, 17, 72 if backbone == "resnet50" else 24)


@torch.no_grad()
def test_options_make_the_same_net_again() -> None:
    for name, options in (
        ("cpn", {"refine": False}),
        ("integral-regression", {"depth_bins": 1, "deconvs": [64], "skips": False}),
    ):
        net = build_image_net(name, options)
        assert options_of(net).items() >= options.items()
        build_image_net(name, options_of(net)).load_state_dict(net.state_dict())
    flat = build_image_net("integral-regression", {"depth_bins": 1}).eval()
    places = flat.coordinates(flat(torch.randn(1, 3, *flat.size))["volume"])
    assert (places[..., 2] == 0).all(), "no depth of one bin"
    assert "refined" not in build_image_net("cpn", {"refine": False})(torch.randn(1, 3, 224, 224))


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("yolo", {}, "there is no image net 'yolo' to train: choose ssd, cpn, integral-regression"),
        ("cpn", {"backbone": "vgg"}, "there is no backbone 'vgg': choose light, resnet50"),
        ("ssd", {"backbone": "vgg"}, "there is no backbone 'vgg'"),
        ("ssd", {"side_px": 32}, "ssd sees nobody in an image of 32 px: give 64 or more"),
        ("cpn", {"depth": 3}, "cpn cannot be built with"),
        ("integral-regression", {"depth_bins": 0}, "at least one depth bin"),
    ],
)
def test_what_cannot_be_built_is_said(name: str, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        build_image_net(name, options)


def integral(**options: object) -> IntegralRegression:
    net = build_image_net("integral-regression", options)
    assert isinstance(net, IntegralRegression)
    return net


@given(
    st.integers(0, 23), st.integers(0, 27), st.integers(0, 27),
    st.sampled_from([torch.float32, torch.bfloat16]),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_one_high_cell_is_where_the_joint_is(d: int, y: int, x: int, dtype: torch.dtype) -> None:
    volume = torch.zeros(1, 17, 24, 28, 28, dtype=dtype)
    volume[:, :, d, y, x] = 100.0
    place = NET.joints(volume)
    assert place.dtype == torch.float32
    depth_m = ((d + 0.5) / 24 - 0.5) * DEPTH_RANGE_M
    wanted = torch.tensor([(x + 0.5) / 28, (y + 0.5) / 28, depth_m, 1.0])
    torch.testing.assert_close(place[0, 5], wanted, atol=1e-5, rtol=0)


NET = integral()


def test_a_volume_that_says_nothing_is_the_middle_with_no_score() -> None:
    place = NET.joints(torch.zeros(2, 17, 24, 28, 28))
    torch.testing.assert_close(place[1, 3, :3], torch.tensor([0.5, 0.5, 0.0]), atol=1e-5, rtol=0)
    assert place[..., 3].max() == pytest.approx(9 / 28**2, rel=1e-4)


def test_two_tops_far_apart_halve_the_score() -> None:
    plane = torch.zeros(1, 1, 28, 28)
    plane[0, 0, 4, 4], plane[0, 0, 20, 20] = 0.5, 0.5
    assert mass_near_top(plane).item() == pytest.approx(0.5)
    plane[0, 0, 20, 20], plane[0, 0, 5, 4] = 0.0, 0.5
    assert mass_near_top(plane).item() == pytest.approx(1.0)


def test_the_centroid_is_linear_in_a_shift_of_the_volume() -> None:
    torch.manual_seed(0)
    volume = torch.full((1, 17, 24, 28, 28), -60.0)
    volume[..., 6:12, 8:14, 9:15] = torch.randn(1, 17, 6, 6, 6)
    moved = torch.roll(volume, (3, -2, 5), (2, 3, 4))
    shift = NET.coordinates(moved) - NET.coordinates(volume)
    wanted = torch.tensor([5 / 28, -2 / 28, 3 / 24 * DEPTH_RANGE_M]).expand_as(shift)
    torch.testing.assert_close(shift, wanted, atol=1e-5, rtol=0)


PRIORS = {name: build_image_net("ssd", {"backbone": name}).priors for name in BACKBONES}


@given(st.lists(st.tuples(*[st.floats(0.02, 0.98)] * 2, *[st.floats(0.01, 0.9)] * 2), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_offsets_are_boxes(given_boxes: list[tuple[float, float, float, float]]) -> None:
    priors = PRIORS["light"]
    cx, cy, w, h = torch.tensor(given_boxes).T
    boxes = torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=-1)
    some = torch.linspace(0, len(priors) - 1, len(boxes)).long()
    # Boxes far larger or smaller than their default box are cut off in decoding.
    fits = (torch.log(torch.stack([w, h], -1) / priors[some, 2:]).abs() < 3.9).all(-1)
    again = decode(encode(boxes, priors[some]), priors[some])
    torch.testing.assert_close(again[fits], boxes[fits], atol=1e-4, rtol=0)


def test_no_offsets_are_the_default_boxes() -> None:
    priors = PRIORS["light"]
    boxes = decode(torch.zeros(2, len(priors), 4), priors)[1]
    torch.testing.assert_close((boxes[:, :2] + boxes[:, 2:]) / 2, priors[:, :2])
    torch.testing.assert_close(boxes[:, 2:] - boxes[:, :2], priors[:, 2:])


@pytest.mark.parametrize("backbone", BACKBONES)
@given(height=st.floats(0.15, 0.95), slim=st.floats(0.3, 1.0), x=st.floats(0, 1), y=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_everybody_in_view_has_a_default_box(
    backbone: str, height: float, slim: float, x: float, y: float
) -> None:
    width = height * slim
    left, top = x * (1 - width), y * (1 - height)
    box = torch.tensor([left, top, left + width, top + height])
    priors = PRIORS[backbone]
    low = torch.maximum(priors[:, :2] - priors[:, 2:] / 2, box[:2])
    high = torch.minimum(priors[:, :2] + priors[:, 2:] / 2, box[2:])
    both = (high - low).clamp(min=0).prod(-1)
    overlap = both / (priors[:, 2:].prod(-1) + width * height - both)
    assert overlap.max() > 0.4, "or hardly anything would be trained to find them"


def test_levels_follow_one_another_as_their_features_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each default box is answered by the cell of the map that it lies on."""
    net = Ssd().eval()
    maps = [m.shape for m in net._maps(torch.zeros(1, 3, *net.size))]

    def numbered(_image: torch.Tensor) -> list[torch.Tensor]:
        made = []
        for level, shape in enumerate(maps):
            y, x = torch.meshgrid(torch.arange(shape[2]), torch.arange(shape[3]), indexing="ij")
            cells = torch.stack([(x + 0.5) / shape[3], (y + 0.5) / shape[2], torch.full_like(x, level)])
            made.append(torch.zeros(1, *shape[1:]))
            made[-1][0, :3] = cells
        return made

    for each in net.locate:
        torch.nn.init.zeros_(each.weight)
        torch.nn.init.zeros_(each.bias)
        for k in range(len(each.bias)):
            if k % 4 < 3:
                each.weight.data[k, k % 4, 1, 1] = 1.0
    monkeypatch.setattr(net, "_maps", numbered)
    with torch.no_grad():
        said = net(torch.zeros(1, 3, *net.size))["offsets"][0]
    torch.testing.assert_close(said[:, :2], net.priors[:, :2], atol=1e-5, rtol=0)
    assert (said[:, 2].diff() >= 0).all()
    sides = net.priors[:, 2:].prod(-1).sqrt()
    means = [sides[said[:, 2] == level].mean().item() for level in range(len(maps))]
    assert means == sorted(means), "coarser maps answer for larger people"


def test_default_boxes_lie_in_the_middle_of_their_cells() -> None:
    made = default_boxes([(1, 2), (1, 1)], [(0.5, 1.0), (1.0,)])
    torch.testing.assert_close(made[:3, :2], torch.tensor([[0.25, 0.5]] * 3))
    torch.testing.assert_close(made[3:6, :2], torch.tensor([[0.75, 0.5]] * 3))
    torch.testing.assert_close(made[0, 2:], torch.tensor([0.1 * math.sqrt(0.5), 0.1 / math.sqrt(0.5)]))
    assert made[2, 2] == made[2, 3]
    assert made[1, 2] < made[2, 2] < 0.2, "a square between this level's and the next"
    assert len(made) == 8


@pytest.mark.parametrize(
    ("backbone", "side_px"), [("light", 100), ("light", 288), ("light", 640), ("resnet50", 420)]
)
def test_default_boxes_keep_their_pixels_at_another_side(backbone: str, side_px: int) -> None:
    usual_px = PRIORS[backbone] * SIDES_PX[backbone]
    other = Ssd(backbone, side_px)
    assert options_of(other) == {"backbone": backbone, "side_px": side_px}
    other_px = other.priors * side_px
    sizes = {tuple(row) for row in usual_px[:, 2:].round(decimals=2).tolist()}
    assert {tuple(row) for row in other_px[:, 2:].round(decimals=2).tolist()} == sizes
    # The finest level's cells lie in rows from the corner: the same places as far as both images reach.
    many = len(RATIOS[backbone][0]) + 1
    step_px = usual_px[many, 0] - usual_px[0, 0]
    torch.testing.assert_close(other_px[0, :2], usual_px[0, :2])
    torch.testing.assert_close(other_px[many, 0] - other_px[0, 0], step_px)
    assert other_px[:, :2].amin() > 0
    assert (other_px[:, :2].amax(0) > side_px - step_px).all(), "all of the image is covered"


@torch.no_grad()
def test_a_person_is_found_in_the_same_pixels_at_another_side() -> None:
    """What lies in the corner of a larger image, its surroundings too, is told as in the smaller one."""
    small, picture = lively("ssd"), torch.zeros(1, 3, 384, 384)
    assert isinstance(small, Ssd)
    picture[..., :256, :256] = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    large = small.at_side(384)
    assert large.size == (384, 384)
    assert not large.training
    few, _ = small.boxes(picture[..., :256, :256])
    many, _ = large.boxes(picture)
    each = len(RATIOS["light"][0]) + 1
    # The middle of the finest level: so far from the rim that what lies beyond it does not reach.
    rows, columns = torch.meshgrid(torch.arange(4, 12), torch.arange(4, 12), indexing="ij")

    def middle(boxes: torch.Tensor, wide: int) -> torch.Tensor:
        cells = (rows * wide + columns).flatten()
        return boxes[0].view(-1, 4)[: wide * wide * each].view(wide * wide, each, 4)[cells]

    torch.testing.assert_close(middle(many, 48), middle(few, 32), atol=1e-3, rtol=0)


def test_images_are_normalised_by_colour() -> None:
    grey = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    wanted = [(level / 255 - m) / s for level, m, s in zip((0, 128, 255), MEAN, STD, strict=True)]
    torch.testing.assert_close(normalise(grey).flatten(), torch.tensor(wanted))


@pytest.mark.parametrize(("few", "many"), [((7, 7), (56, 56)), ((14, 5), (28, 10))])
def test_maps_grow_alike_with_and_without_gradients(few: tuple[int, int], many: tuple[int, int]) -> None:
    x, like = torch.randn(2, 3, *few), torch.zeros(1, 1, *many)
    trained = resized(x, like)
    with torch.no_grad():
        run = resized(x, like)
    assert run.shape == (2, 3, *many)
    torch.testing.assert_close(trained, run)

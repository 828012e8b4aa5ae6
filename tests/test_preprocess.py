from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.manifest import ImageInput
from realtime.preprocess import ImagePreparer, UnitMap, feeder
from realtime.types import Frame, Region

regions = st.builds(
    Region, st.floats(50, 250), st.floats(50, 250), st.floats(20, 300), st.floats(-math.pi, math.pi)
)


def blob_frame(x: float, y: float, width: int = 320, height: int = 240) -> Frame:
    """A black image with one soft red blob."""
    grid_y, grid_x = np.mgrid[:height, :width]
    heat = 255 * np.exp(-((grid_x - x) ** 2 + (grid_y - y) ** 2) / (2 * 6.0**2))
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 2] = heat
    return Frame(image, 0, 0, 0.0)


def centroid(channel: np.ndarray) -> np.ndarray:
    weights = channel.astype(np.float64)
    y, x = np.mgrid[: channel.shape[0], : channel.shape[1]]
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


@given(regions)
def test_the_unit_square_is_the_region(region: Region) -> None:
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    np.testing.assert_allclose(UnitMap.of_region(region).to_px(unit), region.corners_px(), atol=1e-2)
    assert UnitMap.of_region(region).scale_px == pytest.approx(region.size_px, rel=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.6, -2.0])
def test_a_crop_shows_each_point_where_the_map_says(angle: float) -> None:
    region = Region(150, 120, 160, angle)
    preparer = ImagePreparer(ImageInput("image", 128, 128))
    tensor = preparer.prepare(blob_frame(165, 108), UnitMap.of_region(region))
    unit = (centroid(tensor[0, :, :, 0]) + 0.5) / 128
    found = UnitMap.of_region(region).to_px(unit.astype(np.float32))
    np.testing.assert_allclose(found, (165, 108), atol=0.1)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (333, 97)])
def test_a_letterboxed_image_maps_back(size: tuple[int, int]) -> None:
    width, height = size
    frame = blob_frame(width * 0.6, height * 0.4, width, height)
    tensor, unit_map = ImagePreparer(ImageInput("image", 224, 224)).prepare_whole(frame)
    unit = (centroid(tensor[0, :, :, 0]) + 0.5) / 224
    np.testing.assert_allclose(unit_map.to_px(unit.astype(np.float32)), (width * 0.6, height * 0.4), atol=0.7)


@given(
    st.builds(
        Region, st.floats(-200, 600), st.floats(-200, 500), st.floats(4, 1500), st.floats(-math.pi, math.pi)
    ),
    st.sampled_from(["rim", "pad"]),
)
def test_a_crop_is_what_a_warp_of_the_whole_frame_gives(region: Region, beyond: Any) -> None:
    frame = blob_frame(160, 120)
    frame.image[::7, ::5] = (40, 90, 250)
    spec = ImageInput("image", 48, 32, scale=1.0, beyond=beyond, pad=114, colour="BGR")
    unit_map = UnitMap.of_region(region, 48 / 32)
    border = cv2.BORDER_REPLICATE if beyond == "rim" else cv2.BORDER_CONSTANT
    whole = cv2.warpAffine(
        frame.image, unit_map.matrix(48, 32).astype(np.float64), (48, 32),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border, borderValue=(114,) * 3,
    )  # fmt: skip
    crop = ImagePreparer(spec).prepare(frame, unit_map)[0]
    apart = np.abs(crop - whole)
    # Positions are rounded to parts of a pixel, which may fall either way at a hard edge.
    assert (apart > 12).mean() < 0.01


def test_a_part_too_large_to_widen_is_cut_all_the_same() -> None:
    frame = blob_frame(700, 500, 1400, 1000)
    preparer = ImagePreparer(ImageInput("image", 128, 128))
    large, small = (UnitMap.of_region(Region(700, 500, size, 0.1)) for size in (1400, 800))
    for unit_map in (large, small):
        tensor = preparer.prepare(frame, unit_map)
        unit = (centroid(tensor[0, :, :, 0]) + 0.5) / 128
        np.testing.assert_allclose(unit_map.to_px(unit.astype(np.float32)), (700, 500), atol=0.5)


@pytest.mark.parametrize("angle", [0.0, 0.02, 0.9, -2.5])
@pytest.mark.parametrize("size", [(256, 256), (75, 101), (1, 3)])
def test_a_crop_made_in_quarters_has_no_seams(angle: float, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 500, 3), np.uint8)
    frame = Frame(np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), np.uint8), 0, 0, 0.0)
    width, height = size
    unit_map = UnitMap.of_region(Region(240, 210, 300, angle), width / height)
    spec = ImageInput("image", width, height, scale=1.0, colour="BGR", beyond="rim")
    whole = cv2.warpAffine(
        frame.image, unit_map.matrix(width, height), size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    crop = ImagePreparer(spec).prepare(frame, unit_map)[0]
    assert np.abs(crop - whole.reshape(crop.shape)).max() <= 1


def test_colour_order_layout_and_scaling() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:] = (10, 20, 30)  # B, G, R
    frame = Frame(image, 0, 0, 0.0)
    rgb, _ = ImagePreparer(ImageInput("image", 8, 8, scale=2 / 255, offset=-1)).prepare_whole(frame)
    np.testing.assert_allclose(rgb[0, 4, 4], np.array([30, 20, 10]) * 2 / 255 - 1, atol=1e-6)
    planar, _ = ImagePreparer(ImageInput("image", 8, 8, "NCHW", "BGR", 1.0)).prepare_whole(frame)
    assert planar.shape == (1, 3, 8, 8)
    np.testing.assert_array_equal(planar[0, :, 4, 4], (10, 20, 30))
    assert rgb.flags.c_contiguous
    assert planar.flags.c_contiguous


def test_beyond_the_image_the_rim_goes_on_or_is_padding() -> None:
    frame = Frame(np.full((20, 20, 3), 200, np.uint8), 0, 0, 0.0)
    outside = UnitMap.of_region(Region(100, 10, 20, 0))
    spec = ImageInput("image", 8, 8, scale=1.0)
    assert ImagePreparer(spec).prepare(frame, outside).min() == 200
    grey = replace(spec, beyond="pad", pad=114)
    np.testing.assert_array_equal(ImagePreparer(grey).prepare(frame, outside), 114)
    assert ImagePreparer(replace(spec, beyond="pad")).prepare(frame, outside).max() == 0


def test_an_upright_input_takes_the_middle_of_the_region() -> None:
    region = Region(160, 120, 200, 0.0)
    spec = ImageInput("image", 96, 128)
    unit_map = UnitMap.of_region(region, 96 / 128)
    tensor = ImagePreparer(spec).prepare(blob_frame(190, 100), unit_map)
    assert tensor.shape == (1, 128, 96, 3)
    unit = (centroid(tensor[0, :, :, 0]) + 0.5) / (96, 128)
    np.testing.assert_allclose(unit_map.to_px(unit.astype(np.float32)), (190, 100), atol=0.1)
    np.testing.assert_allclose(unit_map.to_px(np.array([[0, 0], [1, 1]], np.float32)), [(85, 20), (235, 220)])


def test_each_channel_may_have_a_scale_of_its_own() -> None:
    frame = Frame(np.full((8, 8, 3), 100, np.uint8), 0, 0, 0.0)
    spec = ImageInput("image", 8, 6, scale=(0.01, 0.02, 0.03), offset=(-1.0, 0.0, 1.0), fit="stretch")
    tensor, _ = ImagePreparer(spec).prepare_whole(frame)
    np.testing.assert_allclose(tensor, np.broadcast_to((0, 2, 4), (1, 6, 8, 3)), atol=1e-5)
    planar, _ = ImagePreparer(replace(spec, layout="NCHW")).prepare_whole(frame)
    np.testing.assert_array_equal(planar, tensor.transpose(0, 3, 1, 2))


def test_a_frame_may_be_anchored_at_the_top_left_on_grey() -> None:
    frame = blob_frame(320, 100, 640, 480)
    spec = ImageInput("image", 320, 320, scale=1.0, anchor="top-left", pad=114)
    tensor, unit_map = ImagePreparer(spec).prepare_whole(frame)
    np.testing.assert_array_equal(tensor[0, 240:], 114)
    assert tensor[0, :240, :, 1:].max() == 0
    unit = (centroid(tensor[0, :240, :, 0]) + 0.5) / 320
    np.testing.assert_allclose(unit_map.to_px(unit.astype(np.float32)), (320, 100), atol=0.7)


def test_a_frame_may_be_stretched() -> None:
    frame = blob_frame(200, 300, 640, 480)
    spec = ImageInput("image", 100, 300, scale=1.0, fit="stretch", pad=114)
    tensor, unit_map = ImagePreparer(spec).prepare_whole(frame)
    corners = unit_map.to_px(np.array([[0, 0], [1, 1]], np.float32))
    np.testing.assert_allclose(corners, [(-0.5, -0.5), (639.5, 479.5)], atol=1e-3)
    unit = (centroid(tensor[0, :, :, 0]) + 0.5) / (100, 300)
    np.testing.assert_allclose(unit_map.to_px(unit.astype(np.float32)), (200, 300), atol=1.0)


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_pixels_may_be_fed_as_they_are(dtype: Any) -> None:
    frame = Frame(np.full((8, 8, 3), (10, 20, 250), np.uint8), 0, 0, 0.0)
    spec = ImageInput("image", 8, 8, dtype=dtype, scale=1.0)
    tensor, _ = ImagePreparer(spec).prepare_whole(frame)
    assert tensor.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(tensor[0, 4, 4], (250, 20, 10))


def test_a_network_that_cuts_itself_gets_the_frame_and_the_map() -> None:
    frame = blob_frame(100, 100)
    spec = ImageInput("frame", 96, 128, transform="transform")
    feeds, unit_map = feeder(spec).whole(frame)
    assert feeds["frame"] is frame.image
    prepared, expected = feeder(replace(spec, transform="")).whole(frame)
    assert prepared["frame"].shape == (1, 128, 96, 3)
    np.testing.assert_array_equal(unit_map.linear, expected.linear)
    np.testing.assert_array_equal(unit_map.offset, expected.offset)
    np.testing.assert_allclose(feeds["transform"], unit_map.matrix(96, 128))
    assert feeds["transform"].dtype == np.float32

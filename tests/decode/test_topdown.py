"""Every family of 2D nets: a generated network of its interface, read back in image pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.own_model import Changes, fill
from realtime.decode import estimator_decoder, region_of_box
from realtime.engines.open import open_engine
from realtime.errors import ManifestError
from realtime.manifest import Manifest, load_manifest
from realtime.models import catalogue
from realtime.preprocess import UnitMap
from realtime.stream.networks import Estimator
from realtime.types import Array, FloatArray, Frame, Keypoints2D, Region
from tests import own_models
from tests.own_models import write_net

FRAME = Frame(np.full((480, 640, 3), 90, np.uint8), 0, 0, 0.0)
REGION = Region(300.0, 220.0, 400.0, 0.3)
SCORE = np.linspace(0.6, 0.95, 17).astype(np.float32)


@dataclass(frozen=True)
class Family:
    """A kind of net, and how far off it may be, in its input's pixels. dtype: of its image."""

    template: str
    outputs: Callable[[FloatArray, FloatArray, int, int], Mapping[str, Array]]
    within_px: float
    changes: Changes = field(default_factory=Changes)
    dtype: str = "float32"


FAMILIES = {
    "rtmpose": Family("rtmpose-s", own_models.simcc, 0.26),
    "hrnet quarter": Family("hrnet-w32", own_models.heatmap, 1.01),
    "hrnet dark": Family("hrnet-w32", own_models.heatmap, 0.05, Changes(options={"subpixel": "dark"})),
    "centred quarter": Family(
        "hrnet-w32", own_models.heatmap_centred, 1.01, Changes(options={"centred": True})
    ),
    "hrnet none": Family("hrnet-w32", own_models.heatmap, 2.01, Changes(options={"subpixel": "none"})),
    "vitpose": Family("vitpose-s", partial(own_models.heatmap, udp=True), 0.05),
    "movenet int32": Family("movenet-lightning", own_models.movenet, 0.01, dtype="int32"),
    "movenet float": Family("movenet-thunder", own_models.movenet, 0.01),
}


def in_frame(index: FloatArray, region: Region, width: int, height: int) -> FloatArray:
    """Frame pixels of input pixels: the crop written out once more."""
    across_px = region.size_px * min(1, width / height)
    c, s = math.cos(region.angle_rad), math.sin(region.angle_rad)
    offset = (index + 0.5 - np.array([width, height]) / 2) * across_px / width
    return offset @ np.array([[c, s], [-s, c]]) + (region.cx_px, region.cy_px)


def scattered(width: int, height: int) -> FloatArray:
    """17 places well inside an input, none of them on a cell of anything."""
    rng = np.random.default_rng(5)
    return (rng.uniform(0.15, 0.85, (17, 2)) * (width, height)).astype(np.float32)


@pytest.mark.parametrize("name", FAMILIES)
def test_joints_are_found_where_the_network_says(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    image = load_manifest(catalogue.template(family.template)).image
    assert image is not None
    index = scattered(image.width, image.height)
    shape = (1, image.height, image.width, 3) if image.layout == "NHWC" else (1, 3, image.height, image.width)
    outputs = family.outputs(index, SCORE, image.width, image.height)
    path = write_net(tmp_path / "net.onnx", shape, outputs, dtype=family.dtype)
    manifest = fill(catalogue.template(family.template), path, family.changes)
    engine = open_engine(manifest.check_file(), "openvino", 1)
    keypoints, _ = Estimator(manifest, engine).estimate(FRAME, REGION)
    engine.close()
    scale = REGION.size_px / max(image.width, image.height)
    off_px = np.abs(keypoints.xy_px - in_frame(index, REGION, image.width, image.height))
    turned = math.cos(REGION.angle_rad) + math.sin(REGION.angle_rad)
    assert off_px.max() <= family.within_px * scale * turned
    np.testing.assert_allclose(keypoints.score, SCORE, atol=0.08)
    assert 0.6 < keypoints.presence < 0.95


def manifest_of(template: str, outputs: Mapping[str, Array], **more: Any) -> Manifest:
    """A template with these outputs."""
    like = load_manifest(catalogue.template(template))
    info = next(iter(like.outputs.values()))
    return replace(like, outputs={n: replace(info, shape=v.shape) for n, v in outputs.items()}, **more)


def read(manifest: Manifest, outputs: Mapping[str, Array]) -> Keypoints2D:
    """Read in the input's own pixels."""
    assert manifest.image is not None
    width, height = manifest.image.width, manifest.image.height
    region = Region((width - 1) / 2, (height - 1) / 2, max(width, height), 0.0)
    return estimator_decoder(manifest).keypoints(outputs, region)[0]


def peaked(cell: tuple[int, int], neighbour: tuple[int, int]) -> dict[str, Array]:
    maps = np.zeros((1, 17, 64, 48), np.float32)
    maps[0, :, cell[1], cell[0]] = 0.9
    maps[0, :, neighbour[1], neighbour[0]] = 0.4
    return {"output": maps}


def test_a_cell_is_four_pixels_and_a_quarter_towards_the_higher_neighbour_is_one() -> None:
    outputs = peaked((20, 30), (21, 30))
    points = read(manifest_of("hrnet-w32", outputs), outputs).xy_px
    np.testing.assert_allclose(points[0], (20 * 4 + 1, 30 * 4), atol=1e-3)
    outputs = peaked((20, 30), (20, 29))
    points = read(manifest_of("hrnet-w32", outputs), outputs).xy_px
    np.testing.assert_allclose(points[0], (20 * 4, 30 * 4 - 1), atol=1e-3)


@pytest.mark.parametrize("cell", [(0, 0), (47, 63)])
def test_unbiased_maps_reach_from_the_first_pixel_to_the_last(cell: tuple[int, int]) -> None:
    outputs = peaked(cell, cell)
    manifest = manifest_of("vitpose-s", outputs)
    expected = np.array(cell) / (47, 63) * (191, 255)
    np.testing.assert_allclose(read(manifest, outputs).xy_px[0], expected, atol=1e-3)


@given(st.floats(15, 175), st.floats(15, 240), st.sampled_from([False, True]))
def test_the_parabola_finds_the_top_between_cells(x: float, y: float, udp: bool) -> None:
    index = np.tile(np.array([[x, y]], np.float32), (17, 1))
    outputs = own_models.heatmap(index, SCORE, 192, 256, udp)
    manifest = manifest_of("hrnet-w32", outputs, options={"subpixel": "dark", "udp": udp})
    np.testing.assert_allclose(read(manifest, outputs).xy_px, index, atol=0.25)


@given(st.integers(0, 383), st.integers(0, 511))
def test_a_bin_is_half_a_pixel(column: int, row: int) -> None:
    x, y = np.zeros((1, 17, 384), np.float32), np.zeros((1, 17, 512), np.float32)
    x[0, :, column], y[0, :, row] = 0.9, 0.8
    outputs = {"simcc_x": x, "simcc_y": y}
    keypoints = read(manifest_of("rtmpose-m", outputs), outputs)
    np.testing.assert_allclose(keypoints.xy_px, np.tile([column / 2, row / 2], (17, 1)), atol=1e-3)
    np.testing.assert_allclose(keypoints.score, 0.8)


def test_a_flat_map_gives_no_joint_a_place_outside() -> None:
    outputs = {"output": np.zeros((1, 17, 64, 48), np.float32)}
    for subpixel in ("quarter", "dark", "none"):
        keypoints = read(manifest_of("hrnet-w32", outputs, options={"subpixel": subpixel}), outputs)
        assert np.isfinite(keypoints.xy_px).all()
        assert keypoints.presence == 0


def test_coordinates_in_pixels_with_scores_apart() -> None:
    index = scattered(192, 192)
    outputs = {"xy": index[None] + 0.5, "sure": SCORE[None]}
    manifest = manifest_of(
        "movenet-lightning",
        outputs,
        tensors={"keypoints": "xy", "scores": "sure"},
        options={"order": "xy", "units": "px"},
    )
    keypoints = read(manifest, outputs)
    np.testing.assert_allclose(keypoints.xy_px, index, atol=1e-3)
    np.testing.assert_allclose(keypoints.score, SCORE)


@pytest.mark.parametrize(
    ("template", "outputs", "more", "complaint"),
    [
        ("hrnet-w32", {"output": np.zeros((1, 26, 64, 48))}, {}, "gives 26 joints, but its skeleton coco-17"),
        ("hrnet-w32", {"maps": np.zeros((1, 17, 64, 48))}, {"tensors": {}}, "needs an output 'heatmap'; say"),
        ("movenet-thunder", {"output_0": np.zeros((1, 17, 2))}, {}, "gives no scores"),
        ("hrnet-w32", {"output": np.zeros(1)}, {"options": {"subpixel": "best"}}, "of quarter, dark, none"),
        ("hrnet-w32", {"output": np.zeros(1)}, {"options": {"blur_cells": 4}}, "must be odd"),
        ("hrnet-w32", {"output": np.zeros(1)}, {"options": {"udp": 1}}, "must be of type bool, not 1"),
        ("rtmpose-t", {"simcc_x": np.zeros(1), "simcc_y": np.zeros(1)}, {"options": {"padding": 0.5}}, "0.5"),
    ],
)  # fmt: skip
def test_contradictions_are_named(
    template: str, outputs: dict[str, Array], more: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint) as caught:
        read(manifest_of(template, outputs, **more), outputs)
    assert "\n" not in str(caught.value)


@given(
    st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(1, 500), st.floats(1, 500)),
    st.sampled_from([0.75, 1.0, 1.6]),
    st.floats(1, 2),
)
def test_a_region_holds_its_box_whatever_the_aspect(
    box: tuple[float, ...], aspect: float, padding: float
) -> None:
    x, y, width, height = box
    corners = np.array([x, y, x + width, y + height], np.float32)
    unit_map = UnitMap.of_region(region_of_box(corners, aspect, padding), aspect)
    low, high = unit_map.to_px(np.array([[0, 0], [1, 1]], np.float32))
    sides, wanted = high - low, np.array([width, height]) * padding
    assert (sides >= wanted * (1 - 1e-3) - 1e-2).all()
    assert np.isclose(sides, wanted, rtol=1e-2, atol=0.1).any(), "no larger than it must be"
    np.testing.assert_allclose((low + high) / 2, (x + width / 2, y + height / 2), atol=0.1)

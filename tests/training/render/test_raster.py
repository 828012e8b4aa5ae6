"""Drawing triangles: where they land, what hides what, and that nothing is missed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.camera import Intrinsics
from realtime.types import FloatArray
from training.people.makehuman import IntArray
from training.render.raster import draw, look_at, triangulate

LENS = Intrinsics.from_fov(60, 320, 240)
OCTAHEDRON = np.array(
    [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]], np.int32
)
seeds = st.integers(0, 2**32 - 1)


def marker(centre_m: FloatArray, size_m: float) -> FloatArray:
    """(6, 3) corners of an octahedron."""
    steps = np.concatenate([np.eye(3), -np.eye(3)])[[0, 3, 1, 4, 2, 5]]
    return (centre_m + size_m * steps).astype(np.float32)


def random_triangles(seed: int, count: int) -> tuple[FloatArray, IntArray]:
    rng = np.random.default_rng(seed)
    z = rng.uniform(1, 5, (count, 1, 1))
    xy = rng.uniform(-0.6, 0.6, (count, 1, 2)) * z + rng.uniform(-0.5, 0.5, (count, 3, 2))
    points = np.concatenate([xy, z + rng.uniform(-0.5, 0.5, (count, 3, 1))], axis=2)
    return points.reshape(-1, 3).astype(np.float32), np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


@given(st.floats(-0.4, 0.4), st.floats(-0.3, 0.3), st.floats(1.5, 6))
def test_a_marker_shows_where_the_camera_projects_its_place(rx: float, ry: float, z: float) -> None:
    centre = np.array([rx * z, ry * z, z], np.float32)
    seen = draw(marker(centre, 0.012 * z), OCTAHEDRON, LENS)
    x, y = seen.pixel % seen.width, seen.pixel // seen.width
    assert np.abs(np.array([x.mean(), y.mean()]) - LENS.project(centre)).max() < 0.5


@settings(deadline=None)
@given(seeds)
def test_every_pixel_sees_the_nearest_surface_on_its_ray(seed: int) -> None:
    points, triangles = random_triangles(seed, 12)
    seen = draw(points, triangles, LENS)
    assert len(np.unique(seen.pixel)) == len(seen.pixel)
    grid = np.stack(np.meshgrid(np.arange(0, 320, 5), np.arange(0, 240, 5)), -1).reshape(-1, 2)
    rays = np.concatenate([LENS.rays(grid.astype(np.float32)), np.ones((len(grid), 1))], axis=1)
    nearest = np.full(len(grid), np.inf)
    sure = np.ones(len(grid), bool)
    for a, b, c in points[triangles].astype(np.float64):
        normal = np.cross(b - a, c - a)
        depth = (a @ normal) / (rays @ normal)
        place = rays * depth[:, None]
        sides = [np.cross(q - p, place - p) @ normal for p, q in ((a, b), (b, c), (c, a))]
        least = np.min(sides, axis=0) / (normal @ normal)
        sure &= np.abs(least) > 1e-3
        nearest = np.where((least > 0) & (depth > 0) & (depth < nearest), depth, nearest)
    depth = seen.image(seen.depth_m, np.inf)[grid[:, 1], grid[:, 0]]
    assert np.array_equal(np.isfinite(depth)[sure], np.isfinite(nearest)[sure])
    both = sure & np.isfinite(nearest)
    assert np.allclose(depth[both], nearest[both], rtol=2e-3)


@settings(deadline=None)
@given(seeds)
def test_the_order_of_triangles_does_not_matter(seed: int) -> None:
    points, triangles = random_triangles(seed, 10)
    order = np.random.default_rng(seed).permutation(10)
    one, other = draw(points, triangles, LENS), draw(points, triangles[order], LENS)
    assert np.array_equal(one.image(one.depth_m, 0.0), other.image(other.depth_m, 0.0))


@settings(deadline=None)
@given(seeds)
def test_values_are_interpolated_in_perspective(seed: int) -> None:
    points, triangles = random_triangles(seed, 6)
    seen = draw(points, triangles, LENS)
    place = seen.sample(points, triangles)
    assert np.allclose(place[:, 2], seen.depth_m, rtol=1e-3)
    pixel = np.stack([seen.pixel % seen.width, seen.pixel // seen.width], axis=1)
    assert np.abs(LENS.project(place) - pixel).max(initial=0) < 0.05


def test_a_mesh_that_fills_the_image_leaves_no_hole() -> None:
    columns, rows = np.meshgrid(np.linspace(-3, 3, 23), np.linspace(-3, 3, 19))
    waves = 3 + 0.3 * np.sin(5 * columns) * np.cos(4 * rows)
    points = np.stack([columns, rows, waves], axis=-1).reshape(-1, 3).astype(np.float32)
    first = (np.arange(18)[:, None] * 23 + np.arange(22)).reshape(-1)
    quads = np.stack([first, first + 1, first + 24, first + 23], axis=1).astype(np.int32)
    seen = draw(points, triangulate(quads), LENS)
    assert np.array_equal(np.sort(seen.pixel), np.arange(320 * 240))


def test_what_is_behind_or_beside_the_camera_is_left_out() -> None:
    one = np.array([[0, 1, 2]], np.int32)
    behind = np.array([[0, 0, -2], [1, 0, -2], [0, 1, -2]], np.float32)
    beside = np.array([[9, 0, 2], [9.5, 0, 2], [9, 1, 2]], np.float32)
    through = np.array([[0, 0, 2], [0.1, 0, 2], [0, 0.1, -1]], np.float32)
    for points in (behind, beside, through):
        assert not len(draw(points, one, LENS).pixel)


def test_no_triangles_draw_nothing() -> None:
    seen = draw(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), LENS)
    assert len(seen.pixel) == 0
    assert (seen.image(np.zeros((0, 3), np.float32), 7.0) == 7.0).all()


@pytest.mark.parametrize("sliver", [[[0, 0, 2], [0.5, 0, 2], [1, 0, 2]], [[0.1, 0.1, 2]] * 3])
def test_a_triangle_without_area_gives_no_broken_value(sliver: list[list[float]]) -> None:
    seen = draw(np.array(sliver, np.float32), np.array([[0, 1, 2]], np.int32), LENS)
    assert np.isfinite(seen.depth_m).all()
    assert np.isfinite(seen.shares).all()


def test_triangulate_splits_quads_and_keeps_triangles() -> None:
    quads = np.array([[0, 1, 2, 3], [4, 5, 6, 6]], np.int32)
    assert sorted(triangulate(quads).tolist()) == [[0, 1, 2], [0, 2, 3], [4, 5, 6]]


@given(seeds)
def test_a_camera_that_looks_at_a_place_is_level_and_shows_it_in_the_middle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position, target = (rng.uniform(-3, 3, 3).astype(np.float32) for _ in range(2))
    target[0] = position[0] + 1.5
    view = look_at(LENS, position, target)
    assert np.allclose(view.camera_from_world @ view.camera_from_world.T, np.eye(3), atol=1e-5)
    middle = LENS.project(view.camera_m(target))
    assert np.allclose(middle, [(320 - 1) / 2, (240 - 1) / 2], atol=0.05)
    above = LENS.project(view.camera_m(target + np.array([0, 0.1, 0], np.float32)))
    assert above[1] < middle[1]
    assert abs(above[0] - middle[0]) < 0.05
    aside = np.cross(target - position, [0, 1, 0]).astype(np.float32)
    assert view.camera_m(target + aside)[0] > 0


def test_a_view_at_another_size_keeps_what_it_sees() -> None:
    view = look_at(LENS, np.array([0.0, 1.4, 0.0]), np.array([0.2, 1.0, -3.0]))
    point = np.array([0.3, 0.5, -2.5], np.float32)
    double = view.scaled_to(640, 480)
    small, large = (v.intrinsics.project(v.camera_m(point)) for v in (view, double))
    assert np.allclose((small + 0.5) * 2 - 0.5, large, atol=1e-3)

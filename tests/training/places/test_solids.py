"""Solids: which way they face, how their patterns lie, and that they are closed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.types import FloatArray
from training.places.solids import box, cylinder, ellipsoid, moved, panel, prism, sheet, together
from training.places.surface import Finish, Surface

PLAIN = Finish("plain", (0.5, 0.5, 0.5))
BOARDS = Finish("planks", (0.5, 0.4, 0.3))
sizes = st.floats(0.05, 3.0)
shifts = st.floats(-5.0, 5.0)
turns = st.floats(-np.pi, np.pi)


def facets(surface: Surface) -> tuple[FloatArray, FloatArray]:
    """(T, 3) cross products of the triangles' sides, and (T, 3) their middles, in double precision."""
    a, b, c = (surface.points_m[surface.triangles[:, k]].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a), (a + b + c) / 3


def volume_m3(surface: Surface) -> float:
    """By the divergence theorem: right only when the surface is closed and faces outwards."""
    cross, middle = facets(surface)
    return float((cross * middle).sum() / 6)


def check_normals(surface: Surface) -> None:
    """Normals have length 1 and lie on the side that the winding says."""
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1.0, atol=1e-5)
    cross, _ = facets(surface)
    for corner in range(3):
        assert ((surface.normals[surface.triangles[:, corner]] * cross).sum(axis=1) > 0).all()


@given(sizes, sizes, sizes, shifts, turns)
def test_a_box_is_closed_and_faces_outwards(x: float, y: float, z: float, shift: float, turn: float) -> None:
    solid = box((shift, 0.0, -shift), (x, y, z), PLAIN, turn)
    check_normals(solid)
    assert volume_m3(solid) == pytest.approx(x * y * z, rel=1e-3)
    cross, middle = facets(solid)
    assert ((middle - [shift, 0.0, -shift]) * cross).sum(axis=1).min() > 0


@given(sizes, sizes, sizes, shifts, st.sampled_from("xyz"))
def test_a_cone_cut_off_is_closed_and_faces_outwards(
    bottom: float, top: float, tall: float, shift: float, axis: str
) -> None:
    solid = cylinder((shift, shift, shift), bottom, tall, PLAIN, top, axis, sides=32)
    check_normals(solid)
    exact = np.pi * tall / 3 * (bottom**2 + bottom * top + top**2)
    assert volume_m3(solid) == pytest.approx(exact, rel=0.02)
    extent = np.ptp(solid.points_m, axis=0)
    assert extent["xyz".index(axis)] == pytest.approx(tall, rel=1e-3)


@given(sizes, sizes, sizes, shifts)
def test_an_ellipsoid_is_closed_and_faces_outwards(x: float, y: float, z: float, shift: float) -> None:
    solid = ellipsoid((shift, 0, 0), (x, y, z), PLAIN, sides=24, rings=16)
    check_normals(solid)
    assert volume_m3(solid) == pytest.approx(4 / 3 * np.pi * x * y * z, rel=0.05)


@given(sizes, sizes, sizes)
def test_a_prism_is_closed_and_faces_outwards(wide: float, tall: float, deep: float) -> None:
    solid = prism([(0, 0), (wide, 0), (0.7 * wide, tall), (0.2 * wide, tall)], deep, PLAIN)
    check_normals(solid)
    assert volume_m3(solid) == pytest.approx(0.75 * wide * tall * deep, rel=1e-3)


@given(sizes, sizes, turns)
def test_a_sheet_faces_columns_across_rows(wide: float, tall: float, turn: float) -> None:
    x, y = np.meshgrid(np.linspace(0, wide, 5), np.linspace(0, tall, 4))
    curved = moved(sheet(np.stack([x, y, 0.1 * np.sin(x) * tall], axis=-1), PLAIN), (1, 2, 3), turn)
    check_normals(curved)
    assert (moved(curved, (0, 0, 0), -turn).normals[:, 2] > 0).all()


@given(sizes, sizes)
def test_patterns_lie_in_metres_and_boards_run_along_the_longer_side(wide: float, tall: float) -> None:
    flat = panel((0, 0, 0), (wide, 0, 0), (0, tall, 0), PLAIN)
    np.testing.assert_allclose(np.ptp(flat.place_m[:, :2], axis=0), [wide, tall], rtol=1e-3)
    boards = panel((0, 0, 0), (wide, 0, 0), (0, tall, 0), BOARDS)
    np.testing.assert_allclose(np.ptp(boards.place_m[:, :2], axis=0), sorted([wide, tall]), rtol=1e-3)


def test_a_cone_comes_to_a_point_without_empty_triangles() -> None:
    cross, _ = facets(cylinder((0, 0, 0), 1.0, 2.0, PLAIN, 0.0))
    assert np.linalg.norm(cross, axis=1).min() > 1e-6


@pytest.mark.parametrize("face", ["right", "left", "top", "bottom", "front", "back"])
def test_a_face_can_be_left_out(face: str) -> None:
    towards = {"right": (1, 0, 0), "left": (-1, 0, 0), "top": (0, 1, 0)}
    towards |= {"bottom": (0, -1, 0), "front": (0, 0, 1), "back": (0, 0, -1)}
    open_box = box((0, 0, 0), (1, 2, 3), PLAIN, without=(face,))
    assert len(open_box.triangles) == 10
    assert (open_box.normals @ np.array(towards[face])).max() < 0.5


def test_together_names_each_finish_once() -> None:
    whole = together([box((0, 0, 0), (1, 1, 1), f) for f in (PLAIN, BOARDS, PLAIN)])
    assert whole.finishes == (PLAIN, BOARDS)
    assert [int(whole.finish[start]) for start in (0, 24, 48)] == [0, 1, 0]
    assert len(whole.points_m) == 72
    assert whole.triangles.max() == 71

"""Every piece of furniture: whole, on the floor, within its footprint, and never the same twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.places.test_solids import check_normals
from training.places import cupboards, furniture, ornaments, streets
from training.places.arrange import Footprint, hidden
from training.places.site import Maker

# The least and the greatest height that such a thing has, in metres.
MAKERS: dict[Maker, tuple[float, float]] = {
    furniture.chair: (0.7, 1.1),
    furniture.office_chair: (0.8, 1.3),
    furniture.stool: (0.4, 0.8),
    furniture.table: (0.69, 1.2),
    furniture.coffee_table: (0.33, 0.9),
    furniture.desk: (1.1, 1.3),
    furniture.sofa: (0.6, 1.0),
    furniture.bed: (0.55, 1.15),
    furniture.bench: (0.39, 1.0),
    cupboards.shelf: (0.89, 2.15),
    cupboards.sideboard: (0.44, 1.6),
    cupboards.wardrobe: (1.79, 2.21),
    ornaments.floor_lamp: (1.39, 1.81),
    ornaments.plant: (0.3, 2.2),
    ornaments.crates: (0.19, 1.21),
    ornaments.pillar: (2.39, 2.41),
    ornaments.ball: (0.2, 0.71),
    streets.tree: (2.5, 10.0),
    streets.bush: (0.2, 1.5),
    streets.pole: (2.1, 6.0),
    streets.bollard: (0.3, 1.1),
    streets.barrier: (0.69, 1.25),
    streets.car: (1.35, 1.8),
    streets.building: (3.0, 18.5),
}
seeds = st.integers(0, 2**32 - 1)
makers = st.sampled_from(list(MAKERS))


@settings(deadline=None, max_examples=150)
@given(makers, seeds)
def test_a_piece_stands_on_the_floor_in_its_footprint_facing_outwards(maker: Maker, seed: int) -> None:
    piece = maker(np.random.default_rng(seed))
    low, high = piece.surface.points_m.min(axis=0), piece.surface.points_m.max(axis=0)
    np.testing.assert_allclose([-low[0], -low[2]], piece.half_m, atol=1e-4)
    np.testing.assert_allclose([high[0], high[2]], piece.half_m, atol=1e-4)
    assert -0.12 < low[1] < 0.03
    assert high[1] == pytest.approx(piece.height_m, abs=1e-5)
    shortest, tallest = MAKERS[maker]
    assert shortest <= piece.height_m <= tallest
    check_normals(piece.surface)
    assert len(piece.surface.triangles) < 1200
    assert 0 <= piece.surface.finish.min() <= piece.surface.finish.max() < len(piece.surface.finishes)


@pytest.mark.parametrize("maker", MAKERS)
def test_the_same_seed_gives_the_same_piece_and_another_seed_another(maker: Maker) -> None:
    one, same, other = (maker(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.surface.points_m, same.surface.points_m)
    assert one.surface.finishes == same.surface.finishes
    assert one.surface.finishes != other.surface.finishes


@settings(deadline=None)
@given(seeds)
def test_a_footprint_goes_where_its_piece_goes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    piece = furniture.sofa(rng)
    surface, footprint = piece.put((float(rng.uniform(-5, 5)), float(rng.uniform(-5, 5))), rng.uniform(-4, 4))
    floor = surface.points_m[:, [0, 2]]
    assert footprint.distance_m(floor).max() < 1e-4
    reach = (floor[:, None] - footprint.corners_m()).min(axis=0)
    assert np.isfinite(reach).all()
    tight = Footprint(
        footprint.centre_m, (0.98 * piece.half_m[0], 0.98 * piece.half_m[1]), footprint.turn_rad, 1.0
    )
    assert tight.distance_m(floor).max() > 0.005


@settings(deadline=None)
@given(seeds)
def test_footprints_overlap_when_a_point_is_in_both(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (
        Footprint(tuple(rng.uniform(-1, 1, 2)), tuple(rng.uniform(0.1, 0.8, 2)), rng.uniform(-4, 4), 1.0)
        for _ in range(2)
    )
    grid = np.stack(np.meshgrid(*[np.linspace(-3, 3, 121)] * 2), axis=-1).reshape(-1, 2)
    gap = float((a.distance_m(grid) + b.distance_m(grid)).min())
    if gap == 0:
        assert a.overlaps(b)
    elif gap > 0.15:
        assert not a.overlaps(b)
    assert a.overlaps(b) == b.overlaps(a)


def test_what_a_thing_hides_is_its_outline_seen_from_the_camera() -> None:
    camera, person = np.array([0.0, 1.6, 0.0]), np.array([[0.0, -4.0], [0.0, -1.0], [3.0, -4.0]])
    seen = hidden(Footprint((0.15, -2.0), (0.15, 0.0), 0.0, 0.8), camera, person)
    # Half way, so twice as wide at the person: from x = 0 to 0.6, of a person from -0.3 to 0.3.
    np.testing.assert_allclose(seen.share, [0.5, 0.0, 0.0], atol=1e-3)
    # The line of sight over 0.8 m half way from 1.6 m ends on the floor.
    np.testing.assert_allclose(seen.height_m, [0.0, 0.0, 0.0], atol=1e-3)
    taller = hidden(Footprint((0.15, -2.0), (0.15, 0.0), 0.0, 1.1), camera, person)
    np.testing.assert_allclose(taller.height_m, [0.6, 0.0, 0.0], atol=1e-3)

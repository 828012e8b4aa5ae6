"""Random places: they hold their people and camera, keep clear of them, and are lit to be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.types import Array
from tests.training.places.test_solids import check_normals
from training.places.arrange import hidden
from training.places.place import KINDS, Place, draw_place, sample_place

seeds = st.integers(0, 2**32 - 1)
kinds = st.sampled_from(list(KINDS))


def situation(seed: int) -> tuple[Array, Array]:
    """A path (N, 2) and a camera (3,) some way from it."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, rng.uniform(0.001, 0.03), (240, 2))
    paths = rng.uniform(-4, 4, 2) + np.cumsum(steps, axis=0)
    angle, distance = rng.uniform(-np.pi, np.pi), rng.uniform(1.5, 8.0)
    x, z = paths.mean(axis=0) + distance * np.array([np.sin(angle), np.cos(angle)])
    while np.linalg.norm(paths - [x, z], axis=1).min() < 1.0:
        x += 0.5
    return paths, np.array([x, rng.uniform(0.25, 2.6), z])


def drawn(seed: int, kind: str | None = None, occluders: int = 0) -> tuple[Place, Array, Array]:
    paths, camera = situation(seed)
    return draw_place(np.random.default_rng(seed), paths, camera, occluders, kind), paths, camera


@settings(deadline=None, max_examples=40)
@given(seeds, kinds, st.integers(0, 2))
def test_a_place_holds_its_people_and_its_camera_clear_of_everything(
    seed: int, kind: str, occluders: int
) -> None:
    place, paths, camera = drawn(seed, kind, occluders)
    x0, z0, x1, z1 = place.inside_m
    for points, margin in ((paths, 0.5), (camera[None, [0, 2]], 0.25)):
        assert (points >= np.array([x0, z0]) + margin).all()
        assert (points <= np.array([x1, z1]) - margin).all()
    assert camera[1] < place.ceiling_m
    assert place.ceiling_m > 2.4
    for number, footprint in enumerate(place.footprints):
        assert footprint.distance_m(paths).min() >= 0.45
        assert footprint.distance_m(camera[None, [0, 2]])[0] >= 0.6
        assert footprint.within(place.inside_m)
        assert not any(footprint.overlaps(other) for other in place.footprints[:number])


@settings(deadline=None, max_examples=25)
@given(seeds, kinds)
def test_a_place_is_a_sound_mesh_of_valid_finishes(seed: int, kind: str) -> None:
    surface = drawn(seed, kind, 1)[0].surface
    assert 0 < len(surface.triangles) < 6000
    assert surface.triangles.min() == 0
    assert surface.triangles.max() == len(surface.points_m) - 1
    assert len(surface.finish) == len(surface.normals) == len(surface.place_m) == len(surface.points_m)
    assert (surface.finish[surface.triangles] == surface.finish[surface.triangles[:, :1]]).all()
    assert surface.finish.max() < len(surface.finishes) == len(set(surface.finishes))
    for array in (surface.points_m, surface.normals, surface.place_m):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    for finish in surface.finishes:
        assert all(0 <= value < 30 for value in (*finish.colour, *finish.second))
        assert 0 <= finish.strength <= 1
        assert 0 <= finish.gloss <= 1


@settings(deadline=None, max_examples=15)
@given(seeds, st.sampled_from(["room", "office", "hall", "studio"]))
def test_rooms_face_inwards_and_close_around_the_camera(seed: int, kind: str) -> None:
    place, _, camera = drawn(seed, kind)
    check_normals(place.surface)
    points = place.surface.points_m.astype(np.float64)
    a, b, c = (points[place.surface.triangles[:, k]] - camera for k in range(3))
    for direction in np.array([*np.eye(3), *(-np.eye(3))]) + np.array([0.013, 0.007, 0.011]):
        # The nearest triangle on the ray (Moeller and Trumbore) shows its outside.
        normal = np.cross(b - a, c - a)
        away = normal @ direction
        safe = np.where(np.abs(away) > 1e-12, away, np.inf)
        along = (a * normal).sum(axis=1) / safe
        hit = along[:, None] * direction
        sides = [((np.cross(q - p, hit - p)) * normal).sum(axis=1) for p, q in ((a, b), (b, c), (c, a))]
        inside = (np.min(sides, axis=0) >= 0) & (along > 1e-6)
        assert inside.any()
        nearest = np.flatnonzero(inside)[along[inside].argmin()]
        assert away[nearest] < 0


@settings(deadline=None, max_examples=25)
@given(seeds, kinds)
def test_without_occluders_nothing_hides_more_than_feet(seed: int, kind: str) -> None:
    place, paths, camera = drawn(seed, kind, 0)
    for footprint in place.footprints:
        assert np.quantile(hidden(footprint, camera, paths).height_m, 0.95) < 0.45


@pytest.mark.parametrize("kind", KINDS)
def test_occluders_hide_a_part_of_people_but_not_most_of_them(kind: str) -> None:
    paths = np.stack([np.linspace(-1, 1, 50), np.full(50, -4.5)], axis=1)
    camera = np.array([0.0, 1.5, 0.0])
    hiding = 0
    for seed in range(6):
        place = draw_place(np.random.default_rng(seed), paths, camera, 1, kind)
        seen = [hidden(footprint, camera, paths) for footprint in place.footprints]
        parts = [s for s in seen if ((s.share > 0.15) & (s.height_m > 0.25)).mean() >= 0.1]
        assert len(parts) <= 1
        hiding += len(parts)
        for part in parts:
            blocked = part.share * np.minimum(part.height_m, 1.7) / 1.7
            assert np.quantile(blocked, 0.9) <= 0.56
    assert hiding >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_place_and_another_seed_another(kind: str) -> None:
    one, same = drawn(5, kind, 1)[0], drawn(5, kind, 1)[0]
    for name in ("points_m", "normals", "place_m", "triangles", "finish"):
        np.testing.assert_array_equal(getattr(one.surface, name), getattr(same.surface, name))
    assert one.surface.finishes == same.surface.finishes
    assert one.footprints == same.footprints
    np.testing.assert_array_equal(one.light.towards, same.light.towards)
    assert one.surface.finishes != drawn(6, kind, 1)[0].surface.finishes


@settings(deadline=None, max_examples=25)
@given(seeds, kinds)
def test_light_comes_from_above_and_shows_grey_in_the_middle(seed: int, kind: str) -> None:
    light = drawn(seed, kind)[0].light
    assert np.linalg.norm(light.towards) == pytest.approx(1.0, abs=1e-5)
    assert light.towards[1] > 0.3
    luminance = np.array([0.2126, 0.7152, 0.0722])
    floor = light.above + light.key * light.towards[1]
    wall = (light.above + light.below) / 2 + light.key * np.hypot(light.towards[0], light.towards[2]) / np.pi
    grey = 0.2 * (0.4 * floor + 0.6 * wall) @ luminance
    assert 110 < 255 * (1.055 * grey ** (1 / 2.4) - 0.055) < 130


def test_all_kinds_are_drawn() -> None:
    paths, camera = situation(1)
    rng = np.random.default_rng(2)
    seen = {draw_place(rng, paths, camera).kind for _ in range(40)}
    assert seen == set(KINDS)


def test_an_unknown_kind_or_no_path_is_refused() -> None:
    paths, camera = situation(1)
    with pytest.raises(ValueError, match="cellar"):
        draw_place(np.random.default_rng(1), paths, camera, kind="cellar")
    with pytest.raises(ValueError, match="0 points"):
        draw_place(np.random.default_rng(1), paths[:0], camera)


def test_the_sample_room_holds_the_clip() -> None:
    place = sample_place()
    people = np.stack(np.meshgrid([-1.5, 0, 1.5], [-5.5, -4, -2.5]), axis=-1).reshape(-1, 2)
    x0, z0, x1, z1 = place.inside_m
    assert x0 == -3.1
    assert x1 == 3.1
    assert z0 == -6.3
    assert z1 > 0.5
    assert len(place.footprints) == 2
    assert all(footprint.within(place.inside_m) for footprint in place.footprints)
    assert min(footprint.distance_m(people).min() for footprint in place.footprints) > 0.3
    check_normals(place.surface)
    np.testing.assert_array_equal(place.surface.points_m, sample_place().surface.points_m)
    patterns = {finish.pattern for finish in place.surface.finishes}
    assert {"planks", "carpet", "grain", "print", "plain"} <= patterns

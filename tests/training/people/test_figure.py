"""The dressed figure: materials, skinning, fewer triangles, and clothes that keep to the body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import UsageError
from training.mocap.rotations import axis_angle, unit
from training.people.body import Body, Pose, apply, blend, build_body
from training.people.clothes import fit_garment
from training.people.figure import MATERIALS, Figure
from training.people.makehuman import MakeHumanData, Shape, load_makehuman
from training.people.wardrobe import CUTS, dressed

seeds = st.integers(0, 2**32 - 1)
SUIT = ("male_elegantsuit01", "shoes03", "short02")


@pytest.fixture(scope="module")
def data(shared_data: Path) -> MakeHumanData:
    return load_makehuman(shared_data / "makehuman")


@pytest.fixture(scope="module")
def body(data: MakeHumanData) -> Body:
    return build_body(data, Shape(male=1.0), 1.8)


@pytest.fixture(scope="module")
def figure(data: MakeHumanData, body: Body) -> Figure:
    return dressed(data, body, SUIT)


def random_pose(body: Body, seed: int) -> Pose:
    rng = np.random.default_rng(seed)
    axes = unit(rng.normal(size=(len(body.bones), 3)))
    turns = axis_angle(axes, rng.uniform(-1, 1, len(body.bones))).astype(np.float32)
    return Pose(turns, rng.uniform(-2, 2, 3).astype(np.float32))


def shown(figure: Figure) -> set[str]:
    return {MATERIALS[number] for number in np.unique(figure.vertex_material)}


def highest_m(figure: Figure, material: str) -> float:
    return float(figure.points_m[figure.vertex_material == MATERIALS.index(material), 1].max())


def lowest_m(figure: Figure, material: str) -> float:
    return float(figure.points_m[figure.vertex_material == MATERIALS.index(material), 1].min())


def area_m2(figure: Figure) -> float:
    a, b, c = (figure.points_m[figure.triangles[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def test_every_triangle_is_of_one_material(figure: Figure) -> None:
    kinds = figure.vertex_material[figure.triangles]
    assert (kinds == kinds[:, :1]).all()
    assert np.array_equal(np.unique(figure.triangles), np.arange(len(figure.points_m)))
    assert np.array_equal(figure.vertex_part, figure.weights.argmax(axis=1))


@pytest.mark.parametrize("name", sorted(CUTS))
def test_every_garment_is_made_of_what_its_cut_says(data: MakeHumanData, body: Body, name: str) -> None:
    garment = fit_garment(body, data.folder / "clothes" / f"{name}.mhclo")
    assert garment.panels.min() == 0
    assert len(garment.panels) == len(garment.faces)
    assert garment.panels.max() + 1 >= len(CUTS[name])
    assert shown(dressed(data, body, [name])) == {"skin", "eye", *CUTS[name]}


def test_a_suit_has_a_jacket_over_a_shirt_and_trousers_below(figure: Figure) -> None:
    assert shown(figure) >= {"jacket", "shirt", "trousers", "shoe", "hair"}
    collar, jacket = highest_m(figure, "shirt"), highest_m(figure, "jacket")
    assert abs(collar - jacket) < 0.05
    assert highest_m(figure, "trousers") < jacket - 0.3
    assert lowest_m(figure, "trousers") < 0.15
    cuffs = figure.points_m[figure.vertex_material == MATERIALS.index("shirt")]
    assert np.ptp(cuffs[:, 0]) > 0.8


@pytest.mark.parametrize("hair", ["afro01", "bob01", "long01", "short02"])
def test_hair_stays_under_a_hat(data: MakeHumanData, body: Body, hair: str) -> None:
    bare, hatted = (dressed(data, body, [hair, *hat]) for hat in ((), ("fedora",)))
    brim = lowest_m(hatted, "hat")
    assert highest_m(bare, "hair") > brim + 0.05
    assert highest_m(hatted, "hair") < brim + 0.03
    assert lowest_m(hatted, "hair") == pytest.approx(lowest_m(bare, "hair"), abs=1e-6)


def test_socks_end_in_the_trousers_and_show_under_a_skirt(data: MakeHumanData, body: Body) -> None:
    trousers, skirt = (
        dressed(data, body, [suit, "shoes01"]) for suit in ("male_casualsuit04", "female_elegantsuit01")
    )
    assert highest_m(trousers, "sock") < lowest_m(trousers, "trousers") + 0.07
    assert highest_m(skirt, "sock") > highest_m(trousers, "sock") + 0.05


def pokes(figure: Figure, body: Body, pose: Pose) -> int:
    """How many skin vertices just under cloth at rest lie 2 mm or more outside of it in a pose."""
    points, normals = figure.posed(body, pose)
    cloth = np.flatnonzero(
        np.isin(figure.vertex_material, [MATERIALS.index(m) for m in ("shirt", "trousers")])
    )
    skin = np.flatnonzero(figure.vertex_material == MATERIALS.index("skin"))
    rest = figure.points_m
    squared = (rest[cloth] ** 2).sum(axis=1)
    over = cloth[(squared - 2 * rest[skin] @ rest[cloth].T).argmin(axis=1)]
    gap = rest[over] - rest[skin]
    under = (np.linalg.norm(gap, axis=1) < 0.03) & ((gap * figure.normals[skin]).sum(axis=1) > 0)
    return int((under & (((points[over] - points[skin]) * normals[skin]).sum(axis=1) < -0.002)).sum())


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_skinning_blends_the_maps_of_the_bones(figure: Figure, body: Body, seed: int) -> None:
    pose = random_pose(body, seed)
    points, normals = figure.posed(body, pose)
    maps = blend(body.transforms(pose), figure.weights)
    assert points.dtype == normals.dtype == np.float32
    assert np.abs(points - apply(maps, figure.points_m)).max() < 1e-5
    turned = (maps[..., :3] @ figure.normals[..., None])[..., 0]
    length = np.linalg.norm(turned, axis=1)
    clear = length > 1e-3
    assert np.abs(normals - turned / np.maximum(length, 1e-6)[:, None])[clear].max() < 1e-4


@pytest.mark.parametrize(("cell_m", "most"), [(0.005, 0.95), (0.01, 0.75), (0.02, 0.5), (0.03, 0.35)])
def test_a_simplified_figure_has_fewer_triangles_and_the_same_shape(
    figure: Figure, body: Body, cell_m: float, most: float
) -> None:
    simple = figure.simplified(cell_m)
    assert len(simple.triangles) < most * len(figure.triangles)
    assert shown(simple) == shown(figure)
    assert area_m2(simple) == pytest.approx(area_m2(figure), rel=0.25)
    whole = {row.tobytes(): number for number, row in enumerate(np.hstack([figure.points_m, figure.weights]))}
    assert all(row.tobytes() in whole for row in np.hstack([simple.points_m, simple.weights]))
    corners = np.sort(simple.triangles, axis=1)
    assert (np.diff(corners, axis=1) > 0).all()
    assert len(np.unique(corners, axis=0)) == len(corners)
    assert np.allclose(np.linalg.norm(simple.normals, axis=1), 1, atol=1e-3)
    for seed in range(3):
        pose = random_pose(body, seed)
        low, high = (f(figure.posed(body, pose)[0], axis=0) for f in (np.min, np.max))
        points, _ = simple.posed(body, pose)
        assert np.abs(np.stack([points.min(axis=0) - low, points.max(axis=0) - high])).max() < cell_m + 0.005


def test_what_only_passes_by_does_not_merge(figure: Figure, body: Body) -> None:
    simple = figure.simplified(0.05)
    names = np.array(body.bones)
    sides = np.array([name.startswith("Left") - int(name.startswith("Right")) for name in names])
    legs = np.isin(
        names, [f"{side}{part}" for side in ("Left", "Right") for part in ("Leg", "Foot", "ToeBase")]
    )
    corner = simple.vertex_part[simple.triangles]
    low = legs[corner].all(axis=1)
    assert low.any()
    assert (sides[corner[low]] == sides[corner[low]][:, :1]).all()


def test_soles_are_of_the_feet(figure: Figure, body: Body) -> None:
    points, weights = figure.soles(body)
    assert points[:, 1].min() == pytest.approx(figure.points_m[:, 1].min(), abs=1e-6)
    assert points[:, 1].max() < 0.15
    assert len(points) == len(weights) > 100


@pytest.mark.parametrize("shape", [Shape(0.0, 0.2, 0.05), Shape(0.0, 0.4, 1.0), Shape(1.0, 0.3, 0.0)])
def test_no_skin_comes_through_tight_clothes_when_the_arms_hang(data: MakeHumanData, shape: Shape) -> None:
    body = build_body(data, shape, 1.7)
    figure = dressed(data, body, ["female_casualsuit01"])
    hanging = body.rest_pose()
    for bone, degrees in (("LeftArm", -50), ("RightArm", 50)):
        hanging.rotations[body.bone(bone)] = axis_angle(np.array([0.0, 0.0, 1.0]), np.radians(degrees))
    assert pokes(figure, body, hanging) == 0


def test_a_missing_garment_is_named(data: MakeHumanData, body: Body, tmp_path: Path) -> None:
    elsewhere = MakeHumanData(tmp_path, data.base, data.bones, data.weights)
    with pytest.raises(UsageError, match=r"shoes01\.mhclo.*MakeHuman data folder"):
        dressed(elsewhere, body, ["shoes01"])

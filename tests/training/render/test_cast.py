"""People drawn at random: exact statures, plausible builds, clothes that fit, and the same ones each time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.people.figure import MATERIALS
from training.people.makehuman import MakeHumanData, load_makehuman
from training.people.wardrobe import CUTS
from training.render.attire import outfit
from training.render.cast import Actor, cast_person, random_shape

ACTORS = 30
# Shares of stature (Drillis and Contini 1966, as in Winter, "Biomechanics and Motor Control": thigh 0.245,
# shank 0.246, upper arm 0.186 from the acromion, forearm 0.146), and the hips' joints' distance.
SHARES = {
    ("l_hip", "r_hip"): (0.10, 0.15),
    ("l_hip", "l_knee"): (0.215, 0.275),
    ("l_knee", "l_ankle"): (0.22, 0.27),
    ("l_shoulder", "r_shoulder"): (0.17, 0.24),
    ("l_shoulder", "l_elbow"): (0.13, 0.19),
    ("l_elbow", "l_wrist"): (0.12, 0.165),
}


@pytest.fixture(scope="module")
def data(shared_data: Path) -> MakeHumanData:
    return load_makehuman(shared_data / "makehuman")


@pytest.fixture(scope="module")
def actors(data: MakeHumanData) -> list[Actor]:
    return [cast_person(data, np.random.default_rng(seed)) for seed in range(ACTORS)]


def rest_joints(actor: Actor) -> dict[str, FloatArray]:
    return dict(zip(H36M17.joints, actor.body.joints(actor.body.rest_pose()), strict=True))


def test_statures_are_exact(actors: list[Actor]) -> None:
    for actor in actors:
        skin_y = actor.body.vertices_m[np.unique(actor.body.skin), 1]
        assert np.ptp(skin_y) == pytest.approx(actor.body.height_m, abs=1e-4)
        assert 1.35 <= actor.body.height_m <= 2.05


def test_joints_lie_in_the_body_and_mirror_each_other(actors: list[Actor]) -> None:
    for actor in actors:
        at = rest_joints(actor)
        skin_m = actor.body.vertices_m[np.unique(actor.body.skin)]
        for limb in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            assert np.abs(at[f"l_{limb}"] - at[f"r_{limb}"] * [-1, 1, 1]).max() < 2e-3
        for name, joint in at.items():
            near = skin_m[np.linalg.norm(skin_m - joint, axis=1) < 0.16 * actor.body.height_m] - joint
            assert (near.min(axis=0) < 0).all(), name
            assert (near.max(axis=0) > 0).all(), name


def test_bones_have_the_lengths_of_peoples(actors: list[Actor]) -> None:
    for actor in actors:
        at = rest_joints(actor)
        for (start, end), (low, high) in SHARES.items():
            share = np.linalg.norm(at[start] - at[end]) / actor.body.height_m
            assert low < share < high, (start, end, actor.body.height_m)


def test_eyes_are_where_the_face_is(actors: list[Actor]) -> None:
    for actor in actors:
        eyes = actor.figure.points_m[actor.figure.vertex_material == MATERIALS.index("eye")]
        left = eyes[eyes[:, 0] > 0].mean(axis=0)
        assert np.abs(left - actor.between_eyes_m - [actor.half_eyes_m, 0, 0]).max() < 5e-3
        assert 0.015 < actor.half_eyes_m / actor.body.height_m < 0.022
        assert actor.between_eyes_m[2] > rest_joints(actor)["head"][2]
        assert abs(actor.between_eyes_m[1] - rest_joints(actor)["head"][1]) < 0.05


def test_every_material_has_a_finish_and_clothes_differ(actors: list[Actor]) -> None:
    for actor in actors:
        assert len(actor.finishes) == len(MATERIALS)
        assert actor.figure.vertex_material.max() < len(MATERIALS)
        by_name = dict(zip(MATERIALS, actor.finishes, strict=True))
        assert (by_name["skin"].pattern, by_name["eye"].pattern) == ("skin", "eye")
        for finish in actor.finishes:
            assert all(0 <= channel <= 1 for channel in (*finish.colour, *finish.second))
            assert 0 <= finish.strength <= 1
            assert 0 <= finish.gloss <= 1
    assert len({actor.finishes[MATERIALS.index("shirt")].pattern for actor in actors}) >= 4
    light = [sum(actor.finishes[MATERIALS.index("skin")].colour) for actor in actors]
    assert max(light) > 4 * min(light)


def test_the_same_seed_gives_the_same_person_and_another_one_another(data: MakeHumanData) -> None:
    first, again, other = (cast_person(data, np.random.default_rng(seed)) for seed in (7, 7, 8))

    def arrays(actor: Actor) -> list[Array]:
        fields = dataclasses.fields(actor.figure)
        return [getattr(actor.figure, f.name) for f in fields] + [actor.body.vertices_m, actor.between_eyes_m]

    assert all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(again), strict=True))
    assert first.finishes == again.finishes
    assert (first.body.height_m, first.half_eyes_m) == (again.body.height_m, again.half_eyes_m)
    assert first.finishes != other.finishes
    assert first.body.height_m != other.body.height_m


def test_women_and_men_have_the_statures_of_women_and_men() -> None:
    drawn = [random_shape(np.random.default_rng(seed)) for seed in range(3000)]
    man = np.array([shape.male > 0.5 for shape, _ in drawn])
    height_m = np.array([height for _, height in drawn])
    assert man.mean() == pytest.approx(0.5, abs=0.04)
    for sex, mean, spread in ((man, 1.77, 0.075), (~man, 1.63, 0.07)):
        assert np.median(height_m[sex]) == pytest.approx(mean, abs=0.02)
        middle = np.subtract(*np.quantile(height_m[sex], [0.84, 0.16])) / 2
        assert middle == pytest.approx(spread, rel=0.25)
    assert height_m.min() >= 1.35
    assert 0.02 < (height_m < 1.45).mean() < 0.05
    male = np.array([shape.male for shape, _ in drawn])
    assert (np.minimum(male, 1 - male) < 0.2).mean() > 0.9


def test_outfits_are_of_the_wardrobe_and_use_all_of_it() -> None:
    rng = np.random.default_rng(0)
    outfits = [outfit(rng, man) for man in (False, True) for _ in range(600)]
    worn = {name for names in outfits for name in names}
    assert worn == CUTS.keys()
    for names in outfits:
        kinds = [CUTS[name][-1] if "suit" not in name else "suit" for name in names]
        assert kinds[0] == "suit"
        assert len(set(kinds)) == len(kinds)
    hats = np.mean([any("fedora" in name for name in names) for names in outfits])
    assert 0.05 < hats < 0.15

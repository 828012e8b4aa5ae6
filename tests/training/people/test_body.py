"""The body: shape, stature, skeleton, skinning, joints, and the files they come from."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import UsageError
from realtime.skeleton import H36M17, NECK_RATIO, SPINE_RATIO, THORAX_RATIO
from realtime.types import FloatArray
from training.mocap.rotations import axis_angle, unit
from training.people.body import Body, Pose, build_body, skin
from training.people.clothes import fit_garment, read_fitting
from training.people.figure import MATERIALS, Figure, dress
from training.people.makehuman import MakeHumanData, Shape, load_makehuman, read_obj
from training.people.wardrobe import CUTS

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def data(shared_data: Path) -> MakeHumanData:
    return load_makehuman(shared_data / "makehuman")


@pytest.fixture(scope="module")
def body(data: MakeHumanData) -> Body:
    return build_body(data, Shape(male=1.0), 1.76)


def turn(rng: np.random.Generator, most_rad: float = np.pi, count: int = 1) -> FloatArray:
    """(count, 3, 3) random turns."""
    axes = unit(rng.normal(size=(count, 3)))
    return axis_angle(axes, rng.uniform(-most_rad, most_rad, count)).astype(np.float32)


def random_pose(body: Body, seed: int) -> Pose:
    rng = np.random.default_rng(seed)
    return Pose(turn(rng, 1.0, len(body.bones)), rng.uniform(-2, 2, 3).astype(np.float32))


@pytest.mark.parametrize("height_m", [1.48, 1.76, 2.03])
@pytest.mark.parametrize("shape", [Shape(), Shape(0.0, 0.2, 0.9, 0.1), Shape(1.0, 0.9, 0.4, 1.0, (0, 0, 1))])
def test_stature_is_exact_and_feet_stand_on_the_floor(
    data: MakeHumanData, shape: Shape, height_m: float
) -> None:
    body = build_body(data, shape, height_m)
    skin_y = body.vertices_m[np.unique(body.skin), 1]
    assert np.ptp(skin_y) == pytest.approx(height_m, abs=1e-3)
    assert skin_y.min() == pytest.approx(0.0, abs=1e-4)


def test_the_rest_pose_moves_nothing(body: Body) -> None:
    moved = skin(body.transforms(body.rest_pose()), body.vertices_m, body.weights)
    assert np.abs(moved - body.vertices_m).max() < 1e-5
    assert np.abs(body.bone_heads(body.rest_pose()) - body.heads_m).max() < 1e-6


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_turning_and_moving_the_root_carries_everything(body: Body, seed: int) -> None:
    pose, rng = random_pose(body, seed), np.random.default_rng(seed + 1)
    around, shift = turn(rng)[0], rng.uniform(-3, 3, 3).astype(np.float32)
    rotations = pose.rotations.copy()
    rotations[0] = around @ rotations[0]
    moved = Pose(rotations, pose.root_m + shift)
    for before, after in (
        (body.joints(pose), body.joints(moved)),
        (body.bone_heads(pose), body.bone_heads(moved)),
        (
            skin(body.transforms(pose), body.vertices_m, body.weights),
            skin(body.transforms(moved), body.vertices_m, body.weights),
        ),
    ):
        expected = (before - pose.root_m) @ around.T + pose.root_m + shift
        assert np.abs(after - expected).max() < 1e-4


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_no_pose_changes_a_bone(body: Body, seed: int) -> None:
    heads = body.bone_heads(random_pose(body, seed))
    for bone, parent in enumerate(body.parents):
        if parent >= 0:
            rest = np.linalg.norm(body.heads_m[bone] - body.heads_m[parent])
            assert np.linalg.norm(heads[bone] - heads[parent]) == pytest.approx(rest, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_world_and_local_turns_are_inverse(body: Body, seed: int) -> None:
    pose = random_pose(body, seed)
    back = body.local_rotations(body.world_rotations(pose))
    assert np.abs(back - pose.rotations).max() < 1e-5


def test_a_series_of_poses_is_its_poses_one_by_one(body: Body) -> None:
    poses = [random_pose(body, seed) for seed in range(3)]
    series = Pose(np.stack([p.rotations for p in poses]), np.stack([p.root_m for p in poses]))
    together = body.joints(series)
    assert together.shape == (3, 17, 3)
    for frame, pose in enumerate(poses):
        assert np.abs(together[frame] - body.joints(pose)).max() < 1e-5
        assert np.array_equal(series[frame].rotations, pose.rotations)


def test_bending_a_knee_moves_the_ankle_and_nothing_above(body: Body) -> None:
    pose = body.rest_pose()
    pose.rotations[body.bone("LeftLeg")] = axis_angle(np.array([1.0, 0.0, 0.0]), 1.2)
    moved = np.linalg.norm(body.joints(pose) - body.joints(body.rest_pose()), axis=1)
    ankle = H36M17.index("l_ankle")
    assert moved[ankle] > 0.3
    assert np.delete(moved, ankle).max() < 1e-6
    assert body.joints(pose)[ankle, 2] < body.joints(body.rest_pose())[ankle, 2] - 0.2


def test_joints_at_rest_lie_where_a_person_has_them(body: Body) -> None:
    at = dict(zip(H36M17.joints, body.joints(body.rest_pose()), strict=True))
    for limb in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
        mirrored = at[f"r_{limb}"] * [-1, 1, 1]
        assert np.abs(at[f"l_{limb}"] - mirrored).max() < 1e-3
        assert at[f"l_{limb}"][0] > 0
    chain = ("l_ankle", "l_knee", "l_hip", "spine", "thorax", "neck", "head")
    heights = [at[name][1] for name in chain]
    assert heights == sorted(heights)
    assert 0.04 < heights[0] < 0.10
    # The ear lies 13 cm or so below the crown.
    assert 0.90 < heights[-1] / body.height_m < 0.95


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_derived_joints_follow_the_recipe_of_the_2d_sets(body: Body, seed: int) -> None:
    at = dict(zip(H36M17.joints, body.joints(random_pose(body, seed)), strict=True))
    mid_hip, mid_shoulder = ((at[f"l_{p}"] + at[f"r_{p}"]) / 2 for p in ("hip", "shoulder"))
    for name, start, end, ratio in (
        ("pelvis", mid_hip, mid_shoulder, 0.0),
        ("spine", mid_hip, mid_shoulder, SPINE_RATIO),
        ("thorax", mid_hip, mid_shoulder, THORAX_RATIO),
        ("neck", mid_shoulder, at["head"], NECK_RATIO),
    ):
        assert np.abs(at[name] - (start + ratio * (end - start))).max() < 1e-5


def test_the_ears_are_the_widest_part_of_the_head_and_mirror_each_other(body: Body) -> None:
    head = body.joints(body.rest_pose())[H36M17.index("head")]
    assert abs(head[0]) < 1e-4
    weights = body.weights[:, body.bone("Head")]
    near = (weights > 0.99) & (np.abs(body.vertices_m[:, 1:] - head[1:]).max(axis=1) < 0.004)
    near &= np.isin(np.arange(len(weights)), body.skin)
    assert 0.06 < np.abs(body.vertices_m[near, 0]).max() < 0.10


@settings(max_examples=50)
@given(*[st.floats(0, 1)] * 4)
def test_a_shape_is_a_mixture(male: float, muscle: float, weight: float, height: float) -> None:
    targets = Shape(male, muscle, weight, height).targets()
    for prefix, total in (("universal", 1.0), ("height", abs(2 * height - 1))):
        parts = [amount for name, amount in targets.items() if name.startswith(prefix)]
        assert sum(parts) == pytest.approx(total, abs=1e-6)
    assert all(amount > 0 for amount in targets.values())


def test_a_heavier_shape_is_wider(data: MakeHumanData) -> None:
    def waist_m(shape: Shape) -> float:
        body = build_body(data, shape, 1.7)
        vertices = body.vertices_m[np.unique(body.skin)]
        belt = vertices[np.abs(vertices[:, 1] - 1.0) < 0.05]
        return float(np.ptp(belt[np.abs(belt[:, 0]) < 0.3, 2]))

    assert waist_m(Shape(weight=1.0)) > waist_m(Shape(weight=0.0)) + 0.03


@pytest.mark.parametrize("height_m", [0.0, 17.6, float("nan")])
def test_an_impossible_stature_is_refused(data: MakeHumanData, height_m: float) -> None:
    with pytest.raises(UsageError, match="height must lie between"):
        build_body(data, Shape(), height_m)


def test_an_impossible_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="must lie in"):
        Shape(male=1.5)
    with pytest.raises(UsageError, match="sum to one"):
        Shape(origin=(1.0, 1.0, 0.0))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"base\.obj.*MakeHuman data folder"):
        load_makehuman(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rig.cmu_mb.json", "{"),
        ("rig.cmu_mb.json", '{"Hips": {"parent": "Nobody"}}'),
        ("weights.cmu_mb.json", '{"weights": {"Hips": [[0, 0.5]]}}'),
        ("weights.cmu_mb.json", '{"weights": {"Wings": [[0, 1.0]]}}'),
        ("base.obj", "v 0 0 zero\n"),
    ],
)
def test_a_damaged_file_is_named(shared_data: Path, tmp_path: Path, name: str, text: str) -> None:
    source = shared_data / "makehuman"
    for file in ("base.obj", "rig.cmu_mb.json", "weights.cmu_mb.json"):
        shutil.copyfile(source / file, tmp_path / file)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"{name} is damaged") as caught:
        load_makehuman(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", ["19158 0 0 1\n", "0 0 one 0\n", "0 0 1\n"])
def test_a_damaged_target_is_named(data: MakeHumanData, tmp_path: Path, rows: str) -> None:
    (tmp_path / "targets").mkdir()
    shape = Shape(male=1.0, origin=(0.0, 0.0, 1.0))
    for target in shape.targets():
        with gzip.open(tmp_path / "targets" / f"{target}.target.gz", "wt") as file:
            file.write("# a target\n" + rows)
    moved = MakeHumanData(tmp_path, data.base, data.bones, data.weights)
    with pytest.raises(UsageError, match=r"target\.gz is damaged"):
        moved.shaped(shape)


def test_obj_groups_triangles_and_quads(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text(
        "# mesh\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\ng one\nf 1/1 2/1 3/1 4/1\ng two\nf 1 2 3\n"
    )
    mesh = read_obj(path)
    assert mesh.faces["one"].tolist() == [[0, 1, 2, 3]]
    assert mesh.faces["two"].tolist() == [[0, 1, 2, 2]]
    assert len(mesh.all_faces()) == 2


def test_panels_are_the_pieces_of_the_texture(tmp_path: Path) -> None:
    vertices = "".join(f"v {x} {y} 0\n" for x in range(4) for y in range(2))
    path = tmp_path / "a.obj"
    path.write_text(vertices + "f 5/10 6/11 8/13 7/12\nf 1/1 2/2 4/4 3/3\nf 3/3 4/4 6/6 5/5\n")
    assert read_obj(path).panels().tolist() == [0, 1, 1]
    path.write_text(vertices + "f 5 6 8 7\nf 1 2 4 3\nf 3 4 6 5\n")
    assert read_obj(path).panels().tolist() == [0, 0, 0]


def test_clothes_lie_close_to_any_body(data: MakeHumanData) -> None:
    for shape in (Shape(male=1.0), Shape(male=0.0, weight=0.8)):
        body = build_body(data, shape, 1.7)
        garment = fit_garment(body, data.folder / "clothes" / "male_casualsuit06.mhclo")
        assert np.allclose(garment.weights.sum(axis=1), 1, atol=1e-5)
        skin_m = body.vertices_m[np.unique(body.skin)]
        sample = garment.vertices_m[::25]
        gaps = np.linalg.norm(sample[:, None] - skin_m[None], axis=2).min(axis=1)
        assert gaps.max() < 0.08


def test_dressing_hides_the_skin_beneath_and_keeps_the_rest(data: MakeHumanData, body: Body) -> None:
    suit = fit_garment(body, data.folder / "clothes" / "male_casualsuit06.mhclo")
    bare = dress(body, [])
    dressed = dress(body, [(suit, CUTS["male_casualsuit06"])])

    def count(figure: Figure, material: str) -> int:
        return int((figure.vertex_material[figure.triangles[:, 0]] == MATERIALS.index(material)).sum())

    assert count(dressed, "skin") < count(bare, "skin")
    assert count(dressed, "eye") == count(bare, "eye") > 0
    assert count(dressed, "shirt") > 0
    assert count(dressed, "trousers") > 0
    centre = dressed.points_m[dressed.triangles].mean(axis=1)[:, 1]
    kinds = dressed.vertex_material[dressed.triangles[:, 0]]
    shirt, trousers = (kinds == MATERIALS.index(m) for m in ("shirt", "trousers"))
    assert centre[shirt].mean() > centre[trousers].mean() + 0.4
    outward = (dressed.normals * (dressed.points_m - dressed.points_m.mean(axis=0))).sum(axis=1)
    assert (outward > 0).mean() > 0.6


def test_normals_turn_with_the_body(data: MakeHumanData, body: Body) -> None:
    figure = dress(body, [])
    pose = body.rest_pose()
    points, normals = figure.posed(body, pose)
    assert np.abs(points - figure.points_m).max() < 1e-5
    assert np.abs(normals - figure.normals).max() < 1e-4
    around = turn(np.random.default_rng(5))[0]
    pose.rotations[0] = around
    _, turned = figure.posed(body, pose)
    assert np.abs(turned - figure.normals @ around.T).max() < 1e-4


def test_a_fitting_with_keywords_among_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "cap.mhclo"
    path.write_text(
        "# cap\nname cap\nobj_file cap.obj\nx_scale 0 1 2.0\ny_scale 2 3 1.5\nz_scale 4 5 1.0\nverts 0\n"
        "material cap.mhmat\n  7 8 9 0.2 0.3 0.5 0.1 0 -0.1\n12\n\ndelete_verts\n3 - 6 9\n11 - 12\n"
    )
    fitting = read_fitting(path)
    assert fitting.corners.tolist() == [[7, 8, 9], [12, 12, 12]]
    assert fitting.shares.tolist()[1] == [1, 0, 0]
    assert fitting.hidden.tolist() == [3, 4, 5, 6, 9, 11, 12]
    assert fitting.spans == ((0, 1, 2.0), (2, 3, 1.5), (4, 5, 1.0))


@pytest.mark.parametrize(
    "text",
    ["", "obj_file a.obj\n", "obj_file a.obj\nx_scale 0 1 1\ny_scale 0 1 1\nz_scale 0 1 1\nverts 0\n1 2\n"],
)
def test_a_damaged_fitting_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cap.mhclo"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"cap\.mhclo is damaged"):
        read_fitting(path)

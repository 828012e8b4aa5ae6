"""Takes played by bodies of many shapes: limbs as the source has them, twist too, and feet on the floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from tests.training.mocap.files import character_creator, write_person
from training.mocap.contact import planted_feet
from training.mocap.motion import Motion, load_motion
from training.mocap.perform import perform
from training.mocap.retarget import fit_motion
from training.mocap.rotations import unit
from training.mocap.takes import Take, load_takes
from training.people.body import Body, Pose, build_body
from training.people.makehuman import MakeHumanData, Shape, load_makehuman

Soles = tuple[FloatArray, FloatArray]
LOWERED = {"LeftArm": (-70.0, 0.0, 0.0), "RightArm": (70.0, 0.0, 0.0)}


@pytest.fixture(scope="module")
def data(shared_data: Path) -> MakeHumanData:
    return load_makehuman(shared_data / "makehuman")


def person(data: MakeHumanData, shape: Shape, height_m: float) -> tuple[Body, Soles]:
    body = build_body(data, shape, height_m)
    feet = [body.bone(side + part) for side in ("Left", "Right") for part in ("Foot", "ToeBase")]
    skin = np.zeros(len(body.vertices_m), bool)
    skin[body.skin] = True
    chosen = skin & (body.weights[:, feet].sum(axis=1) > 0.5)
    return body, (body.vertices_m[chosen], body.weights[chosen])


@pytest.fixture(scope="module")
def average(data: MakeHumanData) -> tuple[Body, Soles]:
    return person(data, Shape(male=1.0), 1.76)


@pytest.fixture(
    scope="module", params=[(0.0, 0.0, 1.45), (0.0, 1.0, 1.62), (1.0, 0.0, 1.80), (1.0, 1.0, 2.0)]
)
def anyone(data: MakeHumanData, request: pytest.FixtureRequest) -> tuple[Body, Soles]:
    male, weight, height_m = request.param
    return person(data, Shape(male=male, weight=weight), height_m)


@pytest.fixture(scope="module")
def motion(shared_data: Path) -> Motion:
    return load_motion(shared_data / "mocap" / "cmu_h36m17_30hz.npz")


@pytest.fixture(scope="module")
def walk(shared_data: Path) -> Take:
    return load_takes(shared_data / "mocap" / "raw" / "07_01.amc")[0]


def converted(motion: Motion, name: str) -> Take:
    found = next(s for s in motion.sequences if s.name == name)
    return Take(found.name, found.subject, motion.fps, found.positions_m)


def bottoms(body: Body, soles: Soles, pose: Pose) -> Array:
    """(T,) the height of the lowest sole point."""
    points, weights = soles
    maps = np.einsum("nb,tbj->tnj", weights, body.transforms(pose)[..., 1, :])
    return np.asarray((np.einsum("tnj,nj->tn", maps[..., :3], points) + maps[..., 3]).min(axis=1))


def step_degrees(body: Body, pose: Pose) -> Array:
    """(B,) the most that each bone turns in the world from one frame to the next."""
    world = body.world_rotations(pose).astype(np.float64)
    cosine = (np.einsum("tbij,tbij->tb", world[1:], world[:-1]) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))).max(axis=0))


def at(joints: Array, name: str) -> Array:
    return np.asarray(joints[:, H36M17.index(name)], np.float64)


@pytest.mark.parametrize("skeleton", [True, False])
def test_a_walk_keeps_its_limbs_on_any_body(anyone: tuple[Body, Soles], walk: Take, skeleton: bool) -> None:
    body, soles = anyone
    take = walk if skeleton else replace(walk, source=None)
    pose = perform(body, soles, take)
    assert len(pose.root_m) == 79
    got, wanted = body.joints(pose), take.joints_at(30)
    for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
        for side in "lr":
            seen = unit(at(got, f"{side}_{end}") - at(got, f"{side}_{start}"))
            source = unit(at(wanted, f"{side}_{end}") - at(wanted, f"{side}_{start}"))
            off = np.degrees(np.arccos(np.clip((seen * source).sum(axis=1), -1, 1)))
            assert np.median(off) < (8 if start in ("hip", "knee") else 1.5)
    assert step_degrees(body, pose).max() < 45


def test_feet_neither_sink_float_nor_slide(anyone: tuple[Body, Soles], walk: Take) -> None:
    body, soles = anyone
    pose = perform(body, soles, walk)
    low = bottoms(body, soles, pose)
    assert low.min() > -1e-4
    assert np.median(low) < 0.005
    assert low.max() < 0.03
    joints = body.joints(pose).astype(np.float64)
    planted = planted_feet(joints, 30)
    assert planted.mean() > 0.25
    for k, side in enumerate(("Left", "Right")):
        ball = body.bone_heads(pose)[:, body.bone(f"{side}ToeBase")][:, [0, 2]]
        speed_m_s = np.linalg.norm(np.diff(ball, axis=0), axis=1) * 30
        assert np.median(speed_m_s[planted[1:, k]]) < 0.12
        sole = body.world_rotations(pose)[planted[:, k], body.bone(f"{side}Foot"), 1, 1]
        assert np.median(sole) > np.cos(np.radians(10))


@pytest.mark.parametrize("name", ["02_04", "train_jumping_jumping_1", "train_jumping_jumping_5"])
def test_a_jump_leaves_the_floor_as_high_as_the_source(
    average: tuple[Body, Soles], motion: Motion, name: str
) -> None:
    body, soles = average
    take = converted(motion, name)
    low = bottoms(body, soles, perform(body, soles, take))
    fitted = fit_motion(body, take.joints_m)[:, H36M17.indices("l_ankle", "r_ankle"), 1].min(axis=1)
    flight = float(fitted.max() - np.percentile(fitted, 5))
    # Toes point down in the air, so the sole's lowest point is lower than the ankle's rise.
    assert flight - 0.12 < low.max() < flight + 0.03
    assert low.min() > -1e-4
    assert np.median(low) < 0.01


def test_a_climb_stays_up(average: tuple[Body, Soles], motion: Motion) -> None:
    body, soles = average
    take = converted(motion, "01_10")
    pose = perform(body, soles, take)
    rise = np.ptp(fit_motion(body, take.joints_m)[:, 0, 1])
    assert np.ptp(pose.root_m[:, 1]) == pytest.approx(rise, abs=0.1)


def test_dancing_turns_no_bone_over(anyone: tuple[Body, Soles], motion: Motion) -> None:
    """A cartwheel among the takes; the source's own hips turn by 62 degrees in one of its frames."""
    body, soles = anyone
    for name in ("005_16", "train_soccer_soccer_2", "01_07"):
        assert step_degrees(body, perform(body, soles, converted(motion, name))).max() < 75


@pytest.mark.parametrize("rename", [str, character_creator])
def test_twist_comes_from_the_source(
    average: tuple[Body, Soles], tmp_path: Path, rename: Callable[[str], str]
) -> None:
    """A head that turns, a palm that turns over and a foot that turns out do so on the body."""
    body, soles = average
    still = {**LOWERED, "LeftForeArm": (0.0, 0.0, -30.0)}
    turned = {**still, "Head": (0.0, 0.0, 50.0), "LeftHand": (0.0, 80.0, 0.0), "LeftFoot": (0.0, 0.0, 35.0)}
    frames = [still] * 8 + [turned] * 8
    (take,) = load_takes(write_person(tmp_path / "p.bvh", rename, turns=frames))
    assert take.source is not None
    assert take.source.reference is not None
    pose = perform(body, soles, take)
    world = body.world_rotations(pose).astype(np.float64)

    def turn_degrees(bone: str) -> float:
        step = world[3, body.bone(bone)].T @ world[-3, body.bone(bone)]
        return float(np.degrees(np.arccos((np.trace(step) - 1) / 2)))

    assert turn_degrees("Head") == pytest.approx(50, abs=1)
    assert turn_degrees("LeftHand") == pytest.approx(80, abs=1)
    assert turn_degrees("LeftForeArm") == pytest.approx(40, abs=4)
    assert turn_degrees("LeftFoot") == pytest.approx(35, abs=3)
    assert turn_degrees("RightHand") < 1
    assert world[-3, body.bone("Head")][0, 2] == pytest.approx(np.sin(np.radians(50)), abs=0.05)


def test_the_rest_pose_of_a_skeleton_is_the_body_standing(
    average: tuple[Body, Soles], tmp_path: Path
) -> None:
    body, soles = average
    (take,) = load_takes(write_person(tmp_path / "p.bvh", turns=[{}] * 6))
    pose = perform(body, soles, take)
    joints, rest = body.joints(pose), body.joints(body.rest_pose())
    for side, sign in (("l", 1), ("r", -1)):
        arm = unit(at(joints, f"{side}_wrist") - at(joints, f"{side}_shoulder"))
        assert (arm @ [sign, 0, 0]).min() > 0.999
        height = at(joints, f"{side}_ankle")[:, 1]
        assert np.abs(height - rest[H36M17.index(f"{side}_ankle"), 1]).max() < 0.01
    upright = body.world_rotations(pose)[:, [body.bone(b) for b in ("Hips", "Spine1", "Head")]]
    assert np.abs(upright - np.eye(3)).max() < 0.02
    assert np.abs(bottoms(body, soles, pose)).max() < 0.002


def test_a_skeleton_without_a_usable_rest_pose_is_played_too(
    average: tuple[Body, Soles], shared_data: Path
) -> None:
    body, soles = average
    (take,) = load_takes(shared_data / "mocap" / "raw" / "006_09.bvh")
    assert take.source is not None
    assert take.source.reference is None
    pose, plain = perform(body, soles, take), perform(body, soles, replace(take, source=None))
    gap = np.linalg.norm(body.joints(pose) - body.joints(plain), axis=2)
    assert np.median(gap) < 0.03
    assert step_degrees(body, pose).max() < 60


@pytest.mark.parametrize("fps", [15.0, 60.0])
def test_the_rate_changes_frames_but_not_the_motion(
    average: tuple[Body, Soles], walk: Take, fps: float
) -> None:
    body, soles = average
    usual, other = body.joints(perform(body, soles, walk)), body.joints(perform(body, soles, walk, fps))
    assert len(other) == pytest.approx(len(usual) * fps / 30, abs=1)
    a, b = (usual[::2], other) if fps == 15 else (usual, other[::2])
    count = min(len(a), len(b))
    assert np.median(np.linalg.norm(a[:count] - b[:count], axis=2)) < 0.02
    with pytest.raises(UsageError, match="between 1 and 1000"):
        perform(body, soles, walk, 0.0)

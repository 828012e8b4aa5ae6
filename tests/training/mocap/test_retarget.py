"""Turns in space, feet that stand, and poses found from 17 joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import FloatArray
from training.dataset.choreography import FRAMES, TURNS, Turn, bend, sample_motion, splice
from training.mocap.contact import hold, plant, planted_feet, runs
from training.mocap.motion import Motion, Sequence, load_motion
from training.mocap.retarget import clear, fit_motion, ground, retarget
from training.mocap.rotations import (
    Float64Array,
    about,
    axis_angle,
    frame,
    nearest_turn,
    part,
    smooth,
    swing,
    unit,
)
from training.people.body import Body, Pose, build_body
from training.people.makehuman import Shape, load_makehuman

FPS = 30.0
WALK = "10_04"
seeds = st.integers(0, 2**32 - 1)


def vectors(seed: int, count: int = 8) -> Float64Array:
    return np.random.default_rng(seed).normal(size=(count, 3))


def at(joints: FloatArray | Float64Array, name: str) -> Float64Array:
    return np.asarray(joints[:, H36M17.index(name)], np.float64)


def is_turn(matrices: Float64Array) -> bool:
    square = np.swapaxes(matrices, -1, -2) @ matrices
    return bool(np.allclose(square, np.eye(3), atol=1e-8) and np.allclose(np.linalg.det(matrices), 1))


@given(seeds)
@example(7160)  # directions all but opposite
def test_swing_carries_one_direction_to_the_other_by_the_shortest_way(seed: int) -> None:
    a, b = vectors(seed), vectors(seed + 1)
    turn = swing(a, b)
    assert is_turn(turn)
    assert np.allclose((turn @ unit(a)[..., None])[..., 0], unit(b), atol=1e-6)
    axis = unit(np.cross(a, b))
    assert np.allclose((turn @ axis[..., None])[..., 0], axis, atol=1e-6)


@given(seeds)
def test_a_frame_is_square_and_keeps_its_first_axis(seed: int) -> None:
    a, b = vectors(seed), vectors(seed + 1)
    axes = frame(a, b)
    assert is_turn(axes)
    assert np.allclose(axes[..., 0], unit(a))
    assert ((axes[..., 1] * b).sum(axis=-1) > 0).all()


@given(seeds, st.floats(0, 1))
def test_parts_of_a_turn_add_up(seed: int, share: float) -> None:
    angles = np.random.default_rng(seed).uniform(-3, 3, 8)
    turn = axis_angle(unit(vectors(seed)), angles)
    assert is_turn(turn)
    assert np.allclose(part(turn, share) @ part(turn, 1 - share), turn, atol=1e-6)


@given(seeds)
def test_the_turn_nearest_to_a_turn_and_noise_is_near_it(seed: int) -> None:
    turn = axis_angle(unit(vectors(seed)), np.random.default_rng(seed).uniform(-3, 3, 8))
    assert np.allclose(nearest_turn(1.7 * turn), turn, atol=1e-9)
    noise = 0.01 * np.random.default_rng(seed).normal(size=turn.shape)
    assert is_turn(nearest_turn(turn + noise))
    assert np.abs(nearest_turn(turn + noise) - turn).max() < 0.1


@given(seeds, st.floats(-3, 3))
def test_a_turn_about_an_axis_is_told_from_what_tips_it(seed: int, angle: float) -> None:
    axis, other = unit(vectors(seed, 2))
    tipped = swing(axis, other) @ axis_angle(axis, angle)
    assert about(axis, tipped) == pytest.approx(angle, abs=1e-6)


@given(seeds, st.floats(0, 4))
def test_smoothing_keeps_what_is_constant_and_calms_what_is_not(seed: int, sigma: float) -> None:
    constant = np.full((30, 2), 3.5)
    assert np.allclose(smooth(constant, sigma), constant)
    noise = vectors(seed, 60)
    calmed = smooth(noise, sigma)
    assert calmed.shape == noise.shape
    assert (calmed.max(axis=0) <= noise.max(axis=0) + 1e-12).all()
    assert np.abs(np.diff(calmed, axis=0)).sum() <= np.abs(np.diff(noise, axis=0)).sum() + 1e-9


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_runs_are_the_true_stretches(flags: list[bool]) -> None:
    rebuilt = np.zeros(len(flags), bool)
    for start, end in runs(np.array(flags)):
        assert start < end
        assert not rebuilt[max(start - 1, 0) : end].any()
        rebuilt[start:end] = True
    assert rebuilt.tolist() == flags


@given(seeds)
def test_held_values_stand_still_and_the_rest_follows_without_a_jump(seed: int) -> None:
    path = np.cumsum(vectors(seed, 50) * 0.01, axis=0)
    held = np.zeros(50, bool)
    held[5:15] = held[30:42] = True
    still = hold(path, held)
    for start, end in ((5, 15), (30, 42)):
        assert np.allclose(still[start:end], path[start:end].mean(axis=0))
    most = np.abs(still - path).max()
    step = np.abs(np.diff((still - path)[15:30], axis=0)).max()
    assert step <= 2 * most / 14


@given(seeds)
def test_bending_a_path_turns_poses_but_keeps_their_shape_and_pace(seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints = rng.normal(size=(1, 17, 3)) + np.cumsum(rng.normal(size=(40, 1, 3)) * [0.05, 0, 0.05], axis=0)
    bent = bend(joints, (Turn(5, 20, 90.0), Turn(25, 35, -30.0)))
    for series in (joints, bent):
        series -= series[:1, :1]
    shape = np.linalg.norm(joints[:, :, None] - joints[:, None], axis=-1)
    assert np.allclose(np.linalg.norm(bent[:, :, None] - bent[:, None], axis=-1), shape)
    pace = [np.linalg.norm(np.diff(at(s, "pelvis"), axis=0), axis=1) for s in (joints, bent)]
    assert np.allclose(*pace)
    assert np.allclose(bent[:5], joints[:5])
    line, turned = ((at(s, "l_hip") - at(s, "r_hip"))[-1] for s in (joints, bent))
    expected = axis_angle(np.array([0.0, 1.0, 0.0]), np.radians(60.0)) @ line
    assert np.allclose(turned, expected)


@given(seeds)
def test_a_motion_spliced_to_itself_elsewhere_goes_on_as_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints = np.cumsum(rng.normal(size=(60, 17, 3)) * 0.02, axis=0) + rng.normal(size=(1, 17, 3))
    turn = axis_angle(np.array([0.0, 1.0, 0.0]), rng.uniform(-3, 3))
    elsewhere = joints[30:] @ turn.T + np.array([1.5, 0.0, -4.0])
    assert np.allclose(splice(joints[:40], elsewhere, 10), joints, atol=1e-9)


@pytest.fixture(scope="module")
def body(shared_data: Path) -> Body:
    return build_body(load_makehuman(shared_data / "makehuman"), Shape(male=1.0), 1.76)


@pytest.fixture(scope="module")
def motion(shared_data: Path) -> Motion:
    return load_motion(shared_data / "mocap" / "cmu_h36m17_30hz.npz")


@pytest.fixture(scope="module")
def walk(body: Body, motion: Motion) -> FloatArray:
    take = next(s for s in motion.sequences if s.name == WALK)
    return fit_motion(body, take.positions_m)


@pytest.fixture(scope="module")
def walking(body: Body, walk: FloatArray) -> Pose:
    return retarget(body, walk, FPS)


def test_a_fitted_motion_has_the_body_s_legs_and_floor(body: Body, walk: FloatArray) -> None:
    def leg(joints: FloatArray) -> Float64Array:
        thigh = np.linalg.norm(at(joints, "r_knee") - at(joints, "r_hip"), axis=1)
        return thigh + np.linalg.norm(at(joints, "r_ankle") - at(joints, "r_knee"), axis=1)

    rest = body.joints(body.rest_pose())[None]
    assert np.median(leg(walk)) == pytest.approx(leg(rest)[0], rel=0.02)
    lowest = np.minimum(at(walk, "l_ankle")[:, 1], at(walk, "r_ankle")[:, 1])
    assert np.percentile(lowest, 5) == pytest.approx(at(rest, "l_ankle")[0, 1], abs=0.01)


def test_limbs_point_where_the_source_s_do(body: Body, walk: FloatArray, walking: Pose) -> None:
    got = body.joints(walking)
    for side in "lr":
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist")):
            seen = unit(at(got, f"{side}_{end}") - at(got, f"{side}_{start}"))
            wanted = unit(at(walk, f"{side}_{end}") - at(walk, f"{side}_{start}"))
            assert (seen * wanted).sum(axis=1).min() > np.cos(np.radians(0.1))
    for line in ("hip", "shoulder"):
        seen, wanted = (unit((at(j, f"l_{line}") - at(j, f"r_{line}")) * [1, 0, 1]) for j in (got, walk))
        assert np.degrees(np.arccos((seen * wanted).sum(axis=1))).max() < 12


def test_feet_reach_the_source_s_ankles_and_knees_bend_forward(
    body: Body, walk: FloatArray, walking: Pose
) -> None:
    got = body.joints(walking)
    left = unit(at(got, "l_hip") - at(got, "r_hip"))
    for side in "lr":
        miss = np.linalg.norm(at(got, f"{side}_ankle") - at(walk, f"{side}_ankle"), axis=1)
        assert np.percentile(miss, 90) < 0.03
        thigh = at(got, f"{side}_knee") - at(got, f"{side}_hip")
        shank = at(got, f"{side}_ankle") - at(got, f"{side}_knee")
        assert (np.cross(thigh, shank) * left).sum(axis=1).min() > -0.01


def test_turning_the_source_turns_the_poses(body: Body, walk: FloatArray, walking: Pose) -> None:
    turn = axis_angle(np.array([0.0, 1.0, 0.0]), 2.0).astype(np.float32)
    turned = retarget(body, walk @ turn.T, FPS)
    assert np.abs(body.joints(turned) - body.joints(walking) @ turn.T).max() < 1e-3


def test_a_mirrored_source_gives_the_mirrored_pose(body: Body, walk: FloatArray, walking: Pose) -> None:
    flip = np.array([-1, 1, 1], np.float32)
    mirrored = retarget(body, (walk * flip)[:, H36M17.mirror], FPS)
    expected = (body.joints(walking) * flip)[:, H36M17.mirror]
    assert np.abs(body.joints(mirrored) - expected).max() < 0.005


def test_the_rest_pose_is_found_again(body: Body) -> None:
    rest = np.repeat(body.joints(body.rest_pose())[None], 5, axis=0)
    found = body.joints(retarget(body, rest, FPS))
    assert np.linalg.norm(found - rest, axis=2).max() < 0.02


def test_ground_sets_the_lowest_sole_on_the_floor(body: Body, walking: Pose) -> None:
    feet = [body.bone(side + bone) for side in ("Left", "Right") for bone in ("Foot", "ToeBase")]
    chosen = body.weights[:, feet].sum(axis=1) > 0.5
    soles, weights = body.vertices_m[chosen], body.weights[chosen]
    raised = Pose(walking.rotations, walking.root_m + np.array([0, 0.4, 0], np.float32))
    standing = ground(body, raised, soles, weights)
    assert np.array_equal(standing.rotations, walking.rotations)
    maps = np.einsum("nb,tbij->tnij", weights, body.transforms(standing))
    height = (maps[..., 1, :3] * soles).sum(axis=-1) + maps[..., 1, 3]
    assert np.abs(height.min(axis=1)).max() < 0.02
    assert np.median(np.abs(height.min(axis=1))) < 0.003
    lifted = clear(body, standing, soles, weights).root_m - standing.root_m
    assert np.abs(lifted[:, [0, 2]]).max() == 0
    assert (lifted[:, 1] >= -height.min(axis=1) - 1e-5).all()
    assert 0 <= lifted[:, 1].min() <= lifted[:, 1].max() < 0.02


def test_planted_feet_alternate_in_a_walk_and_stay_where_planted(walk: FloatArray) -> None:
    joints = walk.astype(np.float64)
    planted = planted_feet(joints, FPS)
    assert 0.25 < planted.mean() < 0.75
    assert not planted.all(axis=1)[10:-10].all()
    fixed = plant(joints, planted)
    for side, name in enumerate(("l_ankle", "r_ankle")):
        for start, end in runs(planted[:, side]):
            assert np.ptp(at(fixed, name)[start:end][:, [0, 2]], axis=0).max() < 1e-9


def test_the_sample_s_motion_is_whole_smooth_and_fits(body: Body, motion: Motion) -> None:
    joints = sample_motion(body, motion)
    assert joints.shape == (FRAMES, 17, 3)
    assert np.isfinite(joints).all()
    acceleration_m_s2 = np.abs(np.diff(joints.astype(np.float64), 2, axis=0)) * FPS**2
    assert acceleration_m_s2.max() < 80
    planted = planted_feet(joints.astype(np.float64), FPS)
    heading = np.unwrap(np.arctan2(*(at(joints, "l_hip") - at(joints, "r_hip"))[:, [2, 0]].T))
    assert np.ptp(heading) > np.radians(max(turn.degrees for turn in TURNS))
    assert planted.mean() > 0.3
    assert at(joints, "pelvis")[:, 1].min() < 0.7 * at(joints, "pelvis")[:, 1].max()
    assert (at(joints, "r_wrist")[:, 1] > at(joints, "head")[:, 1]).sum() > 30


def test_a_motion_file_without_the_takes_is_refused(body: Body, motion: Motion) -> None:
    other = Motion((Sequence("walk", "someone", motion.sequences[0].positions_m),), FPS)
    with pytest.raises(UsageError, match="no take '02_06'"):
        sample_motion(body, other)
    with pytest.raises(UsageError, match="at 30 Hz"):
        sample_motion(body, Motion(motion.sequences, 60.0))


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_any_short_motion_gives_finite_poses(body: Body, walk: FloatArray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, count = int(rng.integers(0, len(walk) - 12)), int(rng.integers(1, 12))
    noisy = walk[start : start + count] + rng.normal(0, 0.05, (count, 17, 3)).astype(np.float32)
    pose = retarget(body, noisy.astype(np.float32), FPS)
    assert np.allclose(np.swapaxes(pose.rotations, -1, -2) @ pose.rotations, np.eye(3), atol=1e-4)
    assert np.isfinite(pose.root_m).all()

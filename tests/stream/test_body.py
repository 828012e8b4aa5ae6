from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.bones import bone_of, take_apart
from realtime.errors import UsageError
from realtime.floor_files import floor_under, up_of_tilt
from realtime.level import Level
from realtime.lift import LiftedPerson
from realtime.size import STATURE_RATIO, KnownSize, bone_path_m, known_size
from realtime.skeleton import H36M17
from realtime.stream.bodies import Bodies
from realtime.stream.body import BodySettings
from realtime.types import FloatArray, Pose3D
from tests.fakes import standing_pose

SEEN = np.ones(17, np.float32)
SURE = np.full(17, 0.9, np.float32)
AT_M = np.array([0.2, 0.1, 3.5], np.float32)
L_WRIST, L_ANKLE = H36M17.index("l_wrist"), H36M17.index("l_ankle")


def rays_of(pose_m: FloatArray, root_m: FloatArray = AT_M) -> FloatArray:
    absolute = pose_m + root_m
    return (absolute[:, :2] / absolute[:, 2:]).astype(np.float32)


def step(
    bodies: Bodies,
    time_s: float,
    pose_m: FloatArray | None = None,
    root_m: FloatArray = AT_M,
    score: FloatArray = SEEN,
    confidence: FloatArray | None = SURE,
) -> Pose3D:
    """One person as a lifter that makes no mistakes has them."""
    pose_m = standing_pose() if pose_m is None else pose_m
    lifted = LiftedPerson(pose_m, float(root_m[2]), 0.1, confidence)
    return bodies.update([0], [lifted], rays_of(pose_m, root_m)[None], score[None], time_s)[0]


def waving(t: float) -> FloatArray:
    """Standing, the left forearm swinging in front of the body."""
    pose = standing_pose()
    elbow, angle = pose[H36M17.index("l_elbow")], 1.2 + 0.8 * math.sin(5 * t)
    pose[L_WRIST] = elbow + 0.24 * np.array([0, math.cos(angle), -math.sin(angle)], np.float32)
    return pose


def jittered(pose: FloatArray, rng: np.random.Generator, sigma_m: float = 0.02) -> FloatArray:
    noisy = pose + rng.normal(0, sigma_m, pose.shape).astype(np.float32)
    return noisy - noisy[0]


def test_somebody_who_stands_still_is_where_they_are() -> None:
    bodies = Bodies()
    for n in range(30):
        pose = step(bodies, n / 30)
    np.testing.assert_allclose(pose.relative_m, standing_pose(), atol=2e-3)
    np.testing.assert_allclose(pose.root_m, AT_M, atol=0.02)


def test_bones_do_not_change_their_length_and_are_the_same_left_and_right() -> None:
    bodies, rng = Bodies(), np.random.default_rng(0)
    poses = [step(bodies, n / 30, jittered(waving(n / 30), rng)).relative_m for n in range(120)]
    length_m = np.stack([take_apart(pose)[1] for pose in poses[30:]])
    assert (length_m.std(axis=0) / length_m.mean(axis=0)).max() < 0.03
    for name in ("knee", "ankle", "elbow", "wrist"):
        left, right = length_m[:, bone_of(f"l_{name}")], length_m[:, bone_of(f"r_{name}")]
        np.testing.assert_allclose(left, right, rtol=1e-4)


def test_smoothing_calms_and_strength_0_does_not() -> None:
    def shaken(strength: float) -> float:
        bodies, rng = Bodies(BodySettings(strength)), np.random.default_rng(0)
        poses = [step(bodies, n / 30, jittered(standing_pose(), rng, 0.005)).absolute_m for n in range(90)]
        return float(np.linalg.norm(np.diff(np.stack(poses)[20:], 2, axis=0), axis=-1).mean())

    assert shaken(0.5) < 0.5 * shaken(0.0)
    assert shaken(1.0) < shaken(0.5)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_the_lag_that_is_told_is_that_of_a_steady_way(strength: float) -> None:
    """Somebody goes around the camera at a steady speed: what is told is how far behind they are."""
    bodies = Bodies(BodySettings(strength))
    for n in range(150):
        angle = -0.4 + n / 30 * 0.16
        root_m = 3.5 * np.array([math.sin(angle), 0, math.cos(angle)], np.float32)
        pose = step(bodies, n / 30, root_m=root_m)
    late_s = (angle - math.atan2(pose.root_m[0], pose.root_m[2])) / 0.16
    assert late_s == pytest.approx(bodies.lag_ms / 1e3, rel=0.1)


@pytest.mark.parametrize("fps", [20, 60])
def test_the_frame_rate_hardly_matters(fps: int) -> None:
    bodies, same = Bodies(), Bodies()
    for n in range(3 * fps):
        pose = step(bodies, n / fps, waving(n / fps))
    for n in range(3 * 30):
        as_usual = step(same, n / 30 + 1 / fps - 1 / 30, waving(n / 30 + 1 / fps - 1 / 30))
    np.testing.assert_allclose(pose.absolute_m, as_usual.absolute_m, atol=0.06)


def test_mirrored_people_come_out_mirrored() -> None:
    bodies, mirrored, rng = Bodies(), Bodies(), np.random.default_rng(0)
    flip = np.array([-1, 1, 1], np.float32)
    for n in range(40):
        pose_m = jittered(waving(n / 30), rng)
        pose = step(bodies, n / 30, pose_m)
        other = step(mirrored, n / 30, pose_m[H36M17.mirror] * flip, AT_M * flip)
    np.testing.assert_allclose(other.relative_m[H36M17.mirror] * flip, pose.relative_m, atol=1e-4)
    np.testing.assert_allclose(other.root_m * flip, pose.root_m, atol=1e-3)


def test_a_joint_not_seen_goes_on_then_fades_then_is_hidden_and_never_freezes() -> None:
    bodies, unseen = Bodies(), SEEN.copy()
    unseen[L_WRIST] = 0
    for n in range(30):
        step(bodies, n / 30, waving(n / 30))
    poses = [step(bodies, n / 30, waving(n / 30), score=unseen) for n in range(30, 75)]
    sure = [float(pose.confidence[L_WRIST]) for pose in poses if pose.confidence is not None]
    assert sure == sorted(sure, reverse=True)
    assert 0 < sure[10] < sure[0]
    assert sure[-1] == 0
    wrists = np.stack([pose.relative_m[L_WRIST] for pose in poses])
    ways = np.linalg.norm(np.diff(wrists, axis=0), axis=1)
    assert np.maximum(ways[1:], ways[:-1]).min() > 1e-4
    true = np.stack([waving(n / 30)[L_WRIST] for n in range(30, 75)])
    assert np.linalg.norm(wrists[30:] - true[30:], axis=1).max() < 0.12
    back = [step(bodies, n / 30, waving(n / 30)) for n in range(75, 90)]
    assert back[-1].confidence is not None
    assert back[-1].confidence[L_WRIST] == pytest.approx(0.9)


def test_a_lifter_that_tells_no_confidence_gets_one_so_that_joints_can_be_hidden() -> None:
    bodies, unseen = Bodies(), SEEN.copy()
    unseen[L_WRIST] = 0
    for n in range(60):
        pose = step(bodies, n / 30, score=unseen, confidence=None)
    assert pose.confidence is not None
    assert pose.confidence[L_WRIST] == 0
    assert pose.confidence[L_ANKLE] > 0.5


def test_a_seek_or_a_gap_starts_motion_afresh_but_not_the_size() -> None:
    for later in (0.2, 20.0):
        bodies = Bodies()
        for n in range(60):
            step(bodies, 1 + n / 30)
        far = AT_M + np.array([1, 0, 2], np.float32)
        pose = step(bodies, later, root_m=far)
        np.testing.assert_allclose(pose.root_m, far, atol=0.05)
        assert pose.stature_m == pytest.approx(STATURE_RATIO * bone_path_m(standing_pose()), rel=0.01)
        assert bodies.lag_ms == 0


def test_a_stuck_clock_does_not_freeze_people() -> None:
    bodies = Bodies()
    for n in range(60):
        pose = step(bodies, 0.0, root_m=AT_M + np.float32(0.02 * n) * np.array([1, 0, 0], np.float32))
    assert pose.root_m[0] > AT_M[0] + 1.0


@pytest.mark.parametrize("known", [KnownSize(1.9), KnownSize(limb=("thigh", 0.5))])
def test_a_known_size_holds_for_every_frame(known: KnownSize) -> None:
    bodies, rng = Bodies(BodySettings(size=known)), np.random.default_rng(0)
    for n in range(60):
        pose = step(bodies, n / 30, jittered(standing_pose(), rng))
        if known.stature_m is not None:
            assert pose.stature_m == pytest.approx(known.stature_m, rel=1e-4)
            assert STATURE_RATIO * bone_path_m(pose.relative_m) == pytest.approx(1.9, rel=1e-3)
        else:
            assert take_apart(pose.relative_m)[1][bone_of("l_knee")] == pytest.approx(0.5, rel=1e-3)


def test_a_larger_person_is_farther_away() -> None:
    roots = []
    for stature_m in (1.5, 1.8):
        bodies = Bodies(BodySettings(size=KnownSize(stature_m)))
        for n in range(30):
            pose = step(bodies, n / 30)
        roots.append(float(pose.root_m[2]))
    assert roots[1] / roots[0] == pytest.approx(1.8 / 1.5, rel=0.01)


@pytest.mark.parametrize("limb", ["thigh", "thigh=", "thigh=4", "nose=0.3", "thigh=nan", "=0.4"])
def test_a_limb_that_is_none_is_refused_with_an_example(limb: str) -> None:
    with pytest.raises(UsageError, match=r"thigh=0\.44"):
        known_size(None, limb)


def test_a_size_is_given_once() -> None:
    with pytest.raises(UsageError, match="give one of them"):
        known_size(1.8, "thigh=0.44")
    assert known_size(None, "thigh=0.44") == KnownSize(limb=("thigh", 0.44))


def standing(bodies: Bodies, seconds: float, sigma_m: float = 0.0) -> list[Pose3D]:
    """Somebody stands before a level camera 1 m over their ankles, their depth unsure."""
    rng, poses = np.random.default_rng(3), []
    for n in range(int(seconds * 30)):
        root_m = np.array([0, 0.16, 3.5], np.float32) * np.float32(1 + rng.normal(0, sigma_m / 3.5))
        poses.append(step(bodies, n / 30, root_m=root_m))
    return poses


def test_the_floor_is_learnt_and_the_camera_is_over_it() -> None:
    bodies = Bodies()
    standing(bodies, 12)
    assert bodies.floor is not None
    assert bodies.floor.up[1] < -0.97
    foot_m = (standing_pose() + np.array([0, 0.16, 3.5], np.float32))[L_ANKLE]
    assert float(bodies.floor.height_m(foot_m)) == pytest.approx(0.085, abs=0.05)


def test_up_is_told_once_the_floor_is_known_and_surer_as_time_goes_on() -> None:
    bodies = Bodies()
    assert bodies.up is None
    assert bodies.told_up is None
    standing(bodies, 12)
    told, up = bodies.told_up, bodies.up
    assert told is not None
    assert up is not None
    np.testing.assert_allclose(told / np.linalg.norm(told), up, atol=1e-6)
    standing_on = float(np.linalg.norm(told))
    assert told[1] < -0.97 * standing_on
    assert standing_on < 0.95
    early = Bodies()
    while early.told_up is None:
        standing(early, 0.5)
    assert float(np.linalg.norm(early.told_up)) < standing_on


def test_lines_tell_the_tilt_before_anybody_stood_and_what_is_said_goes_before_them() -> None:
    seen, said = Level(up_of_tilt(25), math.radians(1)), up_of_tilt(10)
    bodies, told = Bodies(), Bodies(BodySettings(up=said))
    for each, wanted in ((bodies, seen.up), (told, said)):
        each.see_level(seen)
        assert each.up is not None
        np.testing.assert_allclose(each.up, wanted, atol=1e-4)
    assert bodies.floor is None


def test_feet_that_stand_slide_less_on_the_floor_and_bones_stay() -> None:
    def slid(stand: bool) -> float:
        poses = standing(Bodies(BodySettings(stand=stand)), 6, sigma_m=0.1)
        length_m = np.stack([take_apart(pose.relative_m)[1] for pose in poses[60:]])
        assert (length_m.std(axis=0) / length_m.mean(axis=0)).max() < 1e-3
        feet = np.stack([pose.absolute_m[L_ANKLE] for pose in poses[60:]])
        return float(np.linalg.norm(np.diff(feet, axis=0), axis=1).mean())

    assert slid(True) < 0.6 * slid(False)


def test_people_are_kept_apart_and_forgotten() -> None:
    bodies = Bodies(BodySettings(1.0))
    pose = standing_pose()
    lifted = [LiftedPerson(pose, 3.0, 0.1, SURE), LiftedPerson(pose, 5.0, 0.1, SURE)]
    roots = [np.array([0, 0, 3], np.float32), np.array([1, 0, 5], np.float32)]
    rays = np.stack([rays_of(pose, root) for root in roots])
    for n in range(10):
        poses = bodies.update([7, 3], lifted, rays, np.stack([SEEN, SEEN]), n / 30)
    np.testing.assert_allclose([p.root_m for p in poses], roots, atol=0.05)
    bodies.forget(7)
    bodies.forget(99)
    moved = bodies.update([7], lifted[1:], rays[1:], SEEN[None], 10 / 30)[0]
    np.testing.assert_allclose(moved.root_m, roots[1], atol=0.05)
    assert bodies.update([], [], rays[:0], rays[:0, :, 0], 11 / 30) == []


def is_finite(pose: Pose3D) -> bool:
    arrays = (pose.relative_m, pose.root_m, pose.confidence, pose.root_sigma_m, pose.stature_m)
    return all(np.isfinite(a).all() for a in arrays if a is not None)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_whatever_comes_in_what_comes_out_is_finite(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bodies = Bodies(BodySettings(float(rng.random()), stand=bool(rng.integers(2))))
    strange = np.array([np.nan, np.inf, -np.inf, 0.0, 1e6, -1e6, 1e-30])
    time_s = 0.0
    for _ in range(12):
        time_s += float(rng.choice([1 / 30, 0.0, -3.0, 9.0, np.nan]))
        time_s = time_s if math.isfinite(time_s) else 0.0
        pose = standing_pose() + rng.normal(0, 0.1, (17, 3)).astype(np.float32)
        lifted = LiftedPerson(pose, 3.0, 0.1, SURE.copy() if rng.integers(2) else None)
        rays, score = rays_of(pose), SEEN.copy()
        for array in rng.choice(4, int(rng.integers(3)), replace=False):
            odd = np.float32(rng.choice(strange))
            target = (pose, rays, score, None)[array]
            if target is None:
                lifted = lifted._replace(root_depth_m=float(odd), root_sigma_m=float(rng.choice(strange)))
            else:
                target[rng.random(target.shape) < rng.choice([0.1, 1.0])] = odd
        given_time = float(rng.choice([time_s, np.nan]))
        assert is_finite(bodies.update([0], [lifted], rays[None], score[None], given_time)[0])


def over_a_known_floor(size: float, seconds: float = 4.0) -> tuple[Bodies, Pose3D]:
    """Somebody of another size than the lifter thinks stands on a floor 1.6 m under the lens."""
    true_m, at_m = standing_pose() * np.float32(size), np.array([0.3, 0.0, 3.0], np.float32)
    at_m[1] = 1.6 - 0.1 - true_m[L_ANKLE, 1]
    bodies = Bodies(BodySettings(floor=replace(floor_under(1.6), tilt_sigma=0.005)))
    for n in range(int(seconds * 30)):
        pose = step(bodies, n / 30, root_m=at_m / np.float32(size))
    return bodies, pose


@pytest.mark.parametrize("size", [0.92, 1.0, 1.07])
def test_a_known_floor_tells_how_large_somebody_is(size: float) -> None:
    bodies, pose = over_a_known_floor(size)
    unknown = Bodies()
    for n in range(120):
        plain = step(unknown, n / 30, root_m=np.array([0.3, 0.0, 3.0], np.float32) / np.float32(size))
    assert pose.root_m[2] == pytest.approx(3.0, rel=0.035)
    assert abs(pose.root_m[2] - 3.0) <= 0.5 * abs(plain.root_m[2] - 3.0) + 0.02
    assert pose.root_sigma_m < 0.8 * plain.root_sigma_m
    assert bodies.floor is not None
    assert bodies.floor.camera_height_m == 1.6


@pytest.mark.parametrize("size", [0.92, 1.07])
def test_the_cameras_height_and_the_lines_of_the_room_tell_how_large_somebody_is(size: float) -> None:
    true_m, at_m = standing_pose() * np.float32(size), np.array([0.3, 0.0, 3.0], np.float32)
    at_m[1] = 1.6 - 0.1 - true_m[L_ANKLE, 1]
    bodies = Bodies(BodySettings(camera_height_m=1.6))
    for n in range(180):
        if n == 30:
            assert bodies.floor is None or bodies.floor.tilt_sigma == 0
            bodies.see_level(Level(up_of_tilt(0), math.radians(0.7)))
            assert bodies.floor is not None
        pose = step(bodies, n / 30, root_m=at_m / np.float32(size))
    assert pose.root_m[2] == pytest.approx(3.0, rel=0.04)
    plain, _ = over_a_known_floor(size)
    assert bodies.floor is not None
    assert plain.floor is not None
    assert bodies.floor.camera_height_m == plain.floor.camera_height_m


def test_a_given_height_counts_more_than_a_floor() -> None:
    bodies = Bodies(BodySettings(size=KnownSize(1.8), floor=floor_under(1.0)))
    for n in range(60):
        pose = step(bodies, n / 30, root_m=np.array([0.3, 0.1, 3.0], np.float32))
    assert pose.stature_m == pytest.approx(1.8, rel=1e-4)


def test_a_floor_over_the_feet_changes_nothing() -> None:
    bodies = Bodies(BodySettings(floor=floor_under(0.15)))
    for n in range(90):
        pose = step(bodies, n / 30)
    np.testing.assert_allclose(pose.root_m, AT_M, rtol=0.01)

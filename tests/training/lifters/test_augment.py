"""Augmented clips: bodies that stay whole, and draws that can be repeated."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from tests.training.walking import walker_m, walkers
from training.lifters.augment import ClipSampler, bone_lengths
from training.mocap.bones import assemble, torso_axes
from training.mocap.motion import Motion, Sequence

CHILD = [H36M17.index(c) for c, _ in H36M17.bones]
PARENT = [H36M17.index(p) for _, p in H36M17.bones]


@pytest.fixture(scope="module")
def sampler() -> ClipSampler:
    return ClipSampler(walkers("a", "b", "c"))


def _clips(sampler: ClipSampler, seed: int = 0, clips: int = 64, frames: int = 40) -> FloatArray:
    return sampler.sample(np.random.default_rng(seed), clips, frames)


def test_bones_and_root_assemble_into_the_joints_they_came_from() -> None:
    joints = walker_m()
    bones = joints[:, CHILD] - joints[:, PARENT]
    np.testing.assert_allclose(assemble(joints[:, 0], bones), joints, atol=1e-6)


def test_bones_keep_their_length_and_both_sides_are_alike(sampler: ClipSampler) -> None:
    joints = _clips(sampler)
    spans = np.linalg.norm(joints[:, :, CHILD] - joints[:, :, PARENT], axis=-1)
    np.testing.assert_allclose(spans, np.broadcast_to(spans[:, :1], spans.shape), atol=1e-5)
    mirror = [CHILD.index(H36M17.mirror[c]) for c in CHILD]
    np.testing.assert_allclose(spans, spans[..., mirror], atol=1e-5)


def test_bodies_vary_within_human_bounds(sampler: ClipSampler) -> None:
    legs = {"r_knee", "r_ankle"}
    index = [i for i, (child, _) in enumerate(H36M17.bones) if child in legs]
    leg_m = np.array([bone_lengths(clip)[index].sum() for clip in _clips(sampler, clips=400, frames=2)])
    source_m = bone_lengths(walker_m())[index].sum()
    assert leg_m.std() / leg_m.mean() > 0.04
    assert 0.55 * source_m < leg_m.min() < leg_m.max() < 1.35 * source_m


def test_forearms_grow_more_than_they_shrink(sampler: ClipSampler) -> None:
    index = [i for i, (child, _) in enumerate(H36M17.bones) if child in ("l_wrist", "l_elbow")]
    lengths = np.array([bone_lengths(clip)[index] for clip in _clips(sampler, clips=400, frames=2)])
    ratio = (
        lengths[:, 1]
        / lengths[:, 0]
        / (bone_lengths(walker_m())[index][1] / bone_lengths(walker_m())[index][0])
    )
    assert 1.03 < np.median(ratio) < 1.2
    assert np.quantile(ratio, 0.95) > 1.25


def test_the_same_seed_gives_the_same_clips(sampler: ClipSampler) -> None:
    np.testing.assert_array_equal(_clips(sampler, 4), _clips(sampler, 4))
    assert np.abs(_clips(sampler, 4) - _clips(sampler, 5)).max() > 0.1


def test_headings_and_sides_are_spread(sampler: ClipSampler) -> None:
    forward = torso_axes(_clips(sampler, clips=300, frames=1))[:, 0, :, 2]
    heading = np.arctan2(forward[:, 0], forward[:, 2])
    counts, _ = np.histogram(heading, bins=4, range=(-np.pi, np.pi))
    assert counts.min() > 40


def test_torso_axes_are_right_handed_and_face_forward() -> None:
    joints = walker_m()
    axes = torso_axes(joints)
    np.testing.assert_allclose(
        axes.swapaxes(-1, -2) @ axes, np.broadcast_to(np.eye(3), axes.shape), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(axes), 1, atol=1e-5)
    assert axes[0, 1, 1] > 0.9
    left = joints[0, H36M17.index("l_shoulder")] - joints[0, H36M17.index("r_shoulder")]
    assert left @ axes[0, :, 0] > 0.3


def test_some_arms_are_another_clips_and_legs_never() -> None:
    """Two takes, one with its arms held up: a borrowed arm shows as one up and one down."""
    down = walker_m(30)
    up = down.copy()
    for side in "lr":
        shoulder, elbow, wrist = H36M17.indices(f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
        up[:, [elbow, wrist], 1] = 2 * up[:, [shoulder], 1] - up[:, [elbow, wrist], 1]
    both = Motion((Sequence("down", "a", down), Sequence("up", "b", up)), 30.0)
    joints = _clips(ClipSampler(both), clips=200, frames=1)[:, 0]
    raised = [
        joints[:, H36M17.index(f"{s}_elbow"), 1] > joints[:, H36M17.index(f"{s}_shoulder"), 1] for s in "lr"
    ]
    mixed = np.mean(raised[0] != raised[1])
    assert 0.1 < mixed < 0.4
    # But for those who sit or squat.
    assert (joints[:, H36M17.index("l_knee"), 1] < joints[:, 0, 1] - 0.3).mean() > 0.85


def test_takes_shorter_than_a_clip_run_back_and_forth() -> None:
    short = Motion((Sequence("short", "a", walker_m(5)), Sequence("one", "a", walker_m(1))), 30.0)
    joints = _clips(ClipSampler(short), clips=60, frames=50)
    assert np.isfinite(joints).all()
    steps = np.linalg.norm(np.diff(joints, axis=1), axis=-1).max(axis=(1, 2))
    longest = np.linalg.norm(np.diff(walker_m(5), axis=0), axis=-1).max()
    # Most at up to 1.4 times the speed, some at 4 times, on bodies up to 1.4 times the size; never a jump.
    assert np.quantile(steps, 0.8) < 2.2 * longest
    assert steps.max() < 5.6 * longest


def test_frames_of_the_past_are_of_the_same_body(sampler: ClipSampler) -> None:
    frames, past = 12, 9
    joints = sampler.sample(np.random.default_rng(2), 64, frames, past)
    assert joints.shape == (64, frames + past, 17, 3)
    spans = np.linalg.norm(joints[:, :, CHILD] - joints[:, :, PARENT], axis=-1)
    np.testing.assert_allclose(spans, np.broadcast_to(spans[:, :1], spans.shape), atol=1e-5)
    assert spans[:, 0].std(axis=0).min() > 0.002
    root = joints[:, :, 0]
    away = np.linalg.norm((root[:, frames:] - root[:, frames // 2, None])[..., [0, 2]], axis=-1)
    assert 0.4 < np.median(away) < 1.2


def test_frames_of_the_past_are_at_other_times(sampler: ClipSampler) -> None:
    joints = sampler.sample(np.random.default_rng(2), 64, 4, 30)
    pose = joints - joints[:, :, :1]
    spread = pose.std(axis=1).max(axis=(1, 2))
    near = pose[:, :4].std(axis=1).max(axis=(1, 2))
    assert np.median(spread / near) > 1.5


def _ratio(spans: Array) -> Array:
    """How long legs are for the trunk."""
    legs = [i for i, (c, _) in enumerate(H36M17.bones) if c.endswith(("knee", "ankle"))]
    trunk = [i for i, (c, _) in enumerate(H36M17.bones) if c in ("spine", "thorax", "neck", "head")]
    return np.asarray(np.log(spans[:, legs].sum(axis=1) / spans[:, trunk].sum(axis=1)))


def test_proportions_say_nothing_of_stature() -> None:
    """A tall person with long legs and a short one with short legs: legs must not tell who is tall."""
    tall, short = walker_m(20), walker_m(20)
    vectors = short[:, CHILD] - short[:, PARENT]
    legs = [i for i, (c, _) in enumerate(H36M17.bones) if c.endswith(("knee", "ankle"))]
    vectors[:, legs] *= 0.6
    motion = Motion(
        (Sequence("t", "a", 1.2 * tall), Sequence("s", "b", assemble(short[:, 0], vectors))), 30.0
    )
    joints = ClipSampler(motion).sample(np.random.default_rng(0), 1500, 1)[:, 0]
    spans = np.linalg.norm(joints[:, CHILD] - joints[:, PARENT], axis=-1)
    assert _ratio(spans).std() > 0.1
    assert abs(np.corrcoef(_ratio(spans), spans.sum(axis=1))[0, 1]) < 0.2


def test_some_clips_squat_or_sit_with_their_feet_on_the_ground(sampler: ClipSampler) -> None:
    joints = _clips(sampler, clips=600, frames=1)[:, 0]
    hips, knees, ankles = (
        joints[:, H36M17.indices(f"l_{part}", f"r_{part}"), 1].mean(axis=1)
        for part in ("hip", "knee", "ankle")
    )
    low = (hips - knees) < 0.5 * (knees - ankles)
    assert 0.03 < low.mean() < 0.15
    lowest = joints[:, H36M17.indices("l_ankle", "r_ankle"), 1].min(axis=1)
    assert np.abs(lowest[low] - np.median(lowest[~low])).max() < 0.25


def test_those_who_hold_themselves_otherwise_keep_their_bones(sampler: ClipSampler) -> None:
    usual, held = (
        sampler.sample(np.random.default_rng(3), 200, 6, bent_share=share) for share in (1e-9, 1.0)
    )
    spans = np.linalg.norm(held[:, :, CHILD] - held[:, :, PARENT], axis=-1)
    np.testing.assert_allclose(spans, np.broadcast_to(spans[:, :1], spans.shape), atol=1e-5)
    trunk, arm = (("pelvis", "thorax"), ("l_shoulder", "l_elbow"))
    for ends in (trunk, arm):
        assert _tilt_deg(held, *ends).std() > 1.2 * _tilt_deg(usual, *ends).std()


def test_nobody_is_bent_unless_asked_for(sampler: ClipSampler) -> None:
    """So that trainings without it see the very same clips as ever."""
    plain, none = (sampler.sample(np.random.default_rng(3), 20, 6, *more) for more in ((0,), (0, 0.0)))
    np.testing.assert_array_equal(plain, none)


def _tilt_deg(joints: FloatArray, start: str, end: str) -> FloatArray:
    """Angles (clips,) of a bone to the vertical in the first frame."""
    bone = joints[:, 0, H36M17.index(end)] - joints[:, 0, H36M17.index(start)]
    return np.asarray(np.degrees(np.arccos(bone[:, 1] / np.linalg.norm(bone, axis=-1))))

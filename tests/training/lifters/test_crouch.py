"""Squats and seats: folded at the hips, on feet that stay where they were."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from tests.training.records.made_up import turned_walker_m
from tests.training.walking import walker_m
from training.lifters.crouch import crouched, depths, over_the_feet
from training.mocap.bones import assemble, torso_axes

CLIPS, FRAMES = 24, 12
CHILD = [H36M17.index(c) for c, _ in H36M17.bones]
PARENT = [H36M17.index(p) for _, p in H36M17.bones]
ANKLES = H36M17.indices("l_ankle", "r_ankle")


@pytest.fixture(scope="module")
def world_m() -> FloatArray:
    """Walkers who face every way."""
    turns = 2 * np.pi * np.arange(CLIPS) / CLIPS
    return np.stack([turned_walker_m(FRAMES, seed, turn) for seed, turn in enumerate(turns)])


def _vectors(joints_m: FloatArray) -> FloatArray:
    return joints_m[:, :, CHILD] - joints_m[:, :, PARENT]


def _folded(
    joints_m: FloatArray, fold: float = 1.0, seated: bool = False, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Joints about the pelvis, upright and folded."""
    shape = joints_m.shape[:2]
    out = crouched(
        np.random.default_rng(seed),
        _vectors(joints_m),
        torso_axes(joints_m)[..., 0],
        np.full(shape, fold, np.float32),
        np.full(shape[0], seated),
    )
    origin = np.zeros((*shape, 3), np.float32)
    return assemble(origin, _vectors(joints_m)), assemble(origin, out)


def _mirrored(joints_m: FloatArray) -> FloatArray:
    return joints_m[:, :, H36M17.mirror] * np.array([-1, 1, 1], np.float32)


@pytest.mark.parametrize("seated", [False, True])
def test_bones_keep_their_lengths(world_m: FloatArray, seated: bool) -> None:
    upright, folded = _folded(world_m, seated=seated)
    before, after = (np.linalg.norm(_vectors(j), axis=-1) for j in (upright, folded))
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert np.abs(folded - upright).max() > 0.3


def test_no_fold_is_no_change(world_m: FloatArray) -> None:
    upright, folded = _folded(world_m, fold=0.0)
    np.testing.assert_allclose(folded, upright, atol=1e-6)


@pytest.mark.parametrize("seated", [False, True])
def test_the_feet_stay_where_they_were(world_m: FloatArray, seated: bool) -> None:
    knee, ankle = H36M17.indices("l_knee", "l_ankle")
    lifted = world_m.copy()  # one foot is well above the other
    lifted[:, :, ankle] = lifted[:, :, knee] - 0.4 * torso_axes(world_m)[..., 2]
    upright, folded = _folded(lifted, seated=seated)
    assert np.abs(np.diff(upright[:, :, ANKLES, 1], axis=-1)).min() > 0.2
    root = world_m[:, :, 0]
    moved = over_the_feet(root, upright, folded)
    before = (upright + root[:, :, None])[:, :, ANKLES]
    after = (folded + moved[:, :, None])[:, :, ANKLES]
    np.testing.assert_allclose(after[..., [0, 2]].mean(axis=2), before[..., [0, 2]].mean(axis=2), atol=1e-5)
    np.testing.assert_allclose(after[..., 1].min(axis=2), before[..., 1].min(axis=2), atol=1e-5)


def test_whoever_squats_sinks(world_m: FloatArray) -> None:
    upright, folded = _folded(world_m)
    root = world_m[:, :, 0]
    sunk = root[..., 1] - over_the_feet(root, upright, folded)[..., 1]
    assert sunk.mean() > 0.15
    deeper = root[..., 1] - over_the_feet(root, *_folded(world_m, seated=True))[..., 1]
    assert deeper.mean() > 0.2


def test_a_seat_brings_thighs_near_level() -> None:
    standing = np.repeat(walker_m(1)[None], 40, axis=0)
    upright, folded = _folded(standing, seated=True)
    for side in "lr":
        hip, knee = H36M17.indices(f"{side}_hip", f"{side}_knee")
        before, thigh = (j[:, 0, knee] - j[:, 0, hip] for j in (upright, folded))
        length = np.linalg.norm(thigh, axis=-1)
        bent = np.arccos(np.clip((before * thigh).sum(axis=-1) / length**2, -1, 1))
        assert np.degrees(bent).min() > 60
        assert np.median(np.abs(thigh[:, 1]) / length) < 0.5
        assert np.median(np.abs(before[:, 1]) / length) > 0.8


@pytest.mark.parametrize("seated", [False, True])
def test_knees_go_forward_as_the_person_faces(world_m: FloatArray, seated: bool) -> None:
    upright, folded = _folded(world_m, seated=seated)
    forward = torso_axes(upright)[..., 2]
    for side in "lr":
        hip, knee = H36M17.indices(f"{side}_hip", f"{side}_knee")
        ahead = ((j[:, :, knee] - j[:, :, hip]) * forward for j in (upright, folded))
        before, after = (a.sum(axis=-1) for a in ahead)
        assert (after > 0.15).all()
        assert np.median(after - before) > 0.25


def test_a_squatting_trunk_leans_forward(world_m: FloatArray) -> None:
    upright, folded = _folded(world_m)
    lean = (folded[:, :, H36M17.index("thorax")] * torso_axes(upright)[..., 2]).sum(axis=-1)
    assert (lean > 0.05).all()


def test_the_mirror_image_crouches_as_the_mirror_image(world_m: FloatArray) -> None:
    _, folded = _folded(world_m)
    _, other = _folded(_mirrored(world_m))
    np.testing.assert_allclose(other, _mirrored(folded), atol=1e-5)
    assert np.abs(other - folded).max() > 0.1


def _depths(seed: int) -> tuple[FloatArray, Array]:
    return depths(np.random.default_rng(seed), 200, 150)


def test_squats_go_down_and_up_and_seats_stay_down() -> None:
    fold, seated = _depths(0)
    assert 0 <= fold.min() < fold.max() <= 1
    assert 0.25 < seated.mean() < 0.55
    assert (fold[seated] == 1).all()
    squats = fold[~seated]
    assert (squats.min(axis=1) < 0.01).all()
    assert (squats.max(axis=1) > 0.35).all()
    assert np.abs(np.diff(squats, axis=1)).max() < 0.1
    np.testing.assert_array_equal(_depths(0)[0], fold)
    assert not np.array_equal(_depths(1)[0], fold)

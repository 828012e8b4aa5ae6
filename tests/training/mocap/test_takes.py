"""Takes from any file: which bone is what, the 17 joints, and their agreement with the converted CMU data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import FloatArray
from tests.training.mocap.files import HIPS_M, character_creator, mixamo, write_person
from tests.training.walking import walker_m, write_motion
from training.mocap.motion import MotionFileError, load_motion
from training.mocap.takes import Take, load_takes

NPZ_HEAD_M = 0.01


def at(take: Take, joint: str, frame: int = 0) -> list[float]:
    return [float(v) for v in take.joints_m[frame, H36M17.index(joint)]]


@pytest.mark.parametrize("rename", [str, mixamo, character_creator, str.upper, str.lower])
def test_the_joints_are_found_under_many_names(tmp_path: Path, rename: Callable[[str], str]) -> None:
    (take,) = load_takes(write_person(tmp_path / "jane.bvh", rename, turns=({"Spine": (0, 0, 30)},) * 4))
    assert (take.name, take.subject, take.fps, len(take)) == ("jane", "jane", 30.0, 4)
    assert take.joints_m.dtype == np.float32
    assert at(take, "pelvis") == pytest.approx([0, HIPS_M - 0.05, 0], abs=1e-6)
    assert at(take, "l_knee") == pytest.approx([0.09, HIPS_M - 0.47, 0], abs=1e-6)
    assert at(take, "r_ankle") == pytest.approx([-0.09, HIPS_M - 0.88, 0], abs=1e-6)
    assert at(take, "spine") == pytest.approx([0, HIPS_M + 0.26, 0], abs=1e-6)
    assert at(take, "thorax") == pytest.approx([0, HIPS_M + 0.50, 0], abs=1e-6)
    assert at(take, "neck") == pytest.approx([0, HIPS_M + 0.60, 0], abs=1e-6)
    assert at(take, "head") == pytest.approx([0, HIPS_M + 0.76, 0], abs=1e-6)
    wrist = 0.71 * np.array([np.cos(np.pi / 6), 0, -np.sin(np.pi / 6)]) + [0, HIPS_M + 0.46, 0]
    assert at(take, "l_wrist") == pytest.approx(wrist.tolist(), abs=1e-6)


def test_what_cannot_be_found_is_listed(tmp_path: Path) -> None:
    path = write_person(
        tmp_path / "p.bvh", lambda bone: bone.replace("RightLeg", "Wheel").replace("Head", "Lamp")
    )
    with pytest.raises(MotionFileError, match=r"no bone for head, r_shank among Hips, Spine"):
        load_takes(path)


def test_a_t_pose_before_the_motion_is_left_out(tmp_path: Path) -> None:
    lowered = {"LeftArm": (-70.0, 0.0, 0.0), "RightArm": (70.0, 0.0, 0.0)}
    (take,) = load_takes(write_person(tmp_path / "p.bvh", turns=({}, lowered, lowered)))
    assert len(take) == 2
    assert at(take, "l_wrist")[1] < at(take, "spine")[1]
    (arms_down,) = load_takes(write_person(tmp_path / "q.bvh", turns=(lowered, lowered)))
    assert len(arms_down) == 2


def test_a_motion_file_gives_its_takes(tmp_path: Path) -> None:
    takes = load_takes(write_motion(tmp_path / "m.npz"))
    assert [(take.name, take.subject, take.fps) for take in takes] == [
        ("ann_1", "ann", 30),
        ("bob_1", "bob", 30),
    ]
    assert takes[1].source is None
    np.testing.assert_allclose(takes[1].joints_m, walker_m(20, 2), atol=6e-4)
    half = takes[0].joints_at(15.0)
    np.testing.assert_array_equal(half, takes[0].joints_m[::2])
    twice = takes[0].joints_at(60.0)
    np.testing.assert_array_equal(twice[::2], takes[0].joints_m)
    np.testing.assert_allclose(twice[1], takes[0].joints_m[:2].mean(axis=0), atol=1e-6)


def test_other_files_and_needless_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"name an \.npz, \.amc or \.bvh file"):
        load_takes(tmp_path / "walk.fbx")
    with pytest.raises(UsageError, match="only AMC files a rate"):
        load_takes(tmp_path / "walk.bvh", fps=60)
    with pytest.raises(UsageError, match="only BVH files need a unit"):
        load_takes(tmp_path / "walk.npz", unit_m=0.01)
    with pytest.raises(MotionFileError, match="cannot read"):
        load_takes(tmp_path / "walk.bvh")


@pytest.mark.parametrize("unit_rate", [24.0, 60.0])
def test_a_skeleton_s_turns_follow_a_change_of_rate(tmp_path: Path, unit_rate: float) -> None:
    spins = tuple({"Spine1": (0.0, 0.0, 6.0 * k)} for k in range(31))
    (take,) = load_takes(write_person(tmp_path / "p.bvh", turns=({"LeftArm": (-80.0, 0.0, 0.0)}, *spins)))
    assert take.source is not None
    motion = take.source.motion.resampled(unit_rate)
    chest = motion.skeleton.names.index("Spine1")
    turned = np.degrees(np.arctan2(motion.turns[:, chest, 0, 2], motion.turns[:, chest, 0, 0]))
    frames = np.arange(len(motion)) * 30 / unit_rate
    later = frames >= 1
    gap = turned - 6 * (frames - 1)
    assert np.abs((gap[later] + 180) % 360 - 180).max() < 1e-6


def converted(folder: Path, name: str) -> FloatArray:
    motion = load_motion(folder / "cmu_h36m17_30hz.npz")
    return next(s.positions_m for s in motion.sequences if s.name == name)


@pytest.mark.parametrize(("name", "subject"), [("07_01", "cmu-07"), ("16_58", "cmu-16")])
def test_cmu_s_own_files_agree_with_the_converted_ones(shared_data: Path, name: str, subject: str) -> None:
    folder = shared_data / "mocap"
    (take,) = load_takes(folder / "raw" / f"{name}.amc")
    assert (take.name, take.subject, take.fps) == (name, subject, 120)
    expected = converted(folder, name)
    joints = take.joints_at(30)
    assert joints.shape == expected.shape
    assert np.linalg.norm(joints - expected, axis=2).max() < 0.001


def test_the_bvh_sample_agrees_with_the_converted_one(shared_data: Path) -> None:
    """The NPZ leaves out the first two of its frames, and the offset of the root."""
    folder = shared_data / "mocap"
    (take,) = load_takes(folder / "raw" / "006_09.bvh")
    expected = converted(folder, "006_09")
    joints = take.joints_m[2::2]
    assert joints.shape == expected.shape
    gap = np.linalg.norm((joints - joints[:, :1]) - (expected - expected[:, :1]), axis=2).max(axis=0)
    head = H36M17.index("head")
    assert np.delete(gap, head).max() < 0.002
    assert gap[head] < NPZ_HEAD_M
    offset = joints[:, 0] - expected[:, 0]
    assert np.ptp(offset, axis=0).max() < 0.01
    assert 0.8 < joints[:, 0, 1].min() < joints[:, 0, 1].max() < 1.1

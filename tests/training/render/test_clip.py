"""Clips drawn at random: the same again for the same seed, lawful, and true to their cameras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import UsageError
from training.render.annotation import ClipAnnotation, load_annotation
from training.render.clip import ClipSettings, Studio

pytestmark = pytest.mark.usefixtures("opengl")

SMALL = ClipSettings(frames=4, oversampling=1, long_side_px=(128, 192))


@pytest.fixture(scope="module")
def studio(shared_data: Path) -> Studio:
    return Studio(shared_data / "makehuman", [shared_data / "mocap" / "cmu_h36m17_30hz.npz"], SMALL)


def drawn(studio: Studio, number: int) -> tuple[np.ndarray, ClipAnnotation]:
    clip = studio.clip(5, number)
    frames = list(clip.render())
    return np.stack([image for image, _ in frames]), clip.annotation([truth for _, truth in frames])


def test_the_same_seed_and_number_give_the_same_clip_in_another_studio(
    studio: Studio, shared_data: Path, tmp_path: Path
) -> None:
    other = Studio(shared_data / "makehuman", [shared_data / "mocap" / "cmu_h36m17_30hz.npz"], SMALL)
    other.clip(5, 0)
    (first, truth), (second, again) = drawn(studio, 2), drawn(other, 2)
    assert np.array_equal(first, second)
    truth.save(tmp_path / "a.npz")
    again.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert not np.array_equal(first.shape, drawn(studio, 3)[0].shape) or not np.array_equal(
        first, drawn(studio, 3)[0]
    )


@pytest.mark.parametrize("number", range(4))
def test_a_clip_s_truth_is_lawful(studio: Studio, number: int, tmp_path: Path) -> None:
    images, truth = drawn(studio, number)
    assert images.shape[:3] == (4, truth.intrinsics.height, truth.intrinsics.width)
    assert images.shape[1] % 2 == images.shape[2] % 2 == 0
    exact = truth.intrinsics.project(truth.pose_m)
    assert np.allclose(exact, truth.keypoints_px, atol=1e-3, equal_nan=True)
    size = np.array([truth.intrinsics.width, truth.intrinsics.height])
    seen = truth.keypoints_px[truth.visible]
    assert ((seen > -0.5) & (seen < size - 0.5)).all()
    assert ((truth.shown >= 0) & (truth.shown <= 1)).all()
    assert np.linalg.norm(truth.up) == pytest.approx(1, abs=1e-5)
    assert ((truth.height_m >= 1.35) & (truth.height_m <= 2.05)).all()
    ankles = truth.pose_m[..., [3, 6], :] @ truth.up
    assert (truth.floor_m + ankles > -0.02).all()
    truth.save(tmp_path / "t.npz")
    back = load_annotation(tmp_path / "t.npz")
    assert back.intrinsics == truth.intrinsics
    assert np.array_equal(back.pose_m, truth.pose_m)
    assert len(back.takes) == len(back.subjects) == truth.people
    assert (back.takes, back.subjects) == (truth.takes, truth.subjects)


def test_clips_vary(studio: Studio) -> None:
    clips = [studio.clip(5, number) for number in range(12)]
    assert len({clip.takes for clip in clips}) > 6
    assert len({(clip.intrinsics.width, clip.intrinsics.height) for clip in clips}) > 6
    assert {len(clip.takes) for clip in clips} >= {1, 2}
    assert {bool(clip.intrinsics.distortion) for clip in clips} == {True, False}
    fields = [clip.intrinsics.fov_deg for clip in clips]
    assert max(fields) - min(fields) > 25


def test_only_the_wanted_part_of_the_motion_is_used(shared_data: Path) -> None:
    settings = ClipSettings(frames=4, oversampling=1, long_side_px=(128, 192), part="test")
    studio = Studio(shared_data / "makehuman", [shared_data / "mocap" / "cmu_h36m17_30hz.npz"], settings)
    subjects = {subject for number in range(6) for subject in studio.clip(1, number).subjects}
    assert subjects <= {"cmu-03", "cmu-07", "cmu-08", "cmu-16"}


def test_bent_people_hold_themselves_otherwise_and_stand_on_the_floor(
    studio: Studio, shared_data: Path
) -> None:
    settings = replace(SMALL, bent=1.0)
    bent = Studio(shared_data / "makehuman", [shared_data / "mocap" / "cmu_h36m17_30hz.npz"], settings)
    for number in range(3):
        (_, truth), (_, plain) = drawn(bent, number), drawn(studio, number)
        assert truth.takes[0] == plain.takes[0]
        assert np.isfinite(truth.pose_m).all()
        ankles = truth.pose_m[..., [3, 6], :] @ truth.up
        assert (truth.floor_m + ankles > -0.02).all()


def test_a_take_with_a_skeleton_serves_too(shared_data: Path) -> None:
    settings = ClipSettings(frames=4, oversampling=1, long_side_px=(128, 192), people=(1, 0, 0))
    studio = Studio(shared_data / "makehuman", [shared_data / "mocap" / "raw" / "16_58.amc"], settings)
    _, truth = drawn(studio, 0)
    assert studio.clip(5, 0).takes == ("16_58",)
    assert np.isfinite(truth.pose_m).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"frames": 0}, "frame"),
        ({"long_side_px": (10, 20)}, "64"),
        ({"people": (0, 0, 0)}, "how likely"),
        ({"bent": 1.5}, "between 0 and 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ClipSettings(**wrong)  # type: ignore[arg-type]


def test_clips_longer_than_any_take_are_refused(shared_data: Path) -> None:
    with pytest.raises(UsageError, match="fewer frames"):
        Studio(
            shared_data / "makehuman",
            [shared_data / "mocap" / "raw" / "07_01.amc"],
            ClipSettings(frames=9000),
        )

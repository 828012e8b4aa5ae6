from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from tests.training.walking import walker_m
from training.dataset.choreography import Turn
from training.dataset.crossings import FPS, FRAMES, HEIGHT, SCENES, WIDTH, CrossingStudio, Way, directed
from training.mocap.takes import Take

PELVIS = H36M17.index("pelvis")


@pytest.fixture(scope="module")
def studio(shared_data: Path) -> CrossingStudio:
    return CrossingStudio(shared_data / "makehuman", shared_data / "mocap" / "cmu_h36m17_30hz.npz")


def take() -> Take:
    return Take("walk", "nobody", 30.0, walker_m(80))


def way_of(joints_m: np.ndarray, start: int, end: int) -> np.ndarray:
    step = (joints_m[end, PELVIS] - joints_m[start, PELVIS])[[0, 2]]
    return np.asarray(step / np.linalg.norm(step))


@pytest.mark.parametrize("heading_deg", [0.0, 90.0, 180.0, -30.0])
def test_a_take_goes_where_it_is_sent_for_the_whole_clip(heading_deg: float) -> None:
    joints_m = directed(take(), Way("walk", heading_deg, (0, 0))).joints_m
    assert len(joints_m) >= FRAMES
    towards = np.array([np.cos(np.radians(heading_deg)), -np.sin(np.radians(heading_deg))])  # away is -z
    assert way_of(joints_m, 0, len(joints_m) - 1) @ towards > 0.999


def test_a_take_that_turns_round_comes_back() -> None:
    joints_m = directed(take(), Way("walk", 0.0, (0, 0), (Turn(45, 75, 180.0),))).joints_m
    assert way_of(joints_m, 0, 30) @ way_of(joints_m, 90, 119) < -0.95


def test_a_scene_that_is_not_there_is_refused(studio: CrossingStudio) -> None:
    with pytest.raises(UsageError, match="crossing"):
        studio.clip("no such scene", 1)


@pytest.mark.usefixtures("opengl")
def test_the_truth_of_a_scene_is_that_of_its_camera_and_repeats(studio: CrossingStudio) -> None:
    clip, again = studio.clip("crossing", 3), studio.clip("crossing", 3)
    (image, truth), (same_image, same_truth) = next(clip.render()), next(again.render())
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert clip.fps == FPS
    assert clip.frames == FRAMES
    np.testing.assert_array_equal(image, same_image)
    np.testing.assert_array_equal(truth.pose_m, same_truth.pose_m)
    np.testing.assert_allclose(clip.intrinsics.project(truth.pose_m), truth.keypoints_px, atol=1e-2)
    near, far = truth.pose_m[:, PELVIS]
    assert 0.6 < far[2] - near[2] < 1.6
    assert near[0] < 0 < far[0]


def test_every_scene_has_its_takes_in_the_file(studio: CrossingStudio) -> None:
    assert all(way.take in studio._takes for scene in SCENES.values() for way in scene.ways)

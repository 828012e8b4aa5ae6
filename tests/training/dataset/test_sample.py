"""The shipped sample clip against its own truth, and the code that makes it."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.camera import load_intrinsics
from realtime.skeleton import H36M17
from realtime.types import Array
from tests.conftest import ROOT
from training.dataset.sample import prepare, sample_view
from training.render.clip import StudioClip

ASSETS = Path(str(resources.files("realtime.assets")))
FRAMES, WIDTH, HEIGHT = 300, 640, 480
SEED = 1
LIMBS = [
    (H36M17.index(f"{side}_{start}"), H36M17.index(f"{side}_{end}"))
    for side in "lr"
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
]


@pytest.fixture(scope="module")
def truth() -> Mapping[str, Array]:
    with np.load(ASSETS / "sample_truth.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def images() -> list[Array]:
    capture = cv2.VideoCapture(str(ASSETS / "sample.mp4"))
    out = []
    while (read := capture.read())[0]:
        out.append(read[1])
    return out


def test_the_clip_is_small_and_whole(images: list[Array]) -> None:
    path = ASSETS / "sample.mp4"
    capture = cv2.VideoCapture(str(path))
    assert path.stat().st_size < 3_000_000
    assert len(images) == FRAMES == capture.get(cv2.CAP_PROP_FRAME_COUNT)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30)
    assert all(image.shape == (HEIGHT, WIDTH, 3) for image in images)


def test_the_truth_has_the_agreed_arrays(truth: Mapping[str, Array]) -> None:
    expected = {
        "pose_m": (np.float32, (FRAMES, 17, 3)),
        "keypoints_px": (np.float32, (FRAMES, 17, 2)),
        "visible": (np.bool_, (FRAMES, 17)),
        "box_px": (np.float32, (FRAMES, 4)),
        "height_m": (np.float32, ()),
        "fps": (np.float32, ()),
    }
    assert truth.keys() == expected.keys() | {"joints"}
    for name, (dtype, shape) in expected.items():
        assert (truth[name].dtype, truth[name].shape) == (np.dtype(dtype), shape)
    assert tuple(truth["joints"]) == H36M17.joints
    assert float(truth["height_m"]) == pytest.approx(1.76)
    assert float(truth["fps"]) == 30


def test_the_shipped_camera_projects_the_shipped_pose_onto_the_shipped_keypoints(
    truth: Mapping[str, Array],
) -> None:
    lens = load_intrinsics(ASSETS / "sample_camera.yaml")
    assert (lens.width, lens.height, lens.distortion) == (WIDTH, HEIGHT, ())
    assert lens.fov_deg == pytest.approx(60, abs=0.01)
    assert np.abs(lens.project(truth["pose_m"]) - truth["keypoints_px"]).max() < 1e-2


def test_the_person_keeps_their_bones_and_stays_in_view(truth: Mapping[str, Array]) -> None:
    pose = truth["pose_m"].astype(np.float64)
    for start, end in LIMBS:
        assert np.ptp(np.linalg.norm(pose[:, end] - pose[:, start], axis=1)) < 1e-4
    hips = H36M17.indices("l_hip", "r_hip")
    assert np.ptp(np.linalg.norm(pose[:, hips[0]] - pose[:, hips[1]], axis=1)) < 1e-4
    assert pose[..., 2].min() > 2.0
    assert pose[..., 2].max() < 5.5
    inside = (truth["keypoints_px"] >= 0) & (truth["keypoints_px"] <= [WIDTH - 1, HEIGHT - 1])
    assert inside.all(axis=-1).mean() > 0.99


def test_joints_lie_in_the_box_and_hidden_ones_are_few(truth: Mapping[str, Array]) -> None:
    low, high = truth["box_px"][:, None, :2], truth["box_px"][:, None, 2:]
    assert ((truth["keypoints_px"] >= low) & (truth["keypoints_px"] <= high)).all()
    share = truth["visible"].mean(axis=0)
    assert share.min() > 0.4
    assert share.mean() > 0.7
    assert not truth["visible"].all()


def test_the_motion_is_varied_and_smooth(truth: Mapping[str, Array]) -> None:
    pose = truth["pose_m"].astype(np.float64)
    acceleration_m_s2 = np.abs(np.diff(pose, 2, axis=0)) * 30**2
    assert acceleration_m_s2.max() < 80
    left = pose[:, H36M17.index("l_hip")] - pose[:, H36M17.index("r_hip")]
    facing_deg = np.degrees(np.arctan2(left[:, 2], left[:, 0])) % 360
    assert (np.histogram(facing_deg, bins=4, range=(0, 360))[0] > 15).all()
    assert np.ptp(pose[:, 0], axis=0)[[0, 2]].min() > 1.5


def test_the_person_in_the_video_is_where_the_truth_has_them(
    truth: Mapping[str, Array], images: list[Array]
) -> None:
    empty = np.median(np.stack(images[::5]), axis=0)
    for frame in range(0, FRAMES, 10):
        moved = np.abs(images[frame].astype(np.float32) - empty).max(axis=2) > 40
        x, y = np.rint(truth["keypoints_px"][frame]).astype(int).T
        assert moved[y, x].mean() > 0.6
        x0, y0, x1, y1 = truth["box_px"][frame]
        rows, columns = np.nonzero(cv2.morphologyEx(moved.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))))
        inside = (columns >= x0 - 2) & (columns <= x1 + 2) & (rows >= y0 - 2) & (rows <= y1 + 2)
        assert inside.mean() > 0.8


@pytest.fixture(scope="module")
def clip(shared_data: Path) -> StudioClip:
    return prepare(shared_data / "makehuman", shared_data / "mocap" / "cmu_h36m17_30hz.npz", SEED)


@pytest.mark.usefixtures("opengl")
def test_the_code_gives_the_shipped_frames_and_their_truth(
    clip: StudioClip, images: list[Array], truth: Mapping[str, Array]
) -> None:
    for frame, (image, known) in enumerate(itertools.islice(clip.render(), 2)):
        error = image.astype(np.float64) - images[frame]
        assert 10 * np.log10(255**2 / (error**2).mean()) > 32
        assert np.abs(known.pose_m[0] - truth["pose_m"][frame]).max() < 1e-3
        assert np.abs(known.keypoints_px[0] - truth["keypoints_px"][frame]).max() < 0.1
        assert np.abs(known.box_px[0] - truth["box_px"][frame]).max() < 0.1
        assert (known.visible[0] == truth["visible"][frame]).mean() > 0.9


def test_the_camera_is_a_person_s_eye_high_and_looks_down_a_little() -> None:
    view = sample_view()
    assert view.position_m[1] == pytest.approx(1.4)
    forward = view.camera_from_world[2]
    assert 5 < np.degrees(np.arcsin(-forward[1])) < 15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "out"], "--makehuman"),
        (["--makehuman", "nowhere", "--motion", "none.npz", "--out", "out"], "nowhere"),
    ],
)
def test_the_command_names_what_is_wrong(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "training.commands.render_sample", *arguments],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr

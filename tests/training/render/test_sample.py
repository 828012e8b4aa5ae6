"""The shipped sample clip against its own truth, and the code that makes it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.camera import load_intrinsics
from realtime.errors import RecordError
from realtime.skeleton import H36M17
from realtime.types import Array
from tests.conftest import ROOT
from training.mocap.rotations import axis_angle
from training.people.body import Pose
from training.render.raster import draw
from training.render.sample import Performance, joined, prepare, sample_view
from training.render.scene import Scene
from training.render.truth import Truth, box_px, joints_seen, visible_joints
from training.render.video import write_h264

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
def performance(shared_data: Path) -> Performance:
    return prepare(shared_data / "makehuman", shared_data / "mocap" / "cmu_h36m17_30hz.npz")


@pytest.fixture(scope="module")
def scene(performance: Performance) -> Scene:
    return Scene(performance.view, performance.body, performance.figure, performance.look, SEED)


def test_the_code_gives_the_shipped_truth(performance: Performance, truth: Mapping[str, Array]) -> None:
    pose_m, keypoints_px = joints_seen(performance.view, performance.body, performance.poses)
    assert np.abs(pose_m - truth["pose_m"]).max() < 1e-3
    assert np.abs(keypoints_px - truth["keypoints_px"]).max() < 0.1


@pytest.mark.parametrize("frame", [10, 180])
def test_the_code_gives_the_shipped_frames_and_the_same_ones_each_time(
    performance: Performance, scene: Scene, images: list[Array], truth: Mapping[str, Array], frame: int
) -> None:
    rendered = scene.render(performance.poses[frame], frame)
    assert np.array_equal(rendered.image, scene.render(performance.poses[frame], frame).image)
    error = rendered.image.astype(np.float64) - images[frame]
    assert 10 * np.log10(255**2 / (error**2).mean()) > 32
    pose_m, keypoints_px = joints_seen(performance.view, performance.body, performance.poses[frame])
    visible = visible_joints(rendered.coverage, performance.body, performance.figure, pose_m, keypoints_px)
    assert (visible == truth["visible"][frame]).mean() > 0.9
    x, y = rendered.coverage.pixel % WIDTH, rendered.coverage.pixel // WIDTH
    box = truth["box_px"][frame]
    assert np.abs(np.array([x.min(), y.min(), x.max(), y.max()]) - box).max() < 1.5


def test_markers_and_flesh_are_drawn_at_the_truth_s_keypoints(
    performance: Performance, truth: Mapping[str, Array]
) -> None:
    body, figure, view = performance.body, performance.figure, performance.view
    corners = 0.03 * np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], np.float32)
    quad = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    for frame in (20, 150, 290):
        points, _ = figure.posed(body, performance.poses[frame])
        for joint, bone in (("r_wrist", "RightHand"), ("l_knee", "LeftLeg"), ("r_elbow", "RightForeArm")):
            number = H36M17.index(joint)
            seen = draw(truth["pose_m"][frame, number] + corners, quad, view.intrinsics)
            centre = np.array([(seen.pixel % WIDTH).mean(), (seen.pixel // WIDTH).mean()])
            assert np.abs(centre - truth["keypoints_px"][frame, number]).max() < 0.5
            rest = np.linalg.norm(figure.points_m - body.heads_m[body.bone(bone)], axis=1)
            flesh = view.intrinsics.project(view.camera_m(points[rest < 0.07])).mean(axis=0)
            three_cm_px = 0.03 * view.intrinsics.fx / truth["pose_m"][frame, number, 2]
            assert np.linalg.norm(flesh - truth["keypoints_px"][frame, number]) < three_cm_px


def test_the_far_side_of_a_person_in_profile_is_hidden(performance: Performance) -> None:
    body, figure, view = performance.body, performance.figure, performance.view
    rest = body.rest_pose()
    away = np.array([0.0, body.heads_m[0, 1], -3.5], np.float32)

    def visible(turn_rad: float) -> dict[str, bool]:
        rotations = rest.rotations.copy()
        rotations[0] = axis_angle(np.array([0.0, 1.0, 0.0]), turn_rad)
        pose = Pose(rotations, away)
        points, _ = figure.posed(body, pose)
        seen = draw(view.camera_m(points), figure.triangles, view.intrinsics)
        return dict(
            zip(
                H36M17.joints, visible_joints(seen, body, figure, *joints_seen(view, body, pose)), strict=True
            )
        )

    assert all(visible(0.0).values())
    assert all(visible(np.pi).values())
    # Facing the image's right, the person's left side is the far one.
    profile = visible(np.pi / 2)
    assert profile["r_shoulder"]
    assert profile["r_hip"]
    assert not profile["l_shoulder"]
    assert not profile["l_hip"]


def test_a_joint_outside_the_image_is_not_visible(performance: Performance) -> None:
    body, figure, view = performance.body, performance.figure, performance.view
    pose = Pose(body.rest_pose().rotations, np.array([5.0, 0.9, -3.0], np.float32))
    points, _ = figure.posed(body, pose)
    seen = draw(view.camera_m(points), figure.triangles, view.intrinsics)
    assert not visible_joints(seen, body, figure, *joints_seen(view, body, pose)).any()
    box = box_px(view, points)
    assert (box >= 0).all()
    assert (box[[0, 2]] == WIDTH - 1).all()


def test_feet_neither_float_nor_sink(performance: Performance) -> None:
    body, figure = performance.body, performance.figure
    heights = []
    for frame in range(0, FRAMES, 5):
        points, _ = figure.posed(body, performance.poses[frame])
        heights.append(points[:, 1].min())
    assert np.abs(heights).max() < 0.01


def test_the_camera_is_a_person_s_eye_high_and_looks_down_a_little() -> None:
    view = sample_view()
    assert view.position_m[1] == pytest.approx(1.4)
    forward = view.camera_from_world[2]
    assert 5 < np.degrees(np.arcsin(-forward[1])) < 15


def test_truths_of_frames_join_and_survive_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = [
        Truth(
            rng.normal(size=(1, 17, 3)).astype(np.float32), rng.normal(size=(1, 17, 2)).astype(np.float32),
            rng.random((1, 17)) > 0.5, rng.random((1, 4)).astype(np.float32), 1.7, 30.0,
        )
        for _ in range(3)
    ]  # fmt: skip
    for name in ("one.npz", "two.npz"):
        joined(parts).save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as file:
        assert np.array_equal(file["pose_m"][1], parts[1].pose_m[0])
        assert file["visible"].shape == (3, 17)


def test_video_comes_back_frame_by_frame(tmp_path: Path) -> None:
    pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    frames = [np.full((64, 96, 3), level, np.uint8) for level in range(20, 220, 10)]
    for frame in frames:
        frame[:, :48] = 128
    size = write_h264(path, frames, (96, 64), 30)
    assert size == path.stat().st_size > 0
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == len(frames)
    for frame in frames:
        ok, image = capture.read()
        assert ok
        assert np.abs(image[:, 60:].astype(int) - frame[:, 60:]).mean() < 4
    assert not capture.read()[0]


def test_a_video_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    pytest.importorskip("av")
    with pytest.raises(RecordError, match=r"cannot write .*a\.mp4"):
        write_h264(tmp_path / "nowhere" / "a.mp4", [np.zeros((64, 96, 3), np.uint8)], (96, 64), 30)


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

"""The sample clip: one person, dressed, in a room, moved by real motion, filmed by a known camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from training.dataset.choreography import FPS, sample_motion
from training.dataset.dataset import images_of
from training.dataset.video import write_h264
from training.mocap.motion import load_motion
from training.mocap.retarget import ground, retarget
from training.people.body import build_body
from training.people.figure import MATERIALS
from training.people.makehuman import Shape, load_makehuman
from training.people.wardrobe import dressed
from training.places.place import sample_place
from training.places.surface import Finish, linear
from training.render.annotation import ClipAnnotation, FrameAnnotation
from training.render.cast import actor
from training.render.clip import ClipSettings, Player, StudioClip
from training.render.lens import Viewpoint, look_at
from training.render.sensor import Grain, Sensor

HEIGHT_M = 1.76
SHAPE = Shape(male=1.0)

_WIDTH, _HEIGHT, _FOV_DEG = 640, 480, 60.0
_CAMERA_HEIGHT_M, _CAMERA_PITCH_DEG = 1.4, -9.0
_OUTFIT = ("male_casualsuit06", "short02", "shoes02")
_LOOKS = {
    "skin": Finish("skin", linear(205, 158, 130), linear(62, 45, 36), gloss=0.15),
    "eye": Finish("eye", linear(235, 232, 228), linear(58, 40, 30), gloss=0.5),
    "hair": Finish("hair", linear(52, 38, 30), gloss=0.2),
    "shirt": Finish("grain", linear(150, 52, 48), size_m=0.05, strength=0.15, gloss=0.02),
    "trousers": Finish("denim", linear(52, 66, 96), strength=0.35, gloss=0.02),
    "shoe": Finish("plain", linear(58, 54, 52), gloss=0.3),
}
_SENSOR = Sensor(blur_px=0.4, read_noise=0.8, shot_noise=1.2, shutter=0.4)


def prepare(makehuman: Path, motion: Path, seed: int) -> StudioClip:
    """The clip, ready to be drawn. seed: of sensor noise.

    Raises UsageError or MotionFileError when a file does not serve.
    """
    data = load_makehuman(makehuman)
    body = build_body(data, SHAPE, HEIGHT_M)
    figure = dressed(data, body, _OUTFIT)
    looks = tuple(_LOOKS.get(material, _LOOKS["shirt"]) for material in MATERIALS)
    moved = retarget(body, sample_motion(body, load_motion(motion)), FPS)
    player = Player(actor(body, figure, looks), ground(body, moved, *figure.soles(body)), "sample", "sample")
    settings = ClipSettings(frames=len(moved.root_m), fps=FPS)
    rng = np.random.default_rng(seed)
    return StudioClip(settings, (player,), sample_view(), sample_place(), _SENSOR, Grain(), rng)


def sample_view() -> Viewpoint:
    """The clip's camera: 60 degrees across 640 pixels, at eye height, looking slightly down."""
    lens = Intrinsics.from_fov(_FOV_DEG, _WIDTH, _HEIGHT)
    position = np.array([0.0, _CAMERA_HEIGHT_M, 0.0], np.float32)
    ahead = np.array([0.0, np.tan(np.radians(_CAMERA_PITCH_DEG)), -1.0], np.float32)
    return look_at(lens, position, position + ahead)


def write_sample(clip: StudioClip, out: Path) -> tuple[ClipAnnotation, int]:
    """Render the clip into `out` as sample.mp4, sample_truth.npz and sample_camera.yaml.

    Gives the truth and the bytes of video. The same seed gives the same frames and the same truth.
    """
    truths: list[FrameAnnotation] = []
    size = write_h264(out / "sample.mp4", images_of(clip, truths), (_WIDTH, _HEIGHT), FPS)
    truth = clip.annotation(truths)
    np.savez_compressed(
        out / "sample_truth.npz",
        pose_m=truth.pose_m[:, 0],
        keypoints_px=truth.keypoints_px[:, 0],
        visible=truth.visible[:, 0],
        box_px=truth.box_px[:, 0],
        height_m=truth.height_m[0],
        fps=np.float32(truth.fps),
        joints=np.array(H36M17.joints),
    )
    clip.intrinsics.save(out / "sample_camera.yaml")
    return truth, size

"""The sample clip: one person, dressed, in a room, moved by real motion, filmed by a known camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.camera import Intrinsics
from realtime.types import ImageArray
from training.mocap.motion import load_motion
from training.mocap.retarget import ground, retarget
from training.people.body import Body, Pose, build_body
from training.people.clothes import fit_garment
from training.people.figure import Figure, dress
from training.people.look import Look, linear, look_of
from training.people.makehuman import Shape, load_makehuman
from training.render.choreography import FPS, sample_motion
from training.render.raster import Viewpoint, look_at
from training.render.scene import Scene
from training.render.truth import Truth, box_px, joints_seen, visible_joints
from training.render.video import write_h264

HEIGHT_M = 1.76
SHAPE = Shape(male=1.0)

_WIDTH, _HEIGHT, _FOV_DEG = 640, 480, 60.0
_CAMERA_HEIGHT_M, _CAMERA_PITCH_DEG = 1.4, -9.0
_OUTFIT = (
    ("male_casualsuit06", ("shirt", "trousers")),
    ("short02", ("hair",)),
    ("shoes02", ("shoe",)),
)
_COLOURS = {
    "skin": linear(205, 158, 130),
    "eye": linear(235, 232, 228),
    "hair": linear(52, 38, 30),
    "shirt": linear(150, 52, 48),
    "trousers": linear(52, 66, 96),
    "shoe": linear(58, 54, 52),
}


@dataclass(frozen=True, slots=True)
class Performance:
    """All that is needed to draw the clip: who, in what, how they move, and from where they are seen."""

    body: Body
    figure: Figure
    look: Look
    poses: Pose
    view: Viewpoint

    def frames(self, scene: Scene) -> Iterator[tuple[ImageArray, Truth]]:
        """Each frame's image, and its truth as one frame."""
        for frame in range(len(self.poses.root_m)):
            pose = self.poses[frame]
            rendered = scene.render(pose, frame)
            pose_m, keypoints_px = joints_seen(self.view, self.body, pose)
            visible = visible_joints(rendered.coverage, self.body, self.figure, pose_m, keypoints_px)
            points_m, _ = self.figure.posed(self.body, pose)
            box = box_px(self.view, points_m[np.unique(self.figure.triangles)])
            yield (
                rendered.image,
                Truth(pose_m[None], keypoints_px[None], visible[None], box[None], self.body.height_m, FPS),
            )


def prepare(makehuman: Path, motion: Path) -> Performance:
    """Build the person and their motion. Raises UsageError or MotionFileError when a file does not serve."""
    data = load_makehuman(makehuman)
    body = build_body(data, SHAPE, HEIGHT_M)
    clothes = makehuman / "clothes"
    figure = dress(body, [(fit_garment(body, clothes / f"{n}.mhclo"), materials) for n, materials in _OUTFIT])
    moved = retarget(body, sample_motion(body, load_motion(motion)), FPS)
    poses = ground(body, moved, *figure.soles(body))
    return Performance(body, figure, look_of(body, _COLOURS), poses, sample_view())


def sample_view() -> Viewpoint:
    """The clip's camera: 60 degrees across 640 pixels, at eye height, looking slightly down."""
    lens = Intrinsics.from_fov(_FOV_DEG, _WIDTH, _HEIGHT)
    position = np.array([0.0, _CAMERA_HEIGHT_M, 0.0], np.float32)
    ahead = np.array([0.0, np.tan(np.radians(_CAMERA_PITCH_DEG)), -1.0], np.float32)
    return look_at(lens, position, position + ahead)


def write_sample(performance: Performance, out: Path, seed: int) -> tuple[Truth, int]:
    """Render the clip into `out` as sample.mp4, sample_truth.npz and sample_camera.yaml.

    Gives the truth and the bytes of video. The same seed gives the same frames and the same truth.
    """
    scene = Scene(performance.view, performance.body, performance.figure, performance.look, seed)
    truths: list[Truth] = []

    def images() -> Iterator[ImageArray]:
        for image, truth in performance.frames(scene):
            truths.append(truth)
            yield image

    size = write_h264(out / "sample.mp4", images(), (_WIDTH, _HEIGHT), FPS)
    truth = joined(truths)
    truth.save(out / "sample_truth.npz")
    performance.view.intrinsics.save(out / "sample_camera.yaml")
    return truth, size


def joined(truths: list[Truth]) -> Truth:
    """The truth of one clip from that of its frames."""
    first = truths[0]
    return Truth(
        pose_m=np.concatenate([truth.pose_m for truth in truths]),
        keypoints_px=np.concatenate([truth.keypoints_px for truth in truths]),
        visible=np.concatenate([truth.visible for truth in truths]),
        box_px=np.concatenate([truth.box_px for truth in truths]),
        height_m=first.height_m,
        fps=first.fps,
    )

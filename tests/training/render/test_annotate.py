"""What is said to be visible is what a person could point at in the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from realtime.types import Array
from training.mocap.rotations import axis_angle
from training.people.body import Pose
from training.people.makehuman import load_makehuman
from training.places.solids import box, panel
from training.places.surface import Finish, Light, Surface, joined
from training.render.annotate import Annotator
from training.render.annotation import FrameAnnotation
from training.render.cast import Actor, cast_person
from training.render.lens import Viewpoint, look_at
from training.render.meshes import Posed
from training.render.painter import Painter

pytestmark = pytest.mark.usefixtures("opengl")

WIDTH, HEIGHT = 320, 240
GREY = Finish("plain", (0.3, 0.3, 0.3))


@pytest.fixture(scope="module")
def people(shared_data: Path) -> list[Actor]:
    data = load_makehuman(shared_data / "makehuman")
    return [cast_person(data, np.random.default_rng(seed)) for seed in (3, 4)]


def camera() -> Viewpoint:
    return look_at(
        Intrinsics.from_fov(60, WIDTH, HEIGHT), np.array([0.0, 1.1, 0.0]), np.array([0.0, 0.9, -4.0])
    )


def standing(actor: Actor, x: float, z: float, turn_rad: float = 0.0) -> Pose:
    rest = actor.body.rest_pose()
    rotations = rest.rotations.copy()
    rotations[0] = axis_angle(np.array([0.0, 1.0, 0.0]), turn_rad)
    return Pose(rotations, np.array([x, actor.body.heads_m[0, 1], z], np.float32))


def annotated(
    actors: list[Actor], poses: list[Pose], light: Light, things: tuple[Surface, ...] = ()
) -> tuple[FrameAnnotation, Array]:
    view = camera()
    place = joined([panel((-8, 0, 4), (16, 0, 0), (0, 0, -16), GREY), *things])
    painter = Painter(place, light, actors, view)
    points = [actor.figure.posed(actor.body, pose) for actor, pose in zip(actors, poses, strict=True)]
    painted = painter.paint([Posed(p, n, np.zeros((0, 3), np.float32)) for p, n in points])
    joints = [actor.body.joints(pose) for actor, pose in zip(actors, poses, strict=True)]
    annotator = Annotator(view, view, actors)
    return annotator.frame(painted, joints, [p for p, _ in points]), painted.person


def named(visible: Array) -> dict[str, bool]:
    return dict(zip(H36M17.joints, map(bool, visible), strict=True))


def test_someone_who_faces_the_camera_or_turns_their_back_hides_nothing(
    people: list[Actor], daylight: Light
) -> None:
    for turn in (0.0, np.pi):
        truth, person = annotated(people[:1], [standing(people[0], 0, -3.5, turn)], daylight)
        assert truth.visible.all()
        assert truth.shown[0] > 0.99
        rows, columns = np.nonzero(person == 0)
        seen = [columns.min(), rows.min(), columns.max(), rows.max()]
        assert np.abs(truth.box_px[0] - seen).max() < 1.5


def test_the_far_side_of_a_person_in_profile_is_hidden(people: list[Actor], daylight: Light) -> None:
    # Facing the image's right, the person's left side is the far one.
    truth, _ = annotated(people[:1], [standing(people[0], 0, -3.5, np.pi / 2)], daylight)
    visible = named(truth.visible[0])
    assert visible["r_shoulder"]
    assert visible["r_hip"]
    assert not visible["l_shoulder"]
    assert not visible["l_hip"]


def test_someone_behind_another_is_hidden_and_the_other_is_not(people: list[Actor], daylight: Light) -> None:
    truth, _ = annotated(people, [standing(people[0], 0, -5.0), standing(people[1], 0.03, -3.5)], daylight)
    assert truth.visible[1].all()
    assert truth.shown[1] > 0.99
    assert truth.visible[0].sum() < 6
    assert truth.shown[0] < 0.4


def test_legs_behind_a_table_are_hidden_but_the_box_holds_them(people: list[Actor], daylight: Light) -> None:
    table = box((0.0, 0.4, -2.5), (3.0, 0.8, 0.2), GREY)
    free, _ = annotated(people[:1], [standing(people[0], 0, -3.5)], daylight)
    truth, _ = annotated(people[:1], [standing(people[0], 0, -3.5)], daylight, (table,))
    visible = named(truth.visible[0])
    assert not any(visible[joint] for joint in ("l_knee", "r_knee", "l_ankle", "r_ankle"))
    assert all(visible[joint] for joint in ("head", "l_shoulder", "r_shoulder", "thorax"))
    assert np.array_equal(truth.box_px, free.box_px)
    assert 0.3 < truth.shown[0] < 0.8


def test_what_lies_outside_the_image_is_not_visible(people: list[Actor], daylight: Light) -> None:
    truth, _ = annotated(people[:1], [standing(people[0], 5.0, -3.0)], daylight)
    assert not truth.visible.any()
    assert truth.shown[0] == 0
    assert not truth.box_px.any()
    half, _ = annotated(people[:1], [standing(people[0], 0.0, -1.1)], daylight)
    assert named(half.visible[0])["thorax"]
    assert not named(half.visible[0])["l_ankle"]
    assert 0 <= half.box_px.min() <= half.box_px[0, 3] <= HEIGHT - 1


def test_someone_behind_the_camera_is_nowhere(people: list[Actor], daylight: Light) -> None:
    truth, _ = annotated(people[:1], [standing(people[0], 0.0, 3.0)], daylight)
    assert np.isnan(truth.keypoints_px).all()
    assert not truth.visible.any()
    assert truth.shown[0] == 0

"""What the 3D view shows: depth order, sides, floor, ruler, camera, names."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.scene import Side, scene
from realtime.scenery import frustum, level_from_camera, levelled
from realtime.skeleton import H36M17
from realtime.types import Person
from realtime.view3d import Follower
from tests.drawing_people import drawn_person, poses_of

SIZE = (800.0, 600.0)
CAMERA = Intrinsics.assumed(640, 480)
PER_PERSON = len(H36M17.bones) + len(H36M17.joints)


def follow(people: tuple[Person, ...], preset: str = "front") -> Follower:
    follower = Follower()
    follower.preset(preset)
    if people:
        follower.update(poses_of(people), 0.0)
    return follower


def test_the_farther_person_is_painted_first_thinner_and_fainter() -> None:
    people = (drawn_person(0, (0, 0, 2)), drawn_person(1, (0.5, 0, 5)))
    seen = scene(follow(people), people, CAMERA, SIZE).people
    assert len(seen) == 2 * PER_PERSON
    assert (seen.person[:PER_PERSON] == 1).all()
    assert (seen.person[PER_PERSON:] == 0).all()
    near, far = seen[seen.person == 0], seen[seen.person == 1]
    assert near.width_px.mean() > 1.5 * far.width_px.mean()
    assert near.strength.min() > far.strength.max()


def test_sides_are_the_persons_own() -> None:
    """Facing the camera, the person's left is on the canvas's right."""
    people = (drawn_person(),)
    seen = scene(follow(people), people, CAMERA, SIZE).people
    left, right = seen[seen.side == Side.LEFT], seen[seen.side == Side.RIGHT]
    assert len(left) == len(right) > 10
    assert left.ends_px[..., 0].mean() > right.ends_px[..., 0].mean() + 20


def test_every_joint_is_a_dot_where_it_projects() -> None:
    people = (drawn_person(),)
    follower = follow(people, "three-quarter")
    seen = scene(follower, people, CAMERA, SIZE).people
    dots = seen.ends_px[(seen.ends_px[:, 0] == seen.ends_px[:, 1]).all(axis=1), 0]
    expected = follower.camera(SIZE).project(poses_of(people)[0], SIZE)
    assert len(dots) == len(H36M17.joints)
    np.testing.assert_allclose(np.sort(dots[:, 0]), np.sort(expected[:, 0]), atol=1e-2)


def test_the_floor_is_a_metre_grid_fixed_in_the_world() -> None:
    """From the top, lines that are a metre apart are equally many pixels apart, wherever people stand."""
    shift_px = []
    for x in (0.0, 0.3):
        people = (drawn_person(root_m=(x, 0, 3)),)
        follower = follow(people, "top")
        camera = follower.camera(SIZE)
        floor = scene(follower, people, CAMERA, SIZE).floor
        metre_px = camera.focal_px(SIZE) / float(
            camera.to_view(np.array([x, follower.floor_m, 3], np.float32))[2]
        )
        across = floor.ends_px[np.isclose(floor.ends_px[:, 0, 0], floor.ends_px[:, 1, 0], atol=1e-2)]
        lines = np.unique(across[:, 0, 0].round(1))
        np.testing.assert_allclose(np.diff(lines), metre_px, atol=0.3)
        origin_px = camera.project(np.array([0, follower.floor_m, 3], np.float32), SIZE)[0]
        shift_px.append(np.abs(lines - origin_px).min())
    np.testing.assert_allclose(shift_px, 0, atol=0.1)


def test_the_ruler_names_every_metre_up_to_the_person() -> None:
    people = (drawn_person(root_m=(0, 0, 3.2)),)
    follower = follow(people, "three-quarter")
    numbers = scene(follower, people, CAMERA, SIZE).numbers
    assert [number.text for number in numbers if "m" in number.text] == ["1 m", "2 m", "3 m", "4 m"]
    at = follower.camera(SIZE).project(np.array([0.16, follower.floor_m, 2], np.float32), SIZE)
    assert (numbers[1].x_px, numbers[1].y_px) == pytest.approx(tuple(at), abs=0.01)


def test_the_real_camera_is_left_out_while_unknown() -> None:
    assert len(scene(follow(()), (), None, SIZE).camera) == 0
    assert len(scene(follow(()), (), CAMERA, SIZE).camera) == 11


def test_shadows_lie_on_the_floor() -> None:
    people = (drawn_person(),)
    follower = follow(people)
    shadows = scene(follower, people, CAMERA, SIZE).shadows
    eye_y = follower.camera(SIZE).eye_m[1]
    below = shadows.ends_px[..., 1] > SIZE[1] / 2
    assert below.all() == (follower.floor_m > eye_y)
    assert len(shadows) == len(H36M17.bones)


def test_names_are_only_for_several_people() -> None:
    one, two = drawn_person(4), drawn_person(7, (0.8, 0, 3.5))
    assert scene(follow((one,)), (one,), CAMERA, SIZE).names == []
    names = scene(follow((one, two)), (one, two), CAMERA, SIZE).names
    assert [(name.text, name.person) for name in names] == [("#4", 0), ("#7", 1)]


def test_a_broken_pose_hides_that_person_only() -> None:
    good, bad = drawn_person(0), drawn_person(1)
    bad.pose.relative_m[:] = np.nan
    seen = scene(follow((good,)), (good, bad), CAMERA, SIZE)
    assert set(seen.people.person.tolist()) == {0}
    assert [name.text for name in seen.names] == ["#0"]


def test_a_tilt_that_is_known_is_made_level() -> None:
    """A camera that looks down by 20 degrees: in the view, whoever stands upright is upright."""
    tilt = math.radians(20)
    up = np.array([0, -math.cos(tilt), -math.sin(tilt)], np.float32)
    level = level_from_camera(up)
    np.testing.assert_allclose(level @ level.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(level @ up, (0, -1, 0), atol=1e-6)
    upright = drawn_person()
    leaning = levelled(upright, np.linalg.inv(level).astype(np.float32))
    again = levelled(leaning, level)
    np.testing.assert_allclose(again.pose.absolute_m, upright.pose.absolute_m, atol=1e-5)
    ends = frustum(CAMERA, 1.5, level)
    np.testing.assert_allclose(ends[-1], [(0, 0, 0), (0, 1.5, 0)])
    assert ends[:4, 1, 1].mean() > frustum(CAMERA, 1.5, np.eye(3, dtype=np.float32))[:4, 1, 1].mean() + 0.05
    np.testing.assert_array_equal(level_from_camera(None), np.eye(3))
    upside_down = level_from_camera(-up)
    assert np.isfinite(upside_down).all()


def test_a_joint_that_is_to_be_hidden_takes_its_bones_along() -> None:
    person = drawn_person()
    confidence = np.full(17, 0.8, np.float32)
    confidence[H36M17.index("l_knee")] = 0
    people = (replace(person, pose=replace(person.pose, confidence=confidence)),)
    seen = scene(follow(people), people, CAMERA, SIZE).people
    assert len(seen) == PER_PERSON - 3


def test_unsure_joints_are_fainter() -> None:
    def strength(confidence: float) -> float:
        person = drawn_person()
        pose = replace(person.pose, confidence=np.full(17, confidence, np.float32))
        people = (replace(person, pose=pose),)
        return float(scene(follow(people), people, CAMERA, SIZE).people.strength.mean())

    assert strength(0.9) > strength(0.3) + 0.1 > 0.4

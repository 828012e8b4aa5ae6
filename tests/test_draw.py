"""Painting on images: pixels change where they should and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from realtime import draw
from realtime.camera import Intrinsics
from realtime.scene import BONES, Side
from realtime.skeleton import H36M17
from realtime.types import ImageArray
from realtime.view3d import Follower
from tests.drawing_people import drawn_person, drawn_result, poses_of


def grey(width: int = 640, level: int = 128) -> ImageArray:
    return np.full((width * 3 // 4, width, 3), level, np.uint8)


def bgr_at(image: ImageArray, x: float, y: float) -> tuple[int, ...]:
    return tuple(int(v) for v in image[round(y), round(x)])


def test_joints_are_painted_in_their_sides_colour() -> None:
    image, person = grey(), drawn_person()
    draw.draw_people(image, (person,))
    for joint, colour in (("l_wrist", draw.LEFT), ("r_wrist", draw.SHADOW), ("head", draw.PEOPLE[0])):
        x, y, _ = person.keypoints_px[H36M17.index(joint)]
        np.testing.assert_allclose(bgr_at(image, x, y), colour[::-1], atol=3)
    # Right joints are rings, so that no side is told by colour alone.
    ring_px = draw.bone_px(*image.shape[1::-1]) * 1.7 / 2 * 0.75
    x, y, _ = person.keypoints_px[H36M17.index("r_wrist")]
    around = [image[round(y + dy), round(x + dx)] for dx, dy in ((-ring_px, 0), (ring_px, 0), (0, ring_px))]
    assert max(int(pixel[2]) - int(pixel[0]) for pixel in around) > 100


def test_pixels_far_from_the_person_are_untouched() -> None:
    image, person = grey(), drawn_person()
    draw.draw_people(image, (person,))
    changed = np.argwhere((image != 128).any(axis=2))
    x0, y0, x1, y1 = person.box_px
    assert len(changed) > 500
    assert changed[:, 1].min() >= x0 - 2
    assert changed[:, 1].max() <= max(x1, x0 + 150) + 2
    assert changed[:, 0].min() >= y0 - 40
    assert changed[:, 0].max() <= y1 + 2


def test_the_image_is_drawn_at_the_scale_it_is_shown_at() -> None:
    small, person = grey(320), drawn_person()
    draw.draw_people(small, (person,), scale=0.5)
    x, y, _ = (person.keypoints_px[H36M17.index("l_wrist")] + 0.5) * 0.5 - 0.5
    np.testing.assert_allclose(bgr_at(small, x, y), draw.LEFT[::-1], atol=3)


def test_unsure_joints_are_fainter_and_thinner_and_unseen_ones_absent() -> None:
    def painted(score: float) -> tuple[float, int]:
        image, person = grey(), drawn_person(score=score)
        draw.draw_people(image, (person,))
        x0, y0, x1, y1 = (round(float(v)) for v in person.box_px)
        change = np.abs(image[y0 + 20 : y1 - 20, x0 + 20 : x1 - 20].astype(int) - 128).max(axis=2)
        return float(change.max()), int((change > 10).sum())

    sure, unsure, unseen = painted(1.0), painted(0.4), painted(0.0)
    assert sure[0] > unsure[0] > 20
    assert sure[1] > unsure[1] > 100
    assert unseen == (0, 0)


def test_one_unseen_joint_takes_its_bones_with_it() -> None:
    person = drawn_person()
    knee = H36M17.index("l_knee")
    person.keypoints_px[knee, 2] = 0
    strokes = draw.overlay_strokes((person,), 1.0, 4.0)
    at_knee = int((knee == BONES).any(axis=1).sum())
    assert at_knee == 2
    assert len(strokes) == len(BONES) - at_knee + len(H36M17.joints) - 1


def test_broken_numbers_are_left_out() -> None:
    image, person = grey(), drawn_person()
    person.keypoints_px[:] = np.nan
    person.box_px[:] = np.nan
    draw.draw_people(image, (person,))
    assert (image == 128).all()


def test_a_person_partly_outside_the_image_is_drawn_up_to_the_edge() -> None:
    image, person = grey(), drawn_person(root_m=(1.7, 0.8, 3), score=0.6)
    assert person.keypoints_px[:, 0].max() > 640
    draw.draw_people(image, (person,))
    assert (image != 128).any()


def test_the_tag_says_who_and_how_far() -> None:
    assert draw.person_tag(drawn_person(3, (3, 0, 4))) == "#3   5.00 m"
    assert draw.root_text(drawn_person(3, (3, 0, 4))) == f"#3   5.00 m {draw.PLUS_MINUS} 0.05"


def test_left_and_right_differ_in_lightness_or_hue_for_every_person() -> None:
    colours = {draw.colour_of(side, who) for side in (Side.LEFT, Side.RIGHT) for who in range(9)}
    assert colours == {draw.LEFT, draw.RIGHT}
    assert draw.colour_of(Side.MIDDLE, 0) != draw.colour_of(Side.MIDDLE, 1)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_view_paints_everybody_over_the_whole_canvas(count: int) -> None:
    people = tuple(drawn_person(n, (n - 1, 0, 3 + n)) for n in range(count))
    follower = Follower()
    if people:
        follower.update(poses_of(people), 0.0)
    canvas = np.full((480, 480, 3), 255, np.uint8)
    draw.draw_view(canvas, people, follower, Intrinsics.assumed(640, 480))
    assert not (canvas == 255).all(axis=2).any()
    camera = follower.camera((480.0, 480.0))
    for person in people:
        x, y = camera.project(person.pose.absolute_m[H36M17.index("l_wrist")], (480.0, 480.0))
        blue, _, red = bgr_at(canvas, x, y)
        assert blue > red + 40


def test_the_strip_shows_shares_and_distances() -> None:
    person = drawn_person()
    bare, full = (np.zeros((32, 900, 3), np.uint8) for _ in range(2))
    draw.draw_latency(bare, drawn_result())
    draw.draw_latency(full, drawn_result((person,)))
    for colour in draw.STAGE_COLOURS.values():
        assert (bare == colour[::-1]).all(axis=2).any()
    assert (bare[:, :450] == full[:, :450]).all()
    assert (bare[:, 700:] != full[:, 700:]).any()


def test_a_strip_too_short_for_everybody_names_the_first_that_fit() -> None:
    def strip(count: int) -> ImageArray:
        painted = np.zeros((32, 900, 3), np.uint8)
        draw.draw_latency(painted, drawn_result(tuple(drawn_person(n) for n in range(count))))
        return painted

    nine = strip(9)
    assert any((nine == strip(count)).all() for count in range(1, 9))


@pytest.mark.parametrize(("width", "height"), [(640, 480), (200, 150), (97, 31), (1000, 700), (1, 1)])
def test_fitting_keeps_colours_and_gives_the_size(width: int, height: int) -> None:
    ramp = np.tile(np.linspace(0, 255, 640).astype(np.uint8)[None, :, None], (480, 1, 3))
    fitted = draw.fit_image(ramp, width, height)
    assert fitted.shape == (height, width, 3)
    assert fitted.mean() == pytest.approx(127, abs=4)

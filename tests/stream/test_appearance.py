from __future__ import annotations

import numpy as np

from realtime.skeleton import H36M17
from realtime.stream.appearance import LOOK_SIZE, look_distance, look_of
from realtime.types import FloatArray, ImageArray
from tests.fakes import standing_pose

BODY_PX = standing_pose()[:, :2] * 150 + np.array([160, 130], np.float32)
HIPS_PX = int(BODY_PX[H36M17.index("pelvis"), 1])
Colour = tuple[int, int, int]
RED, BLUE, GREY = (40, 40, 200), (200, 60, 40), (120, 120, 120)


def dressed(shirt: Colour, trousers: Colour, light: float = 1.0) -> ImageArray:
    image = np.full((300, 320, 3), 200, np.uint8)
    image[:HIPS_PX], image[HIPS_PX:] = shirt, trousers
    noise = np.random.default_rng(1).normal(0, 4, image.shape)
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


def look(shirt: Colour, trousers: Colour, light: float = 1.0) -> FloatArray:
    return look_of(dressed(shirt, trousers, light), BODY_PX)


def test_the_same_clothes_are_alike_in_other_light_too_and_others_are_not() -> None:
    mine = look(RED, GREY)
    assert look_distance(mine, mine) < 1e-3
    dimmer, other = look(RED, GREY, 0.85), (look(BLUE, GREY), look(RED, BLUE))
    assert all(look_distance(mine, one) > 0.3 for one in other)
    assert all(look_distance(mine, one) > 1.5 * look_distance(mine, dimmer) for one in other)


def test_who_is_outside_the_image_has_no_look() -> None:
    nothing = look_of(dressed(RED, GREY), BODY_PX + np.float32(2000))
    assert nothing.shape == (LOOK_SIZE,)
    assert not nothing.any()
    assert np.isnan(look_distance(nothing, look(RED, GREY)))


def test_half_a_person_is_compared_by_that_half() -> None:
    top = BODY_PX.copy()
    top[H36M17.indices("l_knee", "r_knee")] += 3000  # out of the picture
    half = look_of(dressed(RED, BLUE), top)
    assert look_distance(half, look(RED, GREY)) < 0.1


def test_looks_broadcast() -> None:
    a = np.stack([look(RED, GREY), look(BLUE, GREY)])
    apart = look_distance(a[:, None], a[None])
    assert apart.shape == (2, 2)
    assert apart[0, 1] > apart[0, 0]

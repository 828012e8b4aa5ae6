from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime.stream.cuts import Continuity
from realtime.types import Frame, ImageArray


def scene(seed: int) -> ImageArray:
    """A smooth random picture."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


def breaks(images: list[ImageArray], times_s: list[float] | None = None) -> list[bool]:
    times_s = times_s or [n / 30 for n in range(len(images))]
    continuity = Continuity()
    frames = (Frame(image, n, 0, t) for n, (image, t) in enumerate(zip(images, times_s, strict=True)))
    return [bool(continuity.broken(frame)) for frame in frames]


def test_another_picture_is_a_cut_and_the_same_is_none() -> None:
    assert breaks([scene(1), scene(1), scene(2), scene(2)]) == [False, False, True, False]


def test_a_change_of_exposure_is_no_cut() -> None:
    dark = (scene(1) * 0.4 + 10).astype(np.uint8)
    assert not any(breaks([scene(1), dark, scene(1)]))


def test_a_moving_camera_is_no_cut() -> None:
    assert not any(breaks([np.roll(scene(1), 5 * n, axis=1) for n in range(20)]))


def test_a_black_frame_ends_nothing_but_hides_no_cut() -> None:
    black = np.zeros_like(scene(1))
    assert breaks([scene(1), black, scene(1)]) == [False, False, False]
    assert breaks([scene(1), black, scene(2)]) == [False, False, True]


@pytest.mark.parametrize(
    ("times_s", "broken"), [([0, 1.4], False), ([0, 1.7], True), ([3, 2.9], True), ([1, 1], False)]
)
def test_time_breaks_a_stream_too(times_s: list[float], broken: bool) -> None:
    assert breaks([scene(1), scene(1)], times_s) == [False, broken]


def test_a_picture_of_another_size_is_compared_all_the_same() -> None:
    small = np.asarray(cv2.resize(scene(1), (160, 120)), np.uint8)
    assert not any(breaks([scene(1), small]))

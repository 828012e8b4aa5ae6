"""Cameras that add blur and noise, by the amounts they say."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.sensor import Grain, Sensor, draw_sensor


def test_a_perfect_camera_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    assert np.array_equal(Sensor().record(image, Grain(), np.random.default_rng(1)), image)


@pytest.mark.parametrize(("level", "expected"), [(20, np.hypot(2, 6 * np.sqrt(20 / 255))), (128, 4.69)])
def test_noise_has_the_spread_it_says(level: int, expected: float) -> None:
    flat = np.full((300, 400, 3), level, np.uint8)
    sensor = Sensor(read_noise=2.0, shot_noise=6.0)
    noisy = sensor.record(flat, Grain(), np.random.default_rng(3)).astype(float)
    assert noisy.std() == pytest.approx(expected, rel=0.06)
    assert noisy.mean() == pytest.approx(level, abs=0.1)


def test_noise_changes_from_frame_to_frame_and_repeats_with_the_seed() -> None:
    flat = np.full((1100, 90, 3), 90, np.uint8)
    grain, sensor = Grain(), Sensor(read_noise=3.0)
    rng = np.random.default_rng(5)
    first, second = sensor.record(flat, grain, rng), sensor.record(flat, grain, rng)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, sensor.record(flat, Grain(), np.random.default_rng(5)))


def test_faster_motion_is_drawn_in_more_moments_around_the_middle() -> None:
    sensor = Sensor(shutter=0.5)
    assert [sensor.steps(px) for px in (0, 4, 30, 1000)] == [1, 1, 3, 4]
    moments = sensor.moments(4)
    assert sum(moments) == pytest.approx(0)
    assert max(moments) - min(moments) < 0.5


def test_compression_and_blur_lose_detail() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for sensor in (Sensor(jpeg_quality=50), Sensor(blur_px=1.0)):
        assert sensor.record(image, Grain(), np.random.default_rng(0)).std() < image.std()


def test_cameras_drawn_at_random_differ_and_repeat() -> None:
    cameras = [draw_sensor(np.random.default_rng(seed)) for seed in range(50)]
    assert draw_sensor(np.random.default_rng(7)) == cameras[7]
    assert len({camera.blur_px for camera in cameras}) == 50
    assert 10 < sum(camera.jpeg_quality > 0 for camera in cameras) < 40

from __future__ import annotations

import numpy as np

from realtime.profiling.camera import PacedCamera, ResizedSource, letterboxed
from tests.fakes import FakeClock, FakeSource, frame


def test_a_camera_gives_each_frame_when_it_is_due_and_stamps_it_so() -> None:
    clock = FakeClock()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.now_ns += round(seconds * 1e9)

    camera = PacedCamera([frame(n).image for n in range(3)], 100.0, 6, clock, wait)
    clock.now_ns = 7
    given = []
    while (taken := camera.read()) is not None:
        given.append(taken)
        clock.now_ns += 25_000_000 if taken.index == 2 else 1_000_000  # once, the reader is late
    assert [f.captured_ns for f in given] == [7 + n * 10_000_000 for n in range(6)]
    assert [int(f.image[0, 0, 0]) for f in given] == [0, 1, 2, 1, 0, 1]
    assert len(waits) == 3
    assert camera.info.live
    assert not camera.info.on_demand


def test_a_closed_camera_gives_no_more() -> None:
    camera = PacedCamera([frame().image], 1.0, 9, FakeClock())
    camera.close()
    assert camera.read() is None


def test_frames_come_in_another_size_with_their_aspect() -> None:
    source = ResizedSource(FakeSource(2), 100, 48)
    assert (source.info.width, source.info.height) == (100, 48)
    source.read()
    second = source.read()
    assert second is not None
    assert second.image.shape == (48, 100, 3)
    assert second.index == 1
    np.testing.assert_array_equal(second.image[:, 18:82], 1)  # 64 x 48 in the middle
    assert second.image[:, :18].max() == second.image[:, 82:].max() == 0
    assert source.read() is None


def test_a_letterboxed_image_keeps_what_it_shows() -> None:
    assert letterboxed(np.full((10, 20, 3), 9, np.uint8), 40, 40)[10:30].min() == 9

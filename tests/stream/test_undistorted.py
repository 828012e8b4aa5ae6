"""Keypoints are undistorted on their way to the lifter, and stay as they were seen for whoever draws them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from realtime.camera import Intrinsics
from realtime.lift import Lifter
from realtime.stream.stages import PosePerception
from realtime.stream.track import Tracker
from realtime.types import Array, FloatArray
from tests.fakes import FakeClock, PastEngine, World, frame

BARREL = Intrinsics(500, 505, 330, 230, 640, 480, (-0.28, 0.11, 0.001, -0.002, -0.02))
PINHOLE = Intrinsics(500, 505, 330, 230, 640, 480)


class SeenRays(PastEngine):
    """Keeps the rays it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.rays: list[FloatArray] = []

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        self.rays.append(np.array(feeds["rays"], np.float32))
        return super().infer(feeds)


def run(camera: Intrinsics) -> tuple[FloatArray, FloatArray]:
    """The lifter's rays (17, 2) of somebody in the image's corner, and the keypoints (17, 3) given out."""
    world, engine = World(lambda _: [(560.0, 400.0)]), SeenRays()
    tracker = Tracker(world, world, 1)
    perception = PosePerception(
        tracker, World.joint_map, Lifter(PastEngine.manifest(), engine), camera, clock=FakeClock(step_ns=1)
    )
    results = [r for n in range(3) for r in perception.process(frame(n, 640, 480))]
    perception.close()
    return engine.rays[-1][0], results[-1].people[0].keypoints_px


def test_the_lifter_sees_undistorted_rays() -> None:
    rays, keypoints_px = run(BARREL)
    plain, same_px = run(PINHOLE)
    np.testing.assert_allclose(rays, BARREL.rays(keypoints_px[:, :2]), atol=1e-6)
    assert np.linalg.norm(rays, axis=1).min() > np.linalg.norm(plain, axis=1).min() + 0.02, (
        "a barrel pulls in"
    )
    back_px = BARREL.project(np.concatenate([rays, np.ones((17, 1), np.float32)], axis=1))
    np.testing.assert_allclose(back_px, keypoints_px[:, :2], atol=1e-3)
    np.testing.assert_array_equal(keypoints_px, same_px)

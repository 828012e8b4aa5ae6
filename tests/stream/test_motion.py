from __future__ import annotations

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from realtime.stream.motion import BodyMotion, RootMotion
from realtime.types import FloatArray
from tests.fakes import standing_pose

CAMERA = Intrinsics.from_fov(60, 640, 480)
PELVIS = H36M17.index("pelvis")


def at(x_m: float, z_m: float) -> FloatArray:
    return CAMERA.project(standing_pose() + np.array([x_m, 0, z_m], np.float32))


def walk(metres_a_second: tuple[float, float], fps: float, seconds: float) -> tuple[BodyMotion, RootMotion]:
    """Someone who walks from (0, 4 m) along x and z."""
    motion, root = BodyMotion(at(0, 4), 0.0), RootMotion(CAMERA)
    for time_s in np.arange(0, seconds + 1e-9, 1 / fps):
        x, z = (v * time_s for v in metres_a_second)
        motion.see(at(x, 4 + z), float(time_s), doubtful=False)
        root.see(np.array([x, 0, 4 + z], np.float32), float(time_s))
    return motion, root


@pytest.mark.parametrize("fps", [10, 30, 60])
def test_someone_who_walks_is_expected_further_on_at_any_rate(fps: float) -> None:
    motion, _ = walk((1.0, 0.0), fps, 1.5)
    ahead = motion.foresee(2.5)
    assert np.abs(ahead.points_px[PELVIS] - at(2.5, 4)[PELVIS]).max() < 4
    assert ahead.strayed_px > motion.foresee(1.6).strayed_px > motion.foresee(1.5).strayed_px == 0


def test_someone_who_comes_nearer_is_expected_larger_where_space_is_known() -> None:
    motion, root = walk((0.3, -1.0), 30, 2.0)
    ahead = motion.foresee(3.0, root)
    truth = at(0.9, 1.0)
    assert np.ptp(ahead.points_px[:, 1]) == pytest.approx(np.ptp(truth[:, 1]), rel=0.1)
    assert np.abs(ahead.points_px[PELVIS] - truth[PELVIS]).max() < 25
    assert np.abs(motion.foresee(3.0).points_px[PELVIS] - truth[PELVIS]).max() > 60  # in the image alone


def test_nobody_is_expected_behind_the_camera() -> None:
    motion, root = walk((0.0, -1.5), 30, 2.0)
    assert root.way(2.0, 4.0) is None
    assert np.isfinite(motion.foresee(4.0, root).points_px).all()


def test_who_is_partly_hidden_keeps_their_velocity() -> None:
    calm, _ = walk((1.0, 0.0), 30, 1.0)
    for n in range(1, 6):  # the joints slide back, onto somebody in front
        calm.see(at(1.0 - 0.05 * n, 4), 1.0 + n / 30, doubtful=True)
    shift_px, _ = calm.shift_px(1.5)
    assert shift_px > 0


def test_a_place_that_is_little_trusted_moves_them_by_that_share() -> None:
    trusted, _ = walk((1.0, 0.0), 30, 1.5)
    beset, _ = walk((1.0, 0.0), 30, 1.5)
    seen_s = 1.5 + 1 / 30
    expected = beset.foresee(seen_s).points_px[PELVIS]
    slid_off = at(1.2, 4)  # onto somebody in front
    trusted.see(slid_off, seen_s, doubtful=True)
    beset.see(slid_off, seen_s, doubtful=True, trust=0.25)
    np.testing.assert_allclose(trusted.foresee(seen_s).points_px, slid_off, atol=1e-3)
    share = (beset.foresee(seen_s).points_px[PELVIS] - expected)[0] / (slid_off[PELVIS] - expected)[0]
    assert share == pytest.approx(0.25, abs=0.02)

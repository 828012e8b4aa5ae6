"""The whole path of a frame, with networks that say what the test knows: nobody's answer goes astray."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.floor_files import floor_under, up_of_tilt
from realtime.lift import LiftedPerson, Lifter
from realtime.skeleton import BLAZEPOSE33, H36M17, joint_map
from realtime.stream.bodies import Bodies
from realtime.stream.body import BodySettings
from realtime.stream.line_watch import LineSource, PlayedLines
from realtime.stream.stages import PosePerception
from realtime.stream.track import Tracker
from realtime.types import FloatArray, Floor, Frame, Keypoints2D, Pose3D, Region, Result
from tests.drawing_rooms import lines_of_room, turn
from tests.fakes import FakeClock, PastEngine, Place, World, frame

CAMERA = Intrinsics.from_fov(60, 640, 480)


class AsLifted(Bodies):
    """Leaves poses as the lifter gave them, 3 m away; keeps who was let go."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: list[int] = []
        self.times_s: list[float] = []

    def update(
        self,
        ids: Sequence[int],
        lifted: Sequence[LiftedPerson],
        rays: FloatArray,
        score: FloatArray,
        time_s: float,
    ) -> list[Pose3D]:
        self.times_s.append(time_s)
        root_m = np.array([0, 0, 3], np.float32)
        return [Pose3D(one.relative_m, root_m, 0.1, one.confidence) for one in lifted]

    def forget(self, person: int) -> None:
        self.forgotten.append(person)


def perception(
    world: World,
    lag: int = 0,
    engine: PastEngine | None = None,
    clock: Callable[[], int] | None = None,
    bodies: Bodies | None = None,
    lines: LineSource | None = None,
) -> PosePerception:
    lifter = Lifter(PastEngine.manifest(), engine or PastEngine(), lag)
    tracker = Tracker(world, world, people=2)  # type: ignore[arg-type]
    return PosePerception(
        tracker,
        joint_map("blazepose-33"),
        lifter,
        CAMERA,
        bodies or AsLifted(),
        clock or FakeClock(step_ns=1),
        lines=lines,
    )


def run(
    people: Callable[[int], list[Place]], frames: int, lag: int = 0, engine: PastEngine | None = None
) -> list[Result]:
    """The results of a whole stream."""
    path = perception(World(people), lag, engine)
    results: list[Result] = []
    for n in range(frames):
        results += path.process(frame(n, 640, 480))
        assert len(results) == max(0, n + 1 - max(0, lag))
    return [*results, *path.finish()]


def comings_and_goings(n: int) -> list[Place]:
    """Someone who stays, someone who is there from 6 to 17 but for 10 and 11, and someone from 85 on."""
    stays = [(100.0 + 2 * n, 200.0)]
    if n in range(6, 10) or n in range(12, 18) or n >= 85:
        stays.append((500.0 - 2 * n, 240.0))
    return stays


def rays_of(results: Sequence[Result]) -> list[list[np.ndarray]]:
    return [[CAMERA.rays(p.keypoints_px[:, :2]) for p in r.people] for r in results]


@pytest.mark.parametrize("lag", [0, 2, 5, 20])
def test_every_pose_is_of_the_frame_it_comes_with(lag: int) -> None:
    results = run(comings_and_goings, 95, lag)
    assert [r.frame.index for r in results] == list(range(95))
    assert {p.id for r in results for p in r.people} == {0, 1, 2}
    for result, rays in zip(results, rays_of(results), strict=True):
        for person, seen in zip(result.people, rays, strict=True):
            np.testing.assert_allclose(person.pose.relative_m[:, :2], seen, atol=1e-6)


@pytest.mark.parametrize("lag", [2, 5, 20])
def test_waiting_changes_nothing_about_who_is_seen_where(lag: int) -> None:
    for at_once, late in zip(run(comings_and_goings, 95), run(comings_and_goings, 95, lag), strict=True):
        assert [p.id for p in at_once.people] == [p.id for p in late.people]
        for now, then in zip(at_once.people, late.people, strict=True):
            np.testing.assert_array_equal(now.box_px, then.box_px)
            np.testing.assert_array_equal(now.keypoints_px, then.keypoints_px)
            np.testing.assert_allclose(now.pose.root_m, then.pose.root_m, atol=1e-5)


def test_a_prediction_comes_at_once_and_is_of_a_frame_to_come() -> None:
    results = run(lambda n: [(100.0 + 2 * n, 200.0)], 20, lag=-2)
    assert [r.frame.index for r in results] == list(range(20))
    rays = rays_of(results)
    for n in range(3, 18):
        np.testing.assert_allclose(results[n].people[0].pose.relative_m[:, :2], rays[n + 2][0], atol=1e-5)


@pytest.mark.parametrize("frames", [0, 1, 3, 5, 6])
def test_a_stream_shorter_than_the_wait_comes_out_whole(frames: int) -> None:
    results = run(lambda n: [(100.0 + 2 * n, 200.0)], frames, lag=5)
    assert [r.frame.index for r in results] == list(range(frames))
    for result, rays in zip(results, rays_of(results), strict=True):
        np.testing.assert_allclose(result.people[0].pose.relative_m[:, :2], rays[0], atol=1e-6)


def test_an_empty_scene_comes_out_too() -> None:
    engine = PastEngine()
    assert [len(r.people) for r in run(lambda n: [], 8, 5, engine)] == [0] * 8
    assert engine.calls == 0


def test_someone_out_of_view_is_stepped_on_only_while_a_frame_of_theirs_waits() -> None:
    engine = PastEngine()
    run(lambda n: [(100.0, 200.0)] if n < 4 else [], 30, 5, engine)
    assert engine.batches == [1] * (4 + 5)


def test_after_the_end_a_new_stream_may_begin() -> None:
    path = perception(World(lambda n: [(100.0, 200.0)]), lag=2)
    for _ in range(2):
        results = [r for n in range(4) for r in path.process(frame(n, 640, 480))]
        assert [r.frame.index for r in [*results, *path.finish()]] == [0, 1, 2, 3]


def test_the_age_of_a_late_result_holds_the_wait_but_no_stage_does() -> None:
    clock = FakeClock()
    path = perception(World(lambda n: [(100.0, 200.0)]), 2, clock=clock)
    results: list[Result] = []
    for n in range(5):
        clock.now_ns = n * 10_000_000
        results += path.process(frame(n, 640, 480, captured_ns=clock.now_ns))
    assert [r.age_ms["total"] for r in results] == [20.0] * 3
    assert [r.age_ms["wait"] for r in results] == [20.0] * 3
    assert {r.age_ms[stage] for r in results for stage in ("capture", "detect", "estimate", "lift")} == {0.0}


class DeepWorld(World):
    """People whose wrists are 30 px nearer than their hips, or of whom nothing is said about depth."""

    def __init__(self, known: bool) -> None:
        super().__init__(lambda n: [(100.0, 200.0)])
        self._known = known

    def estimate(self, frame: Frame, region: Region) -> tuple[Keypoints2D, Region]:
        keypoints, following = super().estimate(frame, region)
        depth_px = np.full(33, 7.0, np.float32)
        depth_px[[BLAZEPOSE33.index("l_wrist"), BLAZEPOSE33.index("r_wrist")]] -= 30.0
        if not self._known:
            depth_px[BLAZEPOSE33.index("nose")] = np.nan
        return Keypoints2D(keypoints.xy_px, keypoints.score, depth_px, keypoints.presence), following


def test_the_depth_of_the_2d_net_reaches_the_lifter_in_the_unit_of_rays() -> None:
    engine = PastEngine()
    perception(DeepWorld(known=True), engine=engine).process(frame(0, 640, 480))
    wrists = [H36M17.index("l_wrist"), H36M17.index("r_wrist")]
    expected = np.zeros((1, 17))
    expected[:, wrists] = -30 / CAMERA.fx
    np.testing.assert_allclose(engine.depths[0], expected, atol=1e-6)


def test_a_depth_that_is_not_known_is_zeros() -> None:
    engine = PastEngine()
    perception(DeepWorld(known=False), engine=engine).process(frame(0, 640, 480))
    np.testing.assert_array_equal(engine.depths[0], np.zeros((1, 17)))


def test_a_lifter_is_told_nothing_of_a_tilt_that_nobody_knows() -> None:
    engine = PastEngine()
    perception(World(lambda n: [(100.0, 200.0)]), engine=engine, bodies=Bodies()).process(frame(0, 640, 480))
    assert not engine.ups[0].any()


@pytest.mark.parametrize("floor", [None, floor_under(1.4, 20)])
def test_the_lifter_is_told_the_tilt_that_the_user_says(floor: Floor | None) -> None:
    engine, bodies = PastEngine(), Bodies(BodySettings(floor=floor, up=None if floor else up_of_tilt(20)))
    path = perception(World(lambda n: [(100.0, 200.0)]), engine=engine, bodies=bodies)
    path.process(frame(0, 640, 480))
    (told,) = engine.ups[0]
    np.testing.assert_allclose(told / np.linalg.norm(told), up_of_tilt(20), atol=1e-6)
    assert 0.8 < np.linalg.norm(told) < 1


@pytest.mark.parametrize("said", [False, True])
def test_the_lifter_is_told_the_tilt_of_the_room_where_nobody_says_it(said: bool) -> None:
    room = turn(12, 20, 35)
    lines = PlayedLines({1: lines_of_room(np.random.default_rng(1), CAMERA, room)})
    engine, bodies = PastEngine(), Bodies(BodySettings(up=up_of_tilt(5) if said else None))
    path = perception(World(lambda n: [(100.0, 200.0)]), engine=engine, bodies=bodies, lines=lines)
    for n in range(3):
        path.process(frame(n, 640, 480))
    before, *after = (up[0] for up in engine.ups[:3])
    assert before.any() == said
    for told in after:
        assert 0.8 < np.linalg.norm(told) < 1
        wanted = up_of_tilt(5) if said else room[1]
        np.testing.assert_allclose(told / np.linalg.norm(told), wanted, atol=0.03)


def test_bodies_are_told_the_time_of_the_frame_and_who_is_gone_for_good() -> None:
    bodies = AsLifted()
    path = perception(World(lambda n: [(100.0, 200.0)] if n < 4 else []), lag=2, bodies=bodies)
    results = [r for n in range(130) for r in path.process(frame(n, 640, 480))]
    assert bodies.times_s == pytest.approx([r.frame.media_s for r in results])
    assert bodies.forgotten == [0]


def test_a_result_tells_what_smoothing_costs_and_how_tall_people_are() -> None:
    path = perception(World(lambda n: [(100.0 + 3 * n, 200.0)]), bodies=Bodies())
    results = [r for n in range(20) for r in path.process(frame(n, 640, 480))]
    assert results[0].smoothing_lag_ms == 0
    assert 0 < results[-1].smoothing_lag_ms < 500
    stature_m = results[-1].people[0].pose.stature_m
    assert stature_m is not None
    assert stature_m > 0

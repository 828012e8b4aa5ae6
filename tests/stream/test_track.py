from __future__ import annotations

from collections.abc import Callable

import numpy as np

from realtime.decode import Around
from realtime.stream.track import Tracker
from realtime.types import Boxes, FloatArray, Frame, Keypoints2D, Region
from tests.fakes import Place, World
from tests.fakes import frame as small_frame


def run(
    people: Callable[[int], list[Place]], frames: int, limit: int = 1
) -> tuple[list[dict[int, float]], World]:
    """For each frame the people in view: id to place along x."""
    world = World(people)
    tracker = Tracker(world, world, limit)  # type: ignore[arg-type]
    history = []
    for n in range(frames):
        tracks, _ = tracker.update(small_frame(n, 640, 480), lambda stage: None)
        history.append({t.id: float(t.keypoints.xy_px[:, 0].mean()) for t in tracks})
    return history, world


def test_the_detector_runs_once_for_someone_who_stays() -> None:
    history, world = run(lambda n: [(100 + 5 * n, 200)], 50)
    assert world.detections == 1
    assert all(set(people) == {0} for people in history)
    np.testing.assert_allclose([p[0] for p in history], [100 + 5 * n for n in range(50)], atol=1e-3)


def test_an_empty_scene_is_searched_every_frame() -> None:
    history, world = run(lambda n: [], 7)
    assert history == [{}] * 7
    assert world.detections == 7


def test_someone_lost_is_found_in_the_same_frame() -> None:
    def jumper(n: int) -> list[Place]:
        return [(100, 200)] if n < 5 else [(400, 200)]

    history, world = run(jumper, 10)
    assert all(len(people) == 1 for people in history)
    assert world.detections == 2
    assert set(history[4]) != set(history[5])  # too far away to be taken for the same person


def test_someone_back_at_the_same_place_keeps_their_identity() -> None:
    history, _ = run(lambda n: [] if 5 <= n < 10 else [(100, 200)], 20)
    assert history[4] == history[12]
    assert history[7] == {}


def test_someone_gone_for_long_is_someone_new() -> None:
    gone: list[int] = []
    world = World(lambda n: [] if 5 <= n < 40 else [(100, 200)])
    tracker = Tracker(world, world)  # type: ignore[arg-type]
    for n in range(50):
        tracks, given_up = tracker.update(small_frame(n, 640, 480), lambda stage: None)
        gone += given_up
    assert gone == [0]
    assert [t.id for t in tracks] == [1]


def test_two_people_keep_their_identities_side_by_side() -> None:
    history, _ = run(lambda n: [(100 + n, 200), (500 - n, 200)], 60, limit=2)
    assert history[-1] == {0: 159.0, 1: 441.0} or history[-1] == {1: 159.0, 0: 441.0}
    assert all(set(people) == {0, 1} for people in history)


def test_no_more_people_than_asked_for() -> None:
    history, _ = run(lambda n: [(100, 200), (300, 200), (500, 200)], 30, limit=2)
    assert all(len(people) == 2 for people in history)


def test_a_latecomer_is_found_within_the_search_interval() -> None:
    history, world = run(lambda n: [(100, 200)] if n < 15 else [(100, 200), (500, 200)], 40, limit=2)
    assert len(history[14]) == 1
    assert len(history[26]) == 2
    assert world.detections < 8


def test_two_regions_on_one_person_become_one() -> None:
    def merging(n: int) -> list[Place]:
        return [(100, 200), (300, 200)] if n < 5 else [(200, 200)]

    world = World(merging)
    tracker = Tracker(world, world, 2)  # type: ignore[arg-type]
    for n in range(3):
        tracker.update(small_frame(n, 640, 480), lambda stage: None)
    for track in tracker._tracks:
        track.region = Region(200, 200, 100, 0.0)
    tracks, _ = tracker.update(small_frame(5, 640, 480), lambda stage: None)
    assert len(tracks) == 1


class BoxWorld(World):
    """A detector that gives boxes alone: the estimator says where to look."""

    def __init__(self, people: Callable[[int], list[Place]]) -> None:
        super().__init__(people)
        self.looked_at: list[Region] = []

    def around(self, box_px: FloatArray) -> Region:
        x, y = (float(v) for v in (box_px[:2] + box_px[2:]) / 2)
        return Region(x, y, 77.0, 0.0)

    def detect(self, frame: Frame, around: Around) -> Boxes:
        boxes = super().detect(frame, around)
        return Boxes(boxes.xyxy_px, boxes.score, tuple(around(box) for box in boxes.xyxy_px))

    def estimate(self, frame: Frame, region: Region) -> tuple[Keypoints2D, Region]:
        self.looked_at.append(region)
        return super().estimate(frame, region)


def test_the_estimator_says_where_to_look_for_a_box() -> None:
    world = BoxWorld(lambda n: [(100, 200)])
    tracker = Tracker(world, world)  # type: ignore[arg-type]
    for n in range(2):
        tracker.update(small_frame(n, 640, 480), lambda stage: None)
    assert world.looked_at == [Region(100, 200, 77.0, 0.0), Region(100, 200, 100, 0.0)]

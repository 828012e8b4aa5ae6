from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

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
    world = World(lambda n: [] if 5 <= n < 100 else [(100, 200)])
    tracker = Tracker(world, world)  # type: ignore[arg-type]
    for n in range(110):
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


def test_who_comes_back_when_their_place_is_taken_is_not_one_too_many() -> None:
    def people(n: int) -> list[Place]:
        return [(100, 200)] if n < 5 else [(400, 200)] if n < 10 else [(100, 200), (400, 200)]

    history, _ = run(people, 20)
    assert all(len(said) == 1 for said in history)
    assert history[-1] == history[9]


def test_a_latecomer_is_found_within_the_search_interval() -> None:
    history, world = run(lambda n: [(100, 200)] if n < 45 else [(100, 200), (500, 200)], 70, limit=2)
    assert len(history[44]) == 1
    assert len(history[52]) == 2
    assert world.detections < 40  # in every frame of the first second only


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


def walkers(
    *ways: tuple[float, float], hidden: Mapping[int, Collection[int]] | None = None
) -> Callable[[int], list[Place]]:
    """People who start at x and walk so many pixels a frame; hidden: who cannot be seen in which frames."""

    def at(n: int) -> list[Place]:
        unseen = [who for who, frames in (hidden or {}).items() if n in frames]
        return [(x + v * n, 200) for who, (x, v) in enumerate(ways) if who not in unseen]

    return at


def test_someone_hidden_for_a_second_is_found_further_along_their_way() -> None:
    history, _ = run(walkers((60, 4), (600, 0), hidden={0: range(40, 71)}), 110, limit=2)
    first = min(history[39], key=lambda who: history[39][who])
    assert first not in history[55]
    assert history[109][first] == pytest.approx(60 + 4 * 109, abs=1)
    assert len({who for people in history for who in people}) == 2


@pytest.mark.parametrize("fps", [15.0, 60.0])
def test_memory_is_of_seconds_not_of_frames(fps: float) -> None:
    """A second out of view is survived at any frame rate, and four are not."""
    for seconds, survives in ((1.0, True), (4.0, False)):
        back = int(fps * (1 + seconds))
        world = World(lambda n, back=back: [] if fps <= n < back else [(100, 200)])  # type: ignore[misc]
        tracker = Tracker(world, world)  # type: ignore[arg-type]
        for n in range(back + 5):
            tracks, _ = tracker.update(at_rate(n, fps), lambda stage: None)
        assert [t.id for t in tracks] == [0 if survives else 1]


def at_rate(n: int, fps: float) -> Frame:
    """A grey frame at a time by the frame rate."""
    return replace(small_frame(n, 640, 480), media_s=n / fps)


def test_people_who_cross_keep_their_identities() -> None:
    """While they overlap only one can be seen."""
    history, _ = run(walkers((100, 4), (500, -4), hidden={1: range(44, 57)}), 100, limit=2)
    before, after = history[20], history[99]
    left = min(before, key=lambda who: before[who])
    right = max(before, key=lambda who: before[who])
    assert after == pytest.approx({left: 100 + 4 * 99, right: 500 - 4 * 99}, abs=1)


def crossing(n: int) -> list[Place]:
    """Two people who meet in frame 50; the second cannot be seen from 47 to 56."""
    return walkers((100, 4), (500, -4), hidden={1: range(47, 57)})(n)


def scores_of(people: Callable[[int], list[Place]], frames: int, **options: float) -> list[dict[int, float]]:
    """For each frame the mean score of each person's joints, of two at most."""
    world = World(people)
    tracker = Tracker(world, world, 2, **options)  # type: ignore[arg-type]
    history = []
    for n in range(frames):
        tracks, _ = tracker.update(small_frame(n, 640, 480), lambda stage: None)
        history.append({t.id: float(t.keypoints.score.mean()) for t in tracks})
    return history


def test_who_is_hidden_behind_somebody_is_said_to_be_where_they_should_be() -> None:
    history, _ = run(crossing, 80, limit=2)
    hidden = max(history[20], key=lambda who: history[20][who])
    for n in range(80):
        assert history[n][hidden] == pytest.approx(500 - 4 * n, abs=4), n


def test_who_is_carried_on_is_less_and_less_sure_and_then_not_said() -> None:
    history = scores_of(walkers((100, 4), (500, -4), hidden={1: range(47, 90)}), 80)
    (hidden,) = history[46].keys() - history[79].keys()
    carried = [people[hidden] for people in history[46:] if hidden in people]
    assert 12 <= len(carried) <= 16  # half a second, at 30 frames a second
    assert all(later < before for before, later in pairwise(carried))
    assert not any(hidden in people for people in history[62:])


def test_nobody_is_carried_on_by_who_does_not_want_it() -> None:
    assert all(len(people) == 1 for people in scores_of(crossing, 60, bridge_s=0.0)[48:56])


def test_who_is_carried_on_takes_no_place_from_who_is_in_view() -> None:
    """A third person, known from before, comes back while the second is hidden."""
    ways = walkers((100, 4), (500, -4), (620, 0), hidden={1: [*range(15), *range(49, 90)], 2: range(15, 50)})
    history, _ = run(ways, 70, limit=2)
    assert all(len(people) <= 2 for people in history)


def test_joints_of_two_people_mixed_are_not_taken_for_who_is_behind() -> None:
    class Mixing(World):
        """Near another the second person's joints come out half-way between the two."""

        def estimate(self, frame: Frame, region: Region) -> tuple[Keypoints2D, Region]:
            keypoints, following = super().estimate(frame, region)
            first, second = crossing_places(frame.index)
            if frame.index not in range(48, 54) or abs(region.cx_px - second) > abs(region.cx_px - first):
                return keypoints, following
            share = np.where(np.arange(33) % 3 == 0, 0.0, 1.0)[:, None]
            other, _ = super().estimate(frame, Region(first, 200, 100, 0.0))
            xy = share * other.xy_px + (1 - share) * keypoints.xy_px
            return replace(keypoints, xy_px=xy.astype(np.float32)), Region(first, 200, 100, 0.0)

        def detect(self, frame: Frame, around: Around, window: Region | None = None) -> Boxes:
            boxes = super().detect(frame, around, window)
            return (
                boxes if frame.index not in range(48, 54) else Boxes(boxes.xyxy_px[:0], boxes.score[:0], ())
            )

    def crossing_places(n: int) -> tuple[float, float]:
        return 100.0 + 4 * n, 502.0 - 4 * n

    world = Mixing(lambda n: [(x, 200) for x in crossing_places(n)])
    tracker = Tracker(world, world, 2)  # type: ignore[arg-type]
    for n in range(80):
        tracks, _ = tracker.update(small_frame(n, 640, 480), lambda stage: None)
        seen = sorted(float(t.keypoints.xy_px[:, 0].mean()) for t in tracks)
        assert seen == pytest.approx(sorted(crossing_places(n)), abs=6), n


def test_the_most_prominent_get_the_places() -> None:
    class Sizes(World):
        def detect(self, frame: Frame, around: Around, window: Region | None = None) -> Boxes:
            boxes = super().detect(frame, around, window)
            sized = (replace(region, size_px=60 + region.cx_px / 10) for region in boxes.regions)
            return Boxes(boxes.xyxy_px, boxes.score, tuple(sized))

    world = Sizes(lambda n: [(100, 200), (300, 200), (500, 200)])
    tracker = Tracker(world, world, 2)  # type: ignore[arg-type]
    tracks, _ = tracker.update(small_frame(0, 640, 480), lambda stage: None)
    assert sorted(float(t.keypoints.xy_px[:, 0].mean()) for t in tracks) == pytest.approx([300, 500])


def test_a_place_is_kept_for_who_is_hidden_behind_someone() -> None:
    """A third person, whom the cap left out, does not take it."""
    ways = walkers((100, 4), (500, -4), (620, 0), hidden={1: range(47, 58), 2: range(0, 5)})
    history, _ = run(ways, 100, limit=2)
    assert len({who for people in history for who in people}) == 2


@pytest.mark.parametrize("broken", ["gap", "back in time", "cut"])
def test_after_a_break_everybody_is_somebody_new(broken: str) -> None:
    world = World(lambda n: [(100, 200), (400, 200)])
    tracker = Tracker(world, world, 2)  # type: ignore[arg-type]
    pictures = [np.random.default_rng(seed).integers(0, 256, (480, 640, 3), np.uint8) for seed in (0, 1)]
    shift_s = {"gap": 5.0, "back in time": -0.2, "cut": 0.0}[broken]
    gone, ids = [], []
    for n in range(20):
        image = pictures[int(n >= 10 and broken == "cut")]
        frame = Frame(image, n, 0, n / 30 + shift_s * (n >= 10))
        tracks, given_up = tracker.update(frame, lambda stage: None)
        gone.append(given_up)
        ids.append(sorted(t.id for t in tracks))
    assert ids[9] == [0, 1]
    assert sorted(gone[10]) == [0, 1]
    assert ids[10] == [2, 3] == ids[19]
    assert not any(gone[:10] + gone[11:])


def test_a_thing_taken_for_a_person_gets_no_identity() -> None:
    class Doubtful(World):
        def estimate(self, frame: Frame, region: Region) -> tuple[Keypoints2D, Region]:
            keypoints, following = super().estimate(frame, region)
            return replace(keypoints, score=np.full(33, 0.5, np.float32)), following

    world = Doubtful(lambda n: [(100, 200)])
    tracker = Tracker(world, world)  # type: ignore[arg-type]
    for n in range(30):
        tracks, _ = tracker.update(small_frame(n, 640, 480), lambda stage: None)
        assert tracks == []


class BoxWorld(World):
    """A detector that gives boxes alone: the estimator says where to look."""

    def __init__(self, people: Callable[[int], list[Place]]) -> None:
        super().__init__(people)
        self.looked_at: list[Region] = []

    def around(self, box_px: FloatArray) -> Region:
        x, y = (float(v) for v in (box_px[:2] + box_px[2:]) / 2)
        return Region(x, y, 77.0, 0.0)

    def detect(self, frame: Frame, around: Around, window: Region | None = None) -> Boxes:
        boxes = super().detect(frame, around, window)
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

"""Records of rendered clips: detections given to whom they are of, and the real nets on a real rendering."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import realtime.sample as sample
from realtime.errors import PoseError, UsageError
from realtime.skeleton import BLAZEPOSE33, H36M17, JointMap, joint_map
from realtime.types import FloatArray, Frame, ImageArray, Keypoints2D
from tests.fakes import standing_pose
from tests.training.dataset.discs import FRAMES, DiscFactory
from training.records.observe import BOUND, Follower, LiveNets, assignment, observe
from training.records.shards import RecordSettings, ShardFactory, write_records
from training.records.store import load_records
from training.render.annotation import ClipAnnotation, FrameAnnotation, collected

SEED = 4


def person_at(x_px: float, height_px: float = 100.0) -> FloatArray:
    """(17, 2) someone standing whose pelvis is at x_px, in a picture of 1000 x 200."""
    pose = standing_pose()[:, :2]
    return (pose / np.ptp(pose[:, 1]) * height_px + (x_px, 80)).astype(np.float32)


def truth_of(*people_px: FloatArray) -> FrameAnnotation:
    points_px = np.stack(people_px)
    count = len(points_px)
    boxes = np.concatenate([points_px.min(axis=1), points_px.max(axis=1)], axis=1)
    seen, shown = np.ones((count, 17), bool), np.ones(count, np.float32)
    return FrameAnnotation(np.zeros((count, 17, 3), np.float32), points_px, seen, boxes, shown)


def pairs(detected_px: list[FloatArray], truth: FrameAnnotation) -> set[tuple[int, int]]:
    return set(assignment(detected_px, truth))


def test_each_detection_goes_to_the_person_it_fits() -> None:
    left, right = person_at(200), person_at(600)
    truth = truth_of(left, right)
    assert pairs([right + 3, left - 2], truth) == {(0, 1), (1, 0)}
    assert pairs([right + 3], truth) == {(0, 1)}
    assert pairs([], truth) == set()


def test_furniture_is_nobody_and_the_person_is_not_found() -> None:
    assert pairs([person_at(400)], truth_of(person_at(200))) == set()


def test_a_second_detection_of_the_same_person_is_nobody() -> None:
    assert pairs([person_at(205), person_at(201)], truth_of(person_at(200), person_at(700))) == {(1, 0)}


@given(st.floats(0, 1))
def test_the_bound_is_a_share_of_the_box(share: float) -> None:
    exact_px = person_at(200)
    moved_px = exact_px + np.float32([share * 100, 0])
    if abs(share - BOUND) > 1e-4:
        assert bool(pairs([moved_px], truth_of(exact_px))) == (share < BOUND)


def test_only_visible_joints_count_and_there_must_be_some() -> None:
    truth = truth_of(person_at(200))
    detected_px = person_at(200)
    detected_px[5:] += 500
    assert pairs([detected_px], truth) == set()
    truth.visible[0, 5:] = False
    assert pairs([detected_px], truth) == {(0, 0)}
    truth.visible[0, 2:] = False
    assert pairs([detected_px], truth) == set()


@given(st.permutations(range(4)), st.floats(-8, 8))
def test_any_order_of_detections_finds_its_people(order: list[int], off_px: float) -> None:
    people = [person_at(100 + 150 * n) for n in range(4)]
    detected_px = [people[n] + np.float32(off_px) for n in order]
    assert pairs(detected_px, truth_of(*people)) == {(place, n) for place, n in enumerate(order)}


_SAME_JOINTS = joint_map(H36M17)


@dataclass
class ScriptedNets:
    """Says of each frame what the script says: 17 joints a detection."""

    script: Callable[[int], Sequence[FloatArray]]
    name: str = "scripted"
    joint_map: JointMap = _SAME_JOINTS

    def follower(self, people: int) -> Follower:
        return self

    def follow(self, frame: Frame) -> list[Keypoints2D]:
        return [self._seen(points_px) for points_px in self.script(frame.index)]

    def close(self) -> None:
        pass

    @staticmethod
    def _seen(points_px: FloatArray) -> Keypoints2D:
        score, depth_px = np.linspace(0.1, 0.9, 17, dtype=np.float32), np.arange(17, dtype=np.float32)
        return Keypoints2D(points_px.astype(np.float32), score, depth_px, 1.0)


def truths(number: int) -> ClipAnnotation:
    clip = DiscFactory()().clip(SEED, number)
    return clip.annotation([truth for _, truth in clip.render()])


def test_records_hold_what_was_said_beside_the_truth() -> None:
    truth = truths(1)
    points_px = truth.keypoints_px

    def script(frame: int) -> list[FloatArray]:
        if frame == 0:
            return []
        return [points_px[frame, 1] + 1, points_px[frame, 0] + 4000]  # the second is on nobody

    observed = observe(DiscFactory()().clip(SEED, 1), ScriptedNets(script))
    records = observed.records
    assert (records.clips, records.frames) == (2, 2 * FRAMES)
    assert records.name == ("take-1-0", "take-1-1")
    assert records.subject == ("body-0", "body-1")
    assert records.net == "scripted"
    first, second = records.clip(0), records.clip(1)
    assert not first.found.any()
    assert not first.seen_px.any()
    assert np.isnan(first.depth_px).all()
    assert second.found.tolist() == [False] + [True] * (FRAMES - 1)
    np.testing.assert_allclose(second.seen_px[1:], points_px[1:, 1] + 1, atol=1e-4)
    np.testing.assert_array_equal(second.depth_px[1], np.arange(17))
    np.testing.assert_array_equal(second.pose_m, truth.pose_m[:, 1])
    np.testing.assert_array_equal(second.visible, truth.visible[:, 1])
    tally = observed.tally
    assert (tally.frames, tally.seen, tally.found) == (FRAMES, 2 * FRAMES, FRAMES - 1)
    assert tally.strays == FRAMES - 1
    assert observed.render_ns > 0


def test_the_tally_counts_those_in_reach_and_whole() -> None:
    clip = NearAndFar()
    observed = observe(clip, ScriptedNets(lambda frame: [clip.truth(frame).keypoints_px[0]]))
    assert observed.tally.as_dict() == {
        "frames": 4, "seen": 3, "found": 3, "near": 1, "near_found": 1, "strays": 1,
    }  # fmt: skip
    assert "found 100.0% of 3 people in 4 frames; 100.0% of the 1 at 2 to 6 m" in str(observed.tally)


class NearAndFar:
    """One person: at 3 m whole, at 3 m half hidden, at 8 m whole, and wholly hidden."""

    frames, fps = 4, 30.0
    intrinsics = sample.camera()
    takes, subjects = ("a",), ("b",)

    def truth(self, frame: int) -> FrameAnnotation:
        pose_m = (standing_pose()[None] + np.float32([0, 0, (3, 3, 8, 3)[frame]])).astype(np.float32)
        points_px = self.intrinsics.project(pose_m)
        box_px = np.concatenate([points_px.min(axis=1), points_px.max(axis=1)], axis=1)
        visible, shown = np.full((1, 17), frame < 3), np.float32([(1, 0.5, 1, 0)[frame]])
        return FrameAnnotation(pose_m, points_px, visible, box_px, shown)

    def render(self) -> Iterator[tuple[ImageArray, FrameAnnotation]]:
        for frame in range(self.frames):
            yield np.zeros((480, 640, 3), np.uint8), self.truth(frame)

    def annotation(self, frames: Sequence[FrameAnnotation]) -> ClipAnnotation:
        up = np.float32([0, -1, 0])
        return collected(frames, np.float32([1.7]), (self.intrinsics, up, 1.4), self.fps)


class SampleClip(NearAndFar):
    """The first second of the shipped sample clip."""

    frames = 30

    def render(self) -> Iterator[tuple[ImageArray, FrameAnnotation]]:
        capture, truth = cv2.VideoCapture(str(sample.clip_path())), sample.load_truth()
        for n in range(self.frames):
            there, image = capture.read()
            assert there
            box_px, shown = truth["box_px"][[n]], np.ones(1, np.float32)
            part = (truth[key][[n]] for key in ("pose_m", "keypoints_px", "visible"))
            yield image, FrameAnnotation(*part, box_px, shown)


def test_the_live_nets_find_a_rendered_person(blazepose: Path) -> None:
    nets = LiveNets()
    try:
        assert nets.joint_map.source is BLAZEPOSE33
        observed = [observe(SampleClip(), nets) for _ in range(2)]
    finally:
        nets.close()
    records = observed[0].records
    assert records.found.all()
    off_px = np.linalg.norm(records.seen_px - records.exact_px, axis=2)[records.visible]
    assert np.median(off_px) < 8
    assert np.isfinite(records.depth_px).all()
    assert observed[0].tally.near_found == observed[0].tally.near == SampleClip.frames
    assert observed[0].nets_ns > 0
    # A second clip starts afresh: nothing is left of the first.
    np.testing.assert_array_equal(records.seen_px, observed[1].records.seen_px)
    np.testing.assert_array_equal(records.score, observed[1].records.score)


@dataclass(frozen=True)
class DiscNets:
    """Opens nets that find the joints of everyone but the first, by the brightness of the picture."""

    def __call__(self) -> ScriptedNets:
        points_px = truths(1).keypoints_px
        return ScriptedNets(lambda frame: [points_px[frame, 1]])


def write(out: Path, shards: int = 3, processes: int = 1, **trouble: int) -> dict[str, bytes]:
    settings = RecordSettings(shards, SEED, clips_a_shard=2)
    steps: list[int] = []
    factory = ShardFactory(DiscFactory(**trouble), DiscNets(), out, settings)
    run = write_records(factory, {"maker": "discs"}, processes, steps.append)
    assert run.frames == sum(steps)
    assert run.tally.frames == shards * 2 * FRAMES
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_shards_are_the_same_however_they_are_made(tmp_path: Path) -> None:
    whole = write(tmp_path / "a")
    assert sorted(name for name in whole if name.endswith(".npz")) == [
        f"records-{n:05d}.npz" for n in range(3)
    ]
    assert write(tmp_path / "b", processes=2) == whole
    with pytest.raises(PoseError, match="shard 1: its process was killed by SIGKILL"):
        write(tmp_path / "c", processes=2, kill_at=3)
    assert write(tmp_path / "c") == whole
    write(tmp_path / "d", shards=1)
    (tmp_path / "d" / ".part-7-records-00001.npz").write_bytes(b"half")
    assert write(tmp_path / "d") == whole
    assert (tmp_path / "d" / "records-00002.npz").stat().st_size > 0


def test_shards_load_as_records_of_all_clips_in_order(tmp_path: Path) -> None:
    write(tmp_path)
    records = load_records(tmp_path)
    assert records.clips == 9
    assert [name.rsplit("-", 1)[0] for name in records.name] == [
        f"take-{n}" for n in range(6) for _ in range(1 + n % 2)
    ]
    assert records.clip(2).found.all()
    header = json.loads((tmp_path / "records.json").read_text())
    assert (header["seed"], header["shards"]) == (SEED, 3)


def test_a_folder_of_other_records_is_refused(tmp_path: Path) -> None:
    write(tmp_path, shards=1)
    settings = RecordSettings(1, SEED + 1, clips_a_shard=2)
    with pytest.raises(UsageError, match="seed is 4 there and 5 now"):
        write_records(ShardFactory(DiscFactory(), DiscNets(), tmp_path, settings), {"maker": "discs"})

"""Evaluation: what is counted, what a lifter is fed, and how its answers are read."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from realtime.engines.open import open_engine
from realtime.errors import UsageError
from realtime.lift import Lifted, Lifter
from realtime.manifest import Manifest, TensorInfo
from realtime.models.catalogue import lifter, lifter_names
from realtime.types import FloatArray
from tests.fakes import PastEngine
from tests.training.records.made_up import exact_records
from tests.training.walking import walker_m, walkers
from training.lifters.evaluate import (
    KEYS,
    Answer,
    Conditions,
    Tally,
    evaluate,
    evaluate_takes,
    lags_of,
    rows_of,
    run_lifter,
)
from training.lifters.takes import Take, draw_take, record_takes
from training.mocap.motion import Motion, MotionFileError, Sequence, load_motion
from training.mocap.split import TEST_SUBJECTS

ERRORS = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm", "accel_mm", "depth_bias_percent")
GIVEN = Conditions()


def _take(frames: int = 30) -> Take:
    return draw_take(Sequence("walk", "a", walker_m(frames)), "gt", seed=0)


class Knower:
    """A lifter that knows the truth of a take, answers `delay` frames late, and is wrong by factors."""

    def __init__(self, take: Take, delay: int = 0, factor: float = 1.0, depth_factor: float = 1.0) -> None:
        self._take, self.delay, self._factor, self._depth_factor = take, delay, factor, depth_factor
        self.fed: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self.dropped: list[int] = []
        self.told: list[FloatArray | None] = []

    def step(
        self,
        rays: FloatArray,
        score: FloatArray,
        ids: Many[int],
        depth: FloatArray | None = None,
        up: FloatArray | None = None,
    ) -> Lifted:
        self.told.append(up)
        t = int(np.clip(len(self.fed) - self.delay, 0, len(self._take) - 1))
        assert depth is not None
        self.fed.append((rays[0], score[0], depth[0]))
        pose_m = self._take.truth_m[t]
        depth_m = self._factor * self._depth_factor * pose_m[0, 2:]
        return Lifted(self._factor * (pose_m - pose_m[0])[None], depth_m, np.full(1, 0.1, np.float32))

    def drop(self, person: int) -> None:
        self.dropped.append(person)


def _figures(take: Take, knower: Knower, lag: int, conditions: Conditions = GIVEN) -> dict[str, float]:
    tally = Tally()
    tally.add(take, run_lifter(knower, take, conditions), lag)
    return tally.figures()


def test_a_lifter_that_knows_the_truth_has_no_error() -> None:
    take = _take()
    found = _figures(take, knower := Knower(take), 0)
    for name in ERRORS:
        assert found[name] == pytest.approx(0, abs=0.05)
    assert (found["pck150"], found["within_sigma"]) == (100, 1)
    assert found["step_ms"] > 0
    assert found["bone_cv_percent"] < 0.1
    assert knower.dropped == [0]


@pytest.mark.parametrize("lag", [3, -2])
def test_an_answer_that_lags_or_leads_is_compared_with_its_own_frame(lag: int) -> None:
    take = _take()
    right, wrong = (_figures(take, Knower(take, lag), said) for said in (lag, 0))
    assert right["mpjpe_mm"] < 0.05 < 5 < wrong["mpjpe_mm"]
    assert right["mpjve_mm"] < 0.05


def test_a_late_answer_is_placed_by_the_rays_of_its_own_frame() -> None:
    take, alone = _take(), Conditions(closed_form_root=True)
    assert _figures(take, Knower(take, 3), 3, alone)["mrpe_mm"] < 1
    assert _figures(take, Knower(take, -3), -3, alone)["mrpe_mm"] > 5


def test_every_frame_is_fed_with_its_depth() -> None:
    take = _take()
    take = replace(take, depth=np.arange(30 * 17, dtype=np.float32).reshape(30, 17))
    run_lifter(knower := Knower(take), take)
    for part, whole in enumerate((take.rays, take.score, take.depth)):
        np.testing.assert_array_equal(np.stack([fed[part] for fed in knower.fed]), whole)


def test_a_given_tilt_is_told_to_lifters_if_the_take_keeps_it() -> None:
    take = _take()
    assert np.linalg.norm(take.up) == pytest.approx(1)
    known, nothing = Conditions(tilt_given=True), Conditions()
    for one, conditions in ((take, nothing), (replace(take, up=np.full(3, np.nan, np.float32)), known)):
        run_lifter(knower := Knower(one), one, conditions)
        assert all(up is None for up in knower.told)
    run_lifter(knower := Knower(take), take, known)
    assert all(up is not None and np.array_equal(up, take.up) for up in knower.told)


def test_a_given_height_mends_a_lifter_whose_people_are_too_small() -> None:
    take = _take()
    small = _figures(take, Knower(take, factor=0.9), 0)
    mended = _figures(take, Knower(take, factor=0.9), 0, Conditions(height_given=True))
    assert small["depth_bias_percent"] == pytest.approx(-10, abs=0.1)
    assert small["mpjpe_mm"] > 30
    for name in ERRORS:
        assert mended[name] == pytest.approx(0, abs=0.1)


def test_unseen_frames_do_not_change_a_persons_size() -> None:
    take = _take()
    take.score[10:20] = 0

    class Lost(Knower):
        def step(
            self,
            rays: FloatArray,
            score: FloatArray,
            ids: Many[int],
            depth: FloatArray | None = None,
            up: FloatArray | None = None,
        ) -> Lifted:
            lifted = super().step(rays, score, ids, depth, up)
            return (
                lifted
                if score.any()
                else Lifted(9 * lifted.relative_m, lifted.root_depth_m, np.ones(1, np.float32))
            )

    found = _figures(take, Lost(take, factor=0.9), 0, Conditions(height_given=True))
    assert found["mpjpe_mm"] == pytest.approx(0, abs=0.1)


def test_the_nets_own_depth_can_be_left_out() -> None:
    take = _take()
    net, rays = (
        _figures(take, Knower(take, depth_factor=1.1), 0, Conditions(closed_form_root=alone))
        for alone in (False, True)
    )
    assert net["depth_bias_percent"] > 1
    assert rays["mrpe_mm"] == pytest.approx(0, abs=1)


def test_frames_without_anyone_are_left_out() -> None:
    take = _take()
    answer = run_lifter(Knower(take), take)
    take.score[10:15] = 0
    answer.pose_m[10:15] += 9
    tally = Tally()
    assert not tally
    tally.add(take, answer, lag=0)
    assert tally.figures()["mpjpe_mm"] == pytest.approx(0, abs=1e-2)
    assert tally.figures()["mpjve_mm"] == pytest.approx(0, abs=1e-2)
    take.score[:] = 0
    empty = Tally()
    empty.add(take, answer, lag=0)
    with pytest.raises(MotionFileError, match="no frame"):
        empty.figures()


@pytest.mark.parametrize("lag", [30, 40, -30, -40])
def test_a_take_shorter_than_the_lag_does_not_count(lag: int) -> None:
    take, tally = _take(), Tally()
    tally.add(take, run_lifter(Knower(take), take), lag)
    assert not tally


def test_bones_vary_within_takes_not_between_them() -> None:
    take, tally = _take(), Tally()
    for factor in (1.0, 1.3):
        answer = run_lifter(Knower(take, factor=factor), take)
        tally.add(take, answer, 0)
    assert tally.figures()["bone_cv_percent"] < 0.1
    swelling = np.linspace(0.9, 1.1, 30, dtype=np.float32)[:, None, None]
    tally.add(take, Answer(swelling * answer.pose_m, answer.root_m, answer.sigma_m, answer.step_ms), 0)
    assert tally.figures()["bone_cv_percent"] == pytest.approx(100 * swelling.std() / 3, rel=0.05)


def test_records_are_lifted_and_their_missed_frames_do_not_count() -> None:
    records = exact_records(clips=1, frames=20)
    found = np.ones(20, bool)
    found[5:8] = False
    motion = Motion((Sequence("take_0", "person_0", walker_m(4)),), 30.0)
    (take,) = record_takes(replace(records, found=found), motion)
    knower, tally = Knower(take), Tally()
    answer = run_lifter(knower, take)
    answer.pose_m[5:8] += 1
    tally.add(take, answer, 0)
    assert len(knower.fed) == 20
    assert tally.figures()["mpjpe_mm"] == pytest.approx(0, abs=0.05)
    assert tally.figures()["mrpe_mm"] < 1


def test_a_lifter_starts_each_take_afresh() -> None:
    manifest = lifter("unified")
    live, take = Lifter(manifest, open_engine(manifest.path, "onnxruntime", 1)), _take()
    first, again = run_lifter(live, take), run_lifter(live, take)
    np.testing.assert_array_equal(first.pose_m, again.pose_m)
    assert (first.step_ms > 0).all()
    assert len(first.root_m) == 30


def test_rows_by_group_say_how_they_were_made() -> None:
    takes = Conditions().takes(walkers("bob", "ann", frames=20))
    manifest = lifter("unified")
    plain = rows_of(manifest, takes, Conditions())
    assert list(plain[0])[: len(KEYS)] == list(KEYS)
    assert plain[0]["root"] == "net"
    assert not {"group", "height_given"} & plain[0].keys()
    rows = rows_of(manifest, takes, Conditions(height_given=True, closed_form_root=True), "subject")
    assert [row["group"] for row in rows] == ["ann", "bob"]
    assert all(row["height_given"] is True and row["root"] == "closed form" for row in rows)
    assert not any("tilt_given" in row for row in rows)
    (told,) = rows_of(manifest, takes, Conditions(tilt_given=True))
    assert told["tilt_given"] is True


def test_groups_share_the_whole() -> None:
    takes = Conditions().takes(walkers("bob", "ann", frames=20))
    manifest, ticks = lifter("unified"), list[int]()
    parts = evaluate_takes(manifest, takes, Conditions(), "subject", ticks.append)
    whole = evaluate_takes(manifest, takes, Conditions())["all"]
    assert np.mean([p["mpjpe_mm"] for p in parts.values()]) == pytest.approx(whole["mpjpe_mm"], abs=0.01)
    assert ticks == [20, 20]


def test_a_group_nobody_sees_is_left_out_and_no_group_at_all_is_said() -> None:
    takes = [replace(_take(), subject=subject) for subject in ("a", "b")]
    takes[0].score[:] = 0
    assert list(evaluate_takes(lifter("unified"), takes, Conditions(), "subject")) == ["b"]
    takes[1].score[:] = 0
    with pytest.raises(MotionFileError, match="no frame"):
        evaluate_takes(lifter("unified"), takes, Conditions())


def test_only_lifters_with_a_dial_are_asked_for_lags() -> None:
    plain = lifter("videopose-tcn")
    dial = replace(plain, lags=(0, 4, -2), inputs={**plain.inputs, "lag": TensorInfo((-1, 3))})
    assert lags_of(plain, [0, 4]) == [0]
    assert lags_of(dial, []) == [0]
    assert lags_of(dial, [4, -2, 4]) == [4, -2]
    with pytest.raises(UsageError, match="no lag 5"):
        lags_of(dial, [5])


def test_a_dial_is_turned_and_its_answers_are_compared_with_their_own_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PastEngine's pose is the rays of the frame that its lag says, or goes on as between the last two."""
    rays = np.linspace(0, 1, 30, dtype=np.float32)[:, None, None] * (np.arange(17) / 16)[:, None]
    rays = np.repeat(rays, 2, axis=2)
    flat_m = np.concatenate([rays, np.zeros((30, 17, 1), np.float32)], axis=2)
    ones = np.ones((30, 17), np.float32)
    truth_m = (flat_m + np.array([0, 0, 4], np.float32)).astype(np.float32)
    take = Take(np.asarray(rays, np.float32), ones, 0 * ones, truth_m, 1.7)
    monkeypatch.setattr(Manifest, "check_file", lambda self: self.path)
    monkeypatch.setattr("training.lifters.evaluate.open_engine", lambda *given: PastEngine())
    monkeypatch.setattr("training.lifters.evaluate.parameter_count", lambda path: 0)
    manifest = PastEngine.manifest()
    for lag in lags_of(manifest, [-2, 0, 5]):
        (row,) = rows_of(manifest, [take], Conditions(lag=lag))
        assert row["lag_frames"] == lag
        assert row["root"] == "closed form"
        # What is told ahead from the first frame, which has no past, is not exact.
        assert cast(float, row["mpjpe_mm"]) < (10 if lag < 0 else 0.01)


@pytest.mark.parametrize("name", lifter_names())
def test_a_shipped_lifter_is_as_good_on_unseen_bodies_as_its_manifest_says(
    shared_data: Path, name: str
) -> None:
    manifest = lifter(name)
    motion = load_motion(shared_data / "mocap" / "cmu_h36m17_30hz.npz").of_subjects(TEST_SUBJECTS)
    found = evaluate(manifest, motion, Conditions("gt", engine="onnxruntime", threads=1))
    assert found["mpjpe_mm"] < 80
    for measure in ("mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm"):
        assert found[measure] == pytest.approx(manifest.metrics[f"gt_{measure}"], rel=0.01)

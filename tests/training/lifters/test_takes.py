"""Takes: drawn from motion, read from records, and what they are called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from realtime.lift import near_image
from realtime.size import STATURE_RATIO, bone_path_m
from realtime.types import FloatArray, Frame
from tests.training.records.made_up import WIDE, exact_records
from tests.training.walking import walker_m
from training.lifters import takes
from training.lifters.takes import action_of, draw_take, record_takes, takes_of
from training.mocap.motion import Motion, Sequence
from training.records.store import Records

ONE_M = 1.0


def _walk(frames: int = 20, name: str = "walk") -> Sequence:
    return Sequence(name, "a", walker_m(frames))


def _motion(*keys: tuple[str, str]) -> Motion:
    return Motion(tuple(Sequence(name, subject, walker_m(5)) for subject, name in keys), 30.0)


def _one(records: Records) -> takes.Take:
    (take,) = record_takes(records, _motion(("person_0", "take_0")))
    return take


def test_takes_depend_on_their_name_and_seed_alone() -> None:
    one, two = _walk(name="one"), _walk(name="two")
    np.testing.assert_array_equal(draw_take(one, "noise", 1).rays, draw_take(one, "noise", 1).rays)
    assert np.abs(draw_take(one, "gt", 1).truth_m - draw_take(two, "gt", 1).truth_m).max() > 0.05
    assert np.abs(draw_take(one, "gt", 1).truth_m - draw_take(one, "gt", 2).truth_m).max() > 0.05
    np.testing.assert_array_equal(draw_take(one, "gt", 1).truth_m, draw_take(one, "noise", 1).truth_m)


def test_exact_input_is_exact_and_noise_is_not() -> None:
    clean, noisy = (draw_take(_walk(), kind, 3) for kind in ("gt", "noise"))
    true_rays = clean.truth_m[..., :2] / clean.truth_m[..., 2:]
    np.testing.assert_allclose(clean.rays, true_rays, atol=1e-6)
    assert set(np.unique(clean.score)) <= {0.0, 1.0}
    assert clean.score.mean() > 0.95
    assert not clean.depth.any()
    assert np.abs(noisy.rays - true_rays).mean() > 1e-4
    assert noisy.score.min() >= 0
    assert noisy.score.max() <= 1


def test_noise_is_as_large_as_the_shipped_net_errs() -> None:
    clean, noisy = (draw_take(_walk(200), kind, 3) for kind in ("gt", "noise"))
    size = clean.stature_m / clean.truth_m[:, 0, 2]
    share = np.linalg.norm(noisy.rays - clean.rays, axis=-1) / size[:, None]
    assert 0.01 < np.median(share) < 0.04


class _ExactDepth:
    """Stands in for a depth model."""

    def draw(self, rng: np.random.Generator, true_share: FloatArray, *more: object) -> FloatArray:
        return true_share


def test_depth_is_drawn_in_the_unit_of_rays(monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(takes.shipped_errors(), depth=_ExactDepth())  # type: ignore[arg-type]
    monkeypatch.setattr(takes, "shipped_errors", lambda: model)
    take = draw_take(_walk(), "noise", 3)
    behind_m = take.truth_m[..., 2] - take.truth_m[:, :1, 2]
    found = take.score.any(axis=1)
    np.testing.assert_allclose(
        take.depth[found], (behind_m / take.truth_m[:, :1, 2])[found], rtol=0.02, atol=1e-4
    )
    monkeypatch.setattr(takes, "shipped_errors", lambda: replace(model, depth=None))
    assert not draw_take(_walk(), "noise", 3).depth.any()


def test_stature_does_not_depend_on_the_camera() -> None:
    drawn = [draw_take(_walk(), "gt", seed).stature_m for seed in range(3)]
    np.testing.assert_allclose(drawn, STATURE_RATIO * bone_path_m(walker_m(20)[0]), rtol=1e-4)
    assert 1.4 < drawn[0] < 2.1


def test_clips_of_chosen_takes_are_read_and_no_others() -> None:
    records = exact_records(clips=4, frames=10)
    chosen = record_takes(
        records, _motion(("person_0", "take_0"), ("person_2", "take_2"), ("person_0", "take_1"))
    )
    assert [(t.subject, t.name) for t in chosen] == [("person_0", "take_0"), ("person_2", "take_2")]
    assert [len(t) for t in chosen] == [10, 10]
    assert chosen[0].stature_m == pytest.approx(float(records.height_m[0]))


def test_what_an_exact_net_saw_is_the_truth_through_any_lens() -> None:
    take = _one(exact_records(clips=1, frames=10, cameras=(WIDE,)))
    np.testing.assert_allclose(take.rays, take.truth_m[..., :2] / take.truth_m[..., 2:], atol=1e-4)
    assert (take.score == np.float32(0.9)).all()
    assert not take.depth.any()


def test_a_frame_in_which_nobody_was_found_is_empty() -> None:
    records = exact_records(clips=1, frames=10)
    found = np.ones(10, bool)
    found[3] = False
    take = _one(replace(records, found=found, depth_px=records.seen_px[..., 0].copy()))
    assert not take.score[3].any()
    assert not take.depth[3].any()
    assert take.score[[2, 4]].all()
    assert take.depth[4].any()


def test_a_joint_far_outside_the_image_is_missing_as_it_is_live() -> None:
    records = exact_records(clips=1, frames=4, cameras=(Intrinsics(900, 900, 300, 200, 640, 480),))
    seen_px = records.seen_px.copy()
    seen_px[:, :6] = [(-65, 10), (-63, 10), (703, 10), (705, 10), (10, 527), (10, 529)]
    take = _one(replace(records, seen_px=seen_px))
    np.testing.assert_array_equal(take.score[0, :6] > 0, [False, True, True, False, True, False])
    frame = Frame(np.zeros((480, 640, 3), np.uint8), 0, 0, 0.0)
    np.testing.assert_array_equal(take.score > 0, near_image(seen_px, frame.width, frame.height))


def test_a_nets_depth_is_told_from_the_pelvis_in_the_unit_of_rays() -> None:
    records = exact_records(clips=1, frames=4)
    focal_px, away_m = (records.cameras[0].fx + records.cameras[0].fy) / 2, 4.0
    depth_px = np.full((4, 17), 7.0, np.float32)
    depth_px[0, 5] += focal_px * ONE_M / away_m
    depth_px[1] = np.nan
    take = _one(replace(records, depth_px=depth_px))
    assert take.depth[0, 5] == pytest.approx(ONE_M / away_m)
    assert np.count_nonzero(take.depth) == 1


def test_no_clip_of_the_motion_says_how_to_make_some() -> None:
    with pytest.raises(UsageError, match="realtime-train records --part test"):
        record_takes(exact_records(clips=1), _motion(("cmu-03", "03_01")))


def test_a_file_of_records_can_be_named(tmp_path: Path) -> None:
    exact_records(clips=2, frames=8).save(tmp_path / "records-0.npz")
    for path in (tmp_path, tmp_path / "records-0.npz"):
        read = takes_of(_motion(("person_1", "take_1")), "records", 0, records=path)
        assert [t.name for t in read] == ["take_1"]


def test_records_are_shipped() -> None:
    assert takes.shipped_records().is_file()


@pytest.mark.parametrize(
    ("subject", "name", "action"),
    [
        ("cmueval-mean", "test_washwindow_washwindow_1", "wash window"),
        ("cmueval-mean", "train_basketball_signal_basketball_signal_4", "basketball"),
        ("cmueval-mean", "train_walking_extra_walking_40", "walk"),
        ("cmueval-mean", "train_directing_traffic_directing_traffic_4", "direct traffic"),
        ("cmu-03", "03_04", "uneven ground"),
        ("cmu-07", "07_01", "walk"),
        ("iclone-donor", "006_09", "basketball"),
        ("someone", "take_1", "other"),
        ("iclone-donor", "", "other"),
    ],
)
def test_actions_have_names(subject: str, name: str, action: str) -> None:
    assert action_of(subject, name) == action
    take = replace(draw_take(_walk(3), "gt", 0), subject=subject, name=name)
    assert (take.group("action"), take.group("subject"), take.group(None)) == (action, subject, "all")

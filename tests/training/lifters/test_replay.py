"""Clips from records: as the net saw them, of nobody who is held out, and mirrored as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import FloatArray
from tests.training.records.made_up import exact_records
from training.lifters.cameras import rays_of
from training.lifters.replay import Clips, ReplaySampler
from training.mocap.split import RETARGETS_OF_HELD_OUT, UNRELIABLE
from training.records.store import Records

FRAMES, PAST = 10, 6


@pytest.fixture(scope="module")
def records() -> Records:
    """Exact 2D and depth; the score tells joints apart."""
    made = exact_records(clips=6, frames=40)
    away_m = made.pose_m[:, :1, 2]
    focal = np.array([(c.fx + c.fy) / 2 for c in made.cameras], np.float32)[made.clip_of, None]
    return replace(
        made,
        depth_px=(5 + focal * (made.pose_m[..., 2] - away_m) / away_m).astype(np.float32),
        score=np.broadcast_to(np.linspace(0.2, 1, 17, dtype=np.float32), made.score.shape).copy(),
    )


def _draw(records: Records, clips: int = 40, seed: int = 0) -> Clips:
    return ReplaySampler(records).sample(np.random.default_rng(seed), clips, FRAMES, PAST)


def test_what_an_exact_net_saw_is_the_truth_mirrored_or_not(records: Records) -> None:
    drawn = _draw(records)
    assert drawn.camera_m.shape == (40, FRAMES + PAST, 17, 3)
    np.testing.assert_allclose(drawn.seen.rays, rays_of(drawn.camera_m), atol=2e-4)
    away = drawn.camera_m[:, :, :1, 2]
    np.testing.assert_allclose(drawn.seen.depth, (drawn.camera_m[..., 2] - away) / away, atol=1e-5)


def test_half_of_the_clips_have_left_and_right_swapped(records: Records) -> None:
    drawn = _draw(records, clips=100)
    mirrored = (drawn.seen.score[:, 0] == records.score[0, H36M17.mirror]).all(axis=-1)
    plain = (drawn.seen.score[:, 0] == records.score[0]).all(axis=-1)
    assert (mirrored ^ plain).all()
    assert 0.3 < mirrored.mean() < 0.7
    poses = records.pose_m

    def is_recorded(pose_m: FloatArray) -> bool:
        return bool(np.abs(poses - pose_m).max(axis=(1, 2)).min() < 1e-6)

    for clip in range(10):
        pose_m = drawn.camera_m[clip, 0]
        back = pose_m[H36M17.mirror] * np.array([-1, 1, 1], np.float32)
        assert is_recorded(back if mirrored[clip] else pose_m)


def test_people_of_another_size_stand_further_away_and_look_the_same(records: Records) -> None:
    def drawn(resized: float) -> Clips:
        sampler = ReplaySampler(replace(records, name=("one",) * 6))
        return sampler.sample(np.random.default_rng(0), 200, FRAMES, PAST, resized)

    resized = drawn(0.1)
    away = resized.camera_m[:, :, :1, 2]
    np.testing.assert_allclose(resized.seen.rays, rays_of(resized.camera_m), atol=2e-4)
    np.testing.assert_allclose(resized.seen.depth, (resized.camera_m[..., 2] - away) / away, atol=1e-5)
    neck, pelvis = H36M17.index("neck"), H36M17.index("pelvis")

    def trunks_m(clips: Clips) -> FloatArray:
        return np.linalg.norm(clips.camera_m[:, :, neck] - clips.camera_m[:, :, pelvis], axis=-1)

    # One body a clip: as spread as asked for, and still the same in all frames of a clip.
    variance, before = (np.log(trunks_m(clips)).mean(axis=1).var() for clips in (resized, drawn(0)))
    assert 0.08 < np.sqrt(variance - before) < 0.12


def test_clips_run_in_order_and_the_past_does_not() -> None:
    made = exact_records(clips=2, frames=40)
    tick = np.tile(np.arange(40, dtype=np.float32) / 40, 2)
    drawn = _draw(replace(made, score=np.repeat(tick[:, None], 17, axis=1)))
    np.testing.assert_allclose(np.diff(drawn.seen.score[:, :FRAMES, 0], axis=1), 1 / 40, atol=1e-6)
    assert np.unique(drawn.seen.score[:, FRAMES:, 0]).size > 30
    assert drawn.seen.score[:, 0].min() < 0.1
    assert drawn.seen.score[:, FRAMES - 1].max() > 0.9


def test_a_clip_that_is_too_short_runs_back_and_forth() -> None:
    made = exact_records(clips=1, frames=4)
    tick = np.arange(4, dtype=np.float32)
    drawn = _draw(replace(made, score=np.repeat(tick[:, None] / 10, 17, axis=1)))
    expected = np.array([0, 1, 2, 3, 2, 1, 0, 1, 2, 3])
    np.testing.assert_allclose(10 * drawn.seen.score[:, :FRAMES, 0], np.tile(expected, (40, 1)), atol=1e-6)
    single = ReplaySampler(exact_records(clips=1, frames=1))
    assert np.isfinite(single.sample(np.random.default_rng(0), 3, FRAMES, PAST).camera_m).all()


def test_who_is_held_out_is_never_drawn() -> None:
    """Four clips that must not be drawn stand behind the others."""
    made = exact_records(clips=6, frames=20)
    pose_m, found = made.pose_m.copy(), made.found.copy()
    pose_m[: 4 * 20, :, 2] += 50
    found[3 * 20 : 4 * 20 - 4] = False
    marked = replace(
        made,
        pose_m=pose_m,
        found=found,
        subject=("cmu-03", "anyone", "anyone", "anyone", "anyone", "other"),
        name=("take", min(RETARGETS_OF_HELD_OUT), min(UNRELIABLE), "unfound", "good", "good too"),
    )
    sampler = ReplaySampler(marked)
    assert sampler.clips == 2
    drawn = sampler.sample(np.random.default_rng(0), 100, FRAMES, PAST)
    assert drawn.camera_m[..., 2].max() < 20
    for subject in ("cmu-39", "cmu-16"):
        with pytest.raises(UsageError, match="nobody who may be trained on"):
            ReplaySampler(replace(made, subject=(subject,) * 6))


def test_a_comparison_may_hold_out_others() -> None:
    made = replace(exact_records(clips=3, frames=20), subject=("cmu-03", "cmu-39", "cmu-16"))
    assert ReplaySampler(made, held_out={"cmu-16"}).clips == 2
    with pytest.raises(UsageError, match="nobody who may be trained on"):
        ReplaySampler(made, held_out=set(made.subject))


def test_who_was_not_found_has_no_score_and_no_depth(records: Records) -> None:
    found = np.arange(records.frames) % 4 != 0
    pose_m = records.pose_m.copy()
    drawn = _draw(replace(records, found=found, pose_m=pose_m))
    gone = (drawn.seen.score == 0).all(axis=-1)
    assert gone.mean() == pytest.approx(0.25, abs=0.06)
    np.testing.assert_array_equal(gone, (drawn.seen.score == 0).any(axis=-1))
    assert not drawn.seen.depth[gone].any()
    assert drawn.seen.depth[~gone].any(axis=-1).all()


def test_draws_depend_on_the_generator_alone(records: Records) -> None:
    one, same, other = (_draw(records, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.camera_m, same.camera_m)
    np.testing.assert_array_equal(one.seen.rays, same.seen.rays)
    assert not np.array_equal(one.camera_m, other.camera_m)

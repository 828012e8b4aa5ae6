"""Errors lent by records: those of people who look alike, in the size of whoever borrows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import FloatArray
from tests.training.records.made_up import exact_records
from training.lifters.borrowed import BorrowedErrors
from training.lifters.cameras import rays_of
from training.records.store import Records

CLIPS, LONG = 26, 40
FRAMES, PAST = 20, 5


@pytest.fixture(scope="module")
def records() -> Records:
    """Exact 2D and depth of walkers."""
    made = exact_records(clips=CLIPS, frames=LONG)
    pelvis_m = made.pose_m[:, :1, 2]
    focal = np.array([(c.fx + c.fy) / 2 for c in made.cameras], np.float32)[made.clip_of, None]
    return replace(
        made, depth_px=(3 + focal * (made.pose_m[..., 2] - pelvis_m) / pelvis_m).astype(np.float32)
    )


def _clips(records: Records, farther: float = 1.0) -> FloatArray:
    """What the records show, from the first frames on, and the last ones as the past."""
    clips = records.pose_m.reshape(CLIPS, LONG, 17, 3)
    chosen = np.concatenate([clips[:, :FRAMES], clips[:, -PAST:]], axis=1)
    return np.asarray(chosen + chosen[:, :1, :1] * np.float32(farther - 1), np.float32)


def _lent(records: Records, camera_m: FloatArray, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    seen = BorrowedErrors(records).corrupt(rng, camera_m, rays_of(camera_m), FRAMES)
    return seen.rays, seen.score, seen.depth


def test_a_net_that_is_always_right_lends_nothing(records: Records) -> None:
    camera_m = _clips(records)
    rays, score, depth = _lent(records, camera_m)
    np.testing.assert_allclose(rays, rays_of(camera_m), atol=1e-3)
    assert (score == np.float32(0.9)).all()
    away = camera_m[:, :, :1, 2]
    np.testing.assert_allclose(depth, (camera_m[..., 2] - away) / away, atol=0.02)


@pytest.mark.parametrize("farther", [1.0, 2.0])
def test_errors_shrink_with_the_person(records: Records, farther: float) -> None:
    """A wrist seen a tenth of the stature too low, mirrored or not, is so at any distance."""
    wrists = H36M17.indices("l_wrist", "r_wrist")
    seen_px = records.seen_px.copy()
    seen_px[:, wrists, 1] += 0.1 * records.sizes_px[:, None]
    camera_m = _clips(records, farther)
    rays, _, _ = _lent(replace(records, seen_px=seen_px), camera_m)
    off = (rays - rays_of(camera_m)) * camera_m[:, :, :1, 2:]
    height_m = off[..., wrists, 1] / 0.1
    # Undistorting is not linear: within some percent of statures from 1.5 to 1.95 m, as the body has them.
    assert 1.2 < height_m.min() < height_m.max() < 2.3
    others = np.delete(off, wrists, axis=2)
    np.testing.assert_allclose(others, 0, atol=2e-2)


def test_who_looks_most_alike_lends(records: Records) -> None:
    """The first lifts both hands; the score tells who lent."""
    wrists, first = H36M17.indices("l_wrist", "r_wrist"), records.clip_of == 0
    pose_m = records.pose_m.copy()
    pose_m[np.ix_(first, wrists, [1])] -= 1.2
    lifted = replace(records, pose_m=pose_m)
    rays = np.concatenate(
        [c.project(lifted.pose_m[s]) for c, s in zip(records.cameras, records.bounds, strict=True)]
    )
    score = np.where(first[:, None], np.float32(0.5), np.full((1, 17), 0.9, np.float32))
    _, lent, _ = _lent(replace(lifted, seen_px=rays, score=score), np.repeat(_clips(lifted), 5, axis=0))
    by_first = lent[:, 0, 0] == np.float32(0.5)
    assert by_first[:5].all()
    assert not by_first[5:].any()


def test_those_held_out_lend_nothing(records: Records) -> None:
    score = np.where(records.clip_of[:, None] == 0, 0.1, np.full((1, 17), 0.9)).astype(np.float32)
    marked = replace(records, score=score, subject=("cmu-03", *records.subject[1:]))
    assert (_lent(marked, _clips(records))[1] == np.float32(0.9)).all()
    with pytest.raises(UsageError, match="nobody who may be trained on"):
        BorrowedErrors(replace(records, subject=("cmu-39",) * CLIPS))


def test_clips_longer_than_any_record_are_refused(records: Records) -> None:
    long_m = np.repeat(_clips(records), 3, axis=1)
    with pytest.raises(UsageError, match=f"lasts {LONG + 1} frames"):
        BorrowedErrors(records).corrupt(np.random.default_rng(0), long_m, rays_of(long_m), LONG + 1)


def test_a_net_without_depth_lends_none(records: Records) -> None:
    flat = replace(records, depth_px=np.full_like(records.depth_px, np.nan))
    assert not _lent(flat, _clips(records))[2].any()

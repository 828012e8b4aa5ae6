"""Training batches: shares as asked, truths that fit what is seen, and the same from the same seed."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from tests.training.records.made_up import exact_records
from tests.training.walking import walkers
from training.lifters.augment import ClipSampler
from training.lifters.batch import Batch, Past
from training.lifters.batches import BatchSize, Draws, Mixture, draw_batch
from training.lifters.borrowed import BorrowedErrors
from training.lifters.replay import Clips, ReplaySampler

SIZE = BatchSize(clips=40, frames=10, past=6)
EXACT, NOISY = Mixture(exact=1, records=0), Mixture(exact=0, records=0)


class Counted(ReplaySampler):
    """Remembers how many clips were asked for."""

    asked: tuple[int, ...] = ()

    def sample(
        self, rng: np.random.Generator, clips: int, frames: int, past: int, resized: float = 0.0
    ) -> Clips:
        self.asked += (clips,)
        return super().sample(rng, clips, frames, past, resized)


@pytest.fixture(scope="module")
def motion() -> ClipSampler:
    return ClipSampler(walkers("a", "b"))


@pytest.fixture
def replay() -> Counted:
    return Counted(exact_records(clips=4, frames=30))


def _absolute(pose: Tensor, rays: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays meet the joints' depths, and the joints, both from the pelvis, x and y."""
    root = rays[:, :, :1] * depth[..., None, None]
    return rays * (pose[..., 2] + depth[..., None])[..., None] - root, pose[..., :2]


def _fits(batch: Batch) -> Tensor:
    """(B,) whether all that is seen is exact."""
    found, true = _absolute(batch.pose, batch.rays, batch.root_depth)
    seen = batch.score > 0
    seen = seen & seen[..., :1]
    near = (found - true).norm(dim=-1) < 1e-3
    fits: Tensor = (near | ~seen).flatten(1).all(dim=1)
    return fits


def _tensors(part: Batch | Past) -> list[Tensor]:
    values = [getattr(part, f.name) for f in fields(part)]
    return [t for v in values for t in (_tensors(v) if isinstance(v, Past) else [v])]


def test_a_batch_has_the_shapes_it_states(motion: ClipSampler, replay: Counted) -> None:
    batch = draw_batch(Draws(motion, replay), SIZE, (0, 0))
    assert batch.rays.shape == (40, 10, 17, 2)
    assert batch.score.shape == batch.depth.shape == batch.weight.shape == (40, 10, 17)
    assert batch.pose.shape == (40, 10, 17, 3)
    assert batch.root_depth.shape == (40, 10)
    assert batch.past.rays.shape == (40, 6, 17, 2)
    assert batch.past.pose.shape == (40, 6, 17, 3)
    assert batch.past.count.shape == (40,)
    assert 0 <= int(batch.past.count.min()) < int(batch.past.count.max()) <= 6
    assert all(bool(t.isfinite().all()) for t in _tensors(batch))
    assert not batch.pose[:, :, 0].any()
    assert batch.up.shape == (40, 10, 3)
    assert set(batch.given) == {"rays", "score", "depth", "up"}


def test_the_same_seed_gives_the_same_batch(motion: ClipSampler, replay: Counted) -> None:
    draws = Draws(motion, replay)
    one, same, other = (draw_batch(draws, SIZE, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    for a, b in zip(_tensors(one), _tensors(same), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.rays, other.rays)


@pytest.mark.parametrize(("share", "clips"), [(0.25, 10), (0.0, 0), (0.6, 24)])
def test_the_share_of_records_is_replayed(
    motion: ClipSampler, replay: Counted, share: float, clips: int
) -> None:
    draw_batch(Draws(motion, replay, mixture=Mixture(exact=0.2, records=share)), SIZE, (0, 0))
    assert sum(replay.asked) == clips


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_clips_borrows_its_errors(motion: ClipSampler, share: float) -> None:
    made = exact_records(clips=4, frames=30)
    marked = np.float32(0.77)
    lender = BorrowedErrors(replace(made, score=np.full_like(made.score, marked)))
    mixture = Mixture(exact=0, records=0, borrowed=share)
    batch = draw_batch(Draws(motion, mixture=mixture, borrowed=lender), BatchSize(200, 12, 4), (0,))
    borrowing = (batch.score == float(marked)).flatten(1).any(dim=1).float().mean()
    assert share - 0.15 < borrowing <= share + 0.1


def test_a_batch_in_which_nobody_borrows_is_drawn_too(motion: ClipSampler) -> None:
    lender = BorrowedErrors(exact_records(clips=4, frames=30))
    mixture = Mixture(exact=0.9, records=0, borrowed=0.05)
    for seed in range(8):
        batch = draw_batch(Draws(motion, mixture=mixture, borrowed=lender), BatchSize(2, 6, 2), (seed,))
        assert torch.isfinite(batch.rays).all()


def test_records_are_shown_as_they_were_seen(motion: ClipSampler, replay: Counted) -> None:
    batch = draw_batch(Draws(motion, replay, mixture=Mixture(0, 1)), SIZE, (0, 0))
    assert sum(replay.asked) == 40
    assert _fits(batch).all()
    assert set(np.unique(batch.score.numpy()).tolist()) <= {0.0, float(np.float32(0.9))}


def test_exact_clips_have_the_rays_of_the_truth_and_no_depth(motion: ClipSampler) -> None:
    batch = draw_batch(Draws(motion, mixture=EXACT), SIZE, (0, 0))
    assert _fits(batch).all()
    assert not batch.depth.any()
    assert set(np.unique(batch.score.numpy()).tolist()) <= {0.0, float(np.float32(0.9)), 1.0}
    assert (batch.score > 0).float().mean() > 0.7
    found, true = _absolute(batch.past.pose, batch.past.rays, _past_depth(batch))
    seen = (batch.past.score > 0) & (batch.past.score[..., :1] > 0)
    torch.testing.assert_close(found[seen], true[seen], atol=2e-3, rtol=0)


def _past_depth(batch: Batch) -> Tensor:
    """Where the past's pelvis must be, metres: least squares over two rays' worth of equations."""
    pose, rays = batch.past.pose, batch.past.rays
    # ray_j (z + d) - ray_0 d = pose_j for every joint, so d (ray_j - ray_0) = pose_j - ray_j z.
    apart, rest = rays - rays[:, :, :1], pose[..., :2] - rays * pose[..., 2:]
    weight = (batch.past.score > 0)[..., None]
    square = (weight * apart * apart).sum(dim=(-1, -2)).clamp(min=1e-9)
    depth: Tensor = (weight * apart * rest).sum(dim=(-1, -2)) / square
    return depth


def test_clips_that_are_not_exact_err_and_some_have_depth(motion: ClipSampler) -> None:
    batch = draw_batch(Draws(motion, mixture=NOISY), SIZE, (0, 0))
    shown = (batch.score[..., 0] > 0).sum(dim=1) > 2
    assert shown.float().mean() > 0.6
    assert not _fits(batch)[shown].any()
    deep = batch.depth.flatten(1).any(dim=1).float().mean()
    assert 0.4 < deep < 0.95


@pytest.mark.parametrize(("share", "deep"), [(0.0, 1.0), (1.0, 0.0)])
def test_depth_is_withheld_as_often_as_asked(motion: ClipSampler, share: float, deep: float) -> None:
    """Of motion through the error model and of records alike."""
    made = exact_records(clips=4, frames=30)
    depth_px = np.broadcast_to(np.arange(17, dtype=np.float32), made.score.shape).copy()
    replay = ReplaySampler(replace(made, depth_px=depth_px))
    for source, records in ((None, 0.0), (replay, 1.0)):
        mixture = Mixture(exact=0.0, records=records, depthless=share)
        batch = draw_batch(Draws(motion, source, mixture=mixture), SIZE, (0, 0))
        shown = (batch.score > 0).any(dim=-1).any(dim=-1)
        assert batch.depth[shown].flatten(1).any(dim=1).float().mean() == deep


def test_shares_are_of_the_whole_batch(motion: ClipSampler, replay: Counted) -> None:
    half = Mixture(exact=0.5, records=0.5)
    assert _fits(draw_batch(Draws(motion, replay, mixture=half), SIZE, (0, 0))).all()
    alone = _fits(draw_batch(Draws(motion, mixture=half), SIZE, (0, 0))).float().mean()
    assert 0.25 < alone < 0.75


def test_nothing_is_asked_where_nobody_is_in_view(motion: ClipSampler) -> None:
    batch = draw_batch(Draws(motion), BatchSize(200, 12, 4), (0, 1))
    for score, weight in ((batch.score, batch.weight), (batch.past.score, batch.past.weight)):
        nobody = (score == 0).all(dim=-1)
        assert nobody.any()
        assert (weight[nobody] == 0).all()
        asked = weight.amax(dim=-1) > 0
        assert asked.float().mean() > 0.8
        assert (weight[asked][score[asked] > 0] == 1).all()
        assert (weight[asked][score[asked] == 0] == 0.5).all()
    assert (batch.weight[batch.root_depth < 0.8] == 0).all()


def test_nothing_is_asked_of_someone_at_the_lens(motion: ClipSampler) -> None:
    made = exact_records(clips=2, frames=30)
    pose_m = made.pose_m.copy()
    pose_m[:30] += np.array([0, 0, 0.7], np.float32) - pose_m[:30, :1] * np.array([0, 0, 1], np.float32)
    close = ReplaySampler(replace(made, pose_m=pose_m))
    batch = draw_batch(Draws(motion, close, mixture=Mixture(0, 1)), SIZE, (0, 0))
    near = batch.root_depth < 0.8
    assert 0.2 < near.float().mean() < 0.8
    assert (batch.weight[near] == 0).all()


@pytest.mark.parametrize("shares", [(0.8, 0.3), (-0.1, 0.5), (0.5, -0.1), (1.2, 0.0)])
def test_shares_beyond_the_whole_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        Mixture(*shares)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_depth_beyond_the_whole_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="depthless must lie between 0 and 1"):
        Mixture(depthless=share)


def test_kinds_and_sizes_there_are_not_are_refused() -> None:
    with pytest.raises(UsageError, match="kind must be one of"):
        Mixture(kind="mixture-by-visibility")
    for size in ((0, 8, 1), (4, 0, 1), (4, 8, -1)):
        with pytest.raises(UsageError, match="at least one clip"):
            BatchSize(*size)


def test_rolled_cameras_see_the_same_turned_about_their_axis(motion: ClipSampler, replay: Counted) -> None:
    level, rolled = (
        draw_batch(Draws(motion, replay, mixture=Mixture(exact=0.6, records=0.4, rolled=share)), SIZE, (4,))
        for share in (0.0, 0.5)
    )
    assert _fits(rolled).all()
    for before, after in ((level.rays, rolled.rays), (level.past.rays, rolled.past.rays)):
        torch.testing.assert_close(before.norm(dim=-1), after.norm(dim=-1))
    torch.testing.assert_close(level.pose[..., 2], rolled.pose[..., 2])
    for name in ("score", "depth", "root_depth"):
        torch.testing.assert_close(getattr(level, name), getattr(rolled, name))
    before, after = (torch.atan2(b.rays[..., 1], b.rays[..., 0]) for b in (level, rolled))
    angle = torch.rad2deg(torch.remainder(after - before + torch.pi, 2 * torch.pi) - torch.pi)
    angle = angle.flatten(1).median(dim=1).values
    assert 0.3 < (angle.abs() > 0.1).float().mean() < 0.7
    assert 20 < angle.max() <= 35
    assert -35 <= angle.min() < -20


def _lean_deg(batch: Batch) -> Tensor:
    """(B,) degrees between what is told of the world's up and the mean way from pelvis to neck."""
    neck = batch.pose[:, :, H36M17.index("neck")].mean(dim=1)
    return torch.rad2deg(torch.arccos(functional.cosine_similarity(neck, batch.up[:, 0]).clamp(-1, 1)))


@pytest.mark.parametrize("rolled", [0.0, 1.0])
def test_the_told_up_is_where_upright_people_point(
    motion: ClipSampler, replay: Counted, rolled: float
) -> None:
    mixture = Mixture(exact=0.6, records=0.4, rolled=rolled, levelled=1.0)
    batch = draw_batch(Draws(motion, replay, mixture=mixture), SIZE, (4,))
    sure = batch.up[:, 0].norm(dim=-1)
    assert 0.05 < sure.min() < 0.3 < 0.9 < sure.max() < 1
    assert torch.equal(batch.up, batch.up[:, :1].expand_as(batch.up))
    lean_deg = _lean_deg(batch)
    assert lean_deg[sure > 0.7].median() < 10
    assert lean_deg[sure > 0.7].mean() < lean_deg[sure < 0.3].mean()


def test_a_share_of_the_cameras_is_told_how_it_hangs(motion: ClipSampler) -> None:
    told = draw_batch(Draws(motion, mixture=Mixture(1, 0, levelled=0.5)), BatchSize(200, 4, 2), (0,)).up
    assert 0.35 < told[:, 0].any(dim=-1).float().mean() < 0.65
    assert not draw_batch(Draws(motion, mixture=EXACT), SIZE, (0,)).up.any()
    with pytest.raises(UsageError, match="levelled"):
        Mixture(levelled=1.5)

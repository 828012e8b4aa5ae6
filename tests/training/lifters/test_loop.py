"""Training: it learns, it can be interrupted, and what it ships is calibrated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.nets.causal_tcn import CausalTcn
from realtime.errors import UsageError
from tests.training.walking import walkers
from training.lifters.augment import ClipSampler
from training.lifters.batches import BatchSize, draw_batch
from training.lifters.loop import Plan, Trainer

SMALL = BatchSize(clips=8, frames=12)


def _trainer(steps: int, width: int = 32) -> Trainer:
    torch.manual_seed(0)
    plan = Plan(minutes=None, steps=steps, seed=3, threads=1, size=SMALL, validation_batches=2)
    return Trainer(CausalTcn(width), ClipSampler(walkers("a", "b")), ClipSampler(walkers("c")), plan)


def test_a_plan_needs_an_end() -> None:
    with pytest.raises(UsageError, match="--minutes or --steps"):
        Plan(minutes=None)


def test_batches_are_drawn_from_their_seed_alone() -> None:
    sampler = ClipSampler(walkers("a", "b"))
    one, same, other = (draw_batch(sampler, SMALL, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(one.rays, same.rays)
    assert torch.equal(one.score, same.score)
    assert not torch.equal(one.rays, other.rays)


def test_a_batch_holds_the_truth_of_its_rays() -> None:
    """Clean clips: the rays are those of the pose at its depth, in the camera's own axes."""
    batch = draw_batch(ClipSampler(walkers("a", "b")), BatchSize(64, 12), (0, 0))
    clean = ((batch.score == 0) | (batch.score == batch.score.max())).all(dim=-1).all(dim=-1)
    assert 5 < int(clean.sum()) < 40
    pose, depth, rays = batch.pose[clean], batch.root_depth[clean], batch.rays[clean]
    absolute_depth = pose[..., 2] + depth[..., None]
    root = rays[:, :, :1] * depth[..., None, None]
    torch.testing.assert_close(rays * absolute_depth[..., None] - root, pose[..., :2], atol=2e-5, rtol=0)
    assert batch.pose[:, :, 0].abs().max() == 0
    assert (batch.weight[(batch.score == 0).all(dim=-1)] == 0).all()


def test_it_learns(tmp_path: Path) -> None:
    trainer = _trainer(steps=60)
    before = trainer.validate()["mpjpe_mm"]
    trainer.run(tmp_path)
    assert trainer.validate()["mpjpe_mm"] < 0.6 * before
    assert trainer.progress.step == 60
    assert (tmp_path / "train.log").read_text().startswith("step 60 ")


def test_an_interrupted_run_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    unbroken = _trainer(steps=6)
    for _ in range(6):
        unbroken.advance()
    first = _trainer(steps=6)
    for _ in range(3):
        first.advance()
    first.save(tmp_path / "checkpoint.npz")
    second = _trainer(steps=6)
    second.run(tmp_path)
    assert second.progress.step == 6
    for name, value in unbroken.averaged.items():
        torch.testing.assert_close(second.averaged[name], value, atol=0, rtol=0)


def test_a_checkpoint_of_another_net_is_refused(tmp_path: Path) -> None:
    _trainer(steps=2).save(tmp_path / "checkpoint.npz")
    with pytest.raises(UsageError, match="no checkpoint of this net"):
        _trainer(steps=2, width=48).load(tmp_path / "checkpoint.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UsageError, match="no checkpoint of this net"):
        _trainer(steps=2).load(tmp_path / "broken.npz")


def test_checkpoints_hold_plain_arrays(tmp_path: Path) -> None:
    trainer = _trainer(steps=2)
    trainer.advance()
    trainer.save(tmp_path / "checkpoint.npz")
    with np.load(tmp_path / "checkpoint.npz", allow_pickle=False) as archive:
        assert {key.split("/")[0] for key in archive.files} == {
            "net",
            "averaged",
            "muon",
            "adamw",
            "progress",
        }


def test_calibration_puts_68_percent_within_a_sigma(tmp_path: Path) -> None:
    trainer = _trainer(steps=30)
    trainer.run(tmp_path)
    trainer.averaged["spread_scale"] *= 0.2
    assert trainer.validate()["coverage"] < 0.5
    trainer.calibrate()
    assert trainer.validate()["coverage"] == pytest.approx(0.6827, abs=0.03)

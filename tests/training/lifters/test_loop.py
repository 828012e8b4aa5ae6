"""Training: it learns, it can be interrupted, and what it ships is calibrated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from realtime.errors import UsageError
from tests.training.records.made_up import exact_records
from tests.training.walking import walkers
from training.lifters.augment import ClipSampler
from training.lifters.batches import BatchSize, Draws, Mixture
from training.lifters.loop import CHECKPOINT_FILE, LOG_FILE, Plan, Trainer
from training.lifters.replay import ReplaySampler
from training.lifters.systems import NAMES, find_system

SIZE = BatchSize(clips=8, frames=12, past=4)
SMALL: dict[str, dict[str, Any]] = {
    "unified": {"width": 24},
    "videopose-tcn": {"width": 24, "blocks": 1},
    "residual-lifter": {"width": 24},
    "abs-lifter": {"width": 24},
    "depth-tcn": {"width": 24, "blocks": 1},
    "anatomy": {"width": 24, "blocks": 1, "sample": 6},
    "seq2seq-lstm": {"width": 24},
}


@pytest.fixture(scope="module")
def draws() -> Draws:
    return Draws(ClipSampler(walkers("a", "b")), ReplaySampler(exact_records(clips=3, frames=30)))


def _trainer(draws: Draws, name: str = "unified", steps: int = 6, **changes: Any) -> Trainer:
    plan: dict[str, Any] = {"seed": 3, "threads": 1, "size": SIZE, "validation_batches": 2} | changes
    checks = Draws(ClipSampler(walkers("c")), mixture=Mixture(0.5, 0))
    built = SMALL[name] | plan.pop("net", {})
    return Trainer(find_system(name), built, draws, checks, Plan(None, steps, **plan))


def test_a_plan_needs_an_end_and_an_optimiser() -> None:
    with pytest.raises(UsageError, match="--minutes or --steps"):
        Plan(minutes=None)
    with pytest.raises(UsageError, match="muon or adam, not 'sgd'"):
        Plan(minutes=1, matrices="sgd")


@pytest.mark.parametrize("matrices", ["muon", "adam"])
def test_it_learns(draws: Draws, tmp_path: Path, matrices: str) -> None:
    trainer = _trainer(draws, steps=60, matrices=matrices, rate=1e-2)
    before = trainer.validate()["mpjpe_mm"]
    trainer.run(tmp_path)
    assert trainer.validate()["mpjpe_mm"] < 0.75 * before
    assert trainer.progress.step == 60


def test_matrices_are_moved_by_what_was_asked_for(draws: Draws, tmp_path: Path) -> None:
    kinds = {}
    for matrices in ("muon", "adam"):
        trainer = _trainer(draws, matrices=matrices)
        trainer.advance()
        trainer.save(tmp_path / CHECKPOINT_FILE)
        with np.load(tmp_path / CHECKPOINT_FILE, allow_pickle=False) as archive:
            kinds[matrices] = {key.split("/")[0] for key in archive.files}
            said = json.loads(str(archive["described"]))
        assert said == {"name": "unified", "options": {"width": 24}}
    assert kinds["adam"] == {"net", "averaged", "adamw", "progress", "random", "described"}
    assert kinds["muon"] == kinds["adam"] | {"muon"}


def test_the_log_is_a_table(draws: Draws, tmp_path: Path) -> None:
    trainer = _trainer(draws, steps=3, checkpoint_s=0.0)
    trainer.run(tmp_path)
    head, *rows = (tmp_path / LOG_FILE).read_text().splitlines()
    assert head == "step,minutes,loss,mpjpe_mm,depth_percent,coverage"
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3", "3"]
    assert all(np.isfinite([float(v) for v in row.split(",")]).all() for row in rows)


@pytest.mark.parametrize(
    ("name", "net"),
    [("unified", {}), ("videopose-tcn", {"dropout": 0.0}), ("videopose-tcn", {"dropout": 0.25}),
     ("depth-tcn", {}), ("anatomy", {}), ("seq2seq-lstm", {})],
)  # fmt: skip
def test_an_interrupted_run_ends_where_an_unbroken_one_does(
    draws: Draws, tmp_path: Path, name: str, net: dict[str, Any]
) -> None:
    unbroken = _trainer(draws, name, net=net)
    for _ in range(6):
        unbroken.advance()
    first = _trainer(draws, name, net=net)
    for _ in range(3):
        first.advance()
    first.save(tmp_path / CHECKPOINT_FILE)
    torch.manual_seed(99)
    second = _trainer(draws, name, net=net)
    second.run(tmp_path)
    assert second.progress.step == 6
    for key, value in unbroken.net.state_dict().items():
        assert torch.equal(second.net.state_dict()[key], value), key
    for key, value in unbroken.averaged.items():
        assert torch.equal(second.averaged[key], value), key


def test_a_run_that_has_ended_is_left_as_it_is(draws: Draws, tmp_path: Path) -> None:
    trainer = _trainer(draws, steps=2)
    trainer.run(tmp_path)
    log, again = (tmp_path / LOG_FILE).read_text(), _trainer(draws, steps=2)
    again.run(tmp_path)
    assert again.progress.step == 2
    assert (tmp_path / LOG_FILE).read_text() == log
    for key, value in trainer.averaged.items():
        assert torch.equal(again.averaged[key], value)


def test_a_checkpoint_of_another_net_is_refused(draws: Draws, tmp_path: Path) -> None:
    _trainer(draws).save(tmp_path / CHECKPOINT_FILE)
    for other in (_trainer(draws, net={"width": 32}), _trainer(draws, "videopose-tcn")):
        with pytest.raises(UsageError, match="no checkpoint of this net"):
            other.load(tmp_path / CHECKPOINT_FILE)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UsageError, match="no checkpoint of this net"):
        _trainer(draws).load(tmp_path / "broken.npz")


@pytest.mark.parametrize("start", [0.2, 5.0])
def test_calibration_puts_68_percent_within_a_sigma(draws: Draws, tmp_path: Path, start: float) -> None:
    trainer = _trainer(draws, steps=10)
    trainer.run(tmp_path)
    trainer.averaged["spread_scale"] *= start
    assert abs(trainer.validate()["coverage"] - 0.6827) > 0.1
    factor = trainer.calibrate()
    assert factor is not None
    assert (factor > 1) == (start < 1)
    assert trainer.validate()["coverage"] == pytest.approx(0.6827, abs=0.03)


def _without_sigma() -> list[str]:
    return [name for name in NAMES if name != "unified"]


@pytest.mark.parametrize("name", _without_sigma())
def test_a_net_that_gives_no_sigma_is_left_alone(draws: Draws, name: str) -> None:
    trainer = _trainer(draws, name)
    trainer.advance()
    before = {key: value.clone() for key, value in trainer.averaged.items()}
    assert trainer.calibrate() is None
    for key, value in before.items():
        assert torch.equal(trainer.averaged[key], value)
    assert "coverage" not in trainer.validate()
    assert trainer.validate()["mpjpe_mm"] > 0


def test_counters_of_batch_norm_survive_averages_and_files(draws: Draws, tmp_path: Path) -> None:
    trainer = _trainer(draws, "videopose-tcn", steps=3)
    trainer.run(tmp_path)
    again = _trainer(draws, "videopose-tcn", steps=3)
    again.load(tmp_path / CHECKPOINT_FILE)
    for one in (trainer, again):
        counters = [v for k, v in one.averaged.items() if k.endswith("num_batches_tracked")]
        assert counters
        assert all(v.dtype == torch.int64 and int(v) == 3 for v in counters)
        variances = [v for k, v in one.averaged.items() if k.endswith("running_var")]
        assert all(bool((v > 0).all()) for v in variances)
        one.averaged_net()


def test_norms_are_held_after_a_step(draws: Draws) -> None:
    trainer = _trainer(draws, "residual-lifter", rate=0.5)
    with torch.no_grad():
        for module in trainer.net.modules():
            if isinstance(module, nn.Linear):
                module.weight *= 10
    trainer.advance()
    norms = [m.weight.norm(dim=1).max() for m in trainer.net.modules() if isinstance(m, nn.Linear)]
    assert float(torch.stack(norms).max().detach()) <= 1 + 1e-5


def test_options_of_the_net_there_are_not_are_refused(draws: Draws) -> None:
    with pytest.raises(UsageError, match="unified cannot be built with"):
        _trainer(draws, net={"widht": 3})

"""Training learns, logs, keeps, and goes on where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from export.image_nets import load_trained
from realtime.errors import UsageError
from tests.training.images.conftest import scattered
from training.images.affine import EXACT
from training.images.augment import PLAIN
from training.images.config import Config, config_file, load_config
from training.images.loop import Plan, Trainer
from training.images.pool import Pool
from training.images.samples import Cut, Samples, clips_of, joined
from training.images.systems.cpn import CpnLoss
from training.images.systems.integral_regression import IntegralLoss
from training.images.systems.ssd import SsdLoss
from training.images.systems.system import Held
from training.schedule import one_cycle

CPU = torch.device("cpu")
SMALL = (64, 64)
CUT = Cut(side_px=96, stride=1)


def config_of(name: str, batch: int) -> Config:
    """The shipped configuration on plain pictures of small crops."""
    config = replace(
        load_config(config_file(name)), batch=batch, cut=CUT, spread=EXACT, looks=PLAIN, decay=0.0
    )
    losses = {
        "ssd": SsdLoss(whole=1.0),
        "cpn": CpnLoss(),
        "integral-regression": IntegralLoss(flat=0.0, heatmap=20.0),
    }
    # Few depths and few pixels, as a test is to end: the nets' other sizes have no part in what is tested.
    net = {"depth_bins": 8} if config.system == "integral-regression" else {}
    return replace(config, net={**config.net, **net}, loss=losses[config.system])


def trainer_of(
    name: str, batch: int, steps: int, size: tuple[int, int] | None = SMALL, rate: float = 3e-3
) -> Trainer:
    config = replace(config_of(name, batch), rate=rate)
    trainer = Trainer(config, "system: " + name, Plan(None, steps), CPU)
    if size is not None:
        trainer.studio = replace(trainer.studio, size=size)
    return trainer


def samples_of(trainer: Trainer, discs: Path, many: int) -> tuple[Pool, Held]:
    """The same samples to train and to measure on."""
    read = [trainer.system.cutter(clip, CUT) for clip in clips_of(discs)]
    every = joined([samples for samples, _ in read])
    cameras = tuple(camera for _, each in read for camera in each)
    some: Samples = {key: value[:many] for key, value in every.items()}
    pool = Pool(many, CPU)
    pool.add(some)
    return pool, Held(some, cameras[:many])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps", "rate"), [("cpn", 45, 3e-3), ("integral-regression", 90, 1e-2)])
def test_it_learns_32_crops_by_heart(name: str, steps: int, rate: float) -> None:
    trainer = trainer_of(name, 16, steps, rate=rate)
    held = scattered(32)
    pool = Pool(32, CPU)
    pool.add(held.samples)
    first = float(trainer.advance(pool))
    before = trainer.measure(held)
    for _ in range(steps - 1):
        last = float(trainer.advance(pool))
    after = trainer.measure(held)
    assert last < 0.65 * first
    assert before["pckh_crown"] < 0.2
    assert after["pckh_crown"] > 0.5
    if name != "cpn":
        assert after["mpjpe_mm"] < 0.7 * before["mpjpe_mm"]


@pytest.mark.slow
def test_the_detector_learns_32_frames_by_heart(discs: Path) -> None:
    trainer = trainer_of("ssd", 8, 24, size=None)
    pool, held = samples_of(trainer, discs, 32)
    first = float(trainer.advance(pool))
    for _ in range(23):
        last = float(trainer.advance(pool))
    assert last < 0.6 * first
    assert trainer.measure(held)["ap50"] > 0.4


def test_a_run_leaves_log_and_weights_and_one_that_was_stopped_goes_on(discs: Path, tmp_path: Path) -> None:
    whole = trainer_of("cpn", 4, 4)
    pool, held = samples_of(whole, discs, 8)
    (tmp_path / "whole").mkdir()
    whole.run(tmp_path / "whole", pool, lambda: held)

    cut = trainer_of("cpn", 4, 4)
    for _ in range(2):
        cut.advance(pool)
    (tmp_path / "cut").mkdir()
    cut.save(tmp_path / "cut" / "checkpoint.safetensors")
    on = trainer_of("cpn", 4, 4)
    on.run(tmp_path / "cut", pool, lambda: held)

    assert on.progress.step == 4
    for name, value in whole.averaged.items():
        assert torch.allclose(value.float(), on.averaged[name].float(), atol=1e-5), name
    head, row = (tmp_path / "whole" / "train.csv").read_text().splitlines()
    assert head.startswith("step,minutes,loss,images_s,samples,pckh")
    assert row.startswith("4,")
    result = json.loads((tmp_path / "whole" / "result.json").read_text())
    trained = load_trained(tmp_path / "whole" / "weights.safetensors")
    assert result["step"] == 4
    assert trained.measures["error_px"] == pytest.approx(result["measures"]["error_px"])
    assert all(torch.equal(v, whole.averaged[k]) for k, v in trained.net.state_dict().items())


def test_a_run_that_has_ended_is_left_as_it_is(discs: Path, tmp_path: Path) -> None:
    trainer = trainer_of("cpn", 4, 1)
    pool, _ = samples_of(trainer, discs, 8)
    trainer.run(tmp_path, pool, lambda: None)
    weights = (tmp_path / "weights.safetensors").read_bytes()
    again = trainer_of("cpn", 4, 1)
    again.run(tmp_path, pool, lambda: None)
    assert (tmp_path / "weights.safetensors").read_bytes() == weights
    assert again.progress.step == 1


def test_a_checkpoint_of_another_net_is_refused(discs: Path, tmp_path: Path) -> None:
    trainer_of("cpn-globalnet", 4, 1).save(tmp_path / "checkpoint.safetensors")
    with pytest.raises(UsageError, match="no checkpoint of this net"):
        trainer_of("cpn", 4, 1).load(tmp_path / "checkpoint.safetensors")
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is no checkpoint"):
        trainer_of("cpn", 4, 1).load(tmp_path / "checkpoint.safetensors")


def test_the_depth_of_flat_samples_is_not_told(discs: Path) -> None:
    config = replace(config_of("integral-regression", 4), loss=IntegralLoss(flat=1.0))
    trainer = Trainer(config, "", Plan(None, 1), CPU)
    trainer.studio = replace(trainer.studio, size=SMALL)
    pool, _ = samples_of(trainer, discs, 4)
    batch = pool.span(0, 4)
    trainer.net.eval()
    with torch.no_grad():
        loss = trainer.system.loss(trainer.net, batch, trainer.studio)
        batch["depth_m"] = batch["depth_m"] + 0.3
        assert float(trainer.system.loss(trainer.net, batch, trainer.studio)) == pytest.approx(float(loss))


def test_the_rate_climbs_and_falls() -> None:
    rates = [one_cycle(share / 100, 0.08) for share in range(101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[100] == pytest.approx(0.01)
    assert rates.index(max(rates)) == 8
    with pytest.raises(UsageError, match="how long"):
        Plan(None)

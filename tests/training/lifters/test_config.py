"""Configurations: those that ship can be trained by, others are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from export.nets.catalogue import build_net
from realtime.errors import UsageError
from tests.training.walking import walkers
from training.lifters.augment import ClipSampler
from training.lifters.batches import BatchSize, Draws, Mixture, draw_batch
from training.lifters.config import load_config, shipped_config
from training.lifters.loop import Plan
from training.lifters.systems import NAMES, find_system


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_one_builds_its_net_and_takes_a_loss(name: str) -> None:
    config = load_config(shipped_config(name))
    assert config.system == name
    Plan(None, 1, rate=config.rate, decay=config.decay, matrices=config.matrices)
    batch = draw_batch(Draws(ClipSampler(walkers("a")), mixture=config.mixture), BatchSize(2, 8, 2), (0, 0))
    torch.manual_seed(0)
    net = build_net(config.system, config.net).train()
    loss = find_system(name, config.loss).loss(net, batch, torch.Generator().manual_seed(0))
    assert loss.shape == ()
    loss.backward()  # type: ignore[no-untyped-call]
    grown = [p.grad.abs().sum() for p in net.parameters() if p.grad is not None]
    assert torch.stack(grown).isfinite().all()
    assert torch.stack(grown).sum() > 0


def test_every_configuration_that_ships_is_of_a_system() -> None:
    shipped = {path.stem for path in shipped_config("unified").parent.glob("*.yaml")}
    assert shipped == set(NAMES)


def _load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_config(path)


def test_everything_a_file_says_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "system: unified\nnet: {width: 16}\nloss: {depth: 0.1}\nmixture: {exact: 0.1, records: 0.2}\n"
        "batch: {clips: 3, frames: 7, past: 2}\nrate: 2e-3\ndecay: 0\nmatrices: adam\nerrors: cpn\n"
    )
    config = load_config(path)
    assert (config.net, config.loss) == ({"width": 16}, {"depth": 0.1})
    assert (config.mixture, config.batch) == (Mixture(0.1, 0.2), BatchSize(3, 7, 2))
    assert (config.rate, config.decay, config.matrices) == (0.002, 0.0, "adam")
    assert config.errors == "cpn"
    path.write_text("system: unified\nnet:\n")
    assert load_config(path).net == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a mapping"),
        ("[1, 2]", "must be a mapping"),
        ("{a: [", "no configuration"),
        ("net: {}", "names no system"),
        ("{system: unified, wdith: 3, rtae: 1}", "unknown keys rtae, wdith"),
        ("{system: unified, net: 5}", "net must be a mapping"),
        ("{system: unified, loss: [1]}", "loss must be a mapping"),
        ("{system: unified, rate: fast}", "fast"),
        ("{system: unified, mixture: {exact: 0.9, records: 0.9}}", "between 0 and 1"),
        ("{system: unified, mixture: {exact: much}}", "no configuration"),
        ("{system: unified, mixture: {exakt: 0.5}}", "exakt"),
        ("{system: unified, batch: {clips: 0}}", "at least one clip"),
        ("{system: unified, batch: {clips: few}}", "no configuration"),
    ],
)
def test_a_bad_one_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        _load(tmp_path, text)
    assert "\n" not in str(refused.value)


def test_a_file_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        load_config(tmp_path / "absent.yaml")

"""Configurations are read whole or refused by name; all that are shipped build their nets."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.nets.images.catalogue import build_image_net
from realtime.errors import UsageError
from training.images.config import NAMES, config_file, load_config, parse_config, shipped_configs
from training.images.systems.cpn import CpnLoss

EVERY = [config for name in NAMES for config in shipped_configs(name)]


@pytest.mark.parametrize("name", EVERY)
def test_a_shipped_configuration_builds_its_net(name: str) -> None:
    config = load_config(config_file(name))
    assert name.startswith(config.system)
    assert config.of_system().name == config.system
    assert build_image_net(config.system, config.net).name == config.system


def test_the_first_of_a_system_is_the_shipped_one() -> None:
    assert [shipped_configs(name)[0] for name in NAMES] == list(NAMES)
    assert "cpn-globalnet" in EVERY
    assert config_file("somewhere.yaml") == Path("somewhere.yaml")


def test_what_is_said_is_taken_and_the_rest_is_usual() -> None:
    config = parse_config(
        "system: cpn\nloss: {hardest: 5}\ncut: {whole: true}\nspread: {scale: [0.9, 1.1]}\nrate: 3e-3\n"
    )
    assert isinstance(config.loss, CpnLoss)
    assert (config.loss.hardest, config.cut.whole, config.spread.scale, config.rate) == (
        5,
        True,
        (0.9, 1.1),
        0.003,
    )
    assert config.batch == 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("system: hrnet", "ssd, cpn"),
        ("- a", "mapping"),
        ("system: cpn\nlearning: 3", "unknown keys learning"),
        ("system: cpn\nloss: {ratio: 3}", "ratio"),
        ("system: cpn\nloss: 3", "loss must be a mapping"),
        ("system: cpn\nloss: {hardest: 0}", "hardest"),
        ("system: ssd\nbatch: 1", "batch"),
        ("system: ssd\noptimiser: lion", "lion"),
        ("system: [", "flow"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_config(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        load_config(tmp_path / "none.yaml")

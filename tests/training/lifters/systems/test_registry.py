"""Systems by name."""

from __future__ import annotations

import pytest

from export.nets.catalogue import NETS
from realtime.errors import UsageError
from training.lifters.systems import NAMES, find_system


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_system_of_that_name(name: str) -> None:
    system = find_system(name)
    assert system.name == name
    assert name in NETS
    assert system.paper


def test_names_are_those_of_the_networks() -> None:
    assert set(NAMES) == set(NETS)
    assert len(set(NAMES)) == len(NAMES)


def test_a_name_there_is_not_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"no lifter 'oracle' to train: choose .*unified") as refused:
        find_system("oracle")
    assert "\n" not in str(refused.value)


def test_options_go_to_the_loss() -> None:
    told = find_system("depth-tcn", {"noise": 0.3})
    assert told.loss.keywords == {"noise": 0.3}  # type: ignore[attr-defined]
    assert told.name == "depth-tcn"
    assert find_system("depth-tcn").loss is find_system("depth-tcn", {}).loss


@pytest.mark.parametrize(
    ("name", "option", "said"),
    [("depth-tcn", "noize", "has no noize: it takes noise"), ("videopose-tcn", "x", "it takes no options"),
     ("unified", "batch", "has no batch")],
)  # fmt: skip
def test_options_there_are_not_are_refused(name: str, option: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_system(name, {option: 1})

"""`realtime-train ssd`, `cpn`, `integral-regression` and `image-records` as commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from export.image_nets import load_trained
from realtime.errors import UsageError
from tests.training.images.conftest import write_discs
from training.commands.train import cli
from training.images.config import config_file, load_config
from training.images.loop import Plan
from training.images.produce import Material, chosen_device, produce
from training.records.store import load_records


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small batches are not worth a second thread, which other work on the machine would hold up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_discs(tmp_path_factory.mktemp("commands") / "clips", clips=4)


def call(*arguments: str | Path) -> str:
    done = CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_train_then_go_on_then_records(clips: Path, tmp_path: Path) -> None:
    usual = ("integral-regression", "--clips", clips, "--validation", clips, "--out", tmp_path / "run")
    how = ("--batch", "2", "--device", "cpu", "--stride", "5", "--held", "4", "--threads", "1")
    said = call(*usual, *how, "--steps", "1")
    assert "1 steps" in said
    assert "2 steps" in call(*usual, *how, "--steps", "2")
    assert load_trained(tmp_path / "run" / "weights.safetensors").measures["pckh"] >= 0
    assert len((tmp_path / "run" / "train.csv").read_text().splitlines()) == 3
    out = tmp_path / "records" / "records-a.npz"
    said = call(
        "image-records",
        tmp_path / "run",
        "--clips",
        clips,
        "--out",
        out,
        "--device",
        "cpu",
        "--only",
        "body-0",
    )
    assert "20 frames of 4 people" in said
    assert load_records(out.parent).net == "integral-regression"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cpn", "--clips", "{clips}", "--out", "{out}"], "how long to train"),
        (
            ["cpn", "--clips", "{out}", "--out", "{out}", "--steps", "1", "--wait-s", "0"],
            "no people to train on",
        ),
        (["cpn", "--config", "ssd", "--clips", "{clips}", "--out", "{out}", "--steps", "1"], "is of ssd"),
        (
            ["cpn", "--config", "none.yaml", "--clips", "{clips}", "--out", "{out}", "--steps", "1"],
            "cannot read",
        ),
        (
            ["cpn", "--clips", "{clips}", "--leave-out", "body-0", "--out", "{out}", "--steps", "1"],
            "no people to train on",
        ),
    ],
)
def test_what_is_wrong_is_said(clips: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    given = [a.format(clips=clips, out=tmp_path / "run") for a in arguments]
    with pytest.raises(UsageError, match=words):
        call(*given)


def test_clips_that_come_later_are_waited_for(tmp_path: Path) -> None:
    folder, slept = tmp_path / "later", []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            write_discs(folder, clips=2)

    config = replace(load_config(config_file("cpn")), batch=2)
    material = Material((folder,), None, capacity=8)
    trainer = produce(config, "", Plan(None, 1), material, tmp_path / "run", chosen_device("cpu"), sleep)
    assert len(slept) == 2
    assert trainer.progress.step == 1


def test_after_the_wait_it_begins_with_what_there_is(clips: Path, tmp_path: Path) -> None:
    config = replace(load_config(config_file("cpn")), batch=2)
    material = Material((clips, tmp_path / "never"), None, capacity=2000, least=1000, wait_s=2)
    slept: list[float] = []
    trainer = produce(
        config, "", Plan(None, 1), material, tmp_path / "run", chosen_device("cpu"), slept.append
    )
    assert sum(slept) == 2
    assert trainer.progress.step == 1


def test_cuda_is_refused_where_there_is_none() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(UsageError, match="no CUDA"):
        chosen_device("cuda")
    assert chosen_device("auto").type == "cpu"

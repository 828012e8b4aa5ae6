"""`realtime-train render` and `records`, with a maker of discs in place of the studio."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from realtime.errors import UsageError
from tests.training.dataset.discs import FRAMES, DiscFactory
from training.commands.records import records
from training.commands.render import render
from training.records.store import load_records


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name data; what is made of it are discs."""
    monkeypatch.setattr("training.render.clip.StudioFactory", lambda *parts: DiscFactory())
    (tmp_path / "human").mkdir()
    (tmp_path / "human" / "base.obj").write_text("v 0 0 0")
    (tmp_path / "walk.npz").write_bytes(b"steps")
    places = ["--makehuman", str(tmp_path / "human"), "--motion", str(tmp_path / "walk.npz")]
    return [*places, "--out", str(tmp_path / "out"), "--processes", "1", "--frames-per-clip", str(FRAMES)]


def call(command: click.Command, *words: str) -> Result:
    return CliRunner().invoke(command, list(words), catch_exceptions=True)


def test_render_says_what_it_wrote_and_goes_on(data: list[str], tmp_path: Path) -> None:
    first = call(render, *data, "--clips", "2")
    assert first.exit_code == 0, first.exception
    assert "2 clips, 10 frames in " in first.output
    assert "images are 112x96 on average" in first.output
    assert "holds all 2 clips already" in call(render, *data, "--clips", "2").output
    assert "1 clips, 5 frames" in call(render, *data, "--clips", "3").output
    header = (tmp_path / "out" / "dataset.json").read_text()
    assert str(tmp_path) not in header
    assert '"frames": 5' in header


@pytest.mark.parametrize("changed", ["walk.npz", "human/base.obj"])
def test_other_data_is_another_dataset(data: list[str], tmp_path: Path, changed: str) -> None:
    call(render, *data, "--clips", "1")
    (tmp_path / changed).write_bytes(b"changed")
    error = call(render, *data, "--clips", "1").exception
    assert isinstance(error, UsageError)
    assert "was made with other settings: description." in str(error)


def test_data_that_is_not_there_is_named(data: list[str], tmp_path: Path) -> None:
    (tmp_path / "walk.npz").unlink()
    error = call(render, *data, "--clips", "1").exception
    assert isinstance(error, UsageError)
    assert "walk.npz" in str(error)


def test_records_say_how_many_were_found(data: list[str], tmp_path: Path, blazepose: Path) -> None:
    done = call(records, *data, "--frames", "40")
    assert done.exit_code == 0, done.exception
    assert "40 frames in " in done.output
    assert "all 1 shards: found 0.0% of 60 people in 40 frames" in done.output
    assert (tmp_path / "out" / "records-00000.npz").is_file()
    again = call(records, *data, "--frames", "40")
    assert again.output.startswith("all 1 shards: found 0.0% of 60 people")


def test_records_are_of_the_net_that_is_named(data: list[str], tmp_path: Path) -> None:
    done = call(records, *data, "--frames", "40", "--models", "integral-regression")
    assert done.exit_code == 0, done.exception
    header = json.loads((tmp_path / "out" / "records.json").read_text())
    assert set(header["description"]["nets"]) == {"ssd", "integral-regression"}
    assert load_records(tmp_path / "out").net == "integral-regression"
    error = call(records, *data, "--frames", "40", "--models", "own").exception
    assert isinstance(error, UsageError)
    assert "was made with other settings: description." in str(error)
    assert "no model 'oracle'" in str(call(records, *data, "--frames", "40", "--models", "oracle").exception)


def test_help_shows_examples() -> None:
    for command in (render, records):
        assert "Examples:" in call(command, "--help").output


@pytest.mark.usefixtures("opengl")
def test_the_studio_s_clips_are_the_same_bytes_from_one_process_and_from_two(
    shared_data: Path, tmp_path: Path
) -> None:
    options = [
        "--makehuman", str(shared_data / "makehuman"),
        "--motion", str(shared_data / "mocap" / "cmu_h36m17_30hz.npz"),
        "--clips", "3", "--frames-per-clip", "3", "--long-side", "128", "192", "--oversampling", "1",
    ]  # fmt: skip
    for name, processes in (("one", "1"), ("two", "2")):
        done = call(render, *options, "--out", str(tmp_path / name), "--processes", processes)
        assert done.exit_code == 0, done.exception
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len([path for path in files if path.suffix == ".npz"]) == 3
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path

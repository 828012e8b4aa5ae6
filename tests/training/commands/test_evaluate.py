"""`realtime-evaluate`: its contract, its options, and bad use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.records.made_up import exact_records
from tests.training.walking import write_motion
from training.commands.evaluate import main

KEYS = [
    "lifter", "input", "lag_frames", "mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm",
    "accel_mm", "pck150", "auc", "params", "step_ms",
]  # fmt: skip
MORE = ["within_sigma", "depth_bias_percent", "bone_cv_percent", "root"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `realtime-evaluate` in this process; returns exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["realtime-evaluate", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def motion(tmp_path: Path) -> str:
    return str(write_motion(tmp_path / "m.npz"))


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[str, str]:
    """A motion file, and records of its two takes and of another."""
    records = exact_records(clips=3, frames=12)
    records = replace(records, subject=("ann", "bob", "eve"), name=("ann_1", "bob_1", "eve_1"))
    records.save(tmp_path / "records-0.npz")
    return str(write_motion(tmp_path / "m.npz")), str(tmp_path / "records-0.npz")


def _rows(command: Command, *words: str, lifter: str = "unified") -> list[dict[str, Any]]:
    code, out, err = command(*words, "--json", "--lifters", lifter)
    assert code == 0, err
    rows: list[dict[str, Any]] = json.loads(out)["rows"]
    return rows


def test_the_row_holds_the_contracts_keys_first(command: Command, motion: str) -> None:
    (row,) = _rows(command, motion, "--seed", "1")
    assert list(row) == KEYS + MORE
    assert (row["lifter"], row["input"], row["lag_frames"]) == ("unified", "gt", 0)
    assert row["pa_mpjpe_mm"] < row["n_mpjpe_mm"] + 1e-6
    assert row["params"] > 100_000
    assert 0 < row["step_ms"] < 1000


def test_the_table_says_the_same_and_the_seed_fixes_it(command: Command, motion: str) -> None:
    words = (motion, "--subjects", "bob", "--input", "noise", "--fov", "60", "--lifters", "unified")
    code, table, _ = command(*words, "--closed-form-root")
    (row,) = _rows(command, *words, "--closed-form-root")
    assert code == 0
    header, line = (text.split() for text in table.strip().splitlines()[:2])
    assert header == KEYS + MORE
    assert line[header.index("mpjpe_mm")] == f"{row['mpjpe_mm']:.2f}"
    assert line[-1] == "closed-form"


def test_groups_and_a_given_height_show_in_the_rows(command: Command, motion: str) -> None:
    rows = _rows(command, motion, "--by", "subject", "--height")
    assert [(row["group"], row["height_given"]) for row in rows] == [("ann", True), ("bob", True)]
    (row,) = _rows(command, motion, "--by", "action", "--tilt")
    assert (row["group"], row["tilt_given"]) == ("other", True)


def test_a_lifter_without_a_dial_has_one_row_whatever_the_lags(command: Command, motion: str) -> None:
    (row,) = _rows(command, motion, "--lag", "0,4", "--lag", "-2", lifter="videopose-tcn")
    assert row["lag_frames"] == 0


def test_records_of_chosen_subjects_count(command: Command, recorded: tuple[str, str]) -> None:
    motion, records = recorded
    rows = _rows(command, motion, "--input", "records", "--records", records, "--by", "subject")
    assert [(row["input"], row["group"]) for row in rows] == [("records", "ann"), ("records", "bob")]
    (alone,) = _rows(command, motion, "--input", "records", "--records", records, "--subjects", "bob")
    assert alone["mpjpe_mm"] == rows[1]["mpjpe_mm"]


def test_records_of_nobody_in_the_motion_say_how_to_make_some(
    command: Command, recorded: tuple[str, str], tmp_path: Path
) -> None:
    other = write_motion(tmp_path / "o.npz", subject=np.array(["cy", "di"]))
    for more in (["--records", recorded[1]], []):
        code, out, err = command(str(other), "--input", "records", *more)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "realtime-train records --part test" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent.npz",), "cannot read"),
        (("m.npz", "--lifters", "oracle"), "no lifter 'oracle'"),
        (("m.npz", "--subjects", "eve"), "no subject eve"),
        (("m.npz", "--subjects", "test"), "no subject cmu-03"),
        (("m.npz", "--input", "guess"), "guess"),
        (("m.npz", "--fov", "500"), "fov"),
        (("m.npz", "--lag", "soon"), "--lag takes whole frames"),
        (("m.npz", "--by", "weather"), "weather"),
        (("m.npz", "--records", "r.npz"), "needs --input records"),
        (("m.npz", "--input", "records", "--fov", "60"), "leave out --fov"),
        (("m.npz", "--input", "records", "--records", "r.npz"), "cannot read records"),
        ((), "MOTION"),
    ],
)
def test_bad_use_is_one_line_and_exit_2(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    write_motion(tmp_path / "m.npz")
    monkeypatch.chdir(tmp_path)
    code, out, err = command(*words)
    assert code == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith("error: ")


def test_a_broken_motion_file_is_one_line_and_exit_2(command: Command, tmp_path: Path) -> None:
    code, _, err = command(str(write_motion(tmp_path / "m.npz", lengths=None)), "--json")
    assert code == 2
    assert "lacks 'lengths'" in err
    assert err.count("\n") == 1


def test_people_who_are_never_in_view_are_said(command: Command, tmp_path: Path) -> None:
    records = exact_records(clips=1, frames=12)
    gone = replace(records, found=np.zeros(12, bool), subject=("ann",), name=("ann_1",))
    gone.save(tmp_path / "r.npz")
    path = str(write_motion(tmp_path / "m.npz"))
    code, _, err = command(path, "--input", "records", "--records", str(tmp_path / "r.npz"))
    assert code == 2
    assert "no frame of the motion shows anyone" in err


def test_help_shows_examples(command: Command) -> None:
    code, out, _ = command("--help")
    assert code == 0
    assert "realtime-evaluate cmu" in out

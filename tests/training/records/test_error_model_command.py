"""`realtime-train error-model`: a table, a file, a picture, and one line when something is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from tests.training.records.made_up import erring, exact_records
from training.commands.error_model import error_model
from training.records.error_model import load_error_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of a net with 1 % of error, 3 % where hidden."""
    where = tmp_path_factory.mktemp("records")
    exact, rng = exact_records(clips=8, frames=100), np.random.default_rng(0)
    visible = rng.random(exact.visible.shape) < 0.7
    sigma = np.where(visible, 0.01, 0.03)[..., None]
    records = erring(exact, sigma * rng.standard_normal(exact.seen_px.shape), visible=visible)
    for shard in range(records.clips):
        records.clip(shard).save(where / f"records-{shard:05d}.npz")
    return where


def test_it_prints_a_row_a_joint_and_class_and_writes_what_it_says(folder: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "model.yaml", tmp_path / "model.png"
    done = CliRunner().invoke(error_model, [str(folder), "--out", str(out), "--plot", str(plot)])
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines()]
    for joint in H36M17.joints:
        for key, median in (("visible", 1.177), ("hidden", 3.53)):
            row = next(r for r in rows if r[:2] == [joint, key])
            # The median of a Rayleigh distribution is 1.177 sigma.
            assert float(row[4]) == pytest.approx(median, rel=0.2)
    assert "800 frames of 8 clips, 0.0% missed" in done.output
    assert "mixture-by-visibility" in done.output
    model = load_error_model(out)
    assert model.provenance.net == "made-up"
    assert model.behaviour["visible"].mixture.sigma.mean() == pytest.approx(0.01, rel=0.05)
    picture = cv2.imread(str(plot))
    assert picture.shape[1] > 1500
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


def test_without_matplotlib_it_says_how_to_get_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    arguments = [str(folder), "--out", str(tmp_path / "m.yaml"), "--plot", str(tmp_path / "m.png")]
    done = CliRunner().invoke(error_model, arguments)
    assert isinstance(done.exception, UsageError)
    assert "pip install matplotlib" in str(done.exception)


def test_a_folder_without_records_is_bad_use(tmp_path: Path) -> None:
    done = CliRunner().invoke(error_model, [str(tmp_path), "--out", str(tmp_path / "m.yaml")])
    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2
    assert not (tmp_path / "m.yaml").exists()

"""`realtime-train causal-tcn`: from a motion file to files that ship, or one line that says why not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime.engines.open import open_engine
from realtime.lift import Lifter
from realtime.manifest import load_manifest
from tests.training.walking import walker_m, write_motion
from training.commands.train import main

Command = Callable[..., tuple[int, str, str]]
BODIES = ("cmu-02", "cmu-03", "cmu-05", "cmu-07")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `realtime-train` in this process; returns exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["realtime-train", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def _motion_file(path: Path) -> Path:
    takes = [walker_m(30, seed) for seed in range(len(BODIES))]
    return write_motion(
        path,
        positions_mm=np.round(1000 * np.concatenate(takes)).astype(np.int32),
        lengths=np.array([len(t) for t in takes]),
        subject=np.array(BODIES),
        name=np.array([f"{b}_walk" for b in BODIES]),
    )


def test_it_leaves_a_lifter_with_manifest_and_card(command: Command, tmp_path: Path) -> None:
    motion, out = _motion_file(tmp_path / "m.npz"), tmp_path / "out"
    words = ("causal-tcn", "--motion", str(motion), "--out", str(out), "--steps", "2", "--threads", "1")
    code, said, _ = command(*words)
    assert code == 0
    assert "causal-tcn.onnx" in said
    manifest = load_manifest(out / "causal-tcn.json")
    engine = open_engine(manifest.check_file(), "onnxruntime", threads=1)
    lifted = Lifter(manifest, engine).step(
        np.zeros((1, 17, 2), np.float32), np.ones((1, 17), np.float32), (1,)
    )
    assert np.isfinite(lifted.relative_m).all()
    assert manifest.metrics["gt_mpjpe_mm"] > 0
    assert "mocap.cs.cmu.edu" in manifest.origin

    card = (out / "causal-tcn.md").read_text()
    assert f"realtime-train {' '.join(words)}" in card
    assert "- training: cmu-05; 1 takes, 30 frames" in card
    assert "| cmu-07 | noise |" in card
    assert f"| test, all | gt | {manifest.metrics['gt_mpjpe_mm']:.1f} |" in card
    assert manifest.sha256 in card
    assert "step 2 minutes" in card


def test_motion_that_lacks_a_side_is_refused(command: Command, tmp_path: Path) -> None:
    path = write_motion(tmp_path / "m.npz")
    code, _, err = command("causal-tcn", "--motion", str(path), "--out", str(tmp_path), "--steps", "1")
    assert code == 2
    assert "no validation subjects" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("causal-tcn", "--motion", "m.npz", "--out", "o"), "--minutes or --steps"),
        (("causal-tcn", "--motion", "absent.npz", "--out", "o", "--steps", "1"), "cannot read"),
        (("causal-tcn", "--motion", "m.npz", "--out", "o", "--minutes", "0"), "minutes"),
        (("causal-tcn", "--out", "o", "--steps", "1"), "--motion"),
        (("oracle",), "oracle"),
    ],
)
def test_bad_use_is_one_line_and_exit_2(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    write_motion(tmp_path / "m.npz")
    monkeypatch.chdir(tmp_path)
    code, _, err = command(*words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith("error: ")

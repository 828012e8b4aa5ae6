"""`realtime-train NAME`: from a motion file to files that ship, or one line that says why not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime.engines.open import open_engine
from realtime.lift import Lifter
from realtime.manifest import load_manifest
from tests.training.records.made_up import exact_records
from tests.training.walking import walker_m, write_motion
from training.commands.train import main
from training.lifters.loop import CHECKPOINT_FILE, LOG_FILE

Command = Callable[..., tuple[int, str, str]]
BODIES = ("cmu-02", "cmu-03", "cmu-05", "cmu-07")
BATCH = "batch: {clips: 4, frames: 8, past: 3}\n"
TINY = {
    "videopose-tcn": "system: videopose-tcn\nnet: {width: 16, blocks: 1, dropout: 0.0}\n" + BATCH,
    "unified": "system: unified\nnet: {width: 16}\n" + BATCH,
}


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


def _words(folder: Path, name: str, *more: str) -> tuple[str, ...]:
    """A command of two steps; writes what it names."""
    motion, config = _motion_file(folder / "m.npz"), folder / "tiny.yaml"
    config.write_text(TINY[name])
    given = ("--motion", str(motion), "--out", str(folder / "out"), "--config", str(config))
    return (name, *given, "--steps", "2", "--threads", "1", *more)


def _records_file(folder: Path) -> Path:
    path = folder / "records-000.npz"
    exact_records(clips=3, frames=20).save(path)
    return path


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("with_records", [False, True])
def test_it_leaves_a_lifter_with_manifest_and_card(
    command: Command, tmp_path: Path, name: str, with_records: bool
) -> None:
    records = str(_records_file(tmp_path))
    more = ("--records", records, "--records", str(tmp_path)) if with_records else ()
    words, out = _words(tmp_path, name, *more), tmp_path / "out"
    code, said, _ = command(*words)
    assert code == 0
    assert f"{name}.onnx" in said
    assert ("spread scaled by" in said) == (name == "unified")
    manifest = load_manifest(out / f"{name}.json")
    engine = open_engine(manifest.check_file(), "onnxruntime", threads=1)
    lifted = Lifter(manifest, engine).step(
        np.zeros((1, 17, 2), np.float32), np.ones((1, 17), np.float32), (1,)
    )
    assert np.isfinite(lifted.relative_m).all()
    assert manifest.metrics["gt_mpjpe_mm"] > 0
    assert "mocap.cs.cmu.edu" in manifest.origin

    card = (out / f"{name}.md").read_text()
    assert f"realtime-train {' '.join(words)}" in card
    assert TINY[name].strip() in card
    assert "- training: cmu-05; 1 takes, 30 frames" in card
    assert "| cmu-07 | noise |" in card
    assert f"| test, all | gt | {manifest.metrics['gt_mpjpe_mm']:.1f} |" in card
    assert manifest.sha256 in card
    log = (out / LOG_FILE).read_text().splitlines()
    assert log[0].startswith("step,minutes,loss,mpjpe_mm")
    assert "\n".join(log) in card


def test_the_same_command_goes_on_and_exports_the_same_again(command: Command, tmp_path: Path) -> None:
    words, out = _words(tmp_path, "videopose-tcn"), tmp_path / "out"
    assert command(*words)[0] == 0
    log, weights = (out / LOG_FILE).read_text(), load_manifest(out / "videopose-tcn.json").sha256
    assert command(*words)[0] == 0
    assert (out / LOG_FILE).read_text() == log
    assert load_manifest(out / "videopose-tcn.json").sha256 == weights
    longer = [word if word != "2" else "3" for word in words]
    assert command(*longer)[0] == 0
    assert (out / LOG_FILE).read_text().startswith(log)
    assert (out / LOG_FILE).read_text().splitlines()[-1].startswith("3,")
    assert load_manifest(out / "videopose-tcn.json").sha256 != weights


def test_a_run_of_another_net_is_not_gone_on_with(command: Command, tmp_path: Path) -> None:
    words, out = _words(tmp_path, "videopose-tcn"), tmp_path / "out"
    out.mkdir()
    np.savez(out / CHECKPOINT_FILE, progress=np.array([1, 1]))
    code, _, err = command(*words)
    assert code == 2
    assert "delete it or use another --out" in err


def _refused(command: Command, *words: str) -> str:
    code, _, err = command(*words)
    assert code == 2
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    return err


def test_motion_that_lacks_a_side_is_refused(command: Command, tmp_path: Path) -> None:
    path = write_motion(tmp_path / "m.npz")
    words = ("unified", "--motion", str(path), "--out", str(tmp_path), "--steps", "1")
    assert "no validation subjects" in _refused(command, *words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("system: unified\nwdith: 3\n", "unknown keys wdith"),
        ("system: videopose-tcn\n", "is of videopose-tcn: realtime-train videopose-tcn"),
        ("system: unified\nnet: {widht: 3}\n", "unified cannot be built with"),
        ("system: unified\nloss: {dpeth: 3}\n", "has no dpeth"),
        ("system: unified\nmixture: {exact: 0.9, records: 0.9}\n", "between 0 and 1"),
        ("system: unified\nmatrices: sgd\n", "muon or adam"),
        ("system: unified\nerrors: oracle\n", "no error model of 'oracle'"),
        ("system: oracle\n", "is of oracle"),
        ("{a: [\n", "is no configuration"),
    ],
)
def test_a_bad_configuration_is_one_line_and_exit_2(
    command: Command, tmp_path: Path, text: str, said: str
) -> None:
    words = _words(tmp_path, "unified")
    (tmp_path / "tiny.yaml").write_text(text)
    assert said in _refused(command, *words)
    assert not (tmp_path / "out" / CHECKPOINT_FILE).exists()


def test_records_of_nobody_who_may_be_trained_on_are_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    words = _words(tmp_path, "unified")
    assert "holds no records" in _refused(command, *words, "--records", str(tmp_path / "none"))
    code, _, err = command(*words, "--records", str(tmp_path / "absent"))
    assert code == 2
    assert "absent" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("unified", "--motion", "m.npz", "--out", "o"), "--minutes or --steps"),
        (("unified", "--motion", "absent.npz", "--out", "o", "--steps", "1"), "cannot read"),
        (("unified", "--motion", "m.npz", "--out", "o", "--minutes", "0"), "minutes"),
        (("unified", "--out", "o", "--steps", "1"), "--motion"),
        (
            ("unified", "--motion", "m.npz", "--out", "o", "--steps", "1", "--config", "absent.yaml"),
            "cannot read the configuration",
        ),
        (("oracle",), "oracle"),
    ],
)
def test_bad_use_is_one_line_and_exit_2(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    write_motion(tmp_path / "m.npz")
    monkeypatch.chdir(tmp_path)
    assert said in _refused(command, *words)

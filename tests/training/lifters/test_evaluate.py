"""Evaluation: what is counted, how takes are drawn, and the command's contract."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime.engines.open import open_engine
from realtime.lift import Lifter
from realtime.models.catalogue import lifter
from tests.training.walking import walker_m, walkers, write_motion
from training.commands.evaluate import main
from training.lifters.evaluate import Answer, Conditions, Take, Tally, draw_take, evaluate, run_lifter
from training.mocap.motion import MotionFileError, Sequence, load_motion
from training.mocap.split import TEST_SUBJECTS

KEYS = {
    "lifter", "input", "lag_frames", "mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm",
    "accel_mm", "pck150", "auc", "params", "step_ms",
}  # fmt: skip
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


def _take(frames: int = 30) -> Take:
    return draw_take(Sequence("walk", "a", walker_m(frames)), "gt", seed=0)


def _perfect(take: Take) -> Answer:
    root = take.truth_m[:, 0]
    ones = np.ones(len(take.rays), np.float32)
    return Answer(take.truth_m - root[:, None], root, 0.1 * ones, 0.5 * ones)


def test_the_truth_has_no_error() -> None:
    tally, take = Tally(), _take()
    tally.add(take, _perfect(take), lag=0)
    found = tally.figures()
    for name in ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm", "accel_mm"):
        assert found[name] == pytest.approx(0, abs=1e-2)
    assert (found["pck150"], found["within_sigma"], found["step_ms"]) == (100, 1, 0.5)


def test_an_answer_that_lags_is_compared_with_its_own_frame() -> None:
    take = _take()
    answer = _perfect(take)
    late = Answer(*(np.roll(part, 2, axis=0) for part in (answer.pose_m, answer.root_m)), *(
        np.full(30, v, np.float32) for v in (0.1, 0.5)
    ))  # fmt: skip
    for lag, right in ((2, True), (0, False)):
        tally = Tally()
        tally.add(take, late, lag)
        assert (tally.figures()["mpjpe_mm"] < 0.01) is right


def test_frames_without_anyone_are_left_out() -> None:
    take = _take()
    answer = _perfect(take)
    take.score[10:15] = 0
    answer.pose_m[10:15] += 9
    tally = Tally()
    tally.add(take, answer, lag=0)
    assert tally.figures()["mpjpe_mm"] == pytest.approx(0, abs=1e-2)
    assert tally.figures()["mpjve_mm"] == pytest.approx(0, abs=1e-2)
    take.score[:] = 0
    empty = Tally()
    empty.add(take, answer, lag=0)
    with pytest.raises(MotionFileError, match="no frame"):
        empty.figures()


def test_takes_depend_on_their_name_and_seed_alone() -> None:
    one, two = (Sequence(n, "a", walker_m(20)) for n in ("one", "two"))
    np.testing.assert_array_equal(draw_take(one, "noise", 1).rays, draw_take(one, "noise", 1).rays)
    assert np.abs(draw_take(one, "gt", 1).truth_m - draw_take(two, "gt", 1).truth_m).max() > 0.05
    assert np.abs(draw_take(one, "gt", 1).truth_m - draw_take(one, "gt", 2).truth_m).max() > 0.05
    np.testing.assert_array_equal(draw_take(one, "gt", 1).truth_m, draw_take(one, "noise", 1).truth_m)


def test_exact_input_is_exact_and_noise_is_not() -> None:
    clean, noisy = (draw_take(Sequence("walk", "a", walker_m(20)), kind, 3) for kind in ("gt", "noise"))
    true_rays = clean.truth_m[..., :2] / clean.truth_m[..., 2:]
    np.testing.assert_allclose(clean.rays, true_rays, atol=1e-6)
    assert set(np.unique(clean.score)) <= {0.0, 1.0}
    assert clean.score.mean() > 0.95
    assert np.abs(noisy.rays - true_rays).mean() > 1e-4


def test_a_lifter_starts_each_take_afresh_and_is_fed_every_frame() -> None:
    manifest = lifter("causal-tcn")
    live, take = Lifter(manifest, open_engine(manifest.path, "onnxruntime", 1)), _take()
    first, again = run_lifter(live, take), run_lifter(live, take)
    np.testing.assert_array_equal(first.pose_m, again.pose_m)
    assert (first.step_ms > 0).all()
    assert len(first.root_m) == 30


def test_the_row_holds_the_contracts_keys(command: Command, tmp_path: Path) -> None:
    path = str(write_motion(tmp_path / "m.npz"))
    code, out, _ = command(path, "--json", "--lifters", "causal-tcn", "--seed", "1")
    (row,) = json.loads(out)["rows"]
    assert code == 0
    assert set(row) == KEYS
    assert (row["lifter"], row["input"], row["lag_frames"]) == ("causal-tcn", "gt", 0)
    assert row["pa_mpjpe_mm"] < row["n_mpjpe_mm"] + 1e-6
    assert row["params"] > 100_000
    assert 0 < row["step_ms"] < 1000


def test_the_table_says_the_same_and_the_seed_fixes_it(command: Command, tmp_path: Path) -> None:
    path = str(write_motion(tmp_path / "m.npz"))
    words = (path, "--subjects", "bob", "--input", "noise", "--fov", "60")
    code, table, _ = command(*words)
    row = json.loads(command(*words, "--json")[1])["rows"][0]
    assert code == 0
    header, line = (text.split() for text in table.strip().splitlines()[:2])
    assert set(header) == KEYS
    assert line[header.index("mpjpe_mm")] == f"{row['mpjpe_mm']:.2f}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent.npz",), "cannot read"),
        (("m.npz", "--lifters", "oracle"), "no lifter 'oracle'"),
        (("m.npz", "--subjects", "eve"), "no subject eve"),
        (("m.npz", "--subjects", "test"), "no subject cmu-03"),
        (("m.npz", "--input", "guess"), "guess"),
        (("m.npz", "--fov", "500"), "fov"),
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


def test_help_shows_examples(command: Command) -> None:
    code, out, _ = command("--help")
    assert code == 0
    assert "realtime-evaluate cmu" in out


def test_people_who_are_never_in_view_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unseen(*arguments: object) -> Take:
        take = _take()
        take.score[:] = 0
        return take

    monkeypatch.setattr("training.lifters.evaluate.draw_take", unseen)
    with pytest.raises(MotionFileError, match="no frame"):
        evaluate(lifter("causal-tcn"), walkers("a"), Conditions())


def test_the_shipped_lifter_is_as_good_on_unseen_bodies_as_its_manifest_says(shared_data: Path) -> None:
    manifest = lifter("causal-tcn")
    motion = load_motion(shared_data / "mocap" / "cmu_h36m17_30hz.npz").of_subjects(TEST_SUBJECTS)
    found = evaluate(manifest, motion, Conditions("gt", engine="onnxruntime", threads=1))
    assert found["mpjpe_mm"] < 70
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm"):
        assert found[name] == pytest.approx(manifest.metrics[f"gt_{name}"], rel=0.01)

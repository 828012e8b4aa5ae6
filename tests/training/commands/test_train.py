"""`realtime-train` where only the runtime's own packages are installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

ONLY_FOR_DEVELOPERS = ("av", "matplotlib", "moderngl", "scipy", "torch")


def bare(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the developers' packages hidden."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({ONLY_FOR_DEVELOPERS!r})); "
        f"sys.argv = ['realtime-train', *{words!r}]; "
        "from training.commands.train import main; main()"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("unified", "--help"),
        ("videopose-tcn", "--help"),
        ("render", "--help"),
        ("records", "--help"),
        ("error-model", "--help"),
    ],
)
def test_help_needs_nothing_more(words: tuple[str, ...]) -> None:
    done = bare(*words)
    assert done.returncode == 0, done.stderr
    assert "Usage: realtime-train" in done.stdout


@pytest.mark.parametrize("command", ["render", "records"])
def test_what_is_missing_is_named_in_one_line(command: str) -> None:
    count = ("--clips", "1") if command == "render" else ("--frames", "1")
    done = bare(command, "--makehuman", ".", "--motion", "pyproject.toml", "--out", "runs/none", *count)
    assert done.returncode == 1
    assert done.stderr.startswith("error: this command needs ")
    assert "pip install" in done.stderr
    assert done.stderr.count("\n") == 1

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from realtime.commands.shell import LOG_VARIABLE, run
from realtime.errors import EngineError, SourceError


def ending(raised: BaseException | None, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """The exit code and the words of a command that raises this."""

    @click.command()
    def command() -> None:
        if raised is not None:
            raise raised

    argv, sys.argv = sys.argv, ["command"]
    try:
        with pytest.raises(SystemExit) as left:
            run(command)
    finally:
        sys.argv = argv
    return left.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (None, 0, ""),
        (SourceError("no such\nfile"), 2, "error: no such file\n"),
        (EngineError("broken"), 1, "error: broken\n"),
        (click.UsageError("odd option"), 2, "error: odd option\n"),
        (KeyboardInterrupt(), 130, "\nerror: interrupted\n"),  # click ends the line of the ^C
    ],
)
def test_every_end_has_its_code_and_one_line(
    raised: BaseException | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(raised, capsys) == (code, said)


def test_a_defect_is_one_line_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ending(ZeroDivisionError("by zero"), capsys)
    assert code == 1
    assert said.startswith("error: ZeroDivisionError: by zero (this is a defect")
    assert said.count("\n") == 1


def test_a_reader_that_hangs_up_is_no_defect() -> None:
    code = "import click\nfrom realtime.commands.shell import run\n"
    code += "run(click.Command('c', callback=lambda: [click.echo('x' * 9999) for _ in range(999)]))"
    command = f'{sys.executable} -c "$CODE" | head -c 1 >/dev/null; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=os.environ | {"CODE": code}
    )
    assert done.stdout.strip() == "1"
    assert done.stderr == ""


def test_the_traceback_is_there_for_who_asks() -> None:
    code = "import click\nfrom realtime.commands.shell import run\n"
    code += "run(click.Command('c', callback=lambda: 1 / 0))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {LOG_VARIABLE: "debug"}
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ZeroDivisionError")

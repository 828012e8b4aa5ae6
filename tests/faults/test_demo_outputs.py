"""What the demo does when an output cannot be written: a file's run ends, a camera's goes on; both say so."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from realtime.commands.demo import demo
from realtime.errors import RecordError
from realtime.sample import clip_path
from realtime.stream.session import read_session
from tests.fakes import http_camera

FULL = Path("/dev/full")
pytestmark = [
    pytest.mark.usefixtures("blazepose"),
    pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full"),
]


def run(*arguments: str | Path) -> tuple[BaseException | None, str]:
    """What the demo, headless, in this process, raises and says."""
    done = CliRunner().invoke(demo, ["--headless", *map(str, arguments)])
    return done.exception, done.output


def test_a_full_disk_ends_the_run_of_a_file() -> None:
    error, said = run("--source", "sample", "--frames", "200", "--record", FULL)
    assert isinstance(error, RecordError)
    assert "No space left" in str(error)
    assert error.exit_code == 1
    assert "median ms a frame" not in said


def test_a_full_disk_does_not_end_what_a_camera_shows(tmp_path: Path) -> None:
    image = cv2.VideoCapture(str(clip_path())).read()[1]
    session = tmp_path / "s"
    with http_camera(itertools.repeat(image)) as address:
        kept = ["--record", FULL, "--session", session]
        error, said = run("--source", address, "--frames", "12", *kept)
    assert isinstance(error, RecordError)
    assert "No space left" in str(error)
    assert "median ms a frame" in said
    kept_session = read_session(session)
    assert kept_session.whole
    assert len(kept_session.seen) == 12

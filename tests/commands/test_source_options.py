"""The options about how a source is opened."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from realtime.commands import source_options as module
from realtime.commands.source_options import source_options, to_source_options
from realtime.errors import UsageError
from realtime.stream.sources.camera import CameraEntry, CameraMode
from realtime.stream.sources.open import SourceOptions
from realtime.stream.sources.view import View


def given(*words: str) -> SourceOptions:
    """What a command is given for these words."""
    found: list[SourceOptions] = []

    @click.command()
    @source_options
    def command(**options: object) -> None:
        found.append(to_source_options(options))
        assert not options, "they are taken out"

    result = CliRunner().invoke(command, list(words), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return found[0]


def test_nothing_said_is_a_camera_as_it_comes() -> None:
    options = given()
    assert options.camera == CameraMode()
    assert options.view == View()
    assert options.reconnect.give_up_s == 30.0


def test_what_is_said_is_asked_for() -> None:
    options = given(
        "--camera-size", "1280x720", "--camera-fps", "60", "--camera-format", "MJPG",
        "--rotate", "ccw", "--crop", "10,20,300,400", "--reconnect", "0",
    )  # fmt: skip
    assert options.camera == CameraMode((1280, 720), 60.0, "MJPG")
    assert options.view == View(3, (10, 20, 300, 400))
    assert options.reconnect.give_up_s == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--camera-size", "1280"),
        ("--camera-size", "0x0"),
        ("--camera-fps", "-1"),
        ("--camera-format", "x"),
        ("--crop", "1,2,3"),
        ("--crop", "a,b,c,d"),
    ],
)
def test_nonsense_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        given(*words)


@pytest.mark.parametrize(
    ("cameras", "told"),
    [
        ((), "no cameras found\n"),
        ((CameraEntry(0, "HD"), CameraEntry(2, "")), "0: HD\n2: camera without a name\n"),
    ],
)
def test_cameras_are_listed(
    cameras: tuple[CameraEntry, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "list_cameras", lambda: cameras)

    @click.command()
    @source_options
    def command(**options: object) -> None:
        raise AssertionError("it only lists")

    result = CliRunner().invoke(command, ["--list-cameras"])
    assert (result.exit_code, result.output) == (0, told)

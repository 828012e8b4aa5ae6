"""Options about how a source is opened, shared by the commands that take `--source`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from realtime.errors import UsageError
from realtime.stream.source import Window
from realtime.stream.sources.camera import CameraMode, list_cameras
from realtime.stream.sources.open import SourceOptions
from realtime.stream.sources.reconnect import Reconnect
from realtime.stream.sources.view import View

_TURNS = {"cw": 1, "180": 2, "ccw": 3}


def _list(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    cameras = list_cameras()
    for entry in cameras:
        click.echo(str(entry))
    if not cameras:
        click.echo("no cameras found")
    context.exit()


_OPTIONS = (
    click.option(
        "--list-cameras", is_flag=True, is_eager=True, expose_value=False, callback=_list,
        help="List the cameras of this machine, and end.",
    ),
    click.option("--camera-size", metavar="WxH", help="Ask a camera for this resolution, as 1280x720."),
    click.option("--camera-fps", type=float, metavar="F", help="Ask a camera for this frame rate."),
    click.option(
        "--camera-format", metavar="CODE",
        help="Ask a camera for this format: MJPG for high rates over USB, YUYV ... What it does not apply "
        "is an error that says what it gives.",
    ),
    click.option(
        "--rotate", type=click.Choice(list(_TURNS)), help="Turn the pictures: a camera mounted on its side."
    ),
    click.option(
        "--crop", metavar="X,Y,W,H",
        help="Use this part of the (turned) picture; the camera's intrinsics are cut with it.",
    ),
    click.option(
        "--reconnect", "reconnect_s", type=click.FloatRange(min=0), default=30.0, show_default=True,
        metavar="S", help="Seconds to wait for a lost camera or stream to come back; 0: end at once.",
    ),
)  # fmt: skip


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option about its source."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def to_source_options(given: dict[str, Any]) -> SourceOptions:
    """The source's part of a command's parameters, taken out of them. Raises UsageError."""
    size, crop = given.pop("camera_size"), given.pop("crop")
    mode = CameraMode(size and _size(size), given.pop("camera_fps"), given.pop("camera_format"))
    view = View(_TURNS.get(given.pop("rotate") or "", 0), parse_window(crop) if crop else None)
    return SourceOptions(mode, view, Reconnect(given.pop("reconnect_s")))


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", text)
    if match is None:
        raise UsageError(f"--camera-size {text!r} is not WIDTHxHEIGHT, as 1280x720")
    return int(match[1]), int(match[2])


def parse_window(text: str) -> Window:
    """Left, top, width and height of a window, as a user writes it. Raises UsageError."""
    parts = text.split(",")
    if len(parts) != 4 or not all(re.fullmatch(r"\s*-?\d{1,6}\s*", part) for part in parts):
        raise UsageError(f"--crop {text!r} is not left,top,width,height in whole pixels")
    left, top, width, height = (int(part) for part in parts)
    return left, top, width, height

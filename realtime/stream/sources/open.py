"""From what a user named to a source."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from realtime.errors import UsageError
from realtime.stream.source import Clock, Source, redacted
from realtime.stream.sources.camera import CameraMode, open_camera
from realtime.stream.sources.file import open_file
from realtime.stream.sources.folder import ImageFolder
from realtime.stream.sources.pipe import NAMES, open_pipe
from realtime.stream.sources.reconnect import Reconnect
from realtime.stream.sources.view import View

_STREAM_PREFIXES = ("rtsp://", "rtsps://", "http://", "https://")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source is opened. camera: of cameras only. view: turned, cut. reconnect: of what is live."""

    camera: CameraMode = field(default_factory=CameraMode)
    view: View = field(default_factory=View)
    reconnect: Reconnect = field(default_factory=Reconnect)

    def require_camera(self, name: str) -> None:
        """Raise UsageError if something is asked of a camera, for a source that is none."""
        if self.camera != CameraMode():
            raise UsageError(
                f"--camera-size, --camera-fps and --camera-format are for cameras: {redacted(name)} is none"
            )


def open_source(
    name: str, clock: Clock = time.perf_counter_ns, options: SourceOptions | None = None
) -> Source:
    """Open what a user named: a camera's index or /dev/videoN, a file, a folder of images, an address, or
    `pipe:` for standard input.

    Raises SourceError when it is missing, empty, damaged, or does not answer; UsageError for a bad name, or
    options that do not fit it.
    """
    options = options or SourceOptions()
    return options.view.of(_open(name, clock, options))


def _open(name: str, clock: Clock, options: SourceOptions) -> Source:
    camera = re.fullmatch(r"(?:/dev/video)?(\d{1,4})", name)
    if camera:
        return open_camera(int(camera[1]), clock, options.camera, options.reconnect)
    options.require_camera(name)
    if name in NAMES:
        return open_pipe(NAMES[name], clock)
    if name.lower().startswith(_STREAM_PREFIXES):
        # What speaks to the network takes a while to import, and few sources need it.
        from realtime.stream.sources.network import open_stream

        return open_stream(name, clock, options.reconnect)
    if "://" in name:
        raise UsageError(f"unknown kind of address {redacted(name)}: use rtsp:// or http(s)://")
    path = Path(name)
    if path.is_dir():
        return ImageFolder(path, clock)
    return open_file(path, clock)

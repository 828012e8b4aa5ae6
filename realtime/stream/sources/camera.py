"""Cameras of this machine, by index."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

import cv2

from realtime.errors import SourceError, UsageError
from realtime.stream.source import Clock
from realtime.stream.sources.capture import CaptureGrabber
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.reconnect import Reconnect

SYSFS = Path("/sys/class/video4linux")

_MOST_PROBED = 8
_FPS_TOLERANCE = 0.03
# What drivers call the same format.
_SAME_FORMAT = {"JPEG": "MJPG", "YUYV": "YUY2", "V422": "YUY2"}


@dataclass(frozen=True, slots=True)
class CameraMode:
    """What a camera is asked for; None: as it comes. size: (width, height). fourcc: MJPG, YUY2, H264 ..."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    fourcc: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None and min(self.size) < 1:
            raise UsageError(f"a camera's size must be positive, not {self.size[0]}x{self.size[1]}")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise UsageError(f"a camera's frame rate must lie between 0 and 1000, not {self.fps:g}")
        if self.fourcc is not None and not re.fullmatch(r"[\x21-\x7e]{3,4}", self.fourcc):
            raise UsageError(f"a camera's format has four letters, as MJPG or YUYV, not {self.fourcc!r}")


@dataclass(frozen=True, slots=True)
class CameraEntry:
    """A camera of this machine. name: as the system calls it; empty where it does not say."""

    index: int
    name: str

    def __str__(self) -> str:
        return f"{self.index}: {self.name or 'camera without a name'}"


def list_cameras(sysfs: Path = SYSFS) -> tuple[CameraEntry, ...]:
    """The cameras there are. Linux names them; elsewhere the first indices are opened to see."""
    if sysfs.is_dir():
        return _named(sysfs)
    found = []
    for index in range(_MOST_PROBED):
        capture = cv2.VideoCapture(index)
        if capture.isOpened():
            found.append(CameraEntry(index, ""))
        capture.release()
    return tuple(found)


def _named(sysfs: Path) -> tuple[CameraEntry, ...]:
    found = []
    for device in sysfs.iterdir():
        number = re.fullmatch(r"video(\d+)", device.name)
        if number is None:
            continue
        try:
            # A camera's later nodes carry its metadata, not pictures.
            if int((device / "index").read_text()) == 0:
                name = (device / "name").read_text(errors="replace").strip()
                found.append(CameraEntry(int(number[1]), name))
        except (OSError, ValueError):
            continue
    return tuple(sorted(found, key=lambda entry: entry.index))


def open_camera(
    index: int,
    clock: Clock = time.perf_counter_ns,
    mode: CameraMode | None = None,
    reconnect: Reconnect | None = None,
    sysfs: Path = SYSFS,
) -> LiveSource:
    """Open a camera. One that is unplugged is found again by its name, should its index have changed.

    Raises SourceError when there is none, or when it does not do what it is asked for, with what it does.
    """
    device = _Device(index, mode or CameraMode(), clock, sysfs)
    return LiveSource(device.title, device.open, reconnect, clock)


class _Device:
    """One camera, opened as often as needed."""

    def __init__(self, index: int, mode: CameraMode, clock: Clock, sysfs: Path) -> None:
        self._index = index
        self._mode = mode
        self._clock = clock
        self._sysfs = sysfs
        self._name = next((c.name for c in self._listed() if c.index == index), "")

    @property
    def title(self) -> str:
        return f"camera {self._index}" + (f" ({self._name})" if self._name else "")

    def open(self) -> CaptureGrabber:
        index = self._now()
        capture = cv2.VideoCapture(index)
        if not capture.isOpened():
            capture.release()
            raise SourceError(self._absent(index))
        try:
            _set(capture, self._mode)
            _check(capture, self._mode, self.title)
        except BaseException:
            capture.release()
            raise
        return CaptureGrabber(capture, self._clock)

    def _listed(self) -> tuple[CameraEntry, ...]:
        return _named(self._sysfs) if self._sysfs.is_dir() else ()

    def _now(self) -> int:
        """The index it has by now."""
        same = [entry.index for entry in self._listed() if self._name and entry.name == self._name]
        return self._index if self._index in same or not same else same[0]

    def _absent(self, index: int) -> str:
        others = [str(entry) for entry in self._listed() if entry.index != index]
        there = f" (there is {', '.join(others)})" if others else ""
        return f"there is no camera {index}, or it is in use{there}: name another index, a file, or `sample`"


def _set(capture: cv2.VideoCapture, mode: CameraMode) -> None:
    """Ask for a mode: the format first, since sizes and rates hang on it."""
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    if mode.fourcc is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.fourcc.upper().ljust(4)))
    if mode.size is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.size[1])
    if mode.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, mode.fps)


def _check(capture: cv2.VideoCapture, mode: CameraMode, title: str) -> None:
    """Raise SourceError unless the device applied the mode. What it does not tell cannot be checked."""
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    fourcc = _letters(code)
    refused = []
    if mode.size is not None and min(size) > 0 and size != mode.size:
        refused.append((f"{mode.size[0]}x{mode.size[1]}", f"{size[0]}x{size[1]}", "--camera-size"))
    if mode.fps is not None and fps > 0 and abs(fps - mode.fps) > _FPS_TOLERANCE * mode.fps:
        refused.append((f"{mode.fps:g} frames/s", f"{fps:g}", "--camera-fps"))
    if mode.fourcc is not None and code > 0 and _family(fourcc) != _family(mode.fourcc):
        refused.append((mode.fourcc.upper(), fourcc, "--camera-format"))
    if refused:
        asked = " and ".join(want for want, _, _ in refused)
        given = " and ".join(have for _, have, _ in refused)
        options = " or ".join(option for _, _, option in refused)
        raise SourceError(
            f"{title} does not do {asked}: it gives {given} ({size[0]}x{size[1]} {fourcc} at {fps:g} "
            f"frames/s); change or leave out {options}"
        )


def _letters(code: int) -> str:
    text = bytes((code >> shift) & 0xFF for shift in (0, 8, 16, 24))
    return text.decode("ascii", "replace").strip() if code > 0 else "format not told"


def _family(fourcc: str) -> str:
    upper = fourcc.upper().strip()
    return _SAME_FORMAT.get(upper, upper)

"""Streams from the network: HTTP cameras, RTSP, and whatever else FFmpeg plays from an address."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import cv2

from realtime.errors import SourceError
from realtime.stream.source import Clock, Source, redacted
from realtime.stream.sources.capture import CaptureGrabber, Grabber
from realtime.stream.sources.file import of_capture
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.mjpeg import open_mjpeg
from realtime.stream.sources.reconnect import Reconnect

OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 5000

OPTIONS_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
LOW_DELAY = "rtsp_transport;tcp|flags;low_delay"
"""RTSP over TCP, which loses no packets; no picture held back to be put in order.

Not `fflags;nobuffer`, often advised: it throws away the pictures that were read to know the stream, with
H.264 the first key frame, and nothing shows until the next. They are no delay here: a thread drains them.
"""
DECODER_THREADS = 1
"""FFmpeg decodes as many frames at a time as it has threads, and gives each out as many frames late
(benchmarks/stream_delay.py): by default as many as there are cores."""
_variable = threading.Lock()


def open_stream(
    address: str, clock: Clock = time.perf_counter_ns, reconnect: Reconnect | None = None
) -> Source:
    """Open an address. A video of known length there is read like a file, anything else as it comes.

    Raises SourceError when it does not answer.
    """
    name = redacted(address)
    first: list[Grabber] = [_open(address, clock)]
    opened = first[0]
    if isinstance(opened, CaptureGrabber) and opened.frames and address.lower().startswith("http"):
        return of_capture(opened, name, Path(urllib.parse.urlsplit(address).path).suffix)
    return LiveSource(name, lambda: first.pop() if first else _open(address, clock), reconnect, clock)


def _open(address: str, clock: Clock) -> Grabber:
    if address.lower().startswith("http"):
        mjpeg = open_mjpeg(address, clock, OPEN_TIMEOUT_MS / 1000)
        if mjpeg is not None:
            return mjpeg
    settings = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        OPEN_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        READ_TIMEOUT_MS,
        cv2.CAP_PROP_N_THREADS,
        DECODER_THREADS,
    ]
    with low_delay():
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, settings)
    if not capture.isOpened():
        raise SourceError(
            f"{redacted(address)} does not answer as a video stream within {OPEN_TIMEOUT_MS / 1000:g} s: "
            "check the address, the network and the credentials"
        )
    return CaptureGrabber(capture, clock)


@contextlib.contextmanager
def low_delay() -> Iterator[None]:
    """FFmpeg's options for as long as something is opened; what the user has set stays as it is.

    OpenCV reads them from the environment, which belongs to the whole process: opens are done in turn.
    """
    with _variable:
        if OPTIONS_VARIABLE in os.environ:
            yield
            return
        os.environ[OPTIONS_VARIABLE] = LOW_DELAY
        try:
            yield
        finally:
            del os.environ[OPTIONS_VARIABLE]

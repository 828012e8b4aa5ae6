"""Writing H.264 video, with PyAV: a tool of those who make the sample clip, not of those who run it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from realtime.errors import RecordError, UsageError
from realtime.types import ImageArray

# No B-frames: the first frame is at time 0 and each packet is one frame, so every reader counts the same.
# One thread: the same frames give the same file with the same encoder.
_X264 = {"preset": "slower", "crf": "16", "bf": "0", "g": "60", "threads": "1"}


def write_h264(path: Path, images: Iterable[ImageArray], size: tuple[int, int], fps: int) -> int:
    """Write BGR images (H, W, 3) as an MP4 that browsers play too; gives the bytes written.

    size: width and height, both even.

    Raises UsageError when PyAV is not installed and RecordError when the file cannot be written.
    """
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise UsageError("writing H.264 needs PyAV: pip install av") from error
    try:
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=Fraction(fps), options=_X264)
            stream.pix_fmt = "yuv420p"
            stream.width, stream.height = size
            for image in images:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            container.mux(stream.encode())
    except (av.FFmpegError, OSError) as error:
        raise RecordError(f"cannot write {path}: {error}") from error
    return path.stat().st_size

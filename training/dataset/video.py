"""Writing and reading H.264 video. Writing takes PyAV: a tool of those who render, not of those who run."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from realtime.errors import RecordError, UsageError
from realtime.types import ImageArray

_AVX_512 = 13
"""OpenCV's CV_CPU_AVX_512F, a name that its Python lacks."""
_LARGEST_RATE_DENOMINATOR = 1001

# ITU-R BT.601, 8 bit: rows U, V; columns B, G, R and the offset.
_CHROMA_OF_BGR = np.array([(112.0, -74.203, -37.797, 128 * 255), (-18.214, -93.786, 112.0, 128 * 255)]) / 255


@dataclass(frozen=True, slots=True)
class Coding:
    """How x264 codes: preset (effort), crf (0 is lossless, larger is coarser), frames between keyframes."""

    preset: str = "slower"
    crf: int = 16
    keyframes: int = 60

    def options(self) -> dict[str, str]:
        """The encoder's options.

        No B-frames: the first frame is at time 0 and each packet is one frame, so every reader counts the
        same. One thread: the same frames give the same file with the same encoder.
        """
        options = {
            "preset": self.preset, "crf": str(self.crf), "bf": "0", "g": str(self.keyframes), "threads": "1",
        }  # fmt: skip
        if cv2.checkHardwareSupport(_AVX_512):
            # With x264's AVX-512 code 19 of 3000 encodings of one clip differed from the rest on a busy
            # virtual machine; with its AVX2 code none of 3000, and the bytes are those of the other 2981.
            options["x264-params"] = "asm=AVX2"
        return options


BEST = Coding()


def write_h264(
    path: Path, images: Iterable[ImageArray], size: tuple[int, int], fps: float, coding: Coding = BEST
) -> int:
    """Write BGR images (H, W, 3) as an MP4 that browsers play too; gives the bytes written.

    size: width and height, both even. The same images give the same bytes.

    Raises UsageError for an odd size or when PyAV is not installed, RecordError when the file cannot be
    written.
    """
    if size[0] % 2 or size[1] % 2:
        raise UsageError(f"video of {size[0]}x{size[1]} cannot be coded: width and height must be even")
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise UsageError("writing H.264 needs PyAV: pip install av") from error
    rate = Fraction(fps).limit_denominator(_LARGEST_RATE_DENOMINATOR)
    try:
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=rate, options=coding.options())
            stream.pix_fmt = "yuv420p"
            stream.width, stream.height = size
            for image in images:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(planes(image), format="yuv420p")))
            container.mux(stream.encode())
    except (av.FFmpegError, OSError) as error:
        raise RecordError(f"cannot write {path}: {error}") from error
    return path.stat().st_size


def planes(image: ImageArray) -> ImageArray:
    """The Y, U and V planes (3 H / 2, W) of a BGR image (H, W, 3) of even size, one above the other.

    Rounded to the nearest: the encoder library's own conversion rounds down, which darkens by 3 levels and
    tints. U and V are those of the mean colours of 2 x 2 pixels.
    """
    height, width = image.shape[:2]
    out = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    # Its U and V are those of one pixel of the four.
    half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    chroma = np.asarray(cv2.transform(half, _CHROMA_OF_BGR), np.uint8)
    out[height:].reshape(2, -1)[:] = chroma.reshape(-1, 2).T
    return out


def read_video(path: Path) -> Iterator[ImageArray]:
    """The BGR images (H, W, 3) of a video, one by one. Raises UsageError when it cannot be opened."""
    capture = _opened(path)
    try:
        while True:
            there, image = capture.read()
            if not there:
                return
            yield image
    finally:
        capture.release()


def video_frame(path: Path, number: int) -> ImageArray:
    """One image of a video, by its number from 0. Raises UsageError when it is not there."""
    capture = _opened(path)
    try:
        for _ in range(number):
            capture.grab()
        there, image = capture.read()
    finally:
        capture.release()
    if not there:
        raise UsageError(f"{path} is damaged: it has no frame {number}: delete it and render it again")
    return image  # type: ignore[no-any-return]


def _opened(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise UsageError(f"{path} is missing or no video: render it again")
    return capture

"""How many frames late FFmpeg gives a live H.264 stream, by its threads and the options often advised.

    python benchmarks/stream_delay.py [-o FILE.json]

A server on loopback encodes a transport stream as a camera does (no B-frames, a key frame every half second)
at 30 frames/s; every picture shows its number. The delay is the number of the frame sent last less that of
the picture read: frames, not milliseconds, so a busy machine hardly matters. `first_frames` is how many were
sent before the first picture came.
"""

from __future__ import annotations

import argparse
import datetime
import http.server
import io
import json
import os
import statistics
import threading
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from realtime.machine import processor
from realtime.stream.sources.network import LOW_DELAY, OPTIONS_VARIABLE

FPS = 30
WIDTH, HEIGHT = 640, 480
_COLUMNS = 64
_SETTLED, _READ = 60, 140


class Camera(http.server.BaseHTTPRequestHandler):
    """Sends frames at their time until the viewer goes."""

    sent = -1

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        buffer, taken, pause = io.BytesIO(), 0, threading.Event()
        with av.open(buffer, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream(
                "libx264", rate=FPS, options={"tune": "zerolatency", "preset": "ultrafast", "g": "15"}
            )
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for n in range(100_000):
                frame = av.VideoFrame.from_ndarray(numbered(n), "rgb24")
                frame.pts, frame.time_base = n, Fraction(1, FPS)
                container.mux(stream.encode(frame))
                data = buffer.getvalue()[taken:]
                taken += len(data)
                try:
                    self.wfile.write(data)
                except ConnectionError:
                    return
                type(self).sent = n
                pause.wait(1 / FPS)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


def numbered(n: int) -> np.ndarray:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, : (n % _COLUMNS) * (WIDTH // _COLUMNS) + 1] = 255
    return image


def number(image: np.ndarray) -> int:
    return round((int((image[HEIGHT // 2].mean(axis=1) > 128).sum()) - 1) / (WIDTH // _COLUMNS))


def measure(address: str, options: str | None, threads: int | None) -> dict[str, object]:
    os.environ.pop(OPTIONS_VARIABLE, None)
    if options:
        os.environ[OPTIONS_VARIABLE] = options
    Camera.sent = -1
    settings = [cv2.CAP_PROP_N_THREADS, threads] if threads else []
    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, settings)
    delays: list[int] = []
    first = 0
    for n in range(_SETTLED + _READ):
        ok, image = capture.read()
        if not ok:
            break
        first = first or Camera.sent + 1
        if n >= _SETTLED:
            delays.append((Camera.sent - number(image)) % _COLUMNS)
    capture.release()
    return {
        "options": options or "none",
        "threads": threads or "default",
        "median_delay_frames": statistics.median(delays) if delays else None,
        "most_delay_frames": max(delays, default=None),
        "first_frames": first,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/live"
    rows = [
        measure(address, options, threads)
        for options, threads in (
            (None, None), (LOW_DELAY, None), ("fflags;nobuffer|flags;low_delay", None),
            (LOW_DELAY, 8), (LOW_DELAY, 4), (LOW_DELAY, 1),
        )
    ]  # fmt: skip
    out = {
        "machine": processor(),
        "date": datetime.date.today().isoformat(),
        "opencv": cv2.__version__,
        "rows": rows,
    }
    text = json.dumps(out, indent=1)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()

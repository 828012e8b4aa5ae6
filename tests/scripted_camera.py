"""An HTTP camera on loopback that does what a test tells it, one connection at a time."""

from __future__ import annotations

import contextlib
import http.server
import queue
import threading
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from realtime.types import ImageArray

BOUNDARY = b"--frame\r\n"


def until(done: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait for something that another thread brings about."""
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.005)):
        if done():
            return
        pause.wait(0.005)
    raise AssertionError("it never came")


def picture(value: int, width: int = 64, height: int = 48) -> ImageArray:
    return np.full((height, width, 3), value, np.uint8)


def jpeg(value: int, width: int = 64, height: int = 48) -> bytes:
    return bytes(cv2.imencode(".jpg", picture(value, width, height))[1])


def part(data: bytes, length: int | None = -1) -> bytes:
    """A multipart part; `length` as stated, -1 for the true one, None for none."""
    stated = b"" if length is None else b"Content-Length: %d\r\n" % (len(data) if length == -1 else length)
    return BOUNDARY + b"Content-Type: image/jpeg\r\n" + stated + b"\r\n" + data + b"\r\n"


class Connection:
    """A client that looks at the camera. send: bytes as they are. hang_up: end it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.orders: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def send(self, data: bytes) -> None:
        self.orders.put(data)

    def hang_up(self) -> None:
        self.orders.put(None)


class ScriptedCamera:
    """greeting: what every new connection gets at once. refuse: answers 503 instead."""

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting
        self.refuse = False
        self.refused = 0
        self.connections: list[Connection] = []
        self._arrived: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._serve(self)

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/video"

    def connection(self) -> Connection:
        """The next connection that nobody asked for yet."""
        return self._arrived.get(timeout=20)

    def close(self) -> None:
        for connection in self.connections:
            connection.hang_up()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        if self.refuse:
            self.refused += 1
            handler.send_error(503)
            return
        connection = Connection(dict(handler.headers))
        self.connections.append(connection)
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(self.greeting)
            self._arrived.put(connection)
            while (order := connection.orders.get()) is not None:
                handler.wfile.write(order)


@contextlib.contextmanager
def scripted_camera(greeting: bytes) -> Iterator[ScriptedCamera]:
    """A camera for as long as a test lasts."""
    camera = ScriptedCamera(greeting)
    try:
        yield camera
    finally:
        camera.close()

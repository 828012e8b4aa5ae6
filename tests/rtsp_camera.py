"""An RTSP camera on loopback (RFC 2326, interleaved in TCP) that sends JPEGs over RTP (RFC 2435)."""

from __future__ import annotations

import contextlib
import itertools
import queue
import socketserver
import struct
import threading
from collections.abc import Iterator, Sequence

from tests.scripted_camera import Connection

_PAYLOAD = 1300
_JPEG_TYPE = 26
_SSRC = 0x1234
_CLOCK_HZ = 90_000


def _segments(jpeg: bytes) -> tuple[bytes, int, int, bytes]:
    """Its quantisation tables, width, height, and scan: what RTP sends of a baseline 4:2:0 JPEG."""
    tables, width, height, at = b"", 0, 0, 2
    while True:
        marker, length = struct.unpack(">HH", jpeg[at : at + 4])
        body = jpeg[at + 4 : at + 2 + length]
        if marker == 0xFFDB:
            while body:
                tables += body[1:65]
                body = body[65:]
        elif marker == 0xFFC0:
            height, width = struct.unpack(">HH", body[1:5])
        elif marker == 0xFFDA:
            return tables, width, height, jpeg[at + 2 + length : jpeg.rindex(b"\xff\xd9")]
        at += 2 + length


def packets(jpeg: bytes, timestamp: int, sequence: Iterator[int]) -> Iterator[bytes]:
    """The RTP packets of a picture."""
    tables, width, height, scan = _segments(jpeg)
    for offset in range(0, len(scan), _PAYLOAD):
        piece = scan[offset : offset + _PAYLOAD]
        last = offset + len(piece) == len(scan)
        head = struct.pack(
            ">BBHII", 0x80, _JPEG_TYPE | (0x80 if last else 0), next(sequence) & 0xFFFF, timestamp, _SSRC
        )
        main = struct.pack(">IBBBB", offset, 1, 255, width // 8, height // 8)
        quantisation = struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
        yield head + main + quantisation + piece


class RtspCamera:
    """greeting: the pictures every new viewer gets at once. refuse: hangs up on whoever comes."""

    def __init__(self, greeting: Sequence[bytes], fps: float = 25.0) -> None:
        self.greeting = list(greeting)
        self.refuse = False
        self.refused = 0
        self.connections: list[Connection] = []
        self._fps = fps
        self._arrived: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    camera._talk(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = False
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self._server.server_address[1]}/live"

    def connection(self) -> Connection:
        """The next viewer that nobody asked for yet."""
        return self._arrived.get(timeout=20)

    def close(self) -> None:
        for connection in self.connections:
            connection.hang_up()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _talk(self, handler: socketserver.StreamRequestHandler) -> None:
        if self.refuse:
            self.refused += 1
            return
        while request := self._request(handler):
            method, headers = request
            answer = {"CSeq": headers.get("cseq", "0"), "Session": "7"}
            body = ""
            if method == "OPTIONS":
                answer["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
            elif method == "DESCRIBE":
                body = (
                    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nt=0 0\r\n"
                    f"m=video 0 RTP/AVP {_JPEG_TYPE}\r\na=framerate:{self._fps:g}\r\na=control:track1\r\n"
                )
                answer |= {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
            elif method == "SETUP":
                answer["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
            lines = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
            handler.wfile.write(f"RTSP/1.0 200 OK\r\n{lines}\r\n{body}".encode())
            if method == "PLAY":
                self._play(handler)
                return

    @staticmethod
    def _request(handler: socketserver.StreamRequestHandler) -> tuple[str, dict[str, str]] | None:
        first = handler.rfile.readline().decode("ascii", "replace")
        if not first.strip():
            return None
        headers = {}
        while line := handler.rfile.readline().decode("ascii", "replace").strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return first.split()[0], headers

    def _play(self, handler: socketserver.StreamRequestHandler) -> None:
        connection = Connection({})
        self.connections.append(connection)
        for jpeg in self.greeting:
            connection.send(jpeg)
        self._arrived.put(connection)
        sequence = itertools.count()
        for n in itertools.count():
            order = connection.orders.get()
            if order is None:
                return
            for packet in packets(order, int(n * _CLOCK_HZ / self._fps), sequence):
                handler.wfile.write(b"$" + struct.pack(">BH", 0, len(packet)) + packet)


@contextlib.contextmanager
def rtsp_camera(greeting: Sequence[bytes]) -> Iterator[RtspCamera]:
    """A camera for as long as a test lasts."""
    camera = RtspCamera(greeting)
    try:
        yield camera
    finally:
        camera.close()

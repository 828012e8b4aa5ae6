"""A small model set in a small wheel, and a package index on this machine that can be made to stall."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from export import zoo
from export.wheel import Member, Wheel
from realtime.manifest import ImageInput, Manifest
from tests.export.flat import FlatOperator, FlatTensor, write_tflite

PROJECT, MEMBER = "tiny-models", "tiny_models/net.tflite"
FILE = "tiny_models-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"


def write_wheel(folder: Path) -> zoo.ModelSet:
    """Write the wheel and give back the set that is made of it."""
    shape = (1, 4, 4, 3)
    net = write_tflite(
        [FlatTensor("x", shape), FlatTensor("y", shape)],
        [FlatOperator("LOGISTIC", ["x"], ["y"])],
        ["x"],
        ["y"],
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, net)
        archive.writestr("tiny_models/ballast.bin", np.random.default_rng(0).bytes(400_000))
        info = "tiny_models-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    wheel = Wheel(PROJECT, "1.0", FILE, path.stat().st_size, sha256, "manylinux_2_28_x86_64", "3.11")
    return tiny_set(wheel, Member(MEMBER, len(net), hashlib.sha256(net).hexdigest()))


def tiny_set(wheel: Wheel, member: Member) -> zoo.ModelSet:
    """A set of one network, which gives the logistic function of an image."""
    manifest = Manifest(
        name="tiny", role="detector", file="net.onnx", sha256="", licence="CC0-1.0", origin="a test",
        inputs={}, outputs={}, decoder="none", image=ImageInput("image", 4, 4),
    )  # fmt: skip
    return zoo.ModelSet("tiny", "a test", wheel, (zoo.Network(member, manifest, {"squashed": "y"}),))


def child(models: zoo.ModelSet, *arguments: str) -> list[str]:
    """The command line of a `realtime-export` that knows the tiny set too."""
    described = json.dumps([asdict(models.wheel), asdict(models.networks[0].member)])
    return [sys.executable, "-m", "tests.export.tiny", described, *arguments]


def main() -> None:
    """Run `realtime-export` with the tiny set that the first argument describes."""
    from export.cli import main as export

    wheel, member = json.loads(sys.argv.pop(1))
    zoo.SETS = {**zoo.SETS, "tiny": tiny_set(Wheel(**wheel), Member(**member))}
    export()


class Index:
    """A package index that offers one wheel. It sends half, then waits until `go_on` is set."""

    def __init__(self, wheel: Path) -> None:
        self.half_sent = threading.Event()
        self.go_on = threading.Event()
        self.downloads = 0
        self._wheel = wheel
        self._connection: socket.socket
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.endswith(".whl"):
                    index.send_wheel(self)
                else:
                    index.send(self, "text/html", f'<a href="/{FILE}">{FILE}</a>'.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def environment(self) -> Mapping[str, str]:
        """Where pip is to look, with a name and a password that must never be shown."""
        return {"PIP_INDEX_URL": f"http://someone:hunter2@127.0.0.1:{self._server.server_port}/simple"}

    @contextmanager
    def running(self) -> Iterator[Index]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.go_on.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def send_wheel(self, request: BaseHTTPRequestHandler) -> None:
        self.downloads += 1
        self._connection = request.connection
        content = self._wheel.read_bytes()
        half = len(content) // 2
        self.send(request, "application/octet-stream", content[:half], len(content))
        self.half_sent.set()
        self.go_on.wait(30)
        try:
            request.wfile.write(content[half:])
        except OSError:
            request.close_connection = True

    def was_left(self) -> bool:
        """Whether the one that downloads has closed its end; waits for that for some seconds."""
        self._connection.settimeout(5)
        return self._connection.recv(1) == b""

    @staticmethod
    def send(request: BaseHTTPRequestHandler, kind: str, content: bytes, length: int | None = None) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content) if length is None else length))
        request.end_headers()
        request.wfile.write(content)
        request.wfile.flush()


def only_index(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with no settings of pip's but these."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", **environment}


if __name__ == "__main__":
    main()

"""HTTP cameras that send one JPEG after the other (multipart/x-mixed-replace, RFC 2046).

Read here rather than by FFmpeg, which ends such a stream at the first damaged picture, stretches pictures
whose size changes, and cannot be interrupted while it waits.
"""

from __future__ import annotations

import base64
import contextlib
import http
import http.client
import logging
import socket
import ssl
import urllib.parse

from realtime.errors import SourceError, SourceLostError
from realtime.stream.source import Clock, redacted
from realtime.stream.sources.capture import Grabbed
from realtime.stream.sources.jpegs import Jpegs, Rate, decoded

log = logging.getLogger(__name__)


def open_mjpeg(address: str, clock: Clock, timeout_s: float) -> MjpegGrabber | None:
    """Open an HTTP camera; None when what answers there is something else, which FFmpeg may know.

    Raises SourceError when nothing answers.
    """
    name = redacted(address)
    try:
        parts = urllib.parse.urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        # What Python says of it may hold a part of the password.
        raise SourceError(f"{name} is not an address: write it as http://HOST:PORT/PATH")
    kind = http.client.HTTPSConnection if parts.scheme.lower() == "https" else http.client.HTTPConnection
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    connection = kind(host, port, timeout=timeout_s)
    try:
        connection.connect()
        wire = connection.sock
        connection.request("GET", path, headers=_headers(parts))
        response = connection.getresponse()
    except ssl.SSLCertVerificationError as error:
        connection.close()
        log.debug("%s: %s; leaving it to FFmpeg", name, error)
        return None
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise SourceError(f"{name} does not answer ({reason}): check the address and the network") from error
    if response.status == 200 and response.headers.get_content_maintype() == "multipart":
        return MjpegGrabber(name, wire, response, clock, timeout_s)
    response.close()
    connection.close()
    # FFmpeg knows other ways to log in.
    if response.status >= 400 and response.status != http.HTTPStatus.UNAUTHORIZED:
        raise SourceError(f"{name} answers {response.status} {response.reason}: check the address")
    return None


def _headers(parts: urllib.parse.SplitResult) -> dict[str, str]:
    headers = {"User-Agent": "realtime-pose3d", "Accept": "multipart/x-mixed-replace, */*"}
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return headers


class MjpegGrabber:
    """The pictures of an open connection. They are timed when they have arrived, before decoding."""

    def __init__(
        self, name: str, wire: socket.socket, body: http.client.HTTPResponse, clock: Clock, timeout_s: float
    ) -> None:
        self._name = name
        self._wire = wire
        self._body = body
        self._clock = clock
        self._jpegs = Jpegs(body, clock, timeout_s)
        self._rate = Rate()

    @property
    def fps(self) -> float:
        """As they come."""
        return self._rate.fps

    def grab(self) -> Grabbed | None:
        """The next picture; None for a damaged one. Raises SourceLostError at the end."""
        try:
            data = self._jpegs.next()
        except TimeoutError as error:
            raise SourceLostError(f"{self._name} has stopped sending") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceLostError(f"{self._name} broke off ({type(error).__name__})") from error
        if data is None:
            raise SourceLostError(f"{self._name} ended the connection")
        captured_ns = self._clock()
        image = decoded(data)
        if image is None:
            return None
        self._rate.add(captured_ns)
        return Grabbed(image, captured_ns, captured_ns / 1e9)

    def interrupt(self) -> None:
        """End the connection: a grab that waits returns at once."""
        # TLS must not be unwrapped under a thread that reads it.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    def release(self) -> None:
        """Close the connection."""
        self.interrupt()
        with contextlib.suppress(OSError):
            self._body.close()
            self._wire.close()

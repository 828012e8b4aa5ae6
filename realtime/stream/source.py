"""What a source of frames is. The kinds of sources are in `realtime.stream.sources`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from realtime.camera import Intrinsics
from realtime.types import Frame

Clock = Callable[[], int]

Window = tuple[int, int, int, int]
"""Part of an image: left, top, width, height, in whole pixels."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source is.

    name: for people, without credentials. frames: 0 when not known. live: it goes on by itself, so that a
    slow reader must lose frames. on_demand: it is read as fast as the pipeline asks, so a frame's age
    counts from the moment the pipeline takes it; otherwise from the grab.
    turns: quarters clockwise, as seen on screen, by which the stored or grabbed pictures were turned.
    window: what was then cut out of them. full_size: (width, height) of the turned picture before that.
    camera: what the file itself says of its camera (EXIF, container), for the whole turned picture.
    """

    name: str
    width: int
    height: int
    fps: float
    frames: int
    live: bool
    on_demand: bool
    turns: int = 0
    window: Window | None = None
    full_size: tuple[int, int] = (0, 0)
    camera: Intrinsics | None = None

    def __post_init__(self) -> None:
        if self.full_size == (0, 0):
            object.__setattr__(self, "full_size", (self.width, self.height))


class Source(Protocol):
    """Delivers frames in order, from one thread.

    read: the next frame, or None at the end or once closed. Raises SourceLostError when frames stop before
    the end. The index of a frame jumps over frames that were lost or damaged; `media_s` always grows.
    close: frees the device or file; harmless to repeat. It may be called while `read` waits, and returns
    within a second: what is stuck in a driver is left to end by itself.
    """

    @property
    def info(self) -> SourceInfo: ...

    def read(self) -> Frame | None: ...

    def close(self) -> None: ...


State = Literal["running", "reconnecting", "ended"]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source is doing. As text: what a user should know, empty if there is nothing.

    attempt: of the reconnection under way, from 1; 0 while running. reconnections: that succeeded.
    damaged: frames that could not be decoded and were skipped. overtaken: frames that nobody read before a
    newer one came.
    """

    state: State = "running"
    attempt: int = 0
    reconnections: int = 0
    damaged: int = 0
    overtaken: int = 0

    def __str__(self) -> str:
        if self.state == "reconnecting":
            return f"reconnecting, attempt {self.attempt}"
        parts = [
            f"{count} {what}{'s' * (count != 1)}{done}"
            for count, what, done in (
                (self.reconnections, "reconnection", ""),
                (self.damaged, "damaged frame", " skipped"),
            )
            if count
        ]
        return ", ".join(parts)


@runtime_checkable
class TellsStatus(Protocol):
    """A source that tells how it is doing, to any thread, without waiting."""

    @property
    def status(self) -> SourceStatus: ...


def status_of(source: Source) -> SourceStatus:
    """How a source is doing; of one that does not tell, that it runs."""
    return source.status if isinstance(source, TellsStatus) else SourceStatus()


_SECRETS = "user|usr|username|login|pass|passwd|password|pwd|token|auth|key|apikey|secret"


def redacted(address: str) -> str:
    """An address without its user name and password, in front of the host or in the query."""
    bare = re.sub(r"://[^/?#]*@", "://", address)
    return re.sub(rf"(?i)([?&](?:{_SECRETS})=)[^&#]*", r"\1***", bare)

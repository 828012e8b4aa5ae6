"""What a session is doing, as the window reads it: one immutable object, replaced as a whole."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from realtime.camera import Intrinsics
from realtime.stream.assemble import Options
from realtime.stream.source import SourceInfo


class Phase(enum.Enum):
    """Where a session stands. The last three carry a `Problem`, or had none."""

    STARTING = "starting"
    OPENING = "opening"
    LOADING = "loading"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    FAILED = "failed"
    CLOSED = "closed"


class Trouble(enum.Enum):
    """What kind of problem it is, so that the window can say what to do."""

    NO_CAMERA = "no camera"
    CAMERA_BUSY = "camera busy"
    UNPLUGGED = "unplugged"
    SOURCE = "source"
    DOWNLOAD = "download"
    ENGINE = "engine"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why it does not go on. message: the error's own words. retrying: it tries again by itself."""

    trouble: Trouble
    message: str
    retrying: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """A long piece of work. done: in [0, 1], None while that is not known. detail: what is at hand."""

    title: str
    detail: str = ""
    done: float | None = None


@dataclass(frozen=True, slots=True)
class NetState:
    """A network as it runs."""

    name: str
    role: str
    backend: str
    precision: str
    licence: str = ""

    def __str__(self) -> str:
        return f"{self.name} · {self.backend} {self.precision}"


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen here. lifters: by name, with the lags each can answer for; (0,) without a choice."""

    models: tuple[str, ...] = ()
    lifters: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    engines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera to choose. name: as the system calls it; may be empty."""

    index: int
    name: str

    def __str__(self) -> str:
        return self.name or f"Camera {self.index}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user chose: the source (None: camera 0, else the sample), the options, where a file starts."""

    source: str | None = None
    options: Options = field(default_factory=Options)
    start_frame: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """A session at one moment.

    run: counts pipelines, so that a reader knows a new one. lag_frames, lags: of the lifter in use.
    fallback: what would run the nets faster and why that does not. said: the last thing done, for people.
    """

    phase: Phase = Phase.STARTING
    wish: Wish = field(default_factory=Wish)
    run: int = 0
    source: SourceInfo | None = None
    is_sample: bool = False
    paused: bool = False
    intrinsics: Intrinsics | None = None
    nets: Sequence[NetState] = ()
    lag_frames: int = 0
    fallback: str = ""
    progress: Progress | None = None
    problem: Problem | None = None
    cameras: Sequence[Camera] = ()
    choices: Choices = field(default_factory=Choices)
    said: str = ""
    said_count: int = 0

    @property
    def is_live(self) -> bool:
        """Whether the source goes on by itself, so that it can be neither paused nor searched."""
        return self.source is not None and self.source.live

    @property
    def can_seek(self) -> bool:
        """Whether one can go to any frame."""
        return self.source is not None and not self.source.live and self.source.frames > 1

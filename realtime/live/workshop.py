"""What a session needs from the world: sources, networks, files. A test gives its own."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from realtime.camera import Intrinsics
from realtime.engines.open import available
from realtime.errors import (
    CameraFileError,
    EngineError,
    FetchError,
    PoseError,
    SourceError,
    SourceLostError,
    UsageError,
)
from realtime.live.keep import Keep
from realtime.live.shelf import Shelf
from realtime.live.state import Camera, Choices, NetState, Problem, Progress, Trouble, Wish
from realtime.models import catalogue
from realtime.stream.assemble import Assembly, Options, assemble, find_intrinsics, find_source
from realtime.stream.observed import Observer
from realtime.stream.paced import PacedSource
from realtime.stream.replay import open_replay
from realtime.stream.session import is_session
from realtime.stream.sinks import RecordSink, Sink
from realtime.stream.source import Source
from realtime.stream.sources.camera import list_cameras
from realtime.stream.sources.open import SourceOptions
from realtime.stream.stages import Perception

log = logging.getLogger(__name__)

Tell = Callable[[Progress], None]


class Opened(NamedTuple):
    """An open source. playback: the same, if it can be paused. ready: what a replayed session comes with."""

    source: Source
    is_sample: bool
    playback: PacedSource | None = None
    ready: Assembly | None = None


class Path3D(NamedTuple):
    """What turns frames into people, and what is to be said of it.

    header: a record's first line. sinks, frames: what else takes the results, and how many at most.
    """

    perception: Perception
    intrinsics: Intrinsics | None
    nets: Sequence[NetState]
    lag_frames: int
    fallback: str
    header: str
    sinks: Sequence[Sink] = ()
    frames: int | None = None


class Workshop(Protocol):
    """Makes the parts of a pipeline. Everything here may take long and is called on the session's thread.

    open, assemble: raise PoseError. explain: what kind of problem an error is.
    """

    def cameras(self) -> Sequence[Camera]: ...

    def choices(self) -> Choices: ...

    def open(self, wish: Wish, paused: bool) -> Opened: ...

    def assemble(self, wish: Wish, opened: Opened, tell: Tell) -> Path3D: ...

    def sinks(self, stem: Path, header: str, opened: Opened, with_video: bool) -> list[tuple[Sink, Path]]: ...

    def explain(self, error: BaseException, wish: Wish) -> Problem: ...

    def abandon(self) -> None: ...

    def close(self) -> None: ...


class RealWorkshop:
    """Cameras, files, streams, sessions and networks of this machine.

    keep: what the first run is to leave behind. stated: the options that were given, which a session that is
    replayed takes in place of those it was recorded with.
    """

    def __init__(
        self,
        source_options: SourceOptions | None = None,
        keep: Keep | None = None,
        stated: Mapping[str, Any] | None = None,
    ) -> None:
        self._source_options = source_options
        self._keep = keep
        self._stated = dict(stated or {})
        self._tell: Tell = lambda progress: None
        self._shelf = Shelf(lambda progress: self._tell(progress))

    def cameras(self) -> Sequence[Camera]:
        """The cameras there are; empty where they cannot be listed."""
        return [Camera(entry.index, entry.name) for entry in list_cameras()]

    def choices(self) -> Choices:
        """The networks and back ends that are known here."""
        lifters = {name: catalogue.lifter(name).lags or (0,) for name in catalogue.lifter_names()}
        return Choices(catalogue.choices(), lifters, ("auto", *available()))

    def open(self, wish: Wish, paused: bool) -> Opened:
        """Open what is wished for; a file is played at its own speed."""
        if wish.source is not None and is_session(wish.source):
            replay = open_replay(Path(wish.source), self._changed(wish))
            played = PacedSource(replay.source, start=wish.start_frame, paused=paused)
            return Opened(played, replay.is_sample, played, replay.assembly)
        source, is_sample = find_source(wish.source, options=self._source_options)
        if source.info.live:
            return Opened(source, is_sample)
        playback = PacedSource(source, start=wish.start_frame, paused=paused)
        return Opened(playback, is_sample, playback)

    def assemble(self, wish: Wish, opened: Opened, tell: Tell) -> Path3D:
        """Load what is not loaded yet, and put the path together."""
        keep, info = self._keep, opened.source.info
        observer = keep.observer() if keep is not None else None
        assembly = opened.ready or self._assemble(wish, opened, tell, observer)
        sinks = keep.sinks(info, opened.is_sample, wish.options, assembly) if keep is not None else []
        self._keep = None
        return Path3D(
            assembly.perception,
            assembly.intrinsics,
            _net_states(assembly),
            assembly.perception.delay,
            assembly.fallback,
            assembly.header(),
            sinks,
            keep.frames if keep is not None else None,
        )

    def _assemble(self, wish: Wish, opened: Opened, tell: Tell, observer: Observer | None) -> Assembly:
        self._tell = tell
        self._shelf.begin()
        intrinsics = find_intrinsics(wish.options, opened.source.info, opened.is_sample)
        assembly = assemble(wish.options, intrinsics, observer=observer, nets=self._shelf)
        self._shelf.trim()
        return assembly

    def _changed(self, wish: Wish) -> Mapping[str, Any]:
        """What differs from a session's own options: what was stated at the start, or chosen since."""
        plain = Options()
        chosen = {f.name: getattr(wish.options, f.name) for f in fields(Options)}
        return self._stated | {name: v for name, v in chosen.items() if v != getattr(plain, name)}

    def sinks(self, stem: Path, header: str, opened: Opened, with_video: bool) -> list[tuple[Sink, Path]]:
        """A record and, if wanted, a video beside it, under names that are free."""
        from realtime.stream.video import VideoSink

        stem.parent.mkdir(parents=True, exist_ok=True)
        record = stem.with_suffix(".jsonl")
        made: list[tuple[Sink, Path]] = [(RecordSink(record, header), record)]
        if with_video:
            video = stem.with_suffix(".mp4")
            made.append((VideoSink(video, opened.source.info.fps), video))
        return made

    def explain(self, error: BaseException, wish: Wish) -> Problem:
        """Name the kind of an error."""
        return explain(error, wish, self._camera_is_there)

    def abandon(self) -> None:
        """The last pipeline hangs: what it was lent does not come back."""
        self._shelf.forget()

    def close(self) -> None:
        """Free the networks."""
        self._shelf.close()

    def _camera_is_there(self, index: int) -> bool:
        return any(camera.index == index for camera in self.cameras())


def explain(error: BaseException, wish: Wish, camera_is_there: Callable[[int], bool]) -> Problem:
    """What kind of problem an error is. A camera or stream that is lost or absent is worth trying again."""
    message = str(error) or type(error).__name__
    if not isinstance(error, PoseError):
        log.debug("the session failed", exc_info=error)
        return Problem(Trouble.OTHER, f"{type(error).__name__}: {message}")
    named = wish.source or "0"
    camera = int(named) if re.fullmatch(r"\d+", named) else None
    if isinstance(error, SourceLostError):
        is_file = camera is None and "://" not in named
        return Problem(Trouble.SOURCE if is_file else Trouble.UNPLUGGED, message, retrying=not is_file)
    if isinstance(error, SourceError):
        if camera is None:
            return Problem(Trouble.SOURCE, message, retrying="://" in named)
        there = camera_is_there(camera)
        return Problem(Trouble.CAMERA_BUSY if there else Trouble.NO_CAMERA, message, retrying=True)
    if isinstance(error, FetchError):
        return Problem(Trouble.DOWNLOAD, message)
    if isinstance(error, EngineError):
        return Problem(Trouble.ENGINE, message)
    if isinstance(error, (CameraFileError, UsageError)):
        return Problem(Trouble.OTHER, message)
    return Problem(Trouble.OTHER, message)


def _net_states(assembly: Assembly) -> list[NetState]:
    return [
        NetState(m.manifest.name, m.manifest.role, m.engine.backend, m.engine.precision, m.manifest.licence)
        for m in assembly.models
    ]

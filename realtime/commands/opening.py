"""What a run of the demo is of: a source to be perceived, or a session to be lifted again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from realtime.errors import UsageError
from realtime.stream.assemble import Assembly, Options, assemble, find_intrinsics, find_source
from realtime.stream.pictures import PictureSink
from realtime.stream.replay import description, open_replay
from realtime.stream.session import SessionSink, is_session
from realtime.stream.sinks import Sink
from realtime.stream.source import Source
from realtime.stream.sources.open import SourceOptions


@dataclass(frozen=True, slots=True)
class Opened:
    """What will run, and with which options. sinks: those that keep a session of it, if it was asked for."""

    source: Source
    is_sample: bool
    assembly: Assembly
    options: Options
    sinks: tuple[Sink, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionWish:
    """A session to be kept: where, and whether with its pictures."""

    folder: Path | None
    pictures: bool = False

    def __post_init__(self) -> None:
        if self.pictures and self.folder is None:
            raise UsageError("--session-frames needs a session to keep them in: add --session OUT")


def stated_options(options: Options) -> Mapping[str, Any]:
    """Those of the options that the command line of the running command states."""
    context = click.get_current_context()
    default = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None)
    return {
        name: getattr(options, name)
        for name in Options.__dataclass_fields__
        if context.get_parameter_source(name) not in default
    }


def open_run(name: str | None, options: Options, how: SourceOptions, session: SessionWish) -> Opened:
    """Open the source a user named, or the session, and put the path together.

    Raises SourceError, SessionError, UsageError, and what `assemble` raises.
    """
    if name is not None and is_session(name):
        if session.folder is not None:
            raise UsageError(f"{name} is a session already: copy it instead of --session")
        replay = open_replay(Path(name), stated_options(options))
        return Opened(replay.source, replay.is_sample, replay.assembly, replay.options)
    keeper = SessionSink(session.folder, session.pictures) if session.folder is not None else None
    source, is_sample = find_source(name, options=how)
    try:
        intrinsics = find_intrinsics(options, source.info, is_sample)
        assembly = assemble(options, intrinsics, observer=keeper)
    except BaseException:
        source.close()
        raise
    if keeper is None or session.folder is None:
        return Opened(source, is_sample, assembly, options)
    keeper.describe(description(source.info, is_sample, options, assembly))
    pictures = [PictureSink(session.folder, source.info.fps)] if session.pictures else []
    return Opened(source, is_sample, assembly, options, (keeper, *pictures))

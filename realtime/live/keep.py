"""What a command asked to keep of the first run: a record, a video, a session, counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from realtime.stream.assemble import Assembly, Options
from realtime.stream.observed import Observer
from realtime.stream.pictures import PictureSink
from realtime.stream.replay import description
from realtime.stream.session import SessionSink
from realtime.stream.sinks import RecordSink, Sink
from realtime.stream.source import SourceInfo
from realtime.stream.video import VideoSink


@dataclass(slots=True)
class Keep:
    """Sinks of the first run. frames: to stop after. others: what the command counts by, from whether it is
    the sample, and the options. assembly: of the run, once it is there.
    """

    record: Path | None = None
    video: Path | None = None
    session: Path | None = None
    session_pictures: bool = False
    frames: int | None = None
    others: Callable[[bool, Options], Sequence[Sink]] = lambda is_sample, options: ()
    assembly: Assembly | None = None
    _keeper: SessionSink | None = field(default=None, init=False)

    def observer(self) -> Observer | None:
        """Who is to be told of every frame, if a session is kept; made once."""
        if self.session is not None and self._keeper is None:
            self._keeper = SessionSink(self.session, self.session_pictures)
        return self._keeper

    def sinks(self, info: SourceInfo, is_sample: bool, options: Options, assembly: Assembly) -> list[Sink]:
        """The sinks of the run that begins now."""
        self.assembly = assembly
        made: list[Sink] = []
        if self._keeper is not None and self.session is not None:
            self._keeper.describe(description(info, is_sample, options, assembly))
            made.append(self._keeper)
            if self.session_pictures:
                made.append(PictureSink(self.session, info.fps))
        if self.video is not None:
            made.append(VideoSink(self.video, info.fps, assembly.intrinsics))
        if self.record is not None:
            made.append(RecordSink(self.record, assembly.header()))
        return [*made, *self.others(is_sample, options)]

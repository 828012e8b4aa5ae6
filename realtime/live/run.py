"""One pipeline of a player, from its start to its end."""

from __future__ import annotations

from collections.abc import Callable

from realtime.live.recorder import Recorder
from realtime.live.workshop import Opened, Path3D
from realtime.stream.pipeline import Pipeline
from realtime.stream.safety import Safety
from realtime.types import Result

_END_S = 2.0
"""For as long is waited for the last outputs of a pipeline whose results have ended."""


class _Bell:
    """A sink that only tells that there is a newer result, and when there are no more, however it ended."""

    label = "the window"

    def __init__(self, came: Callable[[], object], ended: Callable[[], object]) -> None:
        self._came, self._ended = came, ended

    def write(self, result: Result) -> None:
        """Results are read from the pipeline itself."""
        self._came()

    def close(self) -> None:
        """The end."""
        self._ended()


class Run:
    """A pipeline with the recorder as its sink.

    came: is called whenever there is a newer result, ended: once, when no more comes; both on a thread of
    their own.
    """

    def __init__(
        self,
        opened: Opened,
        path: Path3D,
        recorder: Recorder,
        came: Callable[[], object],
        ended: Callable[[Run], None],
    ) -> None:
        self.opened = opened
        self.path = path
        sinks = (*path.sinks, _RecorderSink(recorder), _Bell(came, lambda: ended(self)))
        # The moment before a camera or a viewer does not come back: no failed file ends it.
        safety = Safety(outlive_sinks=True)
        self.pipeline = Pipeline(opened.source, path.perception, sinks, path.frames, safety=safety)

    def start(self, paused: bool) -> None:
        """Start; a paused file shows its first frame."""
        self.pipeline.start()
        if paused:
            self.step()

    def pause(self) -> None:
        """Hold a file."""
        if self.opened.playback is not None:
            self.opened.playback.pause()

    def step(self) -> None:
        """Show one more frame of a file; the first takes those it waits for along."""
        if self.opened.playback is not None:
            first = self.pipeline.latest() is None
            self.opened.playback.step(1 + max(0, self.path.lag_frames) if first else 1)

    def stop(self) -> bool:
        """End it. True if all its threads ended."""
        return self.pipeline.stop()

    def outcome(self) -> BaseException | None:
        """What went wrong, once it has ended; None if nothing did."""
        try:
            self.pipeline.wait(_END_S)
        except Exception as error:
            return error
        return None


class _RecorderSink:
    """A player's recorder as one pipeline's sink, whose end ends the recording, not the recorder."""

    label = "the recording"

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def write(self, result: Result) -> None:
        """Pass it on."""
        self._recorder.write(result)

    def close(self) -> None:
        """Finish what is recorded."""
        self._recorder.end()

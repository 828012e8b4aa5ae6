"""The files a player writes while it plays. Every function says in words what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from realtime.errors import PoseError
from realtime.live.recorder import Recorder
from realtime.live.run import Run
from realtime.live.workshop import Workshop


class Outputs:
    """Begins and ends recordings."""

    def __init__(self, workshop: Workshop) -> None:
        self.recorder = Recorder()
        self._workshop = workshop

    def begin(self, run: Run | None, stem: Path, with_video: bool) -> str:
        """Record what runs to `stem`.jsonl, and to `stem`.mp4; empty if all is well."""
        if run is None:
            return "nothing to record: no source runs"
        try:
            made = self._workshop.sinks(stem, run.path.header, run.opened, with_video)
        except (PoseError, OSError) as error:
            return f"cannot record: {error}"
        self.recorder.begin([sink for sink, _ in made], [path for _, path in made])
        return ""

    def end(self) -> str:
        """Finish the recording; empty if there was none."""
        was_active = self.recorder.status.active
        done = self.recorder.end()
        if not was_active:
            return ""
        names = " and ".join(str(path) for path in done.paths)
        return done.error or (f"wrote {names}" if done.frames else "nothing was recorded")


def save(path: Path, write: Callable[[Path], object]) -> str:
    """Write a file, and the folders above it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except (OSError, PoseError) as error:
        return f"cannot write {path}: {getattr(error, 'strerror', None) or error}"
    return f"wrote {path}"

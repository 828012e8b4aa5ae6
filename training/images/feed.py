"""Fills pools from folders that may still be growing: clips are read by threads while the device trains."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from training.images.samples import ClipFiles, Cut, Samples, clips_of, count

log = logging.getLogger(__name__)

Cutter = Callable[[ClipFiles, Cut], tuple[Samples, tuple[Intrinsics, ...]]]
Read = tuple[Samples, tuple[Intrinsics, ...]]


class Feed:
    """Reads the clips of folders of `realtime-train render --form frames`, each once, as they appear.

    leave_out: subjects; a clip with one of them in it is passed over. Raises UsageError from `take` for a
    damaged clip, and for clips that do not say who is in them where somebody is to be left out.
    """

    def __init__(
        self,
        folders: tuple[Path, ...],
        cutter: Cutter,
        cut: Cut,
        readers: int = 2,
        leave_out: frozenset[str] = frozenset(),
    ) -> None:
        self._folders, self._cutter, self._cut = folders, cutter, cut
        self._leave_out = leave_out
        self._threads = ThreadPoolExecutor(readers, "clips")
        self._known: set[Path] = set()
        self._reading: list[Future[Read]] = []

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def scan(self) -> int:
        """Look for clips that are new, and have them read; how many there were."""
        new = [c for folder in self._folders for c in clips_of(folder) if c.truth not in self._known]
        self._known.update(clip.truth for clip in new)
        self._reading += [self._threads.submit(self._read, clip) for clip in new]
        return len(new)

    def take(self, wait: bool = False) -> list[Read]:
        """What has been read since, in the order of the clips as far as it is whole. wait: for all of it."""
        taken: list[Read] = []
        while self._reading and (wait or self._reading[0].done()):
            samples, cameras = self._reading.pop(0).result()
            if count(samples):
                taken.append((samples, cameras))
        return taken

    def close(self) -> None:
        """Stop reading."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _read(self, clip: ClipFiles) -> Read:
        if self._leave_out:
            subjects = clip.annotation().subjects
            if not subjects:
                raise UsageError(
                    f"{clip.truth} does not say who is in it: render it again to leave people out"
                )
            if self._leave_out & set(subjects):
                return {}, ()
        return self._cutter(clip, self._cut)

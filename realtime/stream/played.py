"""The parts of a pipeline that give a session's own past again: frames, tracks, ages, networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from realtime.camera import Intrinsics
from realtime.engines.base import TensorSpec
from realtime.errors import EngineError
from realtime.stream.assemble import DelayedPerception
from realtime.stream.pictures import read_pictures
from realtime.stream.session import Lived, SeenFrame, SeenPerson, Session
from realtime.stream.source import SourceInfo
from realtime.types import Array, Frame, ImageArray, Result


class SeenSource:
    """The frames of a session, with their pictures where it has them and dark ones where not."""

    def __init__(self, session: Session, info: SourceInfo) -> None:
        self.info = info
        self._frames = iter(session.seen)
        self._pictures: Iterator[tuple[int, ImageArray]] = iter(())
        if session.frames is not None:
            self._pictures = read_pictures(session.folder)
        self._ahead: tuple[int, ImageArray] | None = next(self._pictures, None)
        self._dark = np.zeros((info.height, info.width, 3), np.uint8)
        self._closed = False

    def read(self) -> Frame | None:
        """The next frame, or None after the last."""
        seen = None if self._closed else next(self._frames, None)
        if seen is None:
            return None
        return Frame(self._picture(seen), seen.index, seen.captured_ns, seen.media_s)

    def close(self) -> None:
        """The pictures' file is freed by the thread that reads it."""
        self._closed = True

    def _picture(self, seen: SeenFrame) -> ImageArray:
        while self._ahead is not None and self._ahead[0] < seen.index:
            self._ahead = next(self._pictures, None)
        if self._ahead is not None and self._ahead[0] == seen.index:
            image = self._ahead[1]
            if image.shape[:2] == (seen.height, seen.width):
                return image
        if self._dark.shape[:2] != (seen.height, seen.width):
            self._dark = np.zeros((seen.height, seen.width, 3), np.uint8)
        return self._dark


class PictureSource:
    """The frames of a session of which there is a picture, for 2D nets to see again."""

    def __init__(self, session: Session, info: SourceInfo) -> None:
        self.info = info
        self._seen = {seen.index: seen for seen in session.seen}
        self._pictures = read_pictures(session.folder)
        self._closed = False

    def read(self) -> Frame | None:
        """The next frame, or None after the last."""
        if self._closed:
            return None
        for index, image in self._pictures:
            if seen := self._seen.get(index):
                return Frame(image, index, seen.captured_ns, seen.media_s)
        return None

    def close(self) -> None:
        """The pictures' file is freed by the thread that reads it."""
        self._closed = True


class PlayedTracker:
    """Says again what a tracker said of each frame."""

    def __init__(self, seen: Sequence[SeenFrame]) -> None:
        self._seen = {frame.index: frame for frame in seen}

    def update(self, frame: Frame, lap: Callable[[str], None]) -> tuple[Sequence[SeenPerson], Sequence[int]]:
        """The people in view, and the ids given up for good."""
        seen = self._seen[frame.index]
        lap("estimate")
        return seen.people, seen.gone

    def hint(self, results: Sequence[Result], intrinsics: Intrinsics) -> None:
        """What was seen is past."""


class PlayedPerception:
    """A perception whose results have the ages, drops and times that they had in the session.

    Frames that the session's own run was stopped before the end of have no result here either.
    """

    def __init__(self, perception: DelayedPerception, session: Session) -> None:
        self._perception = perception
        self._lived = session.lived
        self._captured_ns = {seen.index: seen.captured_ns for seen in session.seen}
        self._last = max(session.lived, default=-1)

    @property
    def delay(self) -> int:
        """As in PosePerception."""
        return self._perception.delay

    def process(self, frame: Frame) -> Sequence[Result]:
        """The next frame's results."""
        return self._as_lived(self._perception.process(frame))

    def finish(self) -> Sequence[Result]:
        """The last frames' results."""
        return self._as_lived(self._perception.finish())

    def close(self) -> None:
        """Free the engine."""
        self._perception.close()

    def _as_lived(self, results: Sequence[Result]) -> list[Result]:
        return [self._one(result) for result in results if result.frame.index <= self._last]

    def _one(self, result: Result) -> Result:
        index = result.frame.index
        # Where a slow disk lost a result, its ages are not known.
        lived = self._lived.get(index, Lived(dict.fromkeys(result.age_ms, 0.0), 0))
        frame = replace(result.frame, captured_ns=self._captured_ns[index])
        return replace(result, frame=frame, age_ms=lived.age_ms, dropped=lived.dropped)


@dataclass(frozen=True, slots=True)
class PlayedEngine:
    """Stands for a network that ran in the session and does not run again."""

    backend: str
    precision: str
    inputs: Mapping[str, TensorSpec] = dataclasses.field(default_factory=dict)
    outputs: Mapping[str, TensorSpec] = dataclasses.field(default_factory=dict)

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """There is nothing to run. Raises EngineError."""
        raise EngineError("this network is of a recorded session and cannot be run")

    def close(self) -> None:
        """Nothing is held."""

"""A session on disk: what the 2D side of a run saw, frame by frame, so that the rest can be run again.

A folder with `session.jsonl`, and `frames.mkv` (lossless) where pictures were asked for. The lines: first
`{"session": ...}` (source, camera, options, networks, versions), then for each frame, as it was perceived,
`{"seen": ...}` with every person's 2D keypoints in full precision, for each result `{"lived": ...}` with its
ages and drops, and now and then `{"lines": ...}`, the straight lines of a picture; last `{"end": ...}` with
the SHA-256 of all bytes before it. A killed writer leaves whole lines without that end. Nothing in the
runtime draws random numbers, so there is no seed to keep.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from realtime.errors import RecordError, RecordFileError, SessionError
from realtime.records import complete_lines, numbers, parse, whole_number
from realtime.stream.lines import LineFile, check_writable, line
from realtime.stream.stages import Tracked
from realtime.types import Array, FloatArray, Frame, Keypoints2D, Result

log = logging.getLogger(__name__)

VERSION = 2
_READABLE = (1, 2)
LINES, FRAMES, FRAME_INDEX = "session.jsonl", "frames.mkv", "frames.jsonl"
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_MOST_WAITING = 2000


@dataclass(frozen=True, slots=True)
class SeenPerson:
    """A track in one frame: who, the box (4,), and the joints as the 2D net gave them. Pixels."""

    id: int
    box_px: FloatArray
    keypoints: Keypoints2D


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame as the tracker left it. gone: the ids it gave up for good."""

    index: int
    captured_ns: int
    media_s: float
    width: int
    height: int
    people: tuple[SeenPerson, ...]
    gone: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeenLines:
    """Straight lines (N, 4) of a picture, pixels, people left out, as they were known at a frame."""

    index: int
    lines_px: FloatArray


@dataclass(frozen=True, slots=True)
class Lived:
    """What of a result cannot be computed again: its ages, and the frames dropped before it."""

    age_ms: Mapping[str, float]
    dropped: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session read back.

    header: its first line. lived, lines_px: by frame. whole: whether it has its end.
    """

    folder: Path
    header: Mapping[str, Any]
    seen: tuple[SeenFrame, ...]
    lived: Mapping[int, Lived]
    lines_px: Mapping[int, FloatArray]
    whole: bool

    @property
    def frames(self) -> Path | None:
        """The pictures, if they were kept."""
        path = self.folder / FRAMES
        return path if path.is_file() else None


def is_session(name: str | None) -> bool:
    """Whether what a user named as a source is a session."""
    return name is not None and (Path(name) / LINES).is_file()


class SessionSink:
    """Writes a session: `observe` takes what the tracker saw, `write` the results that came of it.

    `describe` gives the first line before anything else happens. The folder is made with it. An older
    session there is replaced. pictures: whether a PictureSink writes there too. Raises RecordError when the
    folder cannot be written, or holds something else.
    """

    label = "the session"

    def __init__(self, folder: Path, pictures: bool = False) -> None:
        check_folder(folder)
        self._folder = folder
        self._stale = [] if pictures else [folder / FRAMES, folder / FRAME_INDEX]
        self._lines = LineFile(folder / LINES)
        self._waiting: deque[SeenFrame | SeenLines] = deque()
        self._lock = threading.Lock()
        self._digest = hashlib.sha256()
        self._head = ""
        self._counts = {"frames": 0, "results": 0}
        self._ended = False

    def describe(self, header: Mapping[str, Any]) -> None:
        """Say what the session is of: source, camera, options, networks."""
        self._head = line({"session": {"version": VERSION} | dict(header)})

    def observe(self, frame: Frame, tracks: Sequence[Tracked], gone: Sequence[int]) -> None:
        """Take note of a frame. Called where frames are perceived, so nothing is written here."""
        people = tuple(SeenPerson(t.id, np.array(t.box_px), _copy(t.keypoints)) for t in tracks)
        seen = SeenFrame(
            frame.index, frame.captured_ns, frame.media_s, frame.width, frame.height, people, tuple(gone)
        )
        self._note(seen)

    def observe_lines(self, frame: int, lines_px: FloatArray) -> None:
        """Take note of straight lines (N, 4), pixels, that became known at a frame."""
        self._note(SeenLines(frame, lines_px.copy()))

    def _note(self, seen: SeenFrame | SeenLines) -> None:
        with self._lock:
            if not self._ended:
                self._waiting.append(seen)
            if len(self._waiting) > _MOST_WAITING:
                self._end()

    def write(self, result: Result) -> None:
        """Append what was seen up to now, and a result's ages."""
        lived = {
            "frame": result.frame.index,
            "age_ms": {stage: float(ms) for stage, ms in result.age_ms.items()},
            "dropped": result.dropped,
        }
        self._append([*self._take(), line({"lived": lived})])
        self._counts["results"] += 1

    def close(self) -> None:
        """Finish the file."""
        if self._counts["results"] or self._waiting:
            self._append(self._take())
            self._lines.write(line({"end": self._counts | {"sha256": self._digest.hexdigest()}}))
        self._end()
        self._lines.close()

    def _take(self) -> list[str]:
        with self._lock:
            if self._ended:
                raise RecordError("the session fell behind: its disk is too slow")
            waiting = tuple(self._waiting)
            self._waiting.clear()
        self._counts["frames"] += sum(isinstance(seen, SeenFrame) for seen in waiting)
        return [_seen_line(seen) if isinstance(seen, SeenFrame) else _lines_line(seen) for seen in waiting]

    def _append(self, lines: list[str]) -> None:
        text, self._head = self._head + "".join(lines), ""
        try:
            begin_folder(self._folder, self._stale)
            self._stale = []
            self._lines.write(text)
        except RecordError:
            self._end()
            raise
        self._digest.update(text.encode())

    def _end(self) -> None:
        self._ended = True
        self._waiting.clear()


def check_folder(folder: Path) -> None:
    """Raise RecordError unless a session can be written there; changes nothing."""
    if not folder.exists():
        if not os.access(folder.parent, os.W_OK | os.X_OK):
            raise RecordError(f"cannot make the folder {folder}: choose another place")
        return
    if not folder.is_dir():
        raise RecordError(f"{folder} is a file, and a session is a folder: name another")
    if strangers := sorted({path.name for path in folder.iterdir()} - {LINES, FRAMES, FRAME_INDEX}):
        raise RecordError(f"{folder} holds other files ({strangers[0]}): name a new folder")
    check_writable(folder / LINES)


def begin_folder(folder: Path, stale: Sequence[Path] = ()) -> None:
    """Make the folder of a session and remove what an older one left. Raises RecordError."""
    try:
        folder.mkdir(exist_ok=True)
        for path in stale:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(f"cannot write the session {folder}: {error.strerror}") from error


def read_session(folder: Path) -> Session:
    """Read a session. One without its end is read up to its last whole line, and said so.

    Raises SessionError when it is missing, damaged, or of another version.
    """
    path = folder / LINES
    try:
        lines, _ = complete_lines(path)
    except RecordFileError as error:
        raise SessionError(f"{error}: name a folder that realtime-demo --session wrote") from error
    try:
        header, seen, lived, lines_px, whole = _parse(lines)
    except _BROKEN as error:
        raise SessionError(f"{path} is damaged or no session ({type(error).__name__}: {error})") from error
    if not whole:
        log.warning("%s has no end, its writer was cut off: %d frames are replayed", path, len(seen))
    return Session(folder, header, tuple(seen), lived, lines_px, whole)


_Parsed = tuple[dict[str, Any], list[SeenFrame], dict[int, Lived], dict[int, FloatArray], bool]


def _parse(lines: list[bytes]) -> _Parsed:
    if not lines:
        raise ValueError("it holds no complete line")
    header = parse(lines[0])["session"]
    if not isinstance(header, dict) or header["version"] not in _READABLE:
        raise ValueError(f"it is not of version {' or '.join(map(str, _READABLE))}, which this program reads")
    seen: list[SeenFrame] = []
    lived: dict[int, Lived] = {}
    lines_px: dict[int, FloatArray] = {}
    digest = hashlib.sha256(lines[0] + b"\n")
    for n, text in enumerate(lines[1:], start=2):
        node = parse(text)
        if "end" in node:
            if node["end"]["sha256"] != digest.hexdigest() or n != len(lines):
                raise ValueError("its hash differs: it was changed after it was written")
            return header, seen, lived, lines_px, True
        digest.update(text + b"\n")
        if "seen" in node:
            seen.append(_seen(node["seen"], seen[-1].index if seen else -1))
        elif "lines" in node:
            lines_px[whole_number(node["lines"]["frame"])] = _lines(node["lines"]["ends_px"])
        else:
            outcome = node["lived"]
            ages = {str(k): _finite(ms) for k, ms in outcome["age_ms"].items()}
            lived[whole_number(outcome["frame"])] = Lived(ages, whole_number(outcome["dropped"]))
    return header, seen, lived, lines_px, False


def _copy(keypoints: Keypoints2D) -> Keypoints2D:
    return Keypoints2D(
        keypoints.xy_px.copy(), keypoints.score.copy(), keypoints.depth_px.copy(), keypoints.presence
    )


def _seen_line(seen: SeenFrame) -> str:
    people = [
        {
            "id": person.id,
            "presence": float(person.keypoints.presence),
            "box_px": _exact(person.box_px),
            "xy_px": _exact(person.keypoints.xy_px),
            "score": _exact(person.keypoints.score),
            "depth_px": _exact(person.keypoints.depth_px),
        }
        for person in seen.people
    ]
    node = {
        "frame": seen.index,
        "captured_ns": seen.captured_ns,
        "media_s": seen.media_s,
        "size": [seen.width, seen.height],
        "people": people,
        "gone": list(seen.gone),
    }
    return json.dumps({"seen": node}, separators=(",", ":"), allow_nan=False) + "\n"


def _lines_line(seen: SeenLines) -> str:
    node = {"frame": seen.index, "ends_px": _exact(seen.lines_px)}
    return json.dumps({"lines": node}, separators=(",", ":"), allow_nan=False) + "\n"


def _exact(array: Array) -> Any:
    """Nested lists whose decimals give back every float32 as it was; None where there is no number."""
    if array.ndim > 1:
        return [_exact(row) for row in array]
    # Nine digits tell every float32 apart, in half the space of the double it becomes.
    return [float(f"{value:.9g}") if np.isfinite(value) else None for value in array.tolist()]


def _seen(node: Mapping[str, Any], before: int) -> SeenFrame:
    index = whole_number(node["frame"])
    if index <= before:
        raise ValueError(f"frame {index} comes after frame {before}")
    width, height = (whole_number(side) for side in node["size"])
    if not (0 < width < 1 << 15 and 0 < height < 1 << 15):
        raise ValueError(f"a picture of {width}x{height} pixels makes no sense")
    captured_ns, media_s = whole_number(node["captured_ns"]), _finite(node["media_s"])
    people = tuple(_person(person) for person in node["people"])
    if len({person.id for person in people}) < len(people):
        raise ValueError(f"frame {index} has a person twice")
    gone = tuple(whole_number(person) for person in node["gone"])
    return SeenFrame(index, captured_ns, media_s, width, height, people, gone)


def _person(node: Mapping[str, Any]) -> SeenPerson:
    joints = len(node["score"])
    depth = [float("nan") if value is None else value for value in node["depth_px"]]
    depth_px = np.array(depth, np.float32)
    if depth_px.shape != (joints,) or np.isinf(depth_px).any():
        raise ValueError(f"expected a depth for each of {joints} joints")
    keypoints = Keypoints2D(
        numbers(node["xy_px"], joints, 2),
        numbers(node["score"], joints),
        depth_px,
        _finite(node["presence"]),
    )
    return SeenPerson(whole_number(node["id"]), numbers(node["box_px"], 4), keypoints)


def _lines(node: Any) -> FloatArray:
    return numbers(node, len(node), 4) if node else np.zeros((0, 4), np.float32)


def _finite(node: Any) -> float:
    value = float(node)
    if not np.isfinite(value):
        raise ValueError("a number is too large")
    return value

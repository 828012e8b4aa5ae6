"""Taking views from a live camera or a video by itself: sharp, still, and each unlike the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.detect import Finder, Miss, Sighting
from calibration.solve import locate
from calibration.verdict import GOOD_TILT_DEG, covered
from calibration.views import Collector, View, Views
from realtime.camera import Intrinsics
from realtime.errors import PoseError
from realtime.stream.source import Source
from realtime.types import Array, FloatArray, Frame, ImageArray

BLURRED = 0.8
_STILL = 0.008
_UNLIKE = 0.06
_UNLIKE_TILT = 10.0
_ENOUGH_COVERAGE = 0.6
_ENOUGH_TILTED = 0.4
_PARTS = ("top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right")


@dataclass(frozen=True, slots=True)
class Progress:
    """What a capture knows after a frame.

    coverage: (64, 64), 1 where the board was in an accepted view. corners_px: of the board now, (0, 2) for
    none. hint: what the user should do next. accepted: this frame became a view.
    """

    image: ImageArray
    views: int
    wanted: int
    tilted: int
    coverage: Array
    corners_px: FloatArray
    hint: str
    accepted: bool
    done: bool

    @property
    def covered(self) -> float:
        return float(self.coverage.mean())

    def __str__(self) -> str:
        return (
            f"view {self.views} of {self.wanted}, {100 * self.covered:.0f} % of the image, "
            f"{self.tilted} tilted: {self.hint}"
        )


class AutoCapture:
    """Decides, frame by frame, what to keep. wanted: the number of views it aims for."""

    def __init__(self, finder: Finder, wanted: int = 15) -> None:
        self._finder = finder
        self._collector = Collector(finder)
        self._wanted = wanted
        self._last: Sighting | None = None
        self._tilts: list[float] = []

    @property
    def views(self) -> Views:
        """The views kept so far."""
        return self._collector.views

    def offer(self, frame: Frame) -> Progress:
        """Look at one frame, and keep it if it adds something."""
        before, seen = self._last, self._finder.glance(frame.image)
        self._last = seen
        if seen is None:
            return self._progress(frame, None, "show the whole board, flat and evenly lit", False)
        objection = self._objection(frame, seen, before)
        if objection:
            return self._progress(frame, seen, objection, False)
        found = self._collector.look(f"frame {frame.index}", frame.image)
        if isinstance(found, Miss):
            self._collector.missed.pop()
            return self._progress(frame, seen, found.reason, False)
        self._tilts.append(self._tilt(found, frame))
        return self._progress(frame, seen, self._advice(), True)

    def _objection(self, frame: Frame, seen: Sighting, before: Sighting | None) -> str:
        """Why a frame with the board is not kept; empty if it may be."""
        diagonal = float(np.hypot(frame.width, frame.height))
        if seen.blur > BLURRED:
            return "blurred: hold the board still, in more light"
        if before is None or _shift(before, seen) > _STILL * diagonal:
            return "hold still"
        tilt = self._tilt(View.of("", seen, self._finder.board), frame)
        for view, known in zip(self._collector.seen, self._tilts, strict=True):
            if abs(tilt - known) < _UNLIKE_TILT and _apart(view.corners_px, seen) < _UNLIKE * diagonal:
                return self._advice()
        return ""

    def _tilt(self, view: View, frame: Frame) -> float:
        """Degrees between the optical axis and the board's normal, by a camera of a usual field of view."""
        turn, _ = locate(Intrinsics.assumed(frame.width, frame.height), view)
        angle = np.linalg.norm(turn)
        axis = turn / max(float(angle), 1e-9)
        cosine = np.cos(angle) + axis[2] ** 2 * (1 - np.cos(angle))
        return float(np.degrees(np.arccos(np.clip(abs(cosine), 0, 1))))

    def _advice(self) -> str:
        """What the views so far lack most."""
        mask = self._mask()
        parts = np.array([[c.mean() for c in np.array_split(r, 3, axis=1)] for r in np.array_split(mask, 3)])
        if self._tilted < _ENOUGH_TILTED * len(self._collector.seen):
            return "tilt the board by 20 to 45 degrees, to another side each time"
        if mask.mean() < _ENOUGH_COVERAGE:
            return f"move the board to the {_PARTS[int(parts.argmin())]} of the picture"
        return "another distance or tilt"

    @property
    def _tilted(self) -> int:
        return sum(tilt >= GOOD_TILT_DEG for tilt in self._tilts)

    def _mask(self) -> Array:
        return covered([v.corners_px for v in self._collector.seen], self._collector.size)

    def _progress(self, frame: Frame, seen: Sighting | None, hint: str, accepted: bool) -> Progress:
        count = len(self._collector.seen)
        mask = self._mask() if count else np.zeros((64, 64), np.uint8)
        spread = mask.mean() >= _ENOUGH_COVERAGE and self._tilted >= _ENOUGH_TILTED * self._wanted
        # Who cannot reach the rim still gets a camera, with the warning that goes with it.
        done = count >= self._wanted and (spread or count >= 2 * self._wanted)
        corners = np.zeros((0, 2), np.float32) if seen is None else seen.corners_px
        return Progress(frame.image, count, self._wanted, self._tilted, mask, corners, hint, accepted, done)


def _shift(before: Sighting, now: Sighting) -> float:
    """How far the board moved, pixels: the most of its corners seen twice; far if none was."""
    _, a, b = np.intersect1d(before.ids, now.ids, return_indices=True)
    if not len(a):
        return np.inf
    return float(np.linalg.norm(before.corners_px[a] - now.corners_px[b], axis=1).max())


def _apart(known_px: FloatArray, now: Sighting) -> float:
    """How unlike two views are, pixels: between their centres, and between their sizes."""
    centre = np.linalg.norm(known_px.mean(axis=0) - now.corners_px.mean(axis=0))
    return float(centre + abs(np.linalg.norm(known_px.std(axis=0) - now.corners_px.std(axis=0))))


class Session:
    """Reads a source into a capture until it is done, the source ends, or `stop` is called.

    run: on any thread; what went wrong is raised there, and kept in `error`.
    """

    def __init__(self, source: Source, capture: AutoCapture, told: Callable[[Progress], None]) -> None:
        self._source = source
        self._capture = capture
        self._told = told
        self._stopped = threading.Event()
        self.error: PoseError | None = None
        self.ended = False

    def run(self) -> None:
        """Take frames; the caller closes the source."""
        try:
            while not self._stopped.is_set() and (frame := self._source.read()) is not None:
                progress = self._capture.offer(frame)
                self._told(progress)
                if progress.done:
                    break
        except PoseError as error:
            self.error = error
            raise
        finally:
            self.ended = True

    def stop(self) -> None:
        """End after the frame at hand."""
        self._stopped.set()

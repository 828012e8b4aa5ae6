"""A source that goes on by itself: read by a thread of its own, of which only the latest frame counts."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from realtime.errors import SourceError, SourceLostError
from realtime.stream.ring import Policy, Ring, RingClosedError
from realtime.stream.source import Clock, SourceInfo, SourceStatus
from realtime.stream.sources.capture import EndOfStreamError, Grabbed, Grabber
from realtime.stream.sources.reconnect import Reconnect
from realtime.stream.sources.size import SizeKeeper
from realtime.stream.worker import Worker
from realtime.types import Frame

log = logging.getLogger(__name__)

_MOST_DAMAGED = 30
"""Failed grabs in a row after which a source is lost."""
_SILENT_S = 4.0
"""Time without an image after which a failed grab means that a source is lost."""
_STABLE_S = 5.0
"""A connection that lasted so long was sound: the next loss begins with short waits again."""
_CLOSE_S = 0.5


class LiveSource:
    """The frames of a camera or a stream, the newest one whenever it is asked.

    A thread opens, reads and frees the device, so a slow reader never sees stale frames and `close` never
    waits for a driver. Damaged frames are skipped. A lost source is opened again by `reconnect`; the frames
    that were missed meanwhile are left out of the indices.

    open_grabber: opens the device or connection, again and again; it raises SourceError.
    wait: waits so many seconds, or less when the source is closed. patience_s: time without a frame after
    which a reader is told that the driver hangs. Raises SourceError when it cannot be opened at first.
    """

    def __init__(
        self,
        name: str,
        open_grabber: Callable[[], Grabber],
        reconnect: Reconnect | None = None,
        clock: Clock = time.perf_counter_ns,
        wait: Callable[[float], object] | None = None,
        patience_s: float = 20.0,
    ) -> None:
        self._name = name
        self._open_grabber = open_grabber
        self._reconnect = reconnect or Reconnect()
        self._clock = clock
        self._closing = threading.Event()
        self._wait = wait or self._closing.wait
        self._patience_s = patience_s
        self._slot: Ring[tuple[Frame, float]] = Ring(1, Policy.DROP_OLDEST)
        self._status = SourceStatus()
        self._grabber: Grabber | None = None
        self._size: SizeKeeper | None = None
        self._index = -1
        self._latest_ns = 0
        self._worker = Worker("grab", self._run, self._ended)
        self._worker.start()
        try:
            first, fps = self._wait_for_frame()
        except BaseException:
            self.close()
            raise
        self._first: Frame | None = first
        self.info = SourceInfo(name, first.width, first.height, fps, 0, True, False)

    @property
    def status(self) -> SourceStatus:
        """How it is doing."""
        return self._status

    def read(self) -> Frame | None:
        """The newest frame not yet read, waiting for one, also while it reconnects; None once closed.

        Raises SourceLostError when it is lost for good.
        """
        if self._closing.is_set():
            return None
        try:
            first, self._first = self._first, None
            if first is None or len(self._slot):
                return self._wait_for_frame()[0]
            return first
        except RingClosedError:
            return None

    def close(self) -> None:
        """End the thread. One that is stuck in a driver frees the device when the driver returns."""
        self._closing.set()
        self._slot.close(discard=True)
        grabber = self._grabber
        if grabber is not None:
            grabber.interrupt()
        self._worker.join(_CLOSE_S)

    def _wait_for_frame(self) -> tuple[Frame, float]:
        while True:
            try:
                return self._slot.get(self._patience_s)
            except TimeoutError:
                if self._status.state == "running":
                    self.close()
                    raise SourceLostError(
                        f"{self._name} gave no frame for {self._patience_s:g} s and its driver does not "
                        "return: unplug it and plug it in again"
                    ) from None

    def _run(self) -> None:
        try:
            self._grabber = self._open_grabber()
            attempts = 0
            while not self._closing.is_set():
                begun_ns = self._clock()
                why = self._take_all(self._grabber)
                self._grabber.release()
                if self._closing.is_set():
                    return
                if (self._latest_ns - begun_ns) / 1e9 > _STABLE_S:
                    attempts = 0
                attempts = self._open_again(why, attempts)
        finally:
            if self._grabber is not None:
                self._grabber.release()

    def _ended(self, error: BaseException | None) -> None:
        self._status = replace(self._status, state="ended")
        self._slot.close(error)

    def _take_all(self, grabber: Grabber) -> str:
        """Deliver frames until they stop; says how they did. Raises SourceError if none ever came."""
        failed = 0
        while not self._closing.is_set():
            try:
                grabbed = grabber.grab()
            except SourceLostError as error:
                if self._index < 0:
                    raise SourceError(str(error)) from error
                return str(error)
            except EndOfStreamError:
                raise RingClosedError from None
            if grabbed is not None:
                if failed:
                    self._status = replace(self._status, damaged=self._status.damaged + failed)
                    log.debug("%s: skipped %d damaged frames", self._name, failed)
                self._deliver(grabbed, grabber.fps, failed)
                failed = 0
                continue
            failed += 1
            silent_s = (self._clock() - self._latest_ns) / 1e9 if self._index >= 0 else 0.0
            if failed >= _MOST_DAMAGED or silent_s > _SILENT_S:
                if self._index < 0:
                    raise SourceError(
                        f"{self._name} opens but gives no image: it is empty, damaged, or in use elsewhere"
                    )
                return f"{self._name} stopped after {self._index + 1} frames"
        return ""

    def _deliver(self, grabbed: Grabbed, fps: float, missed: int) -> None:
        height, width = grabbed.image.shape[:2]
        if self._size is None:
            self._size = SizeKeeper(self._name, width, height)
        if self._status.state == "reconnecting":
            missed = max(1, round((grabbed.captured_ns - self._latest_ns) / 1e9 * fps))
            self._status = replace(
                self._status, state="running", attempt=0, reconnections=self._status.reconnections + 1
            )
        self._index += 1 + missed
        self._latest_ns = grabbed.captured_ns
        image = self._size.fit(grabbed.image)
        frame = Frame(image, self._index, grabbed.captured_ns, grabbed.captured_ns / 1e9)
        overtaken = self._slot.put((frame, fps))
        if overtaken:
            self._status = replace(self._status, overtaken=self._status.overtaken + overtaken)

    def _open_again(self, why: str, attempts: int) -> int:
        """Open a lost source again; returns the attempts so far. Raises SourceLostError in the end."""
        if not self._reconnect.give_up_s:
            raise SourceLostError(f"{why}: check its cable or network")
        log.warning("%s: reconnecting", why)
        for attempt in itertools.count(attempts + 1):
            if (self._clock() - self._latest_ns) / 1e9 >= self._reconnect.give_up_s:
                raise SourceLostError(
                    f"{why}, and did not come back within {self._reconnect.give_up_s:g} s: "
                    "check its cable or network"
                )
            self._status = replace(self._status, state="reconnecting", attempt=attempt)
            self._wait(self._reconnect.delay_s(attempt))
            if self._closing.is_set():
                return attempt
            try:
                self._grabber = self._open_grabber()
                return attempt
            except SourceError as error:
                log.info("attempt %d: %s", attempt, error)
        raise AssertionError("attempts have no end")

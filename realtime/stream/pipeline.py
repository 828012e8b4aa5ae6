"""Source, ring, worker, ledger, sinks: the frame pipeline, running in its own threads.

    capture -> ring -> perceive -> latest result (for the window)
                               `-> a ring for each sink -> deliver (record, video)

A file is never dropped from (every ring waits); a camera's newest frame wins. Whoever ends, closes the
rings on both sides, so the end travels both ways: downstream everything finished is still delivered,
upstream everything stops. The first failure reaches the caller with its cause.
"""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from realtime.errors import PipelineError, PoseError
from realtime.stream.ledger import Entry, Ledger, Snapshot
from realtime.stream.ring import Latest, Policy, Ring, RingClosedError
from realtime.stream.sinks import Sink
from realtime.stream.source import Source
from realtime.stream.stages import Perception
from realtime.stream.worker import Worker
from realtime.types import Frame, Result

NEWER_CAME = "a newer frame came"
OUTPUT_TOO_SLOW = "an output was too slow"

_FILE_RING = 2
_LIVE_RING = 1
_SINK_RING = 8
_STOP_TIMEOUT_S = 1.0


class Pipeline:
    """Runs a source through perception to sinks. Start it once, then `wait` or poll `latest`.

    frames: stop after this many results, None for all. Frames that wait for later ones when the source ends
    come out then; when told to `stop`, they are dropped like all that is in flight. It owns what it is given
    and closes it.
    """

    def __init__(
        self,
        source: Source,
        perception: Perception,
        sinks: Sequence[Sink] = (),
        frames: int | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.source = source
        self._perception = perception
        self._frames = frames
        self._clock = clock
        live = source.info.live
        policy = Policy.DROP_OLDEST if live else Policy.WAIT
        self._grabbed: Ring[Frame] = Ring(_LIVE_RING if live else _FILE_RING, policy)
        self._deliveries = [(sink, Ring[Result](_SINK_RING, policy)) for sink in sinks]
        self._ledger = Ledger()
        self._latest: Latest[Result] = Latest()
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._started = False
        self._capturer = Worker("capture", self._capture, self._failed)
        self._others = [
            Worker("perceive", self._perceive, self._ended),
            *(
                Worker(f"deliver-{n}", functools.partial(self._deliver, sink, ring), self._ended)
                for n, (sink, ring) in enumerate(self._deliveries)
            ),
        ]
        self._running = len(self._others)

    def start(self) -> None:
        """Start the threads."""
        self._started = True
        for worker in (self._capturer, *self._others):
            worker.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until every result is delivered; False if it took longer than `timeout_s`.

        Raises what went wrong: a PoseError as it is, anything else as a PipelineError with its cause.
        """
        if not self._finished.wait(timeout_s):
            return False
        if self._error is not None:
            raise _as_pose_error(self._error)
        return True

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> bool:
        """Stop now: frames in flight are dropped, results are delivered.

        True if every thread ended within `timeout_s`. A source stuck in a driver is left behind: its
        thread is a daemon and holds nothing else.
        """
        if not self._started:
            self._close_unstarted()
            return True
        self._stopping.set()
        self._grabbed.close(discard=True)
        deadline_ns = time.perf_counter_ns() + int(timeout_s * 1e9)
        ended = True
        for worker in (*self._others, self._capturer):
            left_s = max(0.0, (deadline_ns - time.perf_counter_ns()) / 1e9)
            ended &= worker.join(left_s)
        return ended

    def latest(self) -> Result | None:
        """The newest result; never waits."""
        return self._latest.get()

    def snapshot(self) -> Snapshot:
        """Where the time went so far."""
        return self._ledger.snapshot()

    @property
    def finished(self) -> bool:
        """Whether every result is delivered and nothing more will come."""
        return self._finished.is_set()

    @property
    def error(self) -> BaseException | None:
        """What went wrong, if anything did."""
        return self._error

    def _capture(self) -> None:
        try:
            while not self._stopping.is_set():
                frame = self.source.read()
                if frame is None:
                    return
                self._ledger.drop(NEWER_CAME, self._grabbed.put(frame))
        except RingClosedError:
            return
        except BaseException as error:
            if not self._stopping.is_set():
                self._failed(error)
        finally:
            self._grabbed.close()
            self.source.close()

    def _perceive(self) -> None:
        try:
            dropped_before = 0
            for result in itertools.islice(self._results(), self._frames):
                dropped = self._ledger.dropped(NEWER_CAME)
                self._hand_out(replace(result, dropped=dropped - dropped_before))
                dropped_before = dropped
        finally:
            self._grabbed.close(discard=True)
            for _, ring in self._deliveries:
                ring.close()
            self._perception.close()

    def _results(self) -> Iterator[Result]:
        while True:
            try:
                frame = self._next_frame()
            except RingClosedError:
                break
            yield from self._perception.process(frame)
        if not self._stopping.is_set():
            yield from self._perception.finish()

    def _next_frame(self) -> Frame:
        frame = self._grabbed.get()
        return replace(frame, captured_ns=self._clock()) if self.source.info.on_demand else frame

    def _hand_out(self, result: Result) -> None:
        frame = result.frame
        self._ledger.add(Entry(frame.index, frame.captured_ns, self._clock(), result.age_ms))
        self._latest.set(result)
        for _, ring in self._deliveries:
            self._ledger.drop(OUTPUT_TOO_SLOW, ring.put(result))

    def _deliver(self, sink: Sink, ring: Ring[Result]) -> None:
        try:
            while True:
                sink.write(ring.get())
        finally:
            ring.close(discard=True)
            sink.close()

    def _failed(self, error: BaseException | None) -> None:
        with self._lock:
            self._error = self._error or error

    def _ended(self, error: BaseException | None) -> None:
        self._failed(error)
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._stopping.set()
                self._finished.set()

    def _close_unstarted(self) -> None:
        self.source.close()
        self._perception.close()
        for sink, _ in self._deliveries:
            sink.close()
        self._finished.set()


def _as_pose_error(error: BaseException) -> BaseException:
    if isinstance(error, PoseError):
        return error
    wrapped = PipelineError(f"the pipeline failed: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped

"""Source, ring, worker, ledger, sinks: the frame pipeline, running in its own threads.

    capture -> ring -> perceive -> latest result (for the window)
                               `-> a ring for each sink -> deliver (record, video)

A file is never dropped from (every ring waits); a camera's newest frame wins. Whoever ends, closes the
rings on both sides, so the end travels both ways: downstream everything finished is still delivered,
upstream everything stops. The first failure reaches the caller with its cause.

A sink that fails ends the run of a file, which can be run again; a live moment cannot, so there the rest
goes on without that sink. A watchdog gives up on whoever has not ended a piece of work in time.
"""

from __future__ import annotations

import functools
import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from realtime.errors import HungError, PoseError
from realtime.finite import finite_people
from realtime.stream.ledger import Entry, Ledger, Snapshot
from realtime.stream.output import Output, closing, label_of
from realtime.stream.ring import Latest, Policy, Ring, RingClosedError
from realtime.stream.safety import Safety, as_pose_error
from realtime.stream.sinks import Sink
from realtime.stream.source import Source, status_of
from realtime.stream.stages import Perception
from realtime.stream.watchdog import Activity, Hang, Watchdog
from realtime.stream.worker import Worker
from realtime.types import Frame, Result

log = logging.getLogger(__name__)

NEWER_CAME = "a newer frame came"
OUTPUT_TOO_SLOW = "an output was too slow"
NOT_FINITE = "people left out because their numbers were not finite"

_FILE_RING = 2
_LIVE_RING = 1
_STOP_TIMEOUT_S = 1.0
_READ_S = 0.1
"""What a stopping pipeline allows for a read under way, before it closes the source under it."""


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
        safety: Safety | None = None,
    ) -> None:
        self.source = source
        self._perception = perception
        self._frames = frames
        self._clock = clock
        safety = safety or Safety()
        live = source.info.live
        self._outlive_sinks = live if safety.outlive_sinks is None else safety.outlive_sinks
        policy = Policy.DROP_OLDEST if live else Policy.WAIT
        # What comes at its own time only gets older in a longer queue.
        waiting = _FILE_RING if source.info.on_demand else _LIVE_RING
        self._grabbed: Ring[Frame] = Ring(waiting, policy)
        self._capturing = Activity("capture", safety.capture_s, clock)
        self._perceiving = Activity("perceive", safety.perceive_s, clock, safety.first_s)
        self._outputs = [
            Output(sink, policy, Activity(label_of(sink), safety.deliver_s, clock)) for sink in sinks
        ]
        self._ledger = Ledger()
        self._latest: Latest[Result] = Latest()
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._lost: list[PoseError] = []
        self._faults: Counter[str] = Counter()
        self._started = False
        self._capturer = Worker("capture", self._capture, self._failed)
        self._others = {
            self._perceiving: Worker("perceive", self._perceive, self._perceive_ended),
            **{
                output.activity: Worker(
                    f"deliver-{n}", output.run, functools.partial(self._output_ended, output)
                )
                for n, output in enumerate(self._outputs)
            },
        }
        self._unfinished = set(self._others)
        activities = (self._capturing, *self._others)
        self._watchdog = Watchdog(activities, self._hung, safety.look_s)
        self._watcher = Worker(
            "watchdog", functools.partial(self._watchdog.run, self._finished), self._failed
        )

    def start(self) -> None:
        """Start the threads."""
        self._started = True
        for worker in (self._capturer, *self._others.values(), self._watcher):
            worker.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until every result is delivered; False if it took longer than `timeout_s`.

        Raises what went wrong: a PoseError as it is, anything else as a PipelineError with its cause. What
        the pipeline outlived is in `lost_outputs` and `faults` instead.
        """
        if not self._finished.wait(timeout_s):
            return False
        if self._error is not None:
            raise as_pose_error("the pipeline failed", self._error)
        return True

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> bool:
        """Stop now: frames in flight are dropped, results are delivered.

        True if every thread ended within `timeout_s`. One stuck in a driver, a disk or a library is left
        behind: it is a daemon and holds nothing else.
        """
        if not self._started:
            self._close_unstarted()
            return True
        self._stopping.set()
        self._grabbed.close(discard=True)
        deadline_ns = time.perf_counter_ns() + int(timeout_s * 1e9)

        def left_s() -> float:
            return max(0.0, (deadline_ns - time.perf_counter_ns()) / 1e9)

        ended = True
        for worker in self._others.values():
            ended &= worker.join(left_s())
        if not self._capturer.join(min(left_s(), _READ_S)):
            self.source.close()  # it waits for a frame, or hangs: closing ends the first
        ended &= self._capturer.join(left_s())
        self._finished.set()
        return self._watcher.join(timeout_s) and ended

    def latest(self) -> Result | None:
        """The newest result; never waits."""
        return self._latest.get()

    def snapshot(self) -> Snapshot:
        """Where the time went so far."""
        return self._ledger.snapshot()

    def displayed(self, index: int, now_ns: int) -> None:
        """Take note of when a frame had been painted, by the clock that stamps the grabs."""
        self._ledger.displayed(index, now_ns)

    @property
    def finished(self) -> bool:
        """Whether every result is delivered and nothing more will come."""
        return self._finished.is_set()

    @property
    def error(self) -> BaseException | None:
        """What ended the pipeline, if anything did."""
        return self._error

    @property
    def lost_outputs(self) -> tuple[PoseError, ...]:
        """Why each sink ended that failed while the rest went on, the first first."""
        with self._lock:
            return tuple(self._lost)

    @property
    def faults(self) -> Mapping[str, int]:
        """What went wrong and was left out, in words, and how often."""
        with self._lock:
            return dict(self._faults)

    def _capture(self) -> None:
        try:
            for index in itertools.count():
                if self._stopping.is_set():
                    return
                with self._capturing.at(f"the source's frame {index}"):
                    frame = self.source.read()
                if frame is None:
                    return
                frame = replace(frame, ready_ns=self._clock())
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
        with closing(self._close_perception):
            dropped_before = 0
            for result in itertools.islice(self._results(), self._frames):
                dropped = self._ledger.dropped(NEWER_CAME)
                newly = dropped - dropped_before
                self._hand_out(replace(self._checked(result), dropped=result.dropped + newly))
                dropped_before = dropped

    def _close_perception(self) -> None:
        self._grabbed.close(discard=True)
        for output in self._outputs:
            output.end()
        with self._perceiving.at("its end"):
            self._perception.close()

    def _results(self) -> Iterator[Result]:
        while True:
            try:
                frame = self._next_frame()
            except RingClosedError:
                break
            with self._perceiving.at(f"frame {frame.index}"):
                results = self._perception.process(frame)
            yield from results
        if not self._stopping.is_set():
            with self._perceiving.at("the last frames"):
                results = self._perception.finish()
            yield from results

    def _next_frame(self) -> Frame:
        frame = self._grabbed.get()
        if not self.source.info.on_demand:
            return frame
        return replace(frame, captured_ns=self._clock(), ready_ns=None)

    def _checked(self, result: Result) -> Result:
        kept = finite_people(result)
        if kept is not result:
            with self._lock:
                self._faults[NOT_FINITE] += len(result.people) - len(kept.people)
        return kept

    def _hand_out(self, result: Result) -> None:
        frame = result.frame
        done_ns = self._clock()
        entry = Entry(frame.index, frame.captured_ns, done_ns, result.age_ms, device_ms=result.device_ms)
        self._ledger.add(entry)
        self._latest.set(result)
        for output in self._outputs:
            try:
                self._ledger.drop(OUTPUT_TOO_SLOW, output.put(result))
            except RingClosedError:
                if not self._outlive_sinks:
                    raise

    def _hung(self, activity: Activity, hang: Hang) -> None:
        """Go on without a hung sink, or end without waiting for whoever hangs."""
        if activity is self._capturing:
            if status_of(self.source).state == "reconnecting":
                self._watchdog.watch(activity)  # it knows, and gives up by itself
                return
            self._failed(HungError(f"{hang}: check the camera, its cable or the network, and start again"))
            self._grabbed.close()
            return
        if activity is self._perceiving:
            self._failed(HungError(f"{hang}: start again, or try another --engine"))
            self._stopping.set()
            self._grabbed.close(discard=True)
            for output in self._outputs:
                output.end()
        else:
            output = next(o for o in self._outputs if o.activity is activity)
            output.end(discard=True)
            self._lose(output, HungError(f"{hang}: its disk or network does not answer; write elsewhere"))
        self._done(activity)

    def _perceive_ended(self, error: BaseException | None) -> None:
        self._failed(error)
        self._done(self._perceiving)

    def _output_ended(self, output: Output, error: BaseException | None) -> None:
        if error is not None:
            self._lose(output, error)
        self._done(output.activity)

    def _lose(self, output: Output, error: BaseException) -> None:
        if not self._outlive_sinks:
            self._failed(error)
            return
        failure = as_pose_error(f"{output.label} failed", error)
        with self._lock:
            self._lost.append(failure)
        log.warning("%s; the rest goes on without it", failure)

    def _failed(self, error: BaseException | None) -> None:
        with self._lock:
            self._error = self._error or error

    def _done(self, activity: Activity) -> None:
        with self._lock:
            self._unfinished.discard(activity)
            all_done = not self._unfinished
        if all_done:
            self._stopping.set()
            self._finished.set()

    def _close_unstarted(self) -> None:
        self.source.close()
        self._perception.close()
        for output in self._outputs:
            output.sink.close()
        self._finished.set()

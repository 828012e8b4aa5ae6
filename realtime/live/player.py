"""Plays sources for a live window: it starts, stops and switches pipelines on a thread of its own.

Whoever calls it never waits: every wish goes into a queue, and what came of it is read from `state`.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from realtime.errors import PoseError
from realtime.live.outputs import Outputs, save
from realtime.live.recorder import Recording
from realtime.live.run import Run
from realtime.live.state import Phase, Problem, Progress, State, Trouble, Wish
from realtime.live.workshop import Opened, Workshop
from realtime.sample import NAME as SAMPLE
from realtime.stream.ledger import Snapshot
from realtime.stream.ledger_text import to_json
from realtime.stream.source import SourceStatus, status_of
from realtime.stream.worker import Worker
from realtime.types import Result

log = logging.getLogger(__name__)

Job = Callable[[], None]

RETRY_S = 3.0
_LOOK_S = 0.15
_MOST_PAINTED = 256
_EMPTY = Snapshot()


def _nobody() -> None:
    """Nobody listens."""


class ClosedError(PoseError):
    """The window was closed while its networks were fetched or loaded."""


class Player:
    """One window's pipelines, one after another.

    start: begin with what was wished for. What can be read (`state`, `latest`, `snapshot`, `recording`,
    `source_status`) never waits and takes no lock that a worker waits on: the player's own thread looks at
    the ledger. The other methods return at once; what they ask for happens soon, on that thread.

    retry_s: time between attempts to reach a source that is lost. told: is called with every new state, on
    that thread. first: the first run, once it has begun. error: why nothing runs now.
    """

    def __init__(
        self,
        wish: Wish,
        workshop: Workshop,
        retry_s: float = RETRY_S,
        told: Callable[[State], object] = lambda state: None,
    ) -> None:
        self._workshop = workshop
        self._retry_s = retry_s
        self._told = told
        self._came: Callable[[], object] = _nobody
        self._snapshot = _EMPTY
        self._painted: deque[tuple[int, int]] = deque(maxlen=_MOST_PAINTED)
        self.first: Run | None = None
        self.error: BaseException | None = None
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._state = State(wish=wish)
        self._outputs = Outputs(workshop)
        self._run: Run | None = None
        self._closing = False
        self._restart = True
        self._retry_ns: int | None = None
        self._thread = Worker("player", self._loop, self._ended)
        self._started = False

    @property
    def state(self) -> State:
        """What it is doing."""
        return self._state

    @property
    def recording(self) -> Recording:
        """How the recording stands."""
        return self._outputs.recorder.status

    @property
    def source_status(self) -> SourceStatus:
        """How the source in use is doing."""
        run = self._run
        return status_of(run.opened.source) if run is not None else SourceStatus()

    def latest(self) -> Result | None:
        """The newest result of the pipeline that runs; None before its first."""
        run = self._run
        return run.pipeline.latest() if run is not None else None

    def listen(self, came: Callable[[], object] | None) -> None:
        """Have `came` called, on another thread, as soon as there is a newer result; None for nothing."""
        self._came = came or _nobody

    def snapshot(self) -> Snapshot:
        """Where the time of the pipeline that runs went, a moment ago."""
        return self._snapshot

    def displayed(self, frame: int, now_ns: int) -> None:
        """Take note of when a frame was painted; the ledger learns of it a little later."""
        self._painted.append((frame, now_ns))

    def start(self) -> None:
        """Begin."""
        self._started = True
        self._jobs.put(lambda: self._set(choices=self._workshop.choices()))
        self.list_cameras()
        self._thread.start()

    def open(self, source: str | None, start_frame: int = 0) -> None:
        """Use another source; None for camera 0, else the sample."""
        self._wish(lambda wish: replace(wish, source=source, start_frame=start_frame), paused=False)

    def change(self, **options: Any) -> None:
        """Use other options (of `Options`); a file goes on where it is."""
        self._wish(lambda wish: self._here(replace(wish, options=replace(wish.options, **options))))

    def seek(self, frame: int) -> None:
        """Go to a frame of a file, paused or playing as before. Of several in a row the last one counts."""
        self._wish(lambda wish: replace(wish, start_frame=max(0, frame)))

    def play(self) -> None:
        """Go on; at the end, begin again."""

        def job() -> None:
            if self._state.phase in (Phase.ENDED, Phase.FAILED):
                self._set(paused=False, wish=replace(self._state.wish, start_frame=0))
                self._restart = True
            elif self._run is not None and self._run.opened.playback is not None:
                self._run.opened.playback.play()
                self._set(paused=False)

        self._jobs.put(job)

    def pause(self) -> None:
        """Stand still. Live sources go on."""
        self._with_playback(lambda run: run.pause())

    def step(self) -> None:
        """Show the next frame of a file and stand still."""
        self._with_playback(lambda run: run.step())

    def record(self, stem: Path, with_video: bool = False) -> None:
        """Begin to record to `stem`.jsonl, and to `stem`.mp4."""
        self._jobs.put(lambda: self._begin_recording(stem, with_video))

    def stop_recording(self) -> None:
        """Finish the recording."""
        self._jobs.put(lambda: self._say(self._outputs.end()))

    def save_ledger(self, path: Path) -> None:
        """Write where the time went, as JSON."""
        snapshot = self.snapshot()
        self.save(path, lambda file: file.write_text(to_json(snapshot), encoding="utf-8"))

    def save(self, path: Path, write: Callable[[Path], object]) -> None:
        """Write a file on the player's thread, and say so."""
        self._jobs.put(lambda: self._say(save(path, write)))

    def list_cameras(self) -> None:
        """Look which cameras there are."""
        self._jobs.put(lambda: self._set(cameras=tuple(self._workshop.cameras())))

    def release(self) -> None:
        """Free the source for another program; `open` takes it back."""

        def job() -> None:
            self._stop_run()
            self._restart, self._retry_ns = False, None
            self._set(phase=Phase.ENDED, progress=None, problem=None)

        self._jobs.put(job)

    def close(self, timeout_s: float = 2.0) -> bool:
        """End everything. True if it ended within `timeout_s`."""
        self._closing = True
        self._jobs.put(lambda: None)
        return self._thread.join(timeout_s) if self._started else True

    def wait_closed(self) -> None:
        """Wait until everything ended."""
        self._thread.join()

    def _wish(self, change: Callable[[Wish], Wish], paused: bool | None = None) -> None:
        def job() -> None:
            state = self._state
            stands = state.paused if paused is None else paused
            self._set(wish=change(state.wish), paused=stands)
            self._restart = True

        self._jobs.put(job)

    def _here(self, wish: Wish) -> Wish:
        """The wish, from the frame that is shown now, unless it played to its end."""
        run = self._run
        result = run.pipeline.latest() if run is not None else None
        if run is None or result is None or run.opened.playback is None:
            return wish
        return replace(wish, start_frame=0 if self._state.phase is Phase.ENDED else result.frame.index)

    def _with_playback(self, act: Callable[[Run], object]) -> None:
        def job() -> None:
            if self._run is not None and self._run.opened.playback is not None:
                act(self._run)
                self._set(paused=True)

        self._jobs.put(job)

    def _loop(self) -> None:
        while not self._closing:
            try:
                self._jobs.get(timeout=self._patience_s())()
                while not self._closing:
                    self._jobs.get_nowait()()
            except Empty:
                pass
            self._look()
            due = self._retry_ns is not None and time.perf_counter_ns() >= self._retry_ns
            if (self._restart or due) and not self._closing:
                self._restart, self._retry_ns = False, None
                self._begin()

    def _patience_s(self) -> float | None:
        """How long to wait for the next wish: there is the ledger to look at, or a source to try again."""
        if self._restart:
            return 0.0
        if self._retry_ns is not None:
            return max(0.0, (self._retry_ns - time.perf_counter_ns()) / 1e9)
        return _LOOK_S if self._state.phase is Phase.RUNNING else None

    def _look(self) -> None:
        run = self._run
        if run is None:
            return
        while self._painted:
            run.pipeline.displayed(*self._painted.popleft())
        self._snapshot = run.pipeline.snapshot()

    def _begin(self) -> None:
        """Replace the pipeline by one for the wish there is now."""
        self._stop_run()
        wish, again = self._state.wish, self._state.phase is Phase.LOST
        if not again:
            self._set(phase=Phase.OPENING, progress=Progress("Opening the source"), problem=None)
        try:
            opened = self._workshop.open(wish, self._state.paused)
        except Exception as error:
            self._fail(error)
            return
        try:
            wish = self._found(wish, opened)
            info, is_sample = opened.source.info, opened.is_sample
            self._set(phase=Phase.LOADING, wish=wish, source=info, is_sample=is_sample, problem=None)
            path = self._workshop.assemble(wish, opened, self._tell)
            if self._closing:
                path.perception.close()
                opened.source.close()
                return
        except Exception as error:
            opened.source.close()
            self._fail(error)
            return
        self._run = Run(opened, path, self._outputs.recorder, lambda: self._came(), self._run_rang)
        self.first, self.error = self.first or self._run, None
        self._painted.clear()
        self._run.start(self._state.paused)
        self._set(
            phase=Phase.RUNNING,
            run=self._state.run + 1,
            paused=self._state.paused and opened.playback is not None,
            intrinsics=path.intrinsics,
            nets=path.nets,
            lag_frames=path.lag_frames,
            fallback=path.fallback,
            progress=None,
        )

    @staticmethod
    def _found(wish: Wish, opened: Opened) -> Wish:
        """The wish for what was found where nothing was named: a lost camera must not end as the sample."""
        if wish.source is not None:
            return wish
        return replace(wish, source=SAMPLE if opened.is_sample else "0")

    def _run_rang(self, run: Run) -> None:
        self._jobs.put(lambda: self._run_ended(run))

    def _tell(self, progress: Progress) -> None:
        """Publish how far it is; whoever loads for a window that has closed is stopped here."""
        if self._closing:
            raise ClosedError("the window was closed")
        self._set(progress=progress)

    def _run_ended(self, run: Run) -> None:
        if run is not self._run:
            return
        error = run.outcome()
        if error is not None:
            self._fail(error)
        else:
            self._set(phase=Phase.ENDED, progress=None, paused=False)

    def _fail(self, error: BaseException) -> None:
        self.error = error
        problem: Problem = self._workshop.explain(error, self._state.wish)
        if problem.retrying:
            self._retry_ns = time.perf_counter_ns() + int(self._retry_s * 1e9)
        lost = problem.retrying or problem.trouble is Trouble.UNPLUGGED
        self._set(phase=Phase.LOST if lost else Phase.FAILED, problem=problem, progress=None)

    def _stop_run(self) -> None:
        if self._run is not None and not self._run.stop():
            self._workshop.abandon()

    def _begin_recording(self, stem: Path, with_video: bool) -> None:
        running = self._state.phase is Phase.RUNNING
        self._say(self._outputs.begin(self._run if running else None, stem, with_video))

    def _say(self, words: str) -> None:
        if words:
            self._set(said=words, said_count=self._state.said_count + 1)

    def _set(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        self._told(self._state)

    def _ended(self, error: BaseException | None) -> None:
        if error is not None:
            log.error("the player failed", exc_info=error)
        self._stop_run()
        self._outputs.recorder.end()
        self._workshop.close()
        self._set(phase=Phase.CLOSED, progress=None)

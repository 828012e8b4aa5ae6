"""A workshop of fakes: sources that wait to be told, and a perception that finds one standing person."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from realtime.camera import Intrinsics
from realtime.errors import PoseError
from realtime.live.state import Camera, Choices, NetState, Phase, Problem, Progress, State, Wish
from realtime.live.workshop import Opened, Path3D, Tell, explain
from realtime.stream.paced import PacedSource
from realtime.stream.sinks import Sink
from tests.fakes import CollectSink, FakePerception, FakeSource

NETS = (NetState("net", "lifter", "fake", "fp32"),)


class FakeWorkshop:
    """Gives sources by name: `file` (ten frames), `camera` (endless), or what `errors` says instead.

    wishes: all that were opened. `gate` makes every assembling wait; `entered` tells that one began.
    """

    def __init__(self, gate: threading.Semaphore | None = None) -> None:
        self.errors: dict[str | None, list[BaseException]] = {}
        self.wishes: list[Wish] = []
        self.paused: list[bool] = []
        self.sources: list[FakeSource] = []
        self.perceptions: list[FakePerception] = []
        self.recorded: list[CollectSink] = []
        self.gate = gate
        self.entered = threading.Semaphore(0)
        self.frames = 10
        self.lag = 0
        self.source_gate: threading.Semaphore | None = None
        self.assemble_error: BaseException | None = None
        self.closed = threading.Event()
        self.abandoned = 0

    def cameras(self) -> Sequence[Camera]:
        return [Camera(0, "Fake camera")]

    def choices(self) -> Choices:
        return Choices(("blazepose",), {"unified": (0, 2)}, ("auto",))

    def open(self, wish: Wish, paused: bool) -> Opened:
        self.wishes.append(wish)
        self.paused.append(paused)
        if self.errors.get(wish.source):
            raise self.errors[wish.source].pop(0)
        live = wish.source == "camera"
        source = FakeSource(10**6 if live else self.frames, live, gate=self.source_gate)
        self.sources.append(source)
        if live:
            return Opened(source, False)
        playback = PacedSource(source, wait=lambda seconds: None, start=wish.start_frame, paused=paused)
        return Opened(playback, False, playback)

    def assemble(self, wish: Wish, opened: Opened, tell: Tell) -> Path3D:
        self.entered.release()
        tell(Progress("Loading the networks", "net", 0.5))
        if self.gate is not None:
            self.gate.acquire()
            tell(Progress("Loading the networks", "net", 0.9))
        if self.assemble_error is not None:
            raise self.assemble_error
        perception = FakePerception(delay=self.lag)
        self.perceptions.append(perception)
        return Path3D(perception, Intrinsics.assumed(64, 48), NETS, self.lag, "a reason", "{}\n")

    def sinks(self, stem: Path, header: str, opened: Opened, with_video: bool) -> list[tuple[Sink, Path]]:
        sink = CollectSink()
        self.recorded.append(sink)
        return [(sink, stem.with_suffix(".jsonl"))]

    def explain(self, error: BaseException, wish: Wish) -> Problem:
        return explain(error, wish, lambda index: index == 0)

    def abandon(self) -> None:
        self.abandoned += 1

    def close(self) -> None:
        self.closed.set()


class States:
    """Every state a player told of, and waiting for one that fits."""

    def __init__(self) -> None:
        self.all: list[State] = []
        self._changed = threading.Condition()

    def __call__(self, state: State) -> None:
        with self._changed:
            self.all.append(state)
            self._changed.notify_all()

    def wait(self, fits: Callable[[State], bool], since: int = 0) -> State:
        """The first state from `since` on that fits; fails after ten seconds."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(map(fits, self.all[since:])), 10.0)
            assert found, [state.phase for state in self.all]
            return next(state for state in self.all[since:] if fits(state))

    def phase(self, phase: Phase, run: int | None = None) -> State:
        """Wait for a phase, of a certain run if one is named."""
        return self.wait(lambda state: state.phase is phase and run in (None, state.run))


class LostError(PoseError):
    """For tests that need any PoseError."""

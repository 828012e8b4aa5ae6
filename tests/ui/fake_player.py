"""A player that does what the test says, and remembers what it was asked for. Importing this needs no Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from realtime.camera import Intrinsics
from realtime.live.recorder import Recording
from realtime.live.state import Camera, Choices, NetState, Phase, State
from realtime.stream.ledger import Entry, Ledger, Snapshot
from realtime.stream.source import SourceInfo, SourceStatus
from realtime.types import Person, Result
from tests.drawing_people import drawn_person, drawn_result

CHOICES = Choices(
    ("blazepose", "rtmpose-t"),
    {"unified": (0, 2, 5, -1, -2, -3), "videopose-tcn": (0,)},
    ("auto", "openvino", "onnxruntime"),
)
NETS = (
    NetState("blazepose-detector", "detector", "openvino", "fp32", "Apache-2.0"),
    NetState("unified", "lifter", "onnxruntime", "fp32", "Apache-2.0"),
)


def info(live: bool = False, frames: int = 300) -> SourceInfo:
    """A file of 300 frames, or a camera."""
    name = "camera 0 (Fake camera)" if live else "clips/walk.mp4"
    return SourceInfo(name, 640, 480, 30.0, 0 if live else frames, live, not live)


class FakePlayer:
    """As the window sees a player. `push` makes it deliver, `set` changes its state."""

    def __init__(self) -> None:
        self.state = State(
            choices=CHOICES, cameras=(Camera(0, "Integrated Webcam"), Camera(2, "USB Camera")), nets=NETS
        )
        self.recording = Recording()
        self.source_status = SourceStatus()
        self.calls: list[tuple[str, Any]] = []
        self.shown: list[int] = []
        self.closed = 0
        self.ledger = Ledger()
        self._result: Result | None = None
        self._count = 0
        self.came: Callable[[], object] | None = None

    def set(self, **changes: Any) -> None:
        """Change the state."""
        self.state = replace(self.state, **changes)

    def run(self, live: bool = False, source: SourceInfo | None = None) -> None:
        """Begin another run."""
        self._result = None
        self.set(
            phase=Phase.RUNNING,
            run=self.state.run + 1,
            source=source or info(live),
            intrinsics=Intrinsics.assumed(640, 480),
            paused=False,
            problem=None,
            progress=None,
        )

    def push(
        self,
        people: tuple[Person, ...] | None = None,
        captured_ns: int | None = None,
        result: Result | None = None,
    ) -> Result:
        """Deliver a result, with one person unless told otherwise, grabbed just now."""
        if self.state.phase is not Phase.RUNNING:
            self.run()
        captured_ns = time.perf_counter_ns() - 24_000_000 if captured_ns is None else captured_ns
        who = (drawn_person(),) if people is None else people
        result = result or drawn_result(who, self._count, captured_ns=captured_ns)
        ages = dict(result.age_ms)
        done_ns = captured_ns + int(ages["total"] * 1e6)
        shown_ns = done_ns + 6_000_000
        self.ledger.add(Entry(result.frame.index, captured_ns, done_ns, ages, shown_ns))
        self._result = result
        self._count += 1
        return result

    def latest(self) -> Result | None:
        return self._result

    def listen(self, came: Callable[[], object] | None) -> None:
        self.came = came

    def snapshot(self) -> Snapshot:
        return self.ledger.snapshot()

    def start(self) -> None:
        self.calls.append(("start", None))

    def displayed(self, frame: int, now_ns: int) -> None:
        self.shown.append(frame)

    def open(self, source: str | None, start_frame: int = 0) -> None:
        self.calls.append(("open", source))

    def change(self, **options: Any) -> None:
        self.calls.append(("change", options))
        self.set(wish=replace(self.state.wish, options=replace(self.state.wish.options, **options)))

    def seek(self, frame: int) -> None:
        self.calls.append(("seek", frame))

    def play(self) -> None:
        self.calls.append(("play", None))
        self.set(paused=False, phase=Phase.RUNNING)

    def pause(self) -> None:
        self.calls.append(("pause", None))
        self.set(paused=True)

    def step(self) -> None:
        self.calls.append(("step", None))
        self.set(paused=True)

    def record(self, stem: Path, with_video: bool = False) -> None:
        self.calls.append(("record", (stem, with_video)))
        self.recording = Recording((stem.with_suffix(".jsonl"),), True, 42, 12.4, 3_400_000)

    def stop_recording(self) -> None:
        self.calls.append(("stop_recording", None))
        self.recording = replace(self.recording, active=False)

    def save_ledger(self, path: Path) -> None:
        self.calls.append(("save_ledger", path))

    def save(self, path: Path, write: Callable[[Path], object]) -> None:
        self.calls.append(("save", path))
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        self.set(said=f"wrote {path}", said_count=self.state.said_count + 1)

    def list_cameras(self) -> None:
        self.calls.append(("list_cameras", None))

    def release(self) -> None:
        self.calls.append(("release", None))

    def close(self, timeout_s: float = 2.0) -> bool:
        self.closed += 1
        return True

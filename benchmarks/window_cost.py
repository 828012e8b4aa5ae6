#!/usr/bin/env python3
"""What the live window costs: the pipeline's processing time beside a headless run, A B A B; the longest time
the window did not answer; and how soon it is there. Needs a display; on a machine without one:

    xvfb-run -a -s "-screen 0 1920x1200x24" .venv/bin/python benchmarks/window_cost.py --rounds 5 \
        -o benchmarks/results/window_cost_$(date +%F).json

The window repaints both views 60 times a second, whether or not there is anything new; then, as `as_it_is`,
when there is, as it does by itself. `--drawing opengl` has software OpenGL draw the 3D view where there is no
card; `painter` is what `auto` takes there.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from realtime.live.player import Player
from realtime.live.state import Phase, State, Wish
from realtime.live.workshop import RealWorkshop
from realtime.machine import processor
from realtime.stream.ledger import STAGES, Snapshot

WARM_UP_FRAMES = 30
WARM_UP_S, LONGEST_PLAY_S = 2.0, 60.0
PAINT_MS, LOOK_MS, ASK_MS = 16, 4, 50


class Clip:
    """Plays the sample clip, paced at 30 frames a second; networks stay loaded between plays."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._playing = False
        self.player = Player(Wish("sample"), RealWorkshop(), told=self._told)
        self.player.start()

    def _told(self, state: State) -> None:
        # The last play's end may be told again before the next play begins.
        self._playing |= state.phase is Phase.RUNNING
        if self._playing and state.phase in (Phase.ENDED, Phase.FAILED):
            self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether this play is over."""
        return self._ended.is_set()

    def wait(self) -> None:
        """Wait for the end of this play."""
        self._ended.wait()

    def again(self) -> None:
        """Play it once more."""
        self._playing = False
        self._ended.clear()
        self.player.open("sample")

    def processing_ms(self) -> float:
        """The median frame's work: every stage's own time, without waiting."""
        run = self.player._run
        assert run is not None
        return processing_ms(run.pipeline.snapshot())


def processing_ms(snapshot: Snapshot) -> float:
    """Median of the stages' sums over the frames after the warm-up."""
    entries = [e for e in snapshot.recent if e.index >= WARM_UP_FRAMES]
    return float(np.median([sum(e.age_ms.get(stage, 0.0) for stage in STAGES) for e in entries]))


class Watch:
    """A window on a clip that is painted at 60 Hz, and the longest its event loop was away."""

    def __init__(self, clip: Clip, drawing: str, look: bool, forced: bool = True) -> None:
        from PySide6.QtCore import QTimer

        from realtime.ui.preferences import Preferences
        from realtime.ui.window import Window

        self._scratch = tempfile.TemporaryDirectory()
        preferences = Preferences(Path(self._scratch.name) / "window.ini")
        preferences.view = replace(preferences.view, drawing=drawing)
        self._player = clip.player
        self.window = Window(_Shared(clip.player), "window_cost", preferences)
        self.window.show()
        self.paints = 0
        self.longest_ms = 0.0
        self._last_ns = time.perf_counter_ns()
        self._timers = [QTimer(), QTimer()]
        self._timers[0].timeout.connect(self._paint)
        if forced:
            self._timers[0].start(PAINT_MS)
        self._timers[1].timeout.connect(self._look)
        if look:
            self._timers[1].start(LOOK_MS)

    def _paint(self) -> None:
        self.paints += 1
        self.window.image_view.update()
        self.window.skeleton_view.update()

    def _look(self) -> None:
        now_ns = time.perf_counter_ns()
        self.longest_ms = max(self.longest_ms, (now_ns - self._last_ns) / 1e6 - LOOK_MS)
        self._last_ns = now_ns

    def begin(self) -> None:
        """Forget the start-up."""
        self.longest_ms, self.paints, self._last_ns = 0.0, 0, time.perf_counter_ns()

    def close(self) -> None:
        """Close the window; the clip plays on."""
        for timer in self._timers:
            timer.stop()
        self.window.close()
        self.window.deleteLater()
        self._scratch.cleanup()


class _Shared:
    """A player that outlives its windows."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def __getattr__(self, name: str) -> Any:
        return getattr(self._player, name)

    def close(self, timeout_s: float = 0.0) -> bool:
        """Windows come and go."""
        return True


def play_headless(clip: Clip) -> dict[str, Any]:
    clip.again()
    clip.wait()
    return {"processing_p50_ms": clip.processing_ms()}


def play_in_window(
    app: Any, clip: Clip, drawing: str, seconds: float = 0.0, forced: bool = True
) -> dict[str, Any]:
    """Play the clip once in a window, or over and over for so many seconds with the event loop watched.

    forced: repaint 60 times a second.
    """
    watch = Watch(clip, drawing, seconds > 0, forced)
    clip.again()
    _run_events(app, lambda: False, WARM_UP_S)
    watch.begin()
    begun, used = time.perf_counter(), time.thread_time()
    while time.perf_counter() - begun < seconds or not clip.ended:
        if clip.ended:
            clip.again()
        _run_events(app, lambda: clip.ended, max(seconds, LONGEST_PLAY_S))
    spent_s, used_s = time.perf_counter() - begun, time.thread_time() - used
    row = {
        "processing_p50_ms": clip.processing_ms(),
        "paints_a_second": watch.paints / spent_s,
        "window_thread_cores": used_s / spent_s,
        "drawn_by": watch.window.skeleton_view.drawing,
        "longest_stall_ms": watch.longest_ms if seconds else None,
    }
    watch.close()
    app.processEvents()
    return row


def _run_events(app: Any, over: Callable[[], bool], longest_s: float) -> None:
    """Run the event loop as the application does, asleep between events, until it is over.

    Not `processEvents` in a loop: with a time limit that never sleeps, so the measuring took most of a core.
    """
    from PySide6.QtCore import QTimer

    until = time.perf_counter() + longest_s
    ask = QTimer()
    ask.timeout.connect(lambda: app.exit() if over() or time.perf_counter() >= until else None)
    ask.start(ASK_MS)
    app.exec()
    ask.stop()


_STARTUP = """
import os, sys, time
begun = float(os.environ["BEGUN"])
from realtime.commands import demo
marks = {}
def hook():
    import realtime.ui.window as window
    paint, show = window.ImageView.paintEvent, window.Window._show
    def painted(self, event):
        paint(self, event)
        marks.setdefault("visible_s", time.time() - begun)
    def shown(self, result, state):
        show(self, result, state)
        if result.people and "skeleton_s" not in marks:
            marks["skeleton_s"] = time.time() - begun
            print("MARKS", marks["visible_s"], marks["skeleton_s"], flush=True)
            self.close()
    window.ImageView.paintEvent, window.Window._show = painted, shown
import realtime.ui.app as app
run = app.run_window
def hooked(*a, **k):
    hook()
    return run(*a, **k)
app.run_window = hooked
sys.argv = ["realtime-demo", "--source", "sample"]
demo.main()
"""


def start_up() -> dict[str, float]:
    """Seconds from the command's start to a painted window, and from that to the first skeleton."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"BEGUN": str(time.time()), "XDG_CONFIG_HOME": home}
        command = [sys.executable, "-c", _STARTUP]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    line = next((line for line in done.stdout.splitlines() if line.startswith("MARKS")), None)
    if line is None:
        raise SystemExit(f"the window did not start: {done.stderr.strip() or done.stdout.strip()}")
    visible_s, skeleton_s = map(float, line.split()[1:])
    return {"visible_s": visible_s, "skeleton_after_that_s": skeleton_s - visible_s}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stall-s", type=float, default=60.0)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--drawing", choices=("auto", "opengl", "painter"), default="auto")
    parser.add_argument("--equal", action="store_true", help="Leave the window's thread its usual priority.")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    from PySide6.QtWidgets import QApplication

    from realtime.ui.priority import make_way

    starts = [start_up() for _ in range(options.starts)]
    app = QApplication(["window_cost"])
    app.setQuitOnLastWindowClosed(False)
    clip = Clip()
    if not options.equal:
        make_way()
    clip.wait()
    rounds: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        headless = play_headless(clip)
        windowed = play_in_window(app, clip, options.drawing)
        as_it_is = play_in_window(app, clip, options.drawing, forced=False)
        rows = {"headless": headless, "window": windowed, "as_it_is": as_it_is}
        ratio, ratio_as_it_is = (
            row["processing_p50_ms"] / headless["processing_p50_ms"] for row in (windowed, as_it_is)
        )
        rounds.append({**rows, "ratio": ratio, "ratio_as_it_is": ratio_as_it_is})
        print(rounds[-1], flush=True)
    stall = play_in_window(app, clip, options.drawing, options.stall_s) if options.stall_s else None
    clip.player.close(10.0)
    report = {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "load_average": os.getloadavg(),
        "drawing": options.drawing,
        "window_makes_way": not options.equal,
        "processing_p50_ratio": statistics.median(r["ratio"] for r in rounds) if rounds else None,
        "processing_p50_ratio_as_it_is": (
            statistics.median(r["ratio_as_it_is"] for r in rounds) if rounds else None
        ),
        "rounds": rounds,
        "stall": stall,
        "start_up": starts,
        "start_up_median": {
            key: statistics.median(start[key] for start in starts) for key in (starts[0] if starts else ())
        },
    }
    print(json.dumps(report, indent=1))
    if options.output:
        options.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

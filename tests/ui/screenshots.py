"""Pictures of the window in every state a person meets: `python -m tests.ui.screenshots OUT`.

Beside the made-up states, `--play` takes a source through the real pipeline. The README's pictures:

    for every S of: --play sample --name window --drawing opengl --size 1180 740
                    --play sample --name window-light --theme light --settings
                    --play ../shared/data/video/two_people.mp4 --people 2 --name window-two --size 1180 740
    xvfb-run -a -s "-screen 0 1920x1200x24" .venv/bin/python -m tests.ui.screenshots docs S
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.live.player import Player
from realtime.live.state import Phase, Problem, Progress, Trouble, Wish
from realtime.live.workshop import RealWorkshop
from realtime.sample import camera, clip_path, load_truth
from realtime.stream.assemble import Options
from realtime.stream.source import SourceStatus
from realtime.types import Frame, Person, Pose3D, Result
from tests.drawing_people import drawn_person
from tests.ui.fake_player import FakePlayer, info

SIZES = ((1280, 800), (1000, 640), (1920, 1080))


def _truth_person(truth: dict[str, Any], n: int, identity: int = 0, shift_px: float = 0.0) -> Person:
    pose_m = truth["pose_m"][n].astype(np.float32)
    points = truth["keypoints_px"][n] + np.array([0, shift_px])
    keypoints = np.column_stack([points, np.ones(17)]).astype(np.float32)
    confidence = np.linspace(0.55, 0.98, 17).astype(np.float32)
    pose = Pose3D(pose_m - pose_m[0], pose_m[0], 0.12, confidence)
    box = truth["box_px"][n].astype(np.float32) + np.array([0, shift_px, 0, shift_px], np.float32)
    return Person(identity, box, keypoints, pose, 0.97)


def _images() -> list[Any]:
    capture = cv2.VideoCapture(str(clip_path()))
    images = []
    while (read := capture.read())[0]:
        images.append(read[1])
    return images


class Stage:
    """A window on a fake player, and the sample's pictures and truth to show in it."""

    def __init__(self, folder: Path, theme: str, drawing: str, size: tuple[int, int]) -> None:
        from PySide6.QtWidgets import QApplication

        from realtime.ui.preferences import Preferences
        from realtime.ui.window import Window

        self.app = QApplication.instance() or QApplication(["screenshots"])
        self.player = FakePlayer()
        self._scratch = tempfile.TemporaryDirectory()
        preferences = Preferences(Path(self._scratch.name) / "window.ini")
        preferences.view = replace(preferences.view, theme=theme, drawing=drawing)
        preferences.folder = Path("/home/me/Documents/realtime-pose3d")
        self.window = Window(self.player, "realtime-pose3d", preferences)
        self.window.resize(*size)
        self.window.show()
        self.folder = folder
        self.truth, self.images = load_truth(), _images()

    def settle(self, seconds: float = 0.25) -> None:
        """Let the window run."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.app.processEvents()

    def show(
        self,
        frames: range,
        people: Callable[[int], tuple[Person, ...]] | None = None,
        image: Callable[[Any], Any] = lambda image: image,
        spread_s: float = 1 / 30,
    ) -> None:
        """Deliver frames of the sample one after another."""
        start = time.perf_counter_ns()
        for n in frames:
            who = people(n) if people is not None else (_truth_person(self.truth, n),)
            at_ns = start + int((n - frames.start) * spread_s * 1e9)
            rng = np.random.default_rng(n)
            estimate = 12 + 3 * rng.random() + 6 * (n % 37 == 0)
            detect = 9.0 if n % 60 == 0 else 0.0
            ages = {"capture": 1.2, "wait": 0.6, "detect": detect, "estimate": estimate, "lift": 1.1}
            ages["total"] = sum(ages.values())
            frame = Frame(image(self.images[n]), n, at_ns, n / 30)
            self.player.push(result=Result(frame, who, ages), captured_ns=at_ns)
            self.app.processEvents()
            self.window._tick()
        self.settle()

    def save(self, name: str) -> None:
        """Keep what the window shows."""
        self.settle()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.window.grab().save(str(self.folder / f"{name}.png"))

    def close(self) -> None:
        """End."""
        self.window.close()
        self.window.deleteLater()
        self.app.processEvents()
        self._scratch.cleanup()


def _problem(trouble: Trouble, message: str, retrying: bool) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        phase = Phase.LOST if retrying else Phase.FAILED
        stage.player.set(phase=phase, problem=Problem(trouble, message, retrying))

    return act


def _progress(title: str, detail: str, done: float | None) -> Callable[[Stage], None]:
    return lambda stage: stage.player.set(phase=Phase.LOADING, progress=Progress(title, detail, done))


def _running(stage: Stage) -> None:
    stage.player.run(source=info())
    stage.player.set(intrinsics=camera(), fallback="")
    stage.show(range(30, 150))


def _two(stage: Stage) -> None:
    def people(n: int) -> tuple[Person, ...]:
        second = drawn_person(1, (0.9, 0.05, 3.6))
        return _truth_person(stage.truth, n), second

    stage.player.run(live=True)
    stage.show(range(30, 120), people)


def _advice(
    people: Callable[[Stage, int], tuple[Person, ...]], dark: bool = False
) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.player.run(live=True)
        shade = (lambda image: image // 9) if dark else (lambda image: image)
        stage.show(range(60, 120), lambda n: people(stage, n), shade)

    return act


def _cut(stage: Stage, n: int) -> tuple[Person, ...]:
    person = _truth_person(stage.truth, n, shift_px=260)
    low = person.keypoints_px[:, 1] > 470
    person.keypoints_px[low, 2] = 0
    return (person,)


def _near(stage: Stage, n: int) -> tuple[Person, ...]:
    person = _cut(stage, n)[0]
    pose = replace(person.pose, root_m=np.array([0.0, 0.4, 0.8], np.float32))
    return (replace(person, pose=pose),)


def _slow(stage: Stage) -> None:
    stage.player.run(live=True)
    for _ in range(2):
        stage.show(range(30, 110), spread_s=1 / 11)
    stage.player.ledger.drop("a newer frame came", 212)
    stage.show(range(110, 150), spread_s=1 / 11)


def _paused(stage: Stage) -> None:
    _running(stage)
    stage.player.pause()


def _ended(stage: Stage) -> None:
    _running(stage)
    stage.player.set(phase=Phase.ENDED)


def _recording(stage: Stage) -> None:
    _running(stage)
    stage.player.record(Path("/tmp/walk"), True)
    stage.player.set(said="wrote /home/me/Documents/realtime-pose3d/window_2026-11-26.png", said_count=1)


def _settings(stage: Stage) -> None:
    _running(stage)
    stage.window.toggle_settings()


def _lost(stage: Stage) -> None:
    stage.player.run(live=True)
    stage.show(range(30, 60))
    stage.player.source_status = SourceStatus("reconnecting", 3)


def _fallback(stage: Stage) -> None:
    _running(stage)
    stage.player.set(
        fallback="tensorrt-rtx is installed, but this machine has no NVIDIA driver",
        intrinsics=Intrinsics.assumed(640, 480),
        lag_frames=2,
    )


STATES: dict[str, Callable[[Stage], None]] = {
    "running": _running,
    "two_people": _two,
    "starting": lambda stage: None,
    "loading": _progress("Loading the networks", "2D pose network: blazepose-landmark-full", 1 / 3),
    "download": _progress("Downloading the networks (only this once)", "15.1M/35.6M", 0.42),
    "engine": _progress("Building the engines (only this once)", "3D lifter: unified", 2 / 3),
    "no_camera": _problem(Trouble.NO_CAMERA, "there is no camera 0", True),
    "camera_busy": _problem(Trouble.CAMERA_BUSY, "there is no camera 0, or it is in use", True),
    "unplugged": _problem(Trouble.UNPLUGGED, "camera 0 stopped after 812 frames", True),
    "reconnecting": _lost,
    "bad_file": _problem(
        Trouble.SOURCE, "walk.mp4 is cut short: 812 bytes of at least 90211; copy it again", False
    ),
    "no_person": _advice(lambda stage, n: ()),
    "too_close": _advice(_near),
    "cut_off": _advice(_cut),
    "too_dark": _advice(lambda stage, n: (), dark=True),
    "slow": _slow,
    "paused": _paused,
    "ended": _ended,
    "recording": _recording,
    "settings": _settings,
    "fallback": _fallback,
}


def states(folder: Path, names: list[str], theme: str, drawing: str, size: tuple[int, int]) -> Iterator[Path]:
    """Make the pictures, one window a state."""
    for name in names:
        stage = Stage(folder, theme, drawing, size)
        stage.settle(0.1)
        STATES[name](stage)
        stage.save(name)
        stage.close()
        yield folder / f"{name}.png"


def played(given: argparse.Namespace) -> Path:
    """Play a source through the real pipeline for a while, and keep what the window shows."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    from realtime.ui.preferences import Preferences
    from realtime.ui.priority import make_way
    from realtime.ui.window import Window

    app = QApplication.instance() or QApplication(["screenshots"])
    player = Player(Wish(given.play, Options(people=given.people)), RealWorkshop())
    player.start()
    make_way()
    with tempfile.TemporaryDirectory() as scratch:
        preferences = Preferences(Path(scratch) / "window.ini")
        preferences.view = replace(preferences.view, theme=given.theme, drawing=given.drawing)
        preferences.folder = Path("/home/me/Documents/realtime-pose3d")
        window = Window(player, "realtime-pose3d", preferences)
        window.resize(*given.size)
        window.show()
        if given.settings:
            window.toggle_settings()
        first: int | None = None
        while first is None or time.perf_counter_ns() - first < given.seconds * 1e9:
            # Asleep between events: a loop that never is takes a core from what is shown.
            app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            if first is None and window.result is not None:
                first = time.perf_counter_ns()
        given.out.mkdir(parents=True, exist_ok=True)
        path: Path = given.out / f"{given.name}.png"
        window.grab().save(str(path))
        window.close()
        player.close(10.0)
        window.deleteLater()
        app.processEvents()
    return path


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", default=list(STATES), choices=list(STATES))
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--drawing", default="painter", choices=("auto", "opengl", "painter"))
    parser.add_argument("--size", type=int, nargs=2, default=SIZES[0])
    parser.add_argument("--play", metavar="S", help="A source through the real pipeline, instead.")
    parser.add_argument("--seconds", type=float, default=6.0, help="Of playing, before the picture is taken.")
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--settings", action="store_true", help="With the settings open.")
    parser.add_argument("--name", default="window")
    given = parser.parse_args()
    size = (given.size[0], given.size[1])
    if given.play is not None:
        print(played(given))  # noqa: T201
        return
    for path in states(given.out, given.only, given.theme, given.drawing, size):
        print(path)  # noqa: T201


if __name__ == "__main__":
    main()

"""Stand-ins for cameras, clocks, networks and disks. Nothing here sleeps or opens a device."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from realtime.decode import Around
from realtime.engines.base import TensorSpec, check_feeds
from realtime.manifest import Manifest, StateTensor, TensorInfo
from realtime.skeleton import joint_map
from realtime.stream.source import SourceInfo
from realtime.types import (
    Array,
    Boxes,
    FloatArray,
    Frame,
    ImageArray,
    Keypoints2D,
    Person,
    Pose3D,
    Region,
    Result,
)

Place = tuple[float, float]


class FakeClock:
    """A clock that moves only when told, or by a fixed step at every reading."""

    def __init__(self, step_ns: int = 0) -> None:
        self.now_ns = 0
        self._step_ns = step_ns

    def __call__(self) -> int:
        self.now_ns += self._step_ns
        return self.now_ns


def frame(index: int = 0, width: int = 64, height: int = 48, captured_ns: int = 0) -> Frame:
    """A grey frame whose brightness tells its index."""
    image = np.full((height, width, 3), index % 256, np.uint8)
    return Frame(image, index, captured_ns, index / 30)


def person(
    pose_m: FloatArray | None = None, root_m: Sequence[float] = (0, 0, 3), identity: int = 0
) -> Person:
    """A person, standing by default."""
    relative_m = standing_pose() if pose_m is None else pose_m
    keypoints_px = np.concatenate([relative_m[:, :2] * 100 + 200, np.ones((17, 1))], axis=1)
    pose = Pose3D(relative_m, np.array(root_m, np.float32), 0.1)
    return Person(identity, np.array([0, 0, 10, 20], np.float32), keypoints_px.astype(np.float32), pose, 0.9)


def standing_pose() -> FloatArray:
    """(17, 3) a plausible adult facing the camera, pelvis at the origin, y down, metres."""
    right = [(-0.1, 0, 0), (-0.1, 0.42, 0), (-0.1, 0.84, 0)]
    left = [(0.1, 0, 0), (0.1, 0.42, 0), (0.1, 0.84, 0)]
    spine = [(0, -0.33, 0), (0, -0.45, 0), (0, -0.6, 0), (0, -0.7, 0)]
    left_arm = [(0.18, -0.5, 0), (0.2, -0.22, 0), (0.2, 0.02, 0)]
    right_arm = [(-0.18, -0.5, 0), (-0.2, -0.22, 0), (-0.2, 0.02, 0)]
    return np.array([(0, 0, 0), *right, *left, *spine, *left_arm, *right_arm], np.float32)


class FakeSource:
    """Gives `count` frames; `error` is raised instead of the end. With `gate`, each read waits for it.

    `read_ahead` tells how many frames have been given.
    """

    def __init__(
        self,
        count: int,
        live: bool = False,
        error: Exception | None = None,
        gate: threading.Semaphore | None = None,
    ) -> None:
        self.info = SourceInfo("fake", 64, 48, 30.0, 0 if live else count, live, not live)
        self.read_ahead = 0
        self.closed = threading.Event()
        self.ended = threading.Event()
        self._count = count
        self._error = error
        self._gate = gate

    def read(self) -> Frame | None:
        if self._gate is not None:
            self._gate.acquire()
        if self.read_ahead >= self._count or self.closed.is_set():
            self.ended.set()
            if self._error is not None:
                raise self._error
            return None
        self.read_ahead += 1
        return frame(self.read_ahead - 1)

    def close(self) -> None:
        self.closed.set()
        if self._gate is not None:
            self._gate.release()


class FakePerception:
    """Finds one standing person in every frame; fails at frame `fail_at`; waits for `gate` each time.

    Its results come `delay` frames late.
    """

    def __init__(
        self, fail_at: int | None = None, gate: threading.Semaphore | None = None, delay: int = 0
    ) -> None:
        self.seen: list[int] = []
        self.closed = threading.Event()
        self.entered = threading.Semaphore(0)
        self._fail_at = fail_at
        self._gate = gate
        self._delay = delay
        self._waiting: list[Result] = []

    def process(self, frame: Frame) -> Sequence[Result]:
        self.entered.release()
        if self._gate is not None:
            self._gate.acquire()
        if frame.index == self._fail_at:
            raise ZeroDivisionError("fake network failed")
        self.seen.append(frame.index)
        ages = {"capture": 1.0, "detect": 0.0, "estimate": 4.0, "lift": 0.5, "total": 5.5}
        self._waiting.append(Result(frame, (person(),), ages))
        return [self._waiting.pop(0)] if len(self._waiting) > self._delay else []

    def finish(self) -> Sequence[Result]:
        rest, self._waiting = self._waiting, []
        return rest

    def close(self) -> None:
        self.closed.set()


class CollectSink:
    """Keeps every result; fails at the n-th if told."""

    def __init__(self, fail_at: int | None = None, error: Exception | None = None) -> None:
        self.results: list[Result] = []
        self.closed = 0
        self._fail_at = fail_at
        self._error = error or OSError("fake disk full")

    def write(self, result: Result) -> None:
        if len(self.results) == self._fail_at:
            raise self._error
        self.results.append(result)

    def close(self) -> None:
        self.closed += 1


class FakeEngine:
    """An engine whose network is a Python function."""

    backend = "fake"
    precision = "fp32"

    def __init__(
        self,
        inputs: Mapping[str, tuple[int | None, ...]],
        outputs: Mapping[str, tuple[int | None, ...]],
        function: Callable[[Mapping[str, Array]], Mapping[str, Array]],
    ) -> None:
        self.inputs = {name: TensorSpec(shape, np.dtype(np.float32)) for name, shape in inputs.items()}
        self.outputs = {name: TensorSpec(shape, np.dtype(np.float32)) for name, shape in outputs.items()}
        self.calls = 0
        self.closed = False
        self._function = function

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        check_feeds(self.inputs, feeds)
        self.calls += 1
        return self._function(feeds)

    def close(self) -> None:
        self.closed = True


class World:
    """People at known places, seen through a fake detector and a fake estimator.

    `people(frame index)` gives where they are. The estimator sees whoever is within a region.
    """

    joint_map = joint_map("blazepose-33")

    def __init__(self, people: Callable[[int], list[Place]]) -> None:
        self._people = people
        self.detections = 0

    def around(self, box_px: FloatArray) -> Region:
        raise AssertionError("this detector gives regions")

    def detect(self, frame: Frame, around: Around, window: Region | None = None) -> Boxes:
        self.detections += 1
        places = self._people(frame.index)
        if window is not None:
            half, cx, cy = window.size_px / 2, window.cx_px, window.cy_px
            places = [p for p in places if abs(p[0] - cx) < half and abs(p[1] - cy) < half]
        regions = tuple(Region(x, y, 100, 0.0) for x, y in places)
        boxes = np.array([[x - 20, y - 50, x + 20, y + 50] for x, y in places], np.float32).reshape(-1, 4)
        return Boxes(boxes, np.ones(len(places), np.float32), regions)

    def estimate(self, frame: Frame, region: Region) -> tuple[Keypoints2D, Region]:
        seen = [(x, y) for x, y in self._people(frame.index) if abs(x - region.cx_px) < 50]
        x, y = min(seen, key=lambda p: abs(p[0] - region.cx_px), default=(region.cx_px, region.cy_px))
        xy = np.linspace((x - 20, y - 50), (x + 20, y + 50), 33).astype(np.float32)
        ones = np.ones(33, np.float32)
        return Keypoints2D(xy, ones, ones, 0.9 if seen else 0.1), Region(x, y, 100, 0.0)


class PastEngine(FakeEngine):
    """A lifter with a choice of lag whose pose of a frame has that frame's rays as its x and y.

    It keeps the rays of the last 31 frames as its state, and foretells by going on as between the last two.
    `batches` are the people in each step, `depths` and `ups` what was given as depth and as up.
    """

    LAGS = (-2, 0, 2, 5, 20)
    _STATE = (31, 17, 2)

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.depths: list[FloatArray] = []
        self.ups: list[FloatArray] = []
        super().__init__(
            {
                "rays": (None, 17, 2), "score": (None, 17), "depth": (None, 17),
                "up": (None, 3), "lag": (None, len(self.LAGS)), "state_0": (None, *self._STATE),
            },
            {"pose": (None, 17, 3), "next_state_0": (None, *self._STATE)},
            self._step,
        )  # fmt: skip

    @classmethod
    def manifest(cls) -> Manifest:
        """What it is, as far as a lifter asks."""
        inputs = {"lag": TensorInfo((-1, len(cls.LAGS)))}
        state = (StateTensor("state_0", "next_state_0", cls._STATE),)
        return Manifest("past", "lifter", "f", "", "", "", inputs, {}, state=state, lags=cls.LAGS)

    def _step(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        self.batches.append(len(feeds["rays"]))
        self.depths.append(feeds["depth"])
        self.ups.append(feeds["up"].copy())
        past = np.concatenate([feeds["rays"][:, None], feeds["state_0"]], axis=1)
        pose = np.zeros((len(past), 17, 3), np.float32)
        for n, row in enumerate(feeds["lag"]):
            lag = self.LAGS[int(row.argmax())]
            pose[n, :, :2] = past[n, lag] if lag >= 0 else past[n, 0] - lag * (past[n, 0] - past[n, 1])
        return {"pose": pose, "next_state_0": past[:, :-1]}


@contextlib.contextmanager
def http_camera(images: Iterable[ImageArray]) -> Iterator[str]:
    """The address of an HTTP camera (MJPEG) on loopback that sends these images and hangs up."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for image in images:
                    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/stream.mjpg"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

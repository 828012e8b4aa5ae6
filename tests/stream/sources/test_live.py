"""The reader thread, its slot, and how it comes back, with fake devices and a fake clock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from realtime.errors import SourceError, SourceLostError
from realtime.stream.source import Source, SourceStatus, TellsStatus, status_of
from realtime.stream.sources.capture import EndOfStreamError, Grabbed
from realtime.stream.sources.live import LiveSource
from realtime.stream.sources.reconnect import Reconnect
from tests.fakes import FakeClock, FakeSource
from tests.scripted_camera import picture, until

STEADY = Reconnect(give_up_s=30, random=lambda: 0.0)
SECOND = 1_000_000_000


class FakeDevice:
    """Gives what it is told: a brightness, None for a damaged frame, an error. Then it waits for `more`.

    Every grab takes `step_s` on the clock.
    """

    fps = 10.0

    def __init__(self, script: list[int | Exception | None], clock: FakeClock, step_s: float = 0.1) -> None:
        self._script = iter(script)
        self._clock = clock
        self._step_ns = int(step_s * 1e9)
        self.waiting = threading.Event()
        self.interrupted = threading.Event()
        self.released = threading.Event()

    def grab(self) -> Grabbed | None:
        self._clock.now_ns += self._step_ns
        step = next(self._script, "wait")
        if step == "wait":
            self.waiting.set()
            self.interrupted.wait(timeout=20)
            return None
        if isinstance(step, Exception):
            raise step
        return None if step is None else Grabbed(picture(int(step)), self._clock.now_ns, 0.0)

    def interrupt(self) -> None:
        self.interrupted.set()

    def release(self) -> None:
        self.released.set()


class Bench:
    """Opens scripted devices one after the other, and notes the waits between."""

    def __init__(self, *scripts: list[int | Exception | None] | Exception) -> None:
        self.clock = FakeClock()
        self.waits: list[float] = []
        self.devices: list[FakeDevice] = []
        self._scripts = iter(scripts)

    def open(self) -> FakeDevice:
        script = next(self._scripts, SourceError("nothing there"))
        if isinstance(script, Exception):
            raise script
        self.devices.append(FakeDevice(script, self.clock))
        return self.devices[-1]

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.now_ns += int(seconds * 1e9)

    def source(self, reconnect: Reconnect = STEADY, **more: float) -> LiveSource:
        return LiveSource("camera 7", self.open, reconnect, self.clock, self.wait, **more)


@pytest.fixture
def closing() -> Iterator[Callable[[LiveSource], LiveSource]]:
    opened: list[LiveSource] = []

    def keep(source: LiveSource) -> LiveSource:
        opened.append(source)
        return source

    yield keep
    for source in opened:
        source.close()


Keep = Callable[[LiveSource], LiveSource]


def last(source: Source) -> tuple[int, int]:
    """Index and brightness of the newest frame, once its device waits."""
    frame = source.read()
    assert frame is not None
    return frame.index, int(frame.image[0, 0, 0])


def test_the_newest_frame_wins_and_the_others_are_counted(closing: Keep) -> None:
    bench = Bench([10, 20, 30, 40])
    source = closing(bench.source())
    bench.devices[0].waiting.wait(timeout=20)
    assert last(source) == (3, 40)
    assert source.info.fps == 10.0
    assert isinstance(source, TellsStatus)


def test_times_are_those_of_the_grab(closing: Keep) -> None:
    bench = Bench([10])
    frame = closing(bench.source()).read()
    assert frame is not None
    assert frame.captured_ns == SECOND // 10
    assert frame.media_s == pytest.approx(0.1)


def test_a_lost_source_is_opened_again_with_longer_and_longer_waits(closing: Keep) -> None:
    gone = SourceError("there is no camera 7")
    bench = Bench([10, SourceLostError("pulled")], gone, gone, gone, gone, gone, [99])
    source = closing(bench.source())
    until(lambda: len(bench.devices) == 2 and bench.devices[1].waiting.is_set())
    assert bench.waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
    index, value = last(source)
    assert value == 99
    # 12.75 s of waits and two grabs, at 10 frames a second.
    assert index == pytest.approx(130, abs=3)
    assert source.status.reconnections == 1
    assert source.status.state == "running"
    assert bench.devices[0].released.is_set()


def test_it_gives_up_in_the_end_and_says_for_how_long_it_tried() -> None:
    bench = Bench([10, SourceLostError("camera 7 was pulled")])
    source = bench.source()
    until(lambda: source.status.state == "ended")
    assert last(source)[1] == 10
    with pytest.raises(SourceLostError, match=r"camera 7 was pulled.*did not come back within 30 s"):
        source.read()
    assert sum(bench.waits) == pytest.approx(30, abs=5)
    source.close()


def test_a_device_that_opens_but_never_shows_anything_is_given_up_too() -> None:
    nothing: list[int | Exception | None] = [None] * 40
    bench = Bench([10, SourceLostError("pulled")], *[nothing] * 40)
    source = bench.source()
    until(lambda: source.status.state == "ended")
    with pytest.raises(SourceLostError, match="did not come back"):
        deque(iter(source.read, None))
    assert all(device.released.is_set() for device in bench.devices)
    source.close()


def test_a_source_that_comes_and_goes_is_not_hammered(closing: Keep) -> None:
    flap: list[int | Exception | None] = [10, SourceLostError("flap")]
    bench = Bench(*[flap] * 8, [99])
    source = closing(bench.source())
    until(lambda: len(bench.devices) == 9 and bench.devices[8].waiting.is_set())
    assert bench.waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert last(source)[1] == 99


def test_after_a_long_sound_connection_waits_are_short_again(closing: Keep) -> None:
    flap: list[int | Exception | None] = [10, SourceLostError("flap")]
    sound: list[int | Exception | None] = [*[10] * 80, SourceLostError("cut")]
    bench = Bench(flap, flap, sound, [99])
    closing(bench.source())
    until(lambda: len(bench.devices) == 4)
    assert bench.waits == [0.25, 0.5, 0.25]


def test_damaged_frames_are_skipped_and_counted(closing: Keep) -> None:
    bench = Bench([10, None, None, 20])
    source = closing(bench.source())
    bench.devices[0].waiting.wait(timeout=20)
    assert last(source) == (3, 20)
    assert source.status.damaged == 2


def test_a_silent_device_is_lost_before_many_grabs_have_failed(closing: Keep) -> None:
    bench = Bench([10], [99])
    slow = FakeDevice([10, None], bench.clock, step_s=10.0)
    devices = iter([slow])
    source = closing(
        LiveSource("camera 7", lambda: next(devices, None) or bench.open(), STEADY, bench.clock, bench.wait)
    )
    until(lambda: bench.devices and bench.devices[0].waiting.is_set())
    assert slow.released.is_set()
    assert last(source)[1] == 10


def test_what_cannot_be_opened_is_refused_at_once_without_any_wait() -> None:
    bench = Bench(SourceError("there is no camera 7"))
    with pytest.raises(SourceError, match="no camera 7"):
        bench.source()
    assert bench.waits == []


@pytest.mark.parametrize("script", [[None] * 40, [SourceLostError("ended the connection")]])
def test_what_opens_without_a_picture_is_refused(script: list[int | Exception | None]) -> None:
    with pytest.raises(SourceError) as caught:
        Bench(script).source()
    assert not isinstance(caught.value, SourceLostError)
    assert caught.value.exit_code == 2


def test_a_proper_end_is_an_end() -> None:
    source = Bench([10, EndOfStreamError()]).source()
    until(lambda: source.status.state == "ended")
    assert last(source) == (0, 10)
    assert source.read() is None
    source.close()


def test_a_device_that_fails_in_an_unknown_way_is_told() -> None:
    source = Bench([10, ZeroDivisionError("driver")]).source()
    until(lambda: source.status.state == "ended")
    source.read()
    with pytest.raises(ZeroDivisionError):
        source.read()
    source.close()


def test_a_driver_that_hangs_is_told_and_close_does_not_wait_for_it() -> None:
    bench = Bench([10])
    stuck = FakeDevice([10], bench.clock)
    driver = threading.Event()
    stuck.interrupt = lambda: None  # type: ignore[method-assign]
    stuck.interrupted = driver
    source = LiveSource("camera 7", lambda: stuck, STEADY, bench.clock, bench.wait, patience_s=0.02)
    source.read()
    with pytest.raises(SourceLostError, match="driver does not return"):
        source.read()
    source.close()
    assert source.read() is None
    assert not stuck.released.is_set(), "never under the feet of a thread that is inside"
    driver.set()
    assert stuck.released.wait(timeout=20)


def test_closing_wakes_a_reader_and_interrupts_the_device() -> None:
    bench = Bench([10])
    source = bench.source()
    source.read()
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(source.read()))
    reader.start()
    bench.devices[0].waiting.wait(timeout=20)
    source.close()
    reader.join(timeout=20)
    assert got == [None]
    assert bench.devices[0].released.wait(timeout=20)
    source.close()


@pytest.mark.parametrize("attempt", [1, 5, 40, 10_000])
def test_waits_are_shortened_at_random_and_never_beyond_their_bounds(attempt: int) -> None:
    whole = Reconnect(random=lambda: 0.0).delay_s(attempt)
    half = Reconnect(random=lambda: 1.0).delay_s(attempt)
    assert half == pytest.approx(whole / 2)
    assert 0.25 <= whole <= 5.0


def test_the_status_reads_as_a_user_would_say_it() -> None:
    assert str(SourceStatus()) == ""
    assert str(SourceStatus("reconnecting", 3)) == "reconnecting, attempt 3"
    assert str(SourceStatus(reconnections=1, damaged=2)) == "1 reconnection, 2 damaged frames skipped"
    assert status_of(FakeSource(1)) == SourceStatus()


def test_many_starts_and_stops_leave_no_thread() -> None:
    for _ in range(100):
        bench = Bench([10])
        with suppress(SourceLostError):
            bench.source().close()
    until(lambda: not any(t.name == "grab" for t in threading.enumerate()))

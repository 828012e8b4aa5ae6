from __future__ import annotations

import threading

import pytest

from realtime.stream.ring import Latest, Policy, Ring, RingClosedError


def test_waiting_ring_keeps_everything_in_order() -> None:
    ring: Ring[int] = Ring(2, Policy.WAIT)
    taken: list[int] = []

    def reader() -> None:
        taken.extend(ring.get() for _ in range(100))

    thread = threading.Thread(target=reader)
    thread.start()
    assert sum(ring.put(n) for n in range(100)) == 0
    thread.join(10)
    assert taken == list(range(100))


def test_dropping_ring_keeps_the_newest_and_counts() -> None:
    ring: Ring[int] = Ring(2, Policy.DROP_OLDEST)
    assert [ring.put(n) for n in range(5)] == [0, 0, 1, 1, 1]
    assert [ring.get(), ring.get()] == [3, 4]


def test_get_times_out() -> None:
    with pytest.raises(TimeoutError, match="nothing arrived"):
        Ring[int](1, Policy.WAIT).get(timeout_s=0.01)


def test_close_gives_what_is_left_then_ends() -> None:
    ring: Ring[int] = Ring(3, Policy.WAIT)
    ring.put(1)
    ring.close()
    with pytest.raises(RingClosedError):
        ring.put(2)
    assert ring.get() == 1
    with pytest.raises(RingClosedError):
        ring.get()


def test_close_with_error_raises_the_first_one() -> None:
    ring: Ring[int] = Ring(3, Policy.WAIT)
    ring.put(1)
    ring.close(ValueError("first"))
    ring.close(ValueError("second"))
    assert ring.get() == 1
    with pytest.raises(ValueError, match="first"):
        ring.get()


def test_close_discarding_forgets() -> None:
    ring: Ring[int] = Ring(3, Policy.WAIT)
    ring.put(1)
    ring.close(discard=True)
    assert len(ring) == 0
    with pytest.raises(RingClosedError):
        ring.get()


@pytest.mark.parametrize("waiting", ["reader", "writer"])
def test_close_wakes_whoever_waits(waiting: str) -> None:
    ring: Ring[int] = Ring(1, Policy.WAIT)
    woken = threading.Event()
    about_to_wait = threading.Event()
    if waiting == "writer":
        ring.put(0)

    def body() -> None:
        about_to_wait.set()
        with pytest.raises(RingClosedError):
            ring.put(1) if waiting == "writer" else ring.get()
        woken.set()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    assert about_to_wait.wait(5)
    ring.close(discard=True)
    assert woken.wait(5)


def test_a_ring_needs_room() -> None:
    with pytest.raises(ValueError, match="room"):
        Ring[int](0, Policy.WAIT)


def test_latest_keeps_the_newest() -> None:
    latest: Latest[int] = Latest()
    assert latest.get() is None
    latest.set(1)
    latest.set(2)
    assert latest.get() == 2
    assert latest.get() == 2

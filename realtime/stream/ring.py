"""A bounded queue between two threads, with a policy for when it is full."""

from __future__ import annotations

import enum
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Policy(enum.Enum):
    """What a full ring does with a new item."""

    WAIT = "wait"
    """The writer waits: nothing is lost. For files."""
    DROP_OLDEST = "drop-oldest"
    """The oldest item goes: the reader always gets the newest. For cameras."""


class RingClosedError(Exception):
    """The ring was closed: nothing more can be put, and everything that was in it has been taken."""


class Ring(Generic[T]):
    """Hands items from one thread to another, in order, at most `capacity` at a time."""

    def __init__(self, capacity: int, policy: Policy) -> None:
        if capacity < 1:
            raise ValueError(f"a ring needs room for one item at least, not {capacity}")
        self.capacity = capacity
        self.policy = policy
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> int:
        """Add an item; returns how many older items were dropped for it.

        Waits for room under Policy.WAIT. Raises RingClosedError once the ring is closed.
        """
        with self._changed:
            dropped = 0
            if self.policy is Policy.WAIT:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self.capacity)
            elif len(self._items) >= self.capacity:
                self._items.popleft()
                dropped = 1
            if self._closed:
                raise RingClosedError
            self._items.append(item)
            self._changed.notify_all()
            return dropped

    def get(self, timeout_s: float | None = None) -> T:
        """Take the oldest item, waiting for one.

        Raises TimeoutError after `timeout_s`. After `close(error)`, first gives what is left, then
        raises that error, or RingClosedError if there was none.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or bool(self._items), timeout_s):
                raise TimeoutError(f"nothing arrived within {timeout_s:g} s")
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            raise self._error if self._error is not None else RingClosedError

    def close(self, error: BaseException | None = None, discard: bool = False) -> None:
        """End the flow and wake everyone. The first error given is kept. discard: forget what is left."""
        with self._changed:
            self._closed = True
            if self._error is None:
                self._error = error
            if discard:
                self._items.clear()
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)


class Latest(Generic[T]):
    """The newest item only. Reading never waits and never takes it away."""

    def __init__(self) -> None:
        self._item: T | None = None

    def set(self, item: T) -> None:
        """Replace the item."""
        self._item = item

    def get(self) -> T | None:
        """The newest item, or None before the first."""
        return self._item

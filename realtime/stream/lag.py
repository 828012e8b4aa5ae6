"""Lifting with a delay: frames are held back until the answers about them have come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from realtime.lift import LiftedPerson, Lifter
from realtime.skeleton import H36M17
from realtime.stream.ledger import Stopwatch
from realtime.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame and the N people in it, before they are lifted.

    box_px: (N, 4). keypoints_px: (N, 17, 3) x, y, score. rays: (N, 17, 2). depth: (N, 17) in the unit of
    rays. presence: how sure it is that they are there. watch: the frame's own, which goes on. up: (3,) as
    lifters are told it, where it is known.
    """

    frame: Frame
    ids: tuple[int, ...]
    presence: tuple[float, ...]
    box_px: FloatArray
    keypoints_px: FloatArray
    rays: FloatArray
    depth: FloatArray
    watch: Stopwatch
    up: FloatArray | None = None

    @property
    def score(self) -> FloatArray:
        """(N, 17) of the joints, 0 for a missing one."""
        return np.ascontiguousarray(self.keypoints_px[..., 2])


class Answered(NamedTuple):
    """A frame, and what the lifter says of its people, in their order."""

    seen: Seen
    people: tuple[LiftedPerson, ...]


class DelayedLifter:
    """Steps a lifter frame by frame and puts its answers to the frames they are about.

    A person of a frame that waits is stepped on with missing joints while they are out of view, so each
    frame waits for exactly `lifter.delay` later ones. A lifter that predicts (delay below 0) answers at
    once: its pose is the one to come, the frame is the newest.
    """

    def __init__(self, lifter: Lifter) -> None:
        self.delay = lifter.delay
        self._lifter = lifter
        self._waiting: deque[Seen | None] = deque()
        self._leaving: set[int] = set()

    def lift(self, seen: Seen) -> Answered | None:
        """Take in the next frame; gives the one whose answers came with it, None while the first wait."""
        return self._advance(seen)

    def flush(self) -> Iterator[Answered]:
        """What still waits, in order, as if nobody were in view from now on."""
        for _ in range(self.delay):
            answered = self._advance(None)
            if answered is not None:
                yield answered
        self._waiting.clear()

    def leave(self, people: Iterable[int]) -> None:
        """Take note of who will not come back."""
        self._leaving.update(people)

    def dismiss(self) -> set[int]:
        """Forget those who left and are in no frame that waits; returns who they were."""
        waited_for = {person for seen in self._waiting if seen for person in seen.ids}
        gone = self._leaving - waited_for
        for person in gone:
            self._lifter.drop(person)
        self._leaving -= gone
        return gone

    def _advance(self, seen: Seen | None) -> Answered | None:
        self._waiting.append(seen)
        answers = self._step(seen)
        if len(self._waiting) <= max(0, self.delay):
            return None
        due = self._waiting.popleft()
        return None if due is None else Answered(due, tuple(answers[person] for person in due.ids))

    def _step(self, seen: Seen | None) -> dict[int, LiftedPerson]:
        ids = seen.ids if seen else ()
        held = dict.fromkeys(person for other in self._waiting if other for person in other.ids)
        people = [*ids, *(person for person in held if person not in ids)]
        given = (seen.rays, seen.score, seen.depth) if seen else _NO_ONE
        rays, score, depth = (_with_missing(array, len(people)) for array in given)
        lifted = self._lifter.step(rays, score, people, depth, seen.up if seen else None)
        return {person: lifted.person(n) for n, person in enumerate(people)}


_NO_ONE = tuple(np.zeros((0, len(H36M17), *rest), np.float32) for rest in ((2,), (), ()))


def _with_missing(array: FloatArray, people: int) -> FloatArray:
    """Rows (N, ...) filled up to `people` with zeros: joints that are not seen."""
    missing = people - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), np.float32)])

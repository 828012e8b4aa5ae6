"""Where people were in the last seconds: the pelvis's way on the floor, and the hands' in the air.

Camera space: metres, x right, y down, z forward. S pieces.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray, Person

_PLACES = H36M17.indices("pelvis", "l_wrist", "r_wrist")
MEMORY_S: tuple[float, ...] = (6.0, 0.8, 0.8)
"""For how long the pelvis's, the left hand's and the right hand's way is kept."""

PELVIS, LEFT_HAND, RIGHT_HAND = range(3)
_STEP_S = 1 / 20
_LOST_S = 0.5


class Way(NamedTuple):
    """Pieces of ways: segments_m (S, 2, 3); place (S,): PELVIS, LEFT_HAND or RIGHT_HAND; person (S,)
    ids; strength (S,) in [0, 1], fading with age."""

    segments_m: FloatArray
    place: Array
    person: Array
    strength: FloatArray


@dataclass(frozen=True, slots=True)
class _Stop:
    """Where one person's three places (3, 3) were, when."""

    time_s: float
    person: int
    places_m: FloatArray


class Trails:
    """Remembers ways for as long as they are shown; time that goes back or jumps starts afresh."""

    def __init__(self) -> None:
        self._stops: dict[int, deque[_Stop]] = {}
        self._now_s = 0.0

    def clear(self) -> None:
        """Forget everything."""
        self._stops.clear()

    def update(self, people: Sequence[Person], now_s: float) -> None:
        """Take note of where people are, at most twenty times a second."""
        if not 0 <= now_s - self._now_s < MEMORY_S[PELVIS]:
            self.clear()
        self._now_s = now_s
        for person in people:
            places_m = person.pose.absolute_m[_PLACES]
            if not np.isfinite(places_m).all():
                continue
            stops = self._stops.setdefault(person.id, deque())
            if not stops or now_s - stops[-1].time_s >= _STEP_S:
                stops.append(_Stop(now_s, person.id, places_m))
        for identity in list(self._stops):
            stops = self._stops[identity]
            while stops and now_s - stops[0].time_s > MEMORY_S[PELVIS]:
                stops.popleft()
            if not stops:
                del self._stops[identity]

    def way(self, floor_m: float) -> Way:
        """All that is remembered; the pelvis's way lies on the floor."""
        parts = [_pieces(list(stops), self._now_s) for stops in self._stops.values() if len(stops) > 1]
        if not parts:
            return Way(np.zeros((0, 2, 3), np.float32), *(np.zeros(0, np.intp),) * 2, np.zeros(0, np.float32))
        way = Way(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        way.segments_m[way.place == PELVIS, :, 1] = floor_m
        return way


def _pieces(stops: list[_Stop], now_s: float) -> Way:
    """One person's way between stops that follow each other closely."""
    times_s = np.array([stop.time_s for stop in stops])
    points_m = np.stack([stop.places_m for stop in stops])
    segments_m = np.stack([points_m[:-1], points_m[1:]], axis=1).transpose(2, 0, 1, 3)
    ages_s = now_s - times_s[1:]
    fade = 1 - ages_s[None] / np.array(MEMORY_S)[:, None]
    kept = (fade > 0) & (np.diff(times_s) < _LOST_S)[None]
    place = np.broadcast_to(np.arange(3)[:, None], kept.shape)[kept]
    who = np.full(len(place), stops[0].person)
    return Way(segments_m[kept].astype(np.float32), place, who, fade[kept].astype(np.float32))

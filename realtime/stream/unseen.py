"""Joints nobody sees: bridged by how they moved and what the lifter guesses, less sure, then hidden."""

from __future__ import annotations

import numpy as np

from realtime.bones import CHILD, PARENT
from realtime.skeleton import H36M17
from realtime.stream.smooth import OneEuro, to_length_one
from realtime.types import Array, FloatArray

SEEN_SCORE = 0.05
"""The least score of a joint that is seen."""
HIDDEN_AFTER_S = 1.0

_BRIDGE_S = 0.25
_BACK_S = 0.2


class Unseen:
    """How long each of one person's joints has not been seen, and what follows from it.

    A joint that is seen again comes back over 0.2 s, so that one that flickers does not blink.
    """

    def __init__(self) -> None:
        self._age_s: FloatArray = np.zeros(len(H36M17), np.float32)
        self._missing: Array = np.zeros(len(H36M17), bool)
        self._any = self._aged = False

    def update(self, score: FloatArray, elapsed_s: float | None) -> None:
        """Take in the scores (17,) of a frame; elapsed_s None starts afresh."""
        if elapsed_s is None:
            self._age_s, self._aged = np.zeros_like(self._age_s), False
        self._any = bool(np.minimum.reduce(score) < SEEN_SCORE)
        if not (self._any or self._aged):
            return
        missing = self._missing = score < SEEN_SCORE
        if elapsed_s is not None:
            back = np.float32(elapsed_s * HIDDEN_AFTER_S / _BACK_S)
            aged = self._age_s + np.where(missing, np.float32(elapsed_s), -back)
            self._age_s = np.clip(aged, 0.0, HIDDEN_AFTER_S).astype(np.float32)
            self._aged = bool(self._age_s.any())

    def bridge(self, direction: FloatArray, calm: OneEuro, elapsed_s: float) -> FloatArray:
        """What to take for the directions of bones (16, 3), given what the filter has of them.

        Bones with an unseen end first go on as they moved, slower and slower, and turn to what the lifter
        guesses within a quarter of a second or so; so they never freeze. Others are left as they are.
        """
        if not self._any or calm.value is None:
            return direction
        unseen = (self._missing[CHILD] | self._missing[PARENT])[:, None]
        age_s = np.maximum(self._age_s[CHILD], self._age_s[PARENT])[:, None]
        going = np.exp(-age_s / np.float32(_BRIDGE_S))
        bones = len(CHILD)
        carried = calm.value[:bones] + calm.velocity[:bones] * going * np.float32(elapsed_s)
        bridged = to_length_one(going * carried + (1 - going) * direction, direction)
        return np.where(unseen, bridged, direction).astype(np.float32)

    def fade(self, confidence: FloatArray) -> FloatArray:
        """Confidences (17,), less for joints not seen, 0 from a second on: those are to be hidden."""
        if not self._aged:
            return confidence
        return np.asarray(confidence * (1 - self._age_s / np.float32(HIDDEN_AFTER_S)), np.float32)

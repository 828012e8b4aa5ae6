"""Where NaN and infinity end: what a network gave without a number in it is never shown nor written."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from realtime.types import Array, Person, Result

log = logging.getLogger(__name__)


_LARGEST = 1e6
"""No network here has anything to say in larger numbers: pixels, metres, logits."""


class FiniteCheck:
    """Counts the runs of one network that gave NaN, infinity or absurd numbers, and says so now and then.

    failures: how many so far.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0

    def passes(self, outputs: Iterable[Array]) -> bool:
        """Whether every number of one run can be used."""
        if all(_is_usable(array) for array in outputs if array.dtype.kind == "f"):
            return True
        self._fail()
        return False

    def _fail(self) -> None:
        self.failures += 1
        if self.failures & (self.failures - 1) == 0:  # the 1st, 2nd, 4th, 8th...
            log.warning(
                "%s gave NaN, infinity or absurd numbers (%d times so far): nobody is shown there; if it "
                "goes on, try another --engine, or fetch the model again",
                self.name,
                self.failures,
            )


def _is_usable(array: Array) -> bool:
    flat = array.ravel()
    # One pass of BLAS, which NaN and infinity do not survive; seldom the second look.
    if np.vdot(flat, flat) < _LARGEST**2:
        return True
    with np.errstate(invalid="ignore"):
        return bool((np.abs(flat) < _LARGEST).all())


def finite_people(result: Result) -> Result:
    """The result without people of whom any number is NaN or infinite; itself if there are none."""
    people = tuple(person for person in result.people if _is_finite(person))
    return result if len(people) == len(result.people) else replace(result, people=people)


def _is_finite(person: Person) -> bool:
    pose = person.pose
    arrays = (person.box_px, person.keypoints_px, pose.relative_m, pose.root_m, pose.confidence)
    return (
        math.isfinite(person.score)
        and math.isfinite(pose.root_sigma_m)
        and all(all_finite(array) for array in arrays if array is not None)
    )


def all_finite(array: Array) -> bool:
    """Whether no number of an array of floats is NaN or infinite."""
    flat = array.ravel()
    return math.isfinite(np.vdot(flat, flat)) or bool(np.isfinite(flat).all())

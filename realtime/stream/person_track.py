"""One person over time: what is remembered of them from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from realtime.stream.motion import BodyMotion, Foreseen, RootMotion, box_round, centre_of
from realtime.stream.outline import outline_box
from realtime.stream.sighting import Sighting
from realtime.types import FloatArray, Keypoints2D, Region

UNNAMED = -1
_LOOK_GAIN, _LOOK_EVERY = 0.28, 4
_TRUST_BESET = 0.35
_WHOLE_SCORE = 0.65
_CLEAR_S = 0.5
"""Beside others for longer than this, how somebody was seen before no longer tells how they stand."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Someone hidden for a moment, where they should be: an id, a box (4,) and joints as a track has them."""

    id: int
    box_px: FloatArray
    keypoints: Keypoints2D


class Shape(NamedTuple):
    """How somebody was seen at a time: joints and box as a track has them, and the middle of the trunk."""

    keypoints: Keypoints2D
    box_px: FloatArray
    centre_px: tuple[float, float]
    time_s: float


@dataclass(slots=True)
class Track:
    """One person over time. id: -1 until it is sure that they are somebody of their own.

    box_px: (4,) round the whole person, see `outline_box`.
    seen_s, since_s: media time at which they were last seen, and first without a break. look: the colours of
    their clothes. hidden: they were lost behind somebody in view. doubtful: they are partly hidden, so where
    they seem to be and what they seem to wear is not to be built on. clear: them with nobody else about.
    """

    id: int
    region: Region
    keypoints: Keypoints2D
    box_px: FloatArray
    motion: BodyMotion
    look: FloatArray
    seen_s: float
    since_s: float
    sightings: int = 1
    in_view: bool = True
    hidden: bool = False
    doubtful: bool = False
    root: RootMotion | None = None
    clear: Shape | None = None

    @classmethod
    def of(cls, sighting: Sighting, time_s: float) -> Track:
        """Someone not seen before."""
        return cls(
            UNNAMED, sighting.region, sighting.keypoints, outline_box(sighting.points_px, sighting.box_px),
            BodyMotion(sighting.points_px, time_s), sighting.look, time_s, time_s,
        )  # fmt: skip

    @property
    def named(self) -> bool:
        """Whether they have an identity."""
        return self.id != UNNAMED

    def foresee(self, time_s: float) -> Foreseen:
        """Where they should be now."""
        return self.motion.foresee(time_s, self.root)

    def see(self, sighting: Sighting, time_s: float, beset: bool) -> None:
        """Take in a sighting. beset: somebody else is in front or behind, so it may be mixed up with them."""
        if not self.in_view:
            self.since_s = time_s
        self.doubtful = beset or sighting.mean_score < _WHOLE_SCORE
        if not self.doubtful and self.sightings % _LOOK_EVERY == 0:
            share = np.float32(_LOOK_GAIN)
            self.look = self.look + share * (sighting.look - self.look)
        self.region = _between(self._led_on(time_s), sighting.region) if beset else sighting.region
        self.keypoints = sighting.keypoints
        self.box_px = outline_box(sighting.points_px, sighting.box_px)
        self.motion.see(sighting.points_px, time_s, self.doubtful, _TRUST_BESET if beset else 1.0)
        if not beset or self.clear is None or time_s - self.clear.time_s > _CLEAR_S:
            self.clear = Shape(self.keypoints, self.box_px, centre_of(sighting.points_px), time_s)
        self.seen_s, self.in_view, self.hidden = time_s, True, False
        self.sightings += 1

    def carried(self, time_s: float, longest_s: float) -> Carried | None:
        """Them as they were last seen clearly, moved on; less sure every moment, None from `longest_s` on."""
        share = np.float32(1 - (time_s - self.seen_s) / longest_s) if longest_s else np.float32(0)
        if self.clear is None or share <= 0:
            return None
        shape, now_px = self.clear, centre_of(self.foresee(time_s).points_px)
        shift_px = np.array(now_px, np.float32) - np.array(shape.centre_px, np.float32)
        keypoints = replace(
            shape.keypoints,
            xy_px=shape.keypoints.xy_px + shift_px,
            score=shape.keypoints.score * share,
            presence=shape.keypoints.presence * float(share),
        )
        return Carried(self.id, shape.box_px + np.tile(shift_px, 2), keypoints)

    def _led_on(self, time_s: float) -> Region:
        """The region moved on as the person was moving."""
        x, y = self.motion.shift_px(time_s)
        return replace(self.region, cx_px=self.region.cx_px + x, cy_px=self.region.cy_px + y)


def box_of(foreseen: Foreseen) -> FloatArray:
    """The box (4,) round someone as they are expected."""
    return box_round(foreseen.points_px)


def _between(expected: Region, said: Region) -> Region:
    """A region that follows what the 2D net says with reluctance: beside others it slides onto them."""
    share = _TRUST_BESET
    return Region(
        expected.cx_px + share * (said.cx_px - expected.cx_px),
        expected.cy_px + share * (said.cy_px - expected.cy_px),
        expected.size_px + share * (said.size_px - expected.size_px),
        said.angle_rad,
    )

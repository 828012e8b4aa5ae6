"""One person over time: what is remembered of them from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from realtime.stream.motion import BodyMotion, Foreseen, RootMotion
from realtime.stream.sighting import Sighting
from realtime.types import FloatArray, Keypoints2D, Region

UNNAMED = -1
_LOOK_GAIN, _LOOK_EVERY = 0.28, 4
_TRUST_BESET = 0.35
_WHOLE_SCORE = 0.65


@dataclass(slots=True)
class Track:
    """One person over time. id: -1 until it is sure that they are somebody of their own.

    seen_s, since_s: media time at which they were last seen, and first without a break. look: the colours of
    their clothes. hidden: they were lost behind somebody in view. doubtful: they are partly hidden, so where
    they seem to be and what they seem to wear is not to be built on.
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

    @classmethod
    def of(cls, sighting: Sighting, time_s: float) -> Track:
        """Someone not seen before."""
        return cls(
            UNNAMED, sighting.region, sighting.keypoints, sighting.box_px,
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
        self.doubtful = beset or float(sighting.score.mean()) < _WHOLE_SCORE
        if not self.doubtful and self.sightings % _LOOK_EVERY == 0:
            share = np.float32(_LOOK_GAIN)
            self.look = self.look + share * (sighting.look - self.look)
        self.region = _between(self._led_on(time_s), sighting.region) if beset else sighting.region
        self.keypoints, self.box_px = sighting.keypoints, sighting.box_px
        self.motion.see(sighting.points_px, time_s, self.doubtful)
        self.seen_s, self.in_view, self.hidden = time_s, True, False
        self.sightings += 1

    def _led_on(self, time_s: float) -> Region:
        """The region moved on as the person was moving."""
        x, y = self.motion.shift_px(time_s)
        return replace(self.region, cx_px=self.region.cx_px + x, cy_px=self.region.cy_px + y)


def box_of(foreseen: Foreseen) -> FloatArray:
    """The box (4,) round someone as they are expected."""
    points_px = foreseen.points_px
    return np.concatenate([points_px.min(axis=0), points_px.max(axis=0)])


def _between(expected: Region, said: Region) -> Region:
    """A region that follows what the 2D net says with reluctance: beside others it slides onto them."""
    share = _TRUST_BESET
    return Region(
        expected.cx_px + share * (said.cx_px - expected.cx_px),
        expected.cy_px + share * (said.cy_px - expected.cy_px),
        expected.size_px + share * (said.size_px - expected.size_px),
        said.angle_rad,
    )

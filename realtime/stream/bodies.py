"""Everyone in view, one body each, and the floor and the tilt of the camera that they tell together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime.floor import FloorEstimator
from realtime.level import Level
from realtime.lift import LiftedPerson, told_up
from realtime.stream.body import Body, BodySettings
from realtime.types import FloatArray, Pose3D

_FLOOR_EVERY_S = 0.1
"""How often the floor is learnt from who stands: it does not move, and frames this near say the same."""


class Bodies:
    """Everyone, and the floor they stand on."""

    def __init__(self, settings: BodySettings | None = None) -> None:
        self._settings = settings or BodySettings()
        self._bodies: dict[int, Body] = {}
        said = self._settings
        self._ground = FloorEstimator(said.floor, said.up, said.camera_height_m)
        self._unlearnt_s = 0.0
        self.floor = self._ground.floor()
        """The floor as it is known after the last frame."""
        self.up: FloatArray | None = None
        """The world's up (3,), a unit vector in camera axes: said, of lines, or of the floor; else None."""
        self.told_up: FloatArray | None = None
        """The same as lifters are told it (`realtime.lift.told_up`)."""
        self._learn_up()
        self.lag_ms = 0.0
        """How far smoothing holds back the poses of the last frame, at most."""

    def update(
        self,
        ids: Sequence[int],
        lifted: Sequence[LiftedPerson],
        rays: FloatArray,
        score: FloatArray,
        time_s: float,
    ) -> list[Pose3D]:
        """The poses of the N people in a frame. rays: (N, 17, 2), score: (N, 17), as they were lifted."""
        bodies = [self._body(person) for person in ids]
        to_stand_on = self.floor if self._settings.stand else None
        poses = [
            body.update(lifted[n], rays[n], score[n], time_s, self._ground, to_stand_on)
            for n, body in enumerate(bodies)
        ]
        self.lag_ms = 1e3 * max((body.lag_s for body in bodies), default=0.0)
        self._learn_floor(bodies)
        return poses

    def see_level(self, level: Level) -> None:
        """Take in how the camera is tilted by the lines of its picture; what the user says goes before."""
        self._ground.see_level(level)
        self.floor = self._ground.floor()
        self._learn_up()

    def forget(self, person: int) -> None:
        """Drop what is known of somebody who will not come back. Unknown ids are ignored."""
        self._bodies.pop(person, None)

    def _body(self, person: int) -> Body:
        if person not in self._bodies:
            self._bodies[person] = Body(self._settings)
        return self._bodies[person]

    def _learn_floor(self, bodies: Sequence[Body]) -> None:
        stances = [body.stance for body in bodies if body.stance and body.stance.elapsed_s]
        if not stances:
            return
        self._unlearnt_s += max(stance.elapsed_s or 0.0 for stance in stances)
        if self._unlearnt_s < _FLOOR_EVERY_S:
            return
        self._ground.advance(self._unlearnt_s)
        for stance in stances:
            self._ground.see(stance._replace(elapsed_s=self._unlearnt_s))
        self._unlearnt_s = 0.0
        self.floor = self._ground.floor()
        if self._settings.floor is None:
            self._learn_up()

    def _learn_up(self) -> None:
        self.up = self.told_up = None
        if self.floor is None and not self._ground.is_level_known:
            return
        self.up = -np.array(self._ground.down, np.float32)
        self.told_up = told_up(self.up, self._ground.tilt_sigma)

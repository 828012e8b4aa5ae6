"""What becomes of a person's pose once the lifter has answered: sized, placed, calmed, stood on the floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from realtime.bones import CARRIED, CHILD, PARENT, lengths, put_together, take_apart
from realtime.feet import ANKLE_HEIGHT_M, PlantedFeet, Point, bent_leg, dot
from realtime.floor import FloorEstimator, Stance
from realtime.lift import LiftedPerson
from realtime.limits import within_limits
from realtime.root import place
from realtime.size import BodySize, KnownSize, SizeWitness
from realtime.skeleton import H36M17
from realtime.stream.distance import DistanceFilter
from realtime.stream.footing import look_at_feet
from realtime.stream.smooth import DEFAULT_STRENGTH, NOMINAL_S, Elapsed, OneEuro
from realtime.stream.unseen import Unseen
from realtime.types import FloatArray, Floor, Pose3D

_LEGS = [H36M17.indices(f"{s}_hip", f"{s}_knee", f"{s}_ankle") for s in "lr"]
_ANKLE_L, _ANKLE_R, _NECK = H36M17.indices("l_ankle", "r_ankle", "neck")
_BONES = len(CHILD)
_ROOT = _BONES
"""The row filtered beside the bones: the way to the pelvis."""
_CUTOFF_HZ = 2.0
_BETA = np.array([6.0] * _BONES + [40.0], np.float32)
_CARRIED = np.append(CARRIED, np.float32(len(H36M17)))
_SURE, _LEAST_TRUST, _ALL = np.array([0.9, 0.15, 1.0], np.float32)

_UNSAID = np.full(len(H36M17), 0.73, np.float32)
"""The share of joints within 100 mm of their place, for lifters that do not tell it joint by joint: the six
of the papers have 0.71 to 0.75 on the records of held-out people."""
_NOBODY = LiftedPerson(np.zeros((len(H36M17), 3), np.float32), math.nan, math.nan)
_FLOOR_MEMORY_S, _FLOOR_FADE_S = 0.5, 2.0
_FOOT_SIGMA_M = 0.04
_MOST_OFF = 0.3
_TOUCHING_M = 1e-4
_STEEPEST_RAY, _LARGEST_M = 50.0, 5.0
_NEAREST_M, _FARTHEST_M, _LEAST_SIGMA_M = 0.05, 1e3, 1e-4
_LAG_MEMORY_S = 1.0


@dataclass(frozen=True, slots=True)
class BodySettings:
    """How poses are made calm and given their size.

    strength: 0 (off) to 1. size: what is known of people's size. stand: whether feet that stand are kept
    from sliding and put on the floor. floor: where it is, if that is known beforehand. up: the world's, a
    unit vector (3,) in camera axes, if that alone is known. camera_height_m: the camera's over the floor, if
    that alone is known: the floor is, as soon as the lines of the picture tell its tilt.
    """

    strength: float = DEFAULT_STRENGTH
    size: KnownSize = field(default_factory=KnownSize)
    stand: bool = False
    floor: Floor | None = None
    up: FloatArray | None = None
    camera_height_m: float | None = None


class Body:
    """One person over time. Whatever comes in, what comes out is finite."""

    def __init__(self, settings: BodySettings) -> None:
        self._settings = settings
        self._elapsed = Elapsed()
        self._filter = OneEuro(_CUTOFF_HZ, _BETA, True, settings.strength)
        self._distance = DistanceFilter(settings.strength)
        self._unseen = Unseen()
        self._feet = PlantedFeet()
        self._off_floor = 0.0
        self._last: LiftedPerson | None = None
        may_tell = settings.floor is not None or settings.camera_height_m is not None
        self.size = BodySize(settings.size, SizeWitness() if may_tell and not settings.size else None)
        """The person's bones and scale, learnt so far."""
        self.stance: Stance | None = None
        """How they stood in the last frame."""
        self._energy = self._late = 0.0
        self._before: FloatArray | None = None
        # Filled anew in every frame.
        self._trusts = np.ones(_BONES + 1, np.float32)
        self._arms_m = np.empty(_BONES + 1, np.float32)

    def update(
        self,
        lifted: LiftedPerson,
        rays: FloatArray,
        score: FloatArray,
        time_s: float,
        ground: FloorEstimator,
        floor: Floor | None,
    ) -> Pose3D:
        """The person's pose in the frame of `time_s`, and their `stance`.

        rays: (17, 2), score: (17,) as they were lifted. ground: where down is. floor: to stand on, if any.
        """
        elapsed_s = self._elapsed.step(time_s)
        lifted, rays, score = self._finite(lifted, rays, score)
        confidence = _UNSAID if lifted.confidence is None else lifted.confidence
        sure = score if lifted.confidence is None else confidence
        trust = np.minimum(sure.take(CHILD), sure.take(PARENT))
        self._unseen.update(score, elapsed_s)

        direction, length_m = take_apart(lifted.relative_m)
        scale = self.size.learn(length_m, trust, elapsed_s or NOMINAL_S)
        length_m = self.size.length_m
        steady = LiftedPerson(put_together(direction, length_m), lifted.root_depth_m, lifted.root_sigma_m)
        known = scale if self.size.is_known else None
        root_m, sigma_m = place(steady, rays, score, known, self.size.sigma)
        direction, root_m = self._calm(direction, root_m, trust, elapsed_s, bool(score.any()))
        if self.size.is_known:
            length_m = length_m * np.float32(scale)
        relative_m = put_together(within_limits(direction), length_m)
        relative_m, root_m = self._stand(relative_m, root_m, sigma_m, elapsed_s, ground, floor)
        if self.size.witness is not None and ground.known is not None and self.stance is not None:
            look_at_feet(self.size.witness, self.stance, score, ground.known)
        return Pose3D(relative_m, root_m, sigma_m, self._unseen.fade(confidence), self.size.stature_m)

    def _calm(
        self,
        direction: FloatArray,
        root_m: FloatArray,
        trust: FloatArray,
        elapsed_s: float | None,
        seen: bool,
    ) -> tuple[FloatArray, FloatArray]:
        """Bones' directions and the root, bridged where nothing was seen, and filtered. seen: whether
        anything."""
        x, y, z = root_m.tolist()
        distance_m = max(math.sqrt(x * x + y * y + z * z), 1e-3)
        rows = np.empty((_BONES + 1, 3), np.float32)
        rows[:_BONES] = direction
        if elapsed_s is not None:
            rows[:_BONES] = self._unseen.bridge(direction, self._filter, elapsed_s)
        rows[_ROOT] = x / distance_m, y / distance_m, z / distance_m
        trusts = self._trusts
        np.divide(trust, _SURE, out=trusts[:_BONES])
        np.minimum(np.maximum(trusts, _LEAST_TRUST, out=trusts), _ALL, out=trusts)
        calm = self._filter.update(rows, elapsed_s, trusts)
        distance_m = self._distance.update(distance_m, elapsed_s, seen)
        self._account(distance_m, elapsed_s)
        return calm[:_BONES], calm[_ROOT] * np.float32(distance_m)

    def _account(self, distance_m: float, elapsed_s: float | None) -> None:
        """Keep the filters' lags, weighted by the squares of the ways that they moved joints by.

        The distance is left out: it is noisy and slow, is calmed more, and nobody sees it lag.
        """
        value, before = self._filter.value, self._before
        self._before = value
        if elapsed_s is None or value is None or before is None:
            self._energy = self._late = 0.0
            return
        arms_m = self._arms_m
        arms_m[:_BONES], arms_m[_ROOT] = self.size.length_m, distance_m
        way = lengths(value - before) * arms_m
        energy = _CARRIED * way * way
        kept = math.exp(-elapsed_s / _LAG_MEMORY_S)
        self._energy = kept * self._energy + float(np.add.reduce(energy))
        self._late = kept * self._late + float(energy @ self._filter.lag_s)

    @property
    def lag_s(self) -> float:
        """How far smoothing holds the pose back, in the mean of what moved in the last second."""
        return self._late / self._energy if self._energy > 0 else 0.0

    def _stand(
        self,
        relative_m: FloatArray,
        root_m: FloatArray,
        sigma_m: float,
        elapsed_s: float | None,
        ground: FloorEstimator,
        floor: Floor | None,
    ) -> tuple[FloatArray, FloatArray]:
        """Pose and root moved so that feet that stand do not slide and, given a floor, are on it."""
        joints, at = relative_m.tolist(), _point(root_m.tolist())
        ankle_l, ankle_r, neck = (_sum(joints[j], at) for j in (_ANKLE_L, _ANKLE_R, _NECK))
        off = self._off_floor = self._next_off_floor((ankle_l, ankle_r), at, sigma_m, elapsed_s, floor)
        stood = at[0] * (1 + off), at[1] * (1 + off), at[2] * (1 + off)
        ankles = [_sum(joints[j], stood) for j in (_ANKLE_L, _ANKLE_R)] if off else [ankle_l, ankle_r]
        held = self._feet.update(ankles, ground.down, elapsed_s)
        self.stance = Stance((ankle_l, ankle_r), self._feet.planted, neck, sigma_m, elapsed_s)
        if not self._settings.stand:
            return relative_m, root_m
        return _with_ankles_at(relative_m, joints, stood, held), np.array(stood, np.float32)

    def _next_off_floor(
        self,
        ankles_m: tuple[Point, Point],
        root_m: Point,
        sigma_m: float,
        elapsed_s: float | None,
        floor: Floor | None,
    ) -> float:
        """The share of its distance by which the root is moved away, so that feet that stand reach the floor.

        Each foot's gap and the floor's sigma are weighed against the depth's own sigma.
        """
        if elapsed_s is None:
            return 0.0
        planted = [p for p, stands in zip(ankles_m, self._feet.planted, strict=True) if stands]
        if floor is None or not planted:
            return self._off_floor * math.exp(-elapsed_s / _FLOOR_FADE_S)
        distance_m = max(math.hypot(*root_m), 1e-3)
        up = _point(floor.up.tolist())
        steep = -dot(up, root_m) / distance_m
        gap_m = sum(dot(up, ankle) for ankle in planted) / len(planted)
        gap_m += floor.camera_height_m - ANKLE_HEIGHT_M
        # Least squares: moving away by d changes the gap by -steep * d; d is 0 within the depth's sigma.
        floor_variance = (floor.sigma_m**2 + _FOOT_SIGMA_M**2) / max(sigma_m, 1e-3) ** 2
        wanted = gap_m * steep / (steep * steep + floor_variance) / distance_m
        wanted = min(max(wanted, -_MOST_OFF), _MOST_OFF)
        share = elapsed_s / (elapsed_s + _FLOOR_MEMORY_S)
        return self._off_floor + share * (wanted - self._off_floor)

    def _finite(
        self, lifted: LiftedPerson, rays: FloatArray, score: FloatArray
    ) -> tuple[LiftedPerson, FloatArray, FloatArray]:
        """What came in; where it is no body's, the last pose and joints unseen instead."""
        # Comparisons with NaN are false, so that it needs no test of its own.
        # Sums of squares come first, in one pass of BLAS: what is too much for one number is for them.
        if not (np.vdot(rays, rays) < _STEEPEST_RAY**2 and _are_shares(score)):
            good = (np.abs(rays) < _STEEPEST_RAY).all(axis=1) & (score >= 0) & (score <= 1)
            rays = np.where(good[:, None], rays, 0.0).astype(np.float32)
            score = np.where(good, score, 0.0).astype(np.float32)
        said = _NEAREST_M < lifted.root_depth_m < _FARTHEST_M
        if not said or not _LEAST_SIGMA_M < lifted.root_sigma_m < _FARTHEST_M:
            depth_m = lifted.root_depth_m if said else math.nan
            lifted = lifted._replace(root_depth_m=depth_m, root_sigma_m=math.nan)
        sure = lifted.confidence
        pose = lifted.relative_m
        small = np.vdot(pose, pose) < _LARGEST_M**2 or np.abs(pose).max() < _LARGEST_M
        if small and (sure is None or _are_shares(sure)):
            self._last = lifted
            return lifted, rays, score
        return self._last or _NOBODY, rays, np.zeros_like(score)


def _are_shares(values: FloatArray) -> bool:
    """Whether all are from 0 to 1."""
    return bool(np.minimum.reduce(values) >= 0 and np.maximum.reduce(values) <= 1)


def _with_ankles_at(
    relative_m: FloatArray, joints: list[list[float]], root_m: Point, ankles_m: Sequence[Point]
) -> FloatArray:
    """A pose (17, 3) whose legs reach for places (left, right) in camera space; bones keep their lengths.

    joints: the pose as plain numbers.
    """
    posed, (x, y, z) = relative_m.copy(), root_m
    for leg, at in zip(_LEGS, ankles_m, strict=True):
        hip, knee, ankle = (_point(joints[joint]) for joint in leg)
        target = (at[0] - x, at[1] - y, at[2] - z)
        if math.dist(target, ankle) > _TOUCHING_M:
            posed[leg[1:]] = bent_leg(hip, knee, target, math.dist(hip, knee), math.dist(knee, ankle))
    return posed


def _point(xyz: list[float]) -> Point:
    return xyz[0], xyz[1], xyz[2]


def _sum(a: list[float], b: Point) -> Point:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]

"""How large a body is: its bones, learnt over time, and what is known that fixes their scale.

Size and distance cannot be told apart in one image. A stature or a limb settles both; without either the
body is as large as the lifter thinks it is in the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.bones import MIRROR, bone_of, take_apart
from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

_SPINE_PATH = ("pelvis", "spine", "thorax", "neck", "head")
_LEG_PATHS = (("l_hip", "l_knee", "l_ankle"), ("r_hip", "r_knee", "r_ankle"))
STATURE_RATIO = 1.130
"""Stature over the summed bones from ankle to head, which leave out the sole and the crown: that of the
sample's body, whose joints are exact."""

SIZE_SIGMA, KNOWN_SIZE_SIGMA = 0.068, 0.01
"""How far a body's size is off, one standard deviation, as a share: adults' statures differ by about 6 %;
and what is left where a stature or a limb is given."""

LIMBS = {"thigh": "l_knee", "shank": "l_ankle", "upper-arm": "l_elbow", "forearm": "l_wrist"}
"""Limbs whose length can be given, and the joint each ends in."""
_LIMB_M = (0.1, 0.7)


def bone_paths_m(pose_m: FloatArray) -> Array:
    """The summed length of the bones from the ankles (both legs' mean) to the head: (..., 17, 3) to (...)."""

    def length(names: Sequence[str]) -> Array:
        bones_m = np.diff(pose_m[..., H36M17.indices(*names), :], axis=-2)
        return np.asarray(np.linalg.norm(bones_m, axis=-1).sum(axis=-1), np.float64)

    return length(_SPINE_PATH) + (length(_LEG_PATHS[0]) + length(_LEG_PATHS[1])) / len(_LEG_PATHS)


def bone_path_m(relative_m: FloatArray) -> float:
    """`bone_paths_m` of one pose (17, 3)."""
    return float(bone_paths_m(relative_m))


def _path_weights() -> FloatArray:
    weights = np.zeros(len(MIRROR), np.float32)
    for joint in _SPINE_PATH[1:]:
        weights[bone_of(joint)] = 1.0
    for leg in _LEG_PATHS:
        for joint in leg[1:]:
            weights[bone_of(joint)] = 1.0 / len(_LEG_PATHS)
    return weights


BONE_PATH = _path_weights()
"""(16,) with which the lengths of the bones add up to `bone_path_m`."""


@dataclass(frozen=True, slots=True)
class KnownSize:
    """What is known of a person's size, or of none if all is None. limb: a name of LIMBS and its length."""

    stature_m: float | None = None
    limb: tuple[str, float] | None = None

    def __bool__(self) -> bool:
        return self.stature_m is not None or self.limb is not None

    def factor(self, length_m: FloatArray) -> float:
        """From bones (16,) as the lifter has them to the true ones; 1 where nothing is known."""
        if self.stature_m is not None:
            return self.stature_m / max(STATURE_RATIO * float(BONE_PATH @ length_m), 1e-6)
        if self.limb is not None:
            return self.limb[1] / max(float(length_m[bone_of(LIMBS[self.limb[0]])]), 1e-6)
        return 1.0


def known_size(stature_m: float | None = None, limb: str | None = None) -> KnownSize:
    """What a user said of a person's size. limb: as in "thigh=0.44".

    Raises UsageError when both are given, for a limb that is not in LIMBS, and for a length no limb has.
    """
    if limb is None:
        return KnownSize(stature_m)
    if stature_m is not None:
        raise UsageError("--height and --limb both fix the scale: give one of them")
    name, _, length = limb.partition("=")
    least, most = _LIMB_M
    try:
        metres = float(length)
    except ValueError:
        metres = math.nan
    if name not in LIMBS or not least <= metres <= most:
        raise UsageError(
            f"--limb {limb!r}: write NAME=METRES, such as thigh=0.44; the names are {', '.join(LIMBS)}, "
            f"lengths {least:g} to {most:g}"
        )
    return KnownSize(limb=(name, metres))


class SizeWitness:
    """Learns one person's scale from what tells it now and then, such as feet on a floor that is known.

    Every look errs on its own and, with all others, in common (a floor that is off is off in each): looks are
    averaged by the first, and the mean is weighed against how people's sizes differ by both. Looks that
    disagree more than they should count less, as feet on a stair do. It forgets over `_MEMORY_S`.
    """

    _MEMORY_S = 30.0
    _CORRELATION_S = 0.3
    _ODD = 3.0

    def __init__(self) -> None:
        self._weight = self._mean = self._squares = self._common = self._own = 0.0
        self.factor = 1.0
        """From the lifter's size to the true one."""
        self.sigma = SIZE_SIGMA
        """Which share of it that may be off, one standard deviation."""

    def look(self, log_scale: float, own_sigma: float, common_sigma: float, elapsed_s: float) -> None:
        """Take in one look at the scale's logarithm, and how far it may be off by itself and in common."""
        odd = abs(log_scale) / math.sqrt(SIZE_SIGMA**2 + own_sigma**2 + common_sigma**2)
        added = elapsed_s / (own_sigma * max(1.0, odd / self._ODD)) ** 2
        self._weight = self._weight * math.exp(-elapsed_s / self._MEMORY_S) + added
        share = added / self._weight
        self._squares += share * ((log_scale - self._mean) ** 2 * (1 - share) - self._squares)
        self._mean += share * (log_scale - self._mean)
        self._common += share * (common_sigma**2 - self._common)
        self._own += share * (own_sigma**2 - self._own)
        disagreed = max(0.0, self._squares - self._own)
        variance = self._common + disagreed + self._CORRELATION_S / self._weight
        trust = SIZE_SIGMA**2 / (SIZE_SIGMA**2 + variance)
        self.factor = math.exp(trust * self._mean)
        self.sigma = math.sqrt(trust * variance)


class BodySize:
    """Learns the lengths of one person's bones over time, left and right alike, and their scale.

    A weighted mean, so that bones do not breathe with single frames; it forgets over `_MEMORY_S`, and the
    first half second, in which a lifter settles, hardly counts.
    """

    _MEMORY_S = 20.0
    _SETTLED_S = 0.5
    _LEAST_TRUST = 0.02
    _NOMINAL_S = 1 / 30

    def __init__(self, known: KnownSize | None = None, witness: SizeWitness | None = None) -> None:
        self._known = known or KnownSize()
        self.witness = witness
        """What else tells the scale, while no size is given."""
        self._sum_m = np.zeros(len(MIRROR), np.float32)
        self._weight = np.full(len(MIRROR), 1e-9, np.float32)
        self._age_s = 0.0
        self.length_m = self._sum_m
        """(16,) the bones as the lifter has them, in the mean."""

    def update(
        self, relative_m: FloatArray, trust: FloatArray | None = None, elapsed_s: float = _NOMINAL_S
    ) -> float:
        """Take in one pose (17, 3); returns the factor to the true size. trust: (16,) of bones, 0 to 1."""
        return self.learn(take_apart(relative_m)[1], trust, elapsed_s)

    def learn(self, length_m: FloatArray, trust: FloatArray | None, elapsed_s: float) -> float:
        """`update` from bones' lengths (16,)."""
        settled = min(1.0, 0.02 + self._age_s / self._SETTLED_S)
        self._age_s += elapsed_s
        weight = np.float32(settled * elapsed_s)
        weights = weight if trust is None else weight * np.maximum(trust, np.float32(self._LEAST_TRUST))
        kept = np.float32(math.exp(-elapsed_s / self._MEMORY_S))
        self._sum_m = kept * self._sum_m + weights * length_m
        self._weight = kept * self._weight + weights
        self.length_m = (self._sum_m + self._sum_m[MIRROR]) / (self._weight + self._weight[MIRROR])
        return self.factor

    @property
    def is_known(self) -> bool:
        """Whether anything fixes the scale."""
        return bool(self._known) or self.witness is not None

    @property
    def sigma(self) -> float:
        """Which share of it the factor may be off, one standard deviation."""
        if self._known:
            return KNOWN_SIZE_SIGMA
        return SIZE_SIGMA if self.witness is None else self.witness.sigma

    @property
    def factor(self) -> float:
        """From the lifter's size to the true one."""
        if self.witness is not None and not self._known:
            return self.witness.factor
        return self._known.factor(self.length_m)

    @property
    def stature_m(self) -> float:
        """The body height that goes with the bones, scale included; 0 before the first pose."""
        return self.factor * STATURE_RATIO * float(BONE_PATH @ self.length_m)

"""Where a lifted person is: the pose fitted to its rays, fused with the depth the lifter says.

Space: camera axes, x right, y down, z forward, metres; rays are x/z, y/z.
"""

from __future__ import annotations

import math
import operator
from typing import NamedTuple

import numpy as np

from realtime.feet import Point
from realtime.lift import LiftedPerson
from realtime.size import KNOWN_SIZE_SIGMA, SIZE_SIGMA
from realtime.types import FloatArray

_LEAST_ERROR_M = 0.02
"""How far a joint is off its ray, a coordinate, where pose and rays fit perfectly."""
_OUTLIER = 2.0
"""A joint this many times the median off its ray counts a quarter: nets lose a hand, or take a leg for the
other, in spells."""
_REWEIGHTINGS = 2
_PRIOR_TRUST = 0.3
"""The lifter's sigma is taken at this share of what it says. The fit would count the joints as independent
witnesses of the depth, but they share the errors of the pose; measured on validation bodies
(docs/absolute.md)."""
_LEAST_SAID = 0.06
"""A lifter's sigma is taken for this share of the depth at least: on people unlike its own it is too sure."""
_FIT_SIGMA, _KNOWN_FIT_SIGMA = 2.4, 1.9
"""A fitted depth's sigma over what it would be if the joints' errors had nothing in common."""
_ANYWHERE_M, _ANYWHERE_SIGMA_M = 4.0, 4.0
"""The depth, and its sigma, of someone of whom too little is seen to tell it."""
_SURE_SIGMA_M = 1e-4
_MIN_DEPTH_M = 0.2
_LEAST_KNOWN = 1e-9


class RootFit(NamedTuple):
    """A pelvis (3,), metres, and one standard deviation of its depth if joints err each on their own."""

    root_m: FloatArray
    sigma_m: float


def place(
    lifted: LiftedPerson,
    rays: FloatArray,
    score: FloatArray,
    scale: float | None = None,
    scale_sigma: float = KNOWN_SIZE_SIGMA,
) -> tuple[FloatArray, float]:
    """Where a lifted person's pelvis is (3,), metres, and one standard deviation of its depth.

    A depth with a sigma is fused with the fit of the pose to its rays, each by its uncertainty. A depth alone
    is taken as it is, x and y from the rays. Without a depth the rays alone decide. Everything is finite.
    rays: (17, 2), score: (17,) of the frame the answer is for; of a prediction, whose rays nobody has yet,
    those of now: the depth is then the predicted one, the rest stays where it is seen.
    scale: the factor to the person's true size, scale_sigma: which share of it it may be off; None where
    nothing tells, and then the sigma holds what people's sizes differ by.
    """
    factor = 1.0 if scale is None else scale
    size_sigma = None if scale is None else scale_sigma
    relative_m = lifted.relative_m if scale is None else lifted.relative_m * np.float32(factor)
    depth_m, said_m = lifted.root_depth_m * factor, lifted.root_sigma_m * factor
    if not math.isfinite(depth_m):
        return _by_rays_alone(relative_m, rays, score, size_sigma)
    if math.isfinite(said_m):
        said_m = max(said_m, _LEAST_SAID * depth_m)
        trusted_m = said_m * _PRIOR_TRUST
    else:
        said_m, trusted_m = math.inf, _SURE_SIGMA_M
    root_m, fit_sigma_m = fit_root(relative_m, rays, score, (depth_m, trusted_m))
    return root_m, _sigma_m(fit_sigma_m, said_m, float(root_m[2]), size_sigma)


def fit_root(
    relative_m: FloatArray, rays: FloatArray, score: FloatArray, prior: tuple[float, float] | None = None
) -> RootFit:
    """The pelvis that makes a pose (17, 3) fit its rays (17, 2), with a prior (depth, sigma), metres.

    Least squares in closed form on full perspective: each joint's (X + tx) - u (Z + tz) = 0, likewise in y,
    weighted by score; then again, with less weight for joints that lie off their rays (Geman-McClure). The
    errors of all are told from what the fit leaves. With no joint in view the pelvis is on the optical axis,
    at the prior's depth. The sigma is of the rays alone, without the prior.
    """
    share = score.tolist()
    joints = _Joints.of(relative_m, rays, share)
    sums = joints.summed(share)
    root, known = _solved(sums)
    off_m2, weight = joints.squares_m2(root), share
    for _ in range(_REWEIGHTINGS):
        weight = _reweighted(share, off_m2)
        sums = joints.summed(weight)
        root, known = _solved(sums)
        off_m2 = joints.squares_m2(root)
    square = sum(map(operator.mul, weight, off_m2)) / (2 * sum(weight) + 1e-9)
    error_m = math.hypot(_LEAST_ERROR_M, math.sqrt(square))
    if prior is not None:
        # Everything is told in units of the joints' error.
        root, _ = _solved(sums, ((error_m / prior[1]) ** 2, prior[0]))
        if root[2] < _MIN_DEPTH_M:
            nearer = _MIN_DEPTH_M / root[2] if root[2] > 1e-3 else 0.0
            root = (root[0] * nearer, root[1] * nearer, _MIN_DEPTH_M)
    return RootFit(np.array(root, np.float32), error_m / math.sqrt(known))


def _by_rays_alone(
    relative_m: FloatArray, rays: FloatArray, score: FloatArray, size_sigma: float | None
) -> tuple[FloatArray, float]:
    """Root and sigma without a depth from the net.

    Where the joints in view are too few or too close together to tell the depth (its sigma would exceed it),
    it is 4 m with a sigma of 4 m, and the rays say where in the image.
    """
    root_m, fit_sigma_m = fit_root(relative_m, rays, score)
    depth_m = float(root_m[2])
    if depth_m > _MIN_DEPTH_M:
        sigma_m = _sigma_m(fit_sigma_m, math.inf, depth_m, size_sigma)
        if sigma_m < depth_m:
            return root_m, sigma_m
    root_m, _ = fit_root(relative_m, rays, score, (_ANYWHERE_M, _PRIOR_TRUST * _ANYWHERE_SIGMA_M))
    return root_m, _ANYWHERE_SIGMA_M


def _sigma_m(fit_sigma_m: float, said_sigma_m: float, depth_m: float, size_sigma: float | None) -> float:
    """The sigma of a depth: of the fit and what the lifter said together, and of the body's size."""
    fit = (_FIT_SIGMA if size_sigma is None else _KNOWN_FIT_SIGMA) * fit_sigma_m
    both = fit if math.isinf(said_sigma_m) else fit * said_sigma_m / math.hypot(fit, said_sigma_m)
    return math.hypot(both, (SIZE_SIGMA if size_sigma is None else size_sigma) * depth_m)


class _Joints(NamedTuple):
    """What each joint adds to the normal equations, for a weight of 1, term by term.

    across, down: the rays. beside, below: how far the joints lie off them with the pelvis at the origin, the
    sign turned. square, along: the rays' squares, and their products with the two before.
    """

    across: list[float]
    down: list[float]
    beside: list[float]
    below: list[float]
    square: list[float]
    along: list[float]

    @classmethod
    def of(cls, relative_m: FloatArray, rays: FloatArray, share: list[float]) -> _Joints:
        """Plain numbers, no arrays: on so few joints the arithmetic is cheaper than NumPy's calls."""
        rows = []
        for (x, y, z), (u, v), seen in zip(relative_m.tolist(), rays.tolist(), share, strict=True):
            if not seen > 0:
                u = v = 0.0
            p, q = u * z - x, v * z - y
            rows.append((u, v, p, q, u * u + v * v, u * p + v * q))
        return cls(*map(list, zip(*rows, strict=True)))

    def summed(self, weight: list[float]) -> Sums:
        """The terms, weighted, and the weights."""
        across, down, beside, below, square, along = [sum(map(operator.mul, weight, term)) for term in self]
        return across, down, beside, below, square, along, sum(weight)

    def squares_m2(self, root: Point) -> list[float]:
        """The squares of how far the joints put at a root lie off their rays at their depth."""
        x, y, depth = root
        rows = zip(self.across, self.down, self.beside, self.below, strict=True)
        return [(dx := x - u * depth - p) * dx + (dy := y - v * depth - q) * dy for u, v, p, q in rows]


Sums = tuple[float, float, float, float, float, float, float]


def _solved(sums: Sums, prior: tuple[float, float] = (0.0, 0.0)) -> tuple[Point, float]:
    """The pelvis of least squares, and how much joints with an error of 1 m tell of its depth (1 / m^2).

    prior: how much, and what, is known of the depth besides.
    """
    across, down, beside, below, square, along, total = sums
    total += 1e-9
    known = max(square - (across * across + down * down) / total, _LEAST_KNOWN)
    pull = (across * beside + down * below) / total - along
    depth = (pull + prior[0] * prior[1]) / (known + prior[0])
    return ((beside + across * depth) / total, (below + down * depth) / total, depth), known


def _reweighted(share: list[float], off_m2: list[float]) -> list[float]:
    """Less weight for joints far off their rays (Geman-McClure), in units of what is usual of those seen."""
    usual_m2 = max(_median([off for off, s in zip(off_m2, share, strict=True) if s > 0]), _LEAST_ERROR_M**2)
    scale = 1 / (_OUTLIER**2 * usual_m2)
    return [s / ((much := 1 + off * scale) * much) for off, s in zip(off_m2, share, strict=True)]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0

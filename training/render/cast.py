"""Casting: people drawn at random, in body, clothes and colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from realtime.types import FloatArray
from training.people.body import Body, build_body
from training.people.figure import Figure
from training.people.makehuman import MakeHumanData, Shape
from training.people.wardrobe import dressed
from training.places.surface import Finish
from training.render.attire import finishes, outfit

_TEENAGERS, _TEEN_STATURE_M = 0.05, (1.35, 1.55)
_STATURE_M: Mapping[bool, tuple[float, float]] = {False: (1.63, 0.07), True: (1.77, 0.075)}
_STATURE_LIMITS_M = (1.45, 2.05)
# Height changes proportions, far more at its ends than stature does in life: thighs from 0.16 to 0.28 of the
# stature. So it stays near its middle and follows stature only a little; the body is scaled to the stature.
_HEIGHT_PER_M, _HEIGHT_SPREAD, _HEIGHT_LIMITS = 0.4, 0.05, (0.40, 0.66)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person ready to be drawn.

    finishes: one for each of MATERIALS. between_eyes_m: (3,) at rest; half_eyes_m: half the distance between
    the eyes. They say where brows, lips and irises are painted.
    """

    body: Body
    figure: Figure
    finishes: tuple[Finish, ...]
    between_eyes_m: FloatArray
    half_eyes_m: float


def cast_person(data: MakeHumanData, rng: np.random.Generator) -> Actor:
    """A person at random. The same state of the generator gives the same person, bit for bit.

    Raises UsageError when a file of the MakeHuman folder is missing or damaged.
    """
    shape, height_m = random_shape(rng)
    body = build_body(data, shape, height_m)
    names = outfit(rng, shape.male > 0.5)
    figure = dressed(data, body, names)
    return actor(body, figure, finishes(rng, names, shape.origin))


def actor(body: Body, figure: Figure, looks: tuple[Finish, ...]) -> Actor:
    """A body in its clothes, with a finish for each of MATERIALS."""
    eyes = body.vertices_m[np.unique(body.eyes)]
    left = eyes[eyes[:, 0] > 0].mean(axis=0)
    return Actor(body, figure, looks, left * np.array([0, 1, 1], np.float32), float(left[0]))


def random_shape(rng: np.random.Generator) -> tuple[Shape, float]:
    """A build, and a stature in metres that goes with it."""
    man = bool(rng.random() < 0.5)
    blurred = rng.beta(1.0, 12.0)
    if rng.random() < _TEENAGERS:
        height_m = rng.uniform(*_TEEN_STATURE_M)
    else:
        height_m = float(np.clip(rng.normal(*_STATURE_M[man]), *_STATURE_LIMITS_M))
    height = rng.normal(0.5 + _HEIGHT_PER_M * (height_m - _STATURE_M[man][0]), _HEIGHT_SPREAD)
    origin = rng.dirichlet((0.6, 0.6, 0.6))
    return (
        Shape(
            male=1 - blurred if man else blurred,
            muscle=float(np.clip(rng.normal(0.5, 0.18), 0.05, 0.95)),
            weight=float(np.clip(rng.normal(0.5, 0.22), 0.05, 1.0)),
            height=float(np.clip(height, *_HEIGHT_LIMITS)),
            origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        ),
        height_m,
    )

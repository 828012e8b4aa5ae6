"""Random virtual cameras that look at people: field of view, distance, height, pitch, roll, framing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.mocap.rotations import axis_angle

FOV_DEG = (30.0, 90.0)
DISTANCE_M = (1.5, 9.0)


@dataclass(frozen=True, slots=True)
class Mounting:
    """How cameras stand. Pitch and roll: the least, the most common and the greatest, in degrees.

    height_m: the least and the greatest. A negative pitch looks down, a positive roll turns clockwise.
    """

    height_m: tuple[float, float]
    pitch_deg: tuple[float, float, float]
    roll_deg: tuple[float, float, float]


USUAL = Mounting((0.3, 2.5), (-35.0, -3.0, 25.0), (-10.0, 0.0, 10.0))
"""What lifters are measured with."""
ANY = Mounting((0.3, 3.2), (-45.0, -5.0, 25.0), (-20.0, 0.0, 20.0))
"""What they are trained with: also high, steep and rolled ones."""
_ASPECTS = (16 / 9, 4 / 3, 1.0, 3 / 4, 9 / 16)
_FRAMING = 0.8
_NEAREST_M = 0.6
_PROBES = 12
_PELVIS = H36M17.index("pelvis")

# Camera axes (x right, y down, z forward) of a level camera that looks along the world's -z.
_LEVEL = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True, slots=True)
class Cameras:
    """B still cameras in a world whose y axis points up.

    camera_from_world: (B, 3, 3). position_m: (B, 3). reach: (B, 2), |x/z| and |y/z| at the image's edges.
    """

    camera_from_world: FloatArray
    position_m: FloatArray
    reach: FloatArray

    @property
    def up(self) -> FloatArray:
        """The world's up in camera axes, (B, 3) unit vectors."""
        return self.camera_from_world[:, :, 1]

    def joints(self, world_m: FloatArray) -> FloatArray:
        """World points (B, ..., 3) in camera axes, metres."""
        offset = world_m.reshape(len(world_m), -1, 3) - self.position_m[:, None]
        turned = offset @ self.camera_from_world.transpose(0, 2, 1)
        return np.asarray(turned.reshape(world_m.shape), np.float32)

    def in_image(self, camera_m: FloatArray) -> Array:
        """Whether points (B, ..., 3) in camera axes fall inside the image, (B, ...) bool."""
        shape = (len(camera_m),) + (1,) * (camera_m.ndim - 2) + (2,)
        z = camera_m[..., 2]
        inside = (np.abs(camera_m[..., :2]) <= self.reach.reshape(shape) * z[..., None]).all(axis=-1)
        return np.asarray(inside & (z > _NEAREST_M / 4))

    def pick(self, index: Array) -> Cameras:
        """Some of the cameras, in the order of `index`."""
        return Cameras(self.camera_from_world[index], self.position_m[index], self.reach[index])


def joined(parts: Sequence[Cameras]) -> Cameras:
    """The cameras of all parts, in order."""
    return Cameras(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Cameras)))


def rays_of(camera_m: FloatArray) -> FloatArray:
    """Rays (..., 2) = (x/z, y/z) of points in camera axes; z is held above 5 cm."""
    return np.asarray(camera_m[..., :2] / np.maximum(camera_m[..., 2:], 0.05), np.float32)


def _draw(
    rng: np.random.Generator, anchor_m: FloatArray, fov_deg: tuple[float, float], mounting: Mounting
) -> Cameras:
    """One camera for each anchor point (B, 3) in the world, which it shows somewhere in its image."""
    count = len(anchor_m)
    long_side = np.tan(np.radians(rng.uniform(*fov_deg, count)) / 2)
    aspect = rng.choice(_ASPECTS, count)
    reach = long_side[:, None] * np.stack([np.minimum(aspect, 1), np.minimum(1 / aspect, 1)], -1)
    rotation = _rotations(
        rng.triangular(*mounting.pitch_deg, count), rng.triangular(*mounting.roll_deg, count)
    )
    ray = np.concatenate([rng.uniform(-_FRAMING, _FRAMING, (count, 2)) * reach, np.ones((count, 1))], -1)
    distance = np.exp(rng.uniform(math.log(DISTANCE_M[0]), math.log(DISTANCE_M[1]), count))
    offset = ray / np.linalg.norm(ray, axis=-1, keepdims=True) * distance[:, None]
    position = anchor_m - np.einsum("bji,bj->bi", rotation, offset)
    return Cameras(rotation.astype(np.float32), position.astype(np.float32), reach.astype(np.float32))


def _rotations(pitch_deg: Array, roll_deg: Array) -> Array:
    """(B, 3, 3) camera_from_world; a positive pitch looks up, a positive roll turns the camera clockwise."""
    tilt = axis_angle(np.tile([1.0, 0.0, 0.0], (len(pitch_deg), 1)), -np.radians(pitch_deg))
    spin = axis_angle(np.tile([0.0, 0.0, 1.0], (len(roll_deg), 1)), -np.radians(roll_deg))
    return np.asarray(spin @ tilt @ _LEVEL)


def look_at(
    rng: np.random.Generator,
    world_m: FloatArray,
    visible: Array,
    candidates: int = 8,
    fov_deg: tuple[float, float] = FOV_DEG,
    mounting: Mounting = USUAL,
) -> Cameras:
    """A random camera for each clip (B, T, 17, 3) that shows at least `visible` (B,) of its joints.

    Draws `candidates` for each and takes the first at a legal height, with nobody too near, that shows
    enough; failing that, the one that comes closest.
    """
    clips, frames = world_m.shape[:2]
    picks = np.unique(np.linspace(0, frames - 1, _PROBES).round().astype(int))
    probes = np.repeat(world_m[:, picks], candidates, axis=0)
    cameras = _draw(rng, probes[:, len(picks) // 2, _PELVIS], fov_deg, mounting)
    camera_m = cameras.joints(probes)
    shown = cameras.in_image(camera_m).mean(axis=(1, 2))
    height_m = cameras.position_m[:, 1]
    legal = (height_m >= mounting.height_m[0]) & (height_m <= mounting.height_m[1])
    legal &= camera_m[..., 2].min(axis=(1, 2)) > _NEAREST_M
    enough = shown >= np.repeat(visible, candidates)
    merit = (2.0 * legal + np.where(enough, 1.0, shown - 1.0)).reshape(clips, candidates)
    return cameras.pick(np.arange(clips) * candidates + merit.argmax(axis=1))

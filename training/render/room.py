"""A plain room: a plank floor with a rug, painted walls, a picture and a sideboard, by casting rays once.

World: metres, y up; the camera stands near the origin and looks along -z. Linear light, BGR.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from realtime.types import Array, FloatArray
from training.people.look import linear
from training.render.raster import Viewpoint

KEY_DIRECTION = np.array([-0.42, 0.80, 0.43], np.float32)
"""Unit vector towards the key light: above, to the left, behind the camera."""
KEY_LIGHT = np.array([0.72, 0.78, 0.82], np.float32)
AMBIENT_ABOVE = np.array([0.54, 0.51, 0.49], np.float32)
AMBIENT_BELOW = np.array([0.20, 0.23, 0.26], np.float32)

_BACK_M, _SIDE_M = -6.3, 3.1
_PLANK_M = (0.13, 1.7)
_SIDEBOARD_M = ((1.25, 0.08, -6.3), (2.65, 0.74, -5.9))
_PICTURES_M = ((-2.1, 1.25, -1.1, 1.95), (-0.7, 1.42, -0.2, 1.95))
_RUG_M = (-1.75, -5.0, 1.45, -2.7)
_TEXTURE = 512
_RAYS_PX = ((-0.25, -0.25), (0.25, 0.25))


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The empty room in one view. ambient, key: (H, W, 3) light from all around and from the key light.

    world_m: (H, W, 3) where each pixel's centre looks.
    """

    ambient: FloatArray
    key: FloatArray
    world_m: FloatArray


def backdrop(view: Viewpoint, rng: np.random.Generator) -> Backdrop:
    """Draw the empty room. Each pixel is the mean of a few rays."""
    grain = _grain(rng)
    height, width = view.intrinsics.height, view.intrinsics.width
    ambient, key = (np.zeros((height, width, 3), np.float32) for _ in range(2))
    for dx, dy in _RAYS_PX:
        place, normal = _cast(view, dx, dy)
        colour = _colour(place, normal, grain)
        ambient += colour * _ambient(place, normal)
        key += colour * KEY_LIGHT * np.maximum(normal @ KEY_DIRECTION, 0)[..., None]
    centre, _ = _cast(view, 0.0, 0.0)
    share = np.float32(1 / len(_RAYS_PX))
    return Backdrop(ambient * share, key * share, centre)


def _cast(view: Viewpoint, dx: float, dy: float) -> tuple[FloatArray, FloatArray]:
    """Where the ray through each pixel, moved by (dx, dy), ends, and the normal there; both (H, W, 3)."""
    lens = view.intrinsics
    grid = np.stack(np.meshgrid(np.arange(lens.width) + dx, np.arange(lens.height) + dy), axis=-1)
    rays = lens.rays(grid.astype(np.float32))
    ones = np.ones((*rays.shape[:2], 1), np.float32)
    ray = np.concatenate([rays, ones], axis=-1) @ view.camera_from_world
    start = view.position_m
    far = np.full(rays.shape[:2], 50.0, np.float32)
    normal = np.zeros_like(ray)
    for axis, level, facing in ((1, 0.0, 1), (2, _BACK_M, 1), (0, -_SIDE_M, 1), (0, _SIDE_M, -1)):
        towards = ray[..., axis] * facing < -1e-6
        span = np.where(towards, (level - start[axis]) / np.where(towards, ray[..., axis], -1.0), np.inf)
        nearer = (span > 0) & (span < far)
        far = np.where(nearer, span, far)
        normal[nearer] = np.eye(3, dtype=np.float32)[axis] * facing
    far, normal = _box(start, ray, far, normal)
    return (start + ray * far[..., None]).astype(np.float32), normal


def _box(start: FloatArray, ray: FloatArray, far: Array, normal: FloatArray) -> tuple[Array, FloatArray]:
    """The same, with the sideboard in the way (the slab test)."""
    low, high = (np.array(corner, np.float32) for corner in _SIDEBOARD_M)
    safe = np.where(np.abs(ray) > 1e-9, ray, 1e-9)
    a, b = (low - start) / safe, (high - start) / safe
    enter, leave = np.minimum(a, b), np.maximum(a, b).min(axis=-1)
    first = enter.max(axis=-1)
    hit = (first < leave) & (first > 0) & (first < far)
    axis = enter.argmax(axis=-1)
    facing = -np.sign(ray) * np.eye(3, dtype=np.float32)[axis]
    return np.where(hit, first, far), np.where(hit[..., None], facing, normal)


def _ambient(place: FloatArray, normal: FloatArray) -> FloatArray:
    """(H, W, 3) light from all around: more from above, less in the corners of the room."""
    up = 0.5 + 0.5 * normal[..., 1:2]
    light = AMBIENT_BELOW + (AMBIENT_ABOVE - AMBIENT_BELOW) * (0.35 + 0.65 * up)
    open_m = np.stack([place[..., 1], place[..., 2] - _BACK_M, _SIDE_M - np.abs(place[..., 0])], axis=-1)
    own_wall = np.abs(normal) > 0.5
    open_m = np.where(own_wall[..., [1, 2, 0]], 9.0, np.maximum(open_m, 0))
    return np.asarray(light * (1 - 0.45 * np.exp(-open_m / 0.28)).prod(axis=-1, keepdims=True), np.float32)


def _colour(place: FloatArray, normal: FloatArray, grain: FloatArray) -> FloatArray:
    x, y, z = place[..., 0], place[..., 1], place[..., 2]
    wall = linear(226, 222, 212) * (0.985 + 0.03 * _look_up(grain, x * 0.35 + z * 0.35, y * 0.12))[..., None]
    wall = np.where((y < 0.11)[..., None], linear(232, 230, 225), wall)
    wall = _pictures(x, y, z, wall)
    out = np.where((normal[..., 1] > 0.5)[..., None], _floor(x, z, grain), wall)
    low, high = _SIDEBOARD_M
    inside = (x > low[0] - 1e-3) & (x < high[0] + 1e-3) & (y > low[1] - 1e-3) & (z < high[2] + 1e-3)
    inside &= (y < high[1] + 1e-3) & (z > _BACK_M + 1e-3)
    door = np.abs((x - low[0]) / (high[0] - low[0]) * 3 % 1 - 0.5) > 0.485
    wood = linear(112, 78, 52) * (0.85 + 0.3 * _look_up(grain, y * 0.7, x * 0.25))[..., None]
    return np.where(inside[..., None], np.where((door & (y < 0.70))[..., None], wood * 0.35, wood), out)


def _floor(x: Array, z: Array, grain: FloatArray) -> FloatArray:
    """Oak planks that run away from the camera, and a rug with a border."""
    wide, long = _PLANK_M
    plank = np.floor(x / wide)
    piece = z / long + _hash(plank, 0.0)
    tone = 0.82 + 0.36 * _hash(plank, np.floor(piece))
    streak = 0.80 + 0.40 * _look_up(grain, x * 1.1 + 7.3 * _hash(plank, 3.0), z * 0.09)
    seam = (np.abs(x / wide - plank - 0.5) > 0.488) | (np.abs(piece % 1 - 0.5) > 0.4985)
    wood = linear(168, 128, 92) * (tone * streak * np.where(seam, 0.45, 1.0))[..., None]
    x0, z0, x1, z1 = _RUG_M
    edge = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(z - z0, z1 - z))
    weave = (0.92 + 0.16 * _look_up(grain, x * 1.9, z * 1.9))[..., None]
    rug = np.where(((edge > 0.10) & (edge < 0.16))[..., None], linear(196, 186, 166), linear(118, 126, 136))
    return np.asarray(np.where((edge > 0)[..., None], rug * weave, wood), np.float32)


def _pictures(x: Array, y: Array, z: Array, wall: FloatArray) -> FloatArray:
    for number, (x0, y0, x1, y1) in enumerate(_PICTURES_M):
        edge = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(y - y0, y1 - y))
        edge = np.where(z < _BACK_M + 1e-3, edge, -1.0)
        waves = 0.5 + 0.5 * np.sin(9 * (y - y0) + 2.2 * np.sin(4 * (x - x0) + 2 * number))
        low, high = linear(70, 104, 122), linear(214, 168, 110)
        art = low + (high - low) * waves[..., None]
        art = np.where((edge < 0.11)[..., None], linear(238, 236, 230), art)
        art = np.where((edge < 0.025)[..., None], linear(40, 36, 34), art)
        wall = np.where((edge > 0)[..., None], art, wall)
    return wall


def _hash(a: Array, b: Array | float) -> FloatArray:
    """A value in [0, 1) that looks random for each pair of whole numbers."""
    value = np.sin(a * 12.9898 + np.asarray(b) * 78.233) * 43758.547
    return np.asarray(value - np.floor(value), np.float32)


def _grain(rng: np.random.Generator) -> FloatArray:
    """A tileable texture in [0, 1], streaky along its second axis."""
    noise = rng.random((_TEXTURE, _TEXTURE), np.float32)
    tiled = np.tile(noise, (3, 3))
    fine = cv2.GaussianBlur(tiled, (0, 0), sigmaX=1.5, sigmaY=6.0)
    coarse = cv2.GaussianBlur(tiled, (0, 0), sigmaX=6.0, sigmaY=24.0)
    out = np.zeros_like(noise)
    for layer in (fine, coarse):
        middle = layer[_TEXTURE : 2 * _TEXTURE, _TEXTURE : 2 * _TEXTURE]
        out += 0.5 * (0.5 + (middle - middle.mean()) / (5 * middle.std()))
    return np.clip(out, 0, 1)


def _look_up(grain: FloatArray, u: Array, v: Array) -> FloatArray:
    """The texture at (u, v), one repeat a unit."""
    x = np.asarray((u % 1) * (_TEXTURE - 1), np.float32)
    y = np.asarray((v % 1) * (_TEXTURE - 1), np.float32)
    return np.asarray(cv2.remap(grain, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)

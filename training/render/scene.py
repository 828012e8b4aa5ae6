"""Rendering a dressed person in a room: key light with shadows, light from all around, anti-aliasing, noise.

Every image is drawn at twice its size in linear light and averaged down. World: metres, y up.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.types import Array, FloatArray, ImageArray
from training.people.body import Body, Pose
from training.people.figure import Figure
from training.people.look import Look, srgb
from training.render.raster import Coverage, Viewpoint, draw, look_at
from training.render.room import AMBIENT_ABOVE, AMBIENT_BELOW, KEY_DIRECTION, KEY_LIGHT, backdrop

_OVERSAMPLING = 2
_SUN_SIZE_PX, _SUN_SPAN_M, _SUN_DISTANCE_M = 1024, 6.5, 60.0
_SUN_TARGET_M = np.array([0.0, 0.7, -3.9], np.float32)
_SHADOW_BLUR_PX = 5.0
_SHADOW_BIAS_M = 0.02
_CONTACT_CELL_M, _CONTACT_FADE_M, _CONTACT_BLUR_CELLS = 0.02, 0.10, 4.0
_CONTACT_STRENGTH = 0.05
_NOISE_LEVELS = 1.1


@dataclass(frozen=True, slots=True)
class Rendered:
    """One frame. image: (H, W, 3) uint8 BGR. coverage: what each pixel sees, at the image's own size."""

    image: ImageArray
    coverage: Coverage


class Scene:
    """A room seen by one camera, and the person who moves in it. seed: of textures and sensor noise."""

    def __init__(self, view: Viewpoint, body: Body, figure: Figure, look: Look, seed: int) -> None:
        self.view, self._body, self._figure, self._look, self._seed = view, body, figure, look, seed
        size = (view.intrinsics.width * _OVERSAMPLING, view.intrinsics.height * _OVERSAMPLING)
        self._fine = view.scaled_to(*size)
        self._room = backdrop(self._fine, np.random.default_rng(seed))
        self._sun = _sun()
        # Where each pixel of the empty room lies in the shadow map and in the contact map: fixed.
        light_m = self._sun.camera_m(self._room.world_m.reshape(-1, 3))
        light_px = self._sun.intrinsics.project(light_m).reshape(*self._room.world_m.shape[:2], 2)
        self._shadow_at = np.ascontiguousarray(light_px, np.float32)
        self._contact_at = _contact_px(self._room.world_m)
        self._on_floor = self._room.world_m[..., 1] < 0.01

    def render(self, pose: Pose, frame: int) -> Rendered:
        """Draw the person in one pose. frame: chooses the noise, so a frame looks the same every time."""
        points, normals = self._figure.posed(self._body, pose)
        shadow = draw(self._sun.camera_m(points), self._figure.triangles, self._sun.intrinsics)
        light = self._backdrop(points, shadow)
        camera_m = self.view.camera_m(points)
        fine = draw(camera_m, self._figure.triangles, self._fine.intrinsics)
        light.reshape(-1, 3)[fine.pixel] = self._shade(fine, points, normals, shadow)
        plain = self.view.intrinsics
        light = cv2.resize(light, (plain.width, plain.height), interpolation=cv2.INTER_AREA)
        noise = np.random.default_rng([self._seed, frame]).standard_normal(light.shape, np.float32)
        image = np.clip(np.rint(srgb(light) * 255 + noise * _NOISE_LEVELS), 0, 255).astype(np.uint8)
        return Rendered(image, draw(camera_m, self._figure.triangles, plain))

    def _backdrop(self, points_m: FloatArray, shadow: Coverage) -> FloatArray:
        """(H, W, 3) the room with the person's shadow, but without the person."""
        mask = shadow.image(np.ones(len(shadow.pixel), np.float32), 0.0)
        soft = cv2.GaussianBlur(mask, (0, 0), _SHADOW_BLUR_PX)
        x, y = self._shadow_at[..., 0], self._shadow_at[..., 1]
        lit = 1 - cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        x, y = self._contact_at[..., 0], self._contact_at[..., 1]
        dark = cv2.remap(_contact(points_m), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        open_sky = np.where(self._on_floor, 1 - dark, 1.0).astype(np.float32)
        light = self._room.ambient * open_sky[..., None] + self._room.key * (lit * open_sky)[..., None]
        return np.asarray(light, np.float32)

    def _shade(self, seen: Coverage, points_m: Array, normals: Array, shadow: Coverage) -> FloatArray:
        """(N, 3) light that leaves the person towards the camera at each covered pixel."""
        triangles = self._figure.triangles
        place = seen.sample(points_m, triangles)
        normal = seen.sample(normals, triangles)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        to_eye = self.view.position_m - place
        normal *= np.where((normal * to_eye).sum(axis=1, keepdims=True) < -0.2, -1.0, 1.0).astype(np.float32)
        albedo = self._look.albedo(
            self._figure.material[seen.triangle], seen.sample(self._figure.points_m, triangles)
        )
        facing = np.maximum(normal @ KEY_DIRECTION, 0) * self._lit(place + 0.01 * normal, shadow)
        up = (0.5 + 0.5 * normal[:, 1:2]) * (0.55 + 0.45 * np.clip(place[:, 1:2] / 1.2, 0, 1))
        ambient = AMBIENT_BELOW + (AMBIENT_ABOVE - AMBIENT_BELOW) * up
        return np.asarray(albedo * (ambient + KEY_LIGHT * 1.15 * facing[:, None]), np.float32)

    def _lit(self, place_m: FloatArray, shadow: Coverage) -> FloatArray:
        """(N,) how much key light reaches places: the share of shadow-map texels around that lie beyond."""
        depth = shadow.image(shadow.depth_m, np.inf)
        light_m = self._sun.camera_m(place_m)
        at = np.rint(self._sun.intrinsics.project(light_m)).astype(np.intp)
        clear = np.zeros(len(place_m), np.float32)
        taps = [(dx, dy) for dx in (-2, 0, 2) for dy in (-2, 0, 2)]
        for dx, dy in taps:
            x, y = (np.clip(at[:, k] + d, 0, _SUN_SIZE_PX - 1) for k, d in ((0, dx), (1, dy)))
            clear += depth[y, x] > light_m[:, 2] - _SHADOW_BIAS_M
        return clear / np.float32(len(taps))


def _sun() -> Viewpoint:
    """The key light as a camera so far away that its rays are all but parallel."""
    fov_deg = float(np.degrees(2 * np.arctan(_SUN_SPAN_M / 2 / _SUN_DISTANCE_M)))
    lens = Intrinsics.from_fov(fov_deg, _SUN_SIZE_PX, _SUN_SIZE_PX)
    return look_at(lens, _SUN_TARGET_M + _SUN_DISTANCE_M * KEY_DIRECTION, _SUN_TARGET_M)


def _contact_px(world_m: FloatArray) -> FloatArray:
    """Cells (..., 2) of the contact map, which covers the floor around the shadow map's middle."""
    flat = world_m[..., [0, 2]] - _SUN_TARGET_M[[0, 2]] + _SUN_SPAN_M / 2
    return np.ascontiguousarray(flat / _CONTACT_CELL_M, np.float32)


def _contact(points_m: FloatArray) -> FloatArray:
    """A map of the floor: how much of the sky is hidden by what almost touches it, [0, 1]."""
    size = round(_SUN_SPAN_M / _CONTACT_CELL_M)
    cell = np.clip(np.rint(_contact_px(points_m)).astype(np.intp), 0, size - 1)
    weight = np.exp(-np.maximum(points_m[:, 1], 0) / _CONTACT_FADE_M)
    counts = np.bincount(cell[:, 1] * size + cell[:, 0], weight, size * size).reshape(size, size)
    soft = cv2.GaussianBlur(counts.astype(np.float32), (0, 0), _CONTACT_BLUR_CELLS)
    return np.asarray(0.75 * (1 - np.exp(-soft * _CONTACT_STRENGTH * 8)), np.float32)

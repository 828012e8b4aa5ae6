"""Colours: how each material of a figure looks at a place on its rest mesh. Linear light, BGR, [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.types import Array, FloatArray
from training.people.body import Body
from training.people.figure import MATERIALS
from training.people.makehuman import IntArray

# Face parts (x, y, half width, half height) from the point between the eyes, in halves of their distance:
# measured on the mesh.
_BROW = (1.04, 0.47, 0.66, 0.12)
_LIPS = (0.0, -2.5, 0.85, 0.33)
_IRIS_SHARE = 0.16
_CHEST_BAND = (0.725, 0.750, 0.094)


def linear(*srgb: int) -> FloatArray:
    """(3,) linear BGR of an 8-bit sRGB red, green, blue."""
    value = np.array(srgb[::-1], np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb(light: FloatArray) -> FloatArray:
    """Linear light to sRGB, both in [0, 1]; more light than white is cut off."""
    value = np.clip(light, 0.0, 1.0)
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of one person. colours: (M, 3) one a material. face: the anchors of the face.

    height_m: stature. between_eyes_m: (3,) at rest. half_eyes_m: half the distance between the eyes.
    """

    colours: FloatArray
    height_m: float
    between_eyes_m: FloatArray
    half_eyes_m: float

    def albedo(self, material: IntArray, rest_m: FloatArray) -> FloatArray:
        """(N, 3) colours of materials (N,) at rest positions (N, 3)."""
        out = self.colours[material]
        self._face(out, material, rest_m)
        shirt = material == MATERIALS.index("shirt")
        low, high, side = (share * self.height_m for share in _CHEST_BAND)
        band = shirt & (rest_m[:, 1] > low) & (rest_m[:, 1] < high) & (np.abs(rest_m[:, 0]) < side)
        out[band] = linear(226, 222, 210)
        self._wear(out, material == MATERIALS.index("trousers"), rest_m)
        hair = material == MATERIALS.index("hair")
        strands = np.sin(rest_m[hair] @ np.array([900.0, 35.0, 700.0], np.float32))
        out[hair] *= (1 + 0.22 * strands)[:, None]
        return out

    def _wear(self, out: FloatArray, cloth: Array, rest_m: FloatArray) -> None:
        """Denim is paler where it rubs: the front of the thighs and the knees."""
        place = rest_m[cloth]
        height = place[:, 1] / self.height_m
        rubbed = np.exp(-(((height - 0.37) / 0.10) ** 2)) * np.clip(place[:, 2] / 0.06, 0, 1)
        out[cloth] *= (1 + 0.55 * rubbed)[:, None]

    def _face(self, out: FloatArray, material: IntArray, rest_m: FloatArray) -> None:
        place = (rest_m - self.between_eyes_m) / self.half_eyes_m
        skin = (material == MATERIALS.index("skin")) & (place[:, 2] > 0) & (np.abs(place[:, 1]) < 4)
        for (x, y, wide, high), colour in ((_BROW, linear(62, 45, 36)), (_LIPS, linear(176, 96, 90))):
            across = (np.abs(place[:, 0]) - x) / wide
            inside = skin & (across**2 + ((place[:, 1] - y) / high) ** 2 < 1)
            out[inside] = 0.25 * out[inside] + 0.75 * colour
        eye = material == MATERIALS.index("eye")
        iris = eye & ((np.abs(place[:, 0]) - 1) ** 2 + place[:, 1] ** 2 < _IRIS_SHARE**2 * 2)
        out[iris] = linear(58, 40, 30)


def look_of(body: Body, colours: dict[str, FloatArray]) -> Look:
    """A look for a body; `colours` gives linear BGR by material; one it lacks is as the shirt."""
    eyes = body.vertices_m[np.unique(body.eyes)]
    left = eyes[eyes[:, 0] > 0].mean(axis=0)
    centre = left * np.array([0, 1, 1], np.float32)
    return Look(
        np.stack([colours.get(material, colours["shirt"]) for material in MATERIALS]).astype(np.float32),
        body.height_m, centre, float(left[0]),
    )  # fmt: skip

"""Drawing people in a place, in OpenGL: key light with shadows, light from all around, textures by formula.

What stands still is drawn once a clip; a frame adds the people and their shadows. Every pixel also says whose
body part it shows and how far away it is. World: metres, y up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.types import Array, FloatArray, ImageArray
from training.people.makehuman import IntArray
from training.render.cast import Actor
from training.render.gl import context, program, set_uniforms, vertex_array
from training.render.lens import Viewpoint
from training.render.surface import PATTERNS, Finish, Light, Surface

PARTS = 64
"""Bones a person may have: identities count in steps of it."""

_NEAR_M, _FAR_M = 0.10, 250.0
_STILL_SHADOW_PX, _LIVE_SHADOW_PX = 2048, 512
_SHADOW_CELL_M = 0.03
_TILE_PX = 8
_MOST_SHADES, _SHADE_RADIUS_M, _SHADE_REACH_M = 32, 0.09, 0.6
_LIGHT_DEPTH_M = 60.0
_OUTSIDE = "cw"
"""Rows run downwards in these buffers, so what is counter-clockwise from outside is clockwise here."""
_TWO_SIDED = ("hair",)
# Texture units, by sampler name.
_UNITS = {
    "finishes": 0, "still_shadow": 1, "live_shadow": 2,
    "ambient_map": 3, "key_map": 4, "where_map": 5, "normal_map": 6, "plain_map": 7,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a camera turns light into numbers. gain: linear BGR factors. vignette: light lost in corners."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.0


@dataclass(frozen=True, slots=True)
class Posed:
    """A person in one pose. points_m, normals: (N, 3) in the world. shades: (K, 3) what darkens the floor."""

    points_m: FloatArray
    normals: FloatArray
    shades_m: FloatArray


@dataclass(frozen=True, slots=True)
class Painted:
    """One picture. image: (H, W, 3) uint8 BGR. person: (H, W) -1 or the person seen; part: their bone.

    depth_m: (H, W) along the optical axis, of whatever is seen.
    """

    image: ImageArray
    person: Array
    part: Array
    depth_m: FloatArray


class Painter:
    """Draws the same people, in ever new poses, in one place before one camera.

    view: a camera without distortion. background: linear RGB where the place has nothing.
    """

    def __init__(
        self,
        place: Surface,
        light: Light,
        actors: Sequence[Actor],
        view: Viewpoint,
        exposure: Exposure = Exposure(),
        background: tuple[float, float, float] = (0.5, 0.6, 0.7),
    ) -> None:
        self._gl, self._light, self._view = context(), light, view
        self._size = (view.intrinsics.width, view.intrinsics.height)
        finishes = [*place.finishes, *(f for actor in actors for f in actor.finishes)]
        self._finishes = self._gl.texture((3, len(finishes)), 4, _table(finishes).tobytes(), dtype="f4")
        self._background = background
        self._common = {
            "clip_from_world": _columns(_projection(view.intrinsics) @ _rigid(view)),
            "towards_key": tuple(map(float, light.towards)),
            "key_light": tuple(map(float, light.key)),
            "light_above": tuple(map(float, light.above)),
            "light_below": tuple(map(float, light.below)),
            "gain": exposure.gain[::-1],
            "vignette": exposure.vignette,
            "image_size": tuple(map(float, self._size)),
            "eye": tuple(map(float, view.position_m)),
            "tile_px": float(_TILE_PX),
            **_UNITS,
        }
        first = np.cumsum([len(place.finishes), *(len(actor.finishes) for actor in actors)])
        self._people = [_Person(a, n, int(f)) for n, (a, f) in enumerate(zip(actors, first, strict=False))]
        self._still_shadow = _shadow_map(self._gl, _STILL_SHADOW_PX)
        self._live_shadow = _shadow_map(self._gl, _LIVE_SHADOW_PX)
        self._target = self._gl.framebuffer(
            [self._gl.renderbuffer(self._size, 4), self._gl.renderbuffer(self._size, 1, dtype="u2")],
            self._gl.depth_renderbuffer(self._size),
        )
        self._claim = object()
        self._bake(place)

    def paint(self, people: Sequence[Posed]) -> Painted:
        """Draw the people, one pose each, and say what each pixel shows."""
        image = self.picture(people)
        return self._with_identities(image)

    def picture(self, people: Sequence[Posed]) -> ImageArray:
        """(H, W, 3) uint8 BGR: the people, one pose each."""
        for person, posed in zip(self._people, people, strict=True):
            person.move(posed)
        live = self._cast_live_shadow(people)
        self._textures()
        self._target.use()
        self._backdrop(people, live)
        for person in self._people:
            person.draw(self, live)
        width, height = self._size
        image = np.frombuffer(self._target.read(components=4), np.uint8).reshape(height, width, 4)
        # The projection puts the image's first row at the buffer's first: no flip is needed.
        return np.ascontiguousarray(image[..., 2::-1])

    def claim(self, target: Any) -> None:
        """Give a program this painter's uniforms, unless it has them since it was last used."""
        if target.extra is not self._claim:
            set_uniforms(target, self._common | self._still)
            target.extra = self._claim

    def _bake(self, place: Surface) -> None:
        """Draw what stands still, once."""
        centre, span = _extent(place, self._view)
        matrix, texel_m = _light_matrix(self._light.towards, centre, span, _STILL_SHADOW_PX)
        self._still = {
            "still_light": matrix,
            "still_spread": max(self._light.softness_m / texel_m, 0.7) / _STILL_SHADOW_PX,
        }
        data = np.concatenate([place.points_m, place.normals, place.place_m], axis=1).astype(np.float32)
        vertices = self._gl.buffer(data.tobytes())
        finish = self._gl.buffer(place.finish.astype(np.int32).tobytes())
        drawing = _ByPattern(place.triangles, place.finish, place.finishes)
        caster = self._gl.vertex_array(
            program("shadow", "shadow.frag"), [(vertices, "3f 24x", "point")], drawing.indices
        )
        self._gl.enable(self._gl.DEPTH_TEST)
        frame = self._still_shadow[1]
        frame.use()
        frame.clear(depth=1.0)
        # Walls and ceilings face inwards: seen from a light outside they show their backs and cast nothing.
        self._gl.front_face = _OUTSIDE
        self._gl.enable(self._gl.CULL_FACE)
        set_uniforms(caster.program, {"clip_from_world": matrix})
        caster.render()
        self._gl.disable(self._gl.CULL_FACE)
        self._baked_maps = [
            self._gl.texture(self._size, 4, dtype=kind) for kind in ("f2", "f2", "f4", "f2", "f1")
        ]
        baked = self._gl.framebuffer(self._baked_maps[:4], self._gl.depth_renderbuffer(self._size))
        baked.use()
        baked.clear(depth=1.0)
        buffers = [(vertices, "3f 3f 3f", "point", "normal", "place"), (finish, "1i", "finish")]
        self._textures()
        drawing.arrays("still", buffers, cull=False)
        drawing.draw(self, {})
        self._fill_background()
        self._gl.framebuffer(self._baked_maps[-1]).use()
        self._gl.disable(self._gl.DEPTH_TEST)
        whole = self._gl.vertex_array(program("whole", "light.glsl", "plain.frag"), [])
        self.claim(whole.program)
        whole.render(vertices=3)
        self._plan_frames()

    def _plan_frames(self) -> None:
        """Make ready what each frame uses to draw the place."""
        width, height = self._size
        where = np.frombuffer(self._baked_maps[2].read(), np.float32).reshape(height, width, 4)
        middles = [
            np.minimum(np.arange(_TILE_PX // 2, side + _TILE_PX // 2, _TILE_PX), side - 1)
            for side in (height, width)
        ]
        self._coarse = where[np.ix_(*middles)]
        rows, columns = (-(-side // _TILE_PX) for side in (height, width))
        self._tiles = self._gl.buffer(reserve=8 * rows * columns, dynamic=True)
        self._empty, self._shaded = (
            self._gl.vertex_array(made, [(self._tiles, "2f", "middle_px")])
            for made in (program("tiles", "backdrop.frag"), program("tiles", "light.glsl", "shade.frag"))
        )
        self._dirty = np.ones((rows, columns), bool)
        self._gl.enable(self._gl.PROGRAM_POINT_SIZE)

    def _fill_background(self) -> None:
        """Where nothing was drawn, the background's light."""
        where = np.frombuffer(self._baked_maps[2].read(), np.float32).reshape(-1, 4)
        empty = where[:, 3] == 0.0
        if empty.any():
            ambient = np.frombuffer(self._baked_maps[0].read(), np.float16).reshape(-1, 4).copy()
            ambient[empty, :3] = self._background
            self._baked_maps[0].write(ambient.tobytes())

    def _textures(self) -> None:
        maps = (self._finishes, self._still_shadow[0], self._live_shadow[0], *self._baked_maps)
        for unit, texture in enumerate(maps):
            texture.use(unit)

    def _cast_live_shadow(self, people: Sequence[Posed]) -> dict[str, Any]:
        """Draw the people's depths as the key light sees them."""
        frame = self._live_shadow[1]
        frame.use()
        frame.clear(depth=1.0)
        points = [posed.points_m for posed in people if len(posed.points_m)]
        low = np.min([p.min(axis=0) for p in points], axis=0) if points else np.zeros(3)
        high = np.max([p.max(axis=0) for p in points], axis=0) if points else np.ones(3)
        span = float(np.linalg.norm(high - low)) + 0.1
        matrix, texel_m = _light_matrix(self._light.towards, (low + high) / 2, span, _LIVE_SHADOW_PX)
        self._gl.enable(self._gl.DEPTH_TEST)
        for person in self._people:
            person.cast(matrix)
        spread = max(self._light.softness_m / texel_m, 0.7) / _LIVE_SHADOW_PX
        return {"live_light": matrix, "live_spread": spread}

    def _backdrop(self, people: Sequence[Posed], live: dict[str, Any]) -> None:
        """The place, with people's shadows, drawn only in those squares of the image that they touch."""
        self._gl.depth_func = "1"
        self._squares(self._empty, self._dirty, {})
        self._gl.depth_func = "<"
        shades = np.concatenate([posed.shades_m for posed in people]) if people else np.zeros((0, 3))
        spheres = np.zeros((_MOST_SHADES, 4), np.float32)
        spheres[: len(shades), :3], spheres[:, 3] = shades[:_MOST_SHADES], _SHADE_RADIUS_M
        near = {"near_parts": spheres.tobytes(), "near_count": min(len(shades), _MOST_SHADES)}
        touched = self._touched(people, live)
        self._gl.disable(self._gl.DEPTH_TEST)
        self._squares(self._shaded, touched, live | near)
        self._gl.enable(self._gl.DEPTH_TEST)
        self._dirty = touched | self._covered(people)

    def _squares(self, drawing: Any, which: Array, uniforms: dict[str, Any]) -> None:
        """Draw some of the squares (R, C) of the image."""
        rows, columns = np.nonzero(which)
        if not len(rows):
            return
        # A point whose middle lies outside the image is not drawn at all.
        middles = np.minimum((np.stack([columns, rows], axis=1) + 0.5) * _TILE_PX, np.array(self._size) - 0.5)
        self._tiles.write(middles.astype(np.float32).tobytes())
        self.claim(drawing.program)
        set_uniforms(drawing.program, uniforms)
        drawing.render(self._gl.POINTS, vertices=len(middles))

    def _touched(self, people: Sequence[Posed], live: dict[str, Any]) -> Array:
        """(R, C) bool: the squares of the image that a shadow may touch."""
        light = np.frombuffer(live["live_light"], np.float32).reshape(4, 4)
        place = self._coarse[..., :3]
        seen = place @ light[:3, :3] + light[3, :3]
        touched = np.zeros(seen.shape[:2], bool)
        for posed in people:
            corners = _corners(posed.points_m) @ light[:3, :3] + light[3, :3]
            first, last = corners.min(axis=0), corners.max(axis=0)
            touched |= ((seen >= first) & (seen <= [last[0], last[1], 1.0])).all(axis=-1)
            if len(posed.shades_m):
                low = posed.shades_m.min(axis=0) - _SHADE_REACH_M
                high = posed.shades_m.max(axis=0) + _SHADE_REACH_M
                touched |= ((place > low) & (place < high)).all(axis=-1)
        touched &= self._coarse[..., 3] > 0
        return cv2.dilate(touched.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)

    def _covered(self, people: Sequence[Posed]) -> Array:
        """(R, C) bool: the squares of the image that people may cover."""
        covered = np.zeros(self._coarse.shape[:2], bool)
        for posed in people:
            corners = self._view.camera_m(_corners(posed.points_m))
            if corners[:, 2].min() < _NEAR_M:
                return np.ones_like(covered)
            at = self._view.intrinsics.project(corners) / _TILE_PX
            x0, y0 = (max(int(np.floor(value)) - 1, 0) for value in at.min(axis=0))
            x1, y1 = (max(int(np.ceil(value)) + 1, 0) for value in at.max(axis=0))
            covered[y0:y1, x0:x1] = True
        return covered

    def _with_identities(self, image: ImageArray) -> Painted:
        width, height = self._size
        identity = np.frombuffer(
            self._target.read(components=1, attachment=1, dtype="u2", alignment=1), np.uint16
        ).reshape(height, width)
        raw = np.frombuffer(self._target.read(components=1, attachment=-1, dtype="f4"), np.float32).reshape(
            height, width
        )
        far, near = np.float32(_FAR_M), np.float32(_NEAR_M)
        depth = 2 * near * far / (far + near - (2 * raw - 1) * (far - near))
        person, part = np.divmod(identity.astype(np.int16), PARTS)
        return Painted(image, person - 1, part, depth)


class _Person:
    """One person's mesh on the GPU."""

    def __init__(self, actor: Actor, number: int, first_finish: int) -> None:
        gl, figure = context(), actor.figure
        self._uniforms = {
            "first_finish": first_finish,
            "person": number,
            "between_eyes": tuple(map(float, actor.between_eyes_m)),
            "half_eyes": float(actor.half_eyes_m),
        }
        self._moving = gl.buffer(reserve=24 * len(figure.points_m), dynamic=True)
        fixed = np.zeros(len(figure.points_m), np.dtype([("rest", "3f4"), ("kind", "2i4")]))
        fixed["rest"] = figure.points_m
        fixed["kind"][:, 0], fixed["kind"][:, 1] = figure.vertex_material, figure.vertex_part
        self._drawing = _ByPattern(figure.triangles, figure.vertex_material, actor.finishes)
        self._drawing.arrays(
            "person",
            [
                (self._moving, "3f 3f", "point", "normal"),
                (gl.buffer(fixed.tobytes()), "3f 1i 1i", "rest", "material", "part"),
            ],
            cull=True,
        )
        outline = gl.buffer(figure.outline(_SHADOW_CELL_M).tobytes())
        self._caster = gl.vertex_array(
            program("shadow", "shadow.frag"), [(self._moving, "3f 12x", "point")], outline
        )

    def move(self, posed: Posed) -> None:
        data = np.concatenate([posed.points_m, posed.normals], axis=1)
        self._moving.write(np.ascontiguousarray(data, np.float32).tobytes())

    def draw(self, painter: Painter, live: dict[str, Any]) -> None:
        self._drawing.draw(painter, live | self._uniforms)

    def cast(self, matrix: bytes) -> None:
        set_uniforms(self._caster.program, {"clip_from_world": matrix})
        self._caster.render()


class _ByPattern:
    """A mesh whose triangles are drawn pattern by pattern, each with a program of its own."""

    def __init__(self, triangles: IntArray, finish: IntArray, finishes: Sequence[Finish]) -> None:
        pattern = np.array([PATTERNS.index(f.pattern) for f in finishes])[finish[triangles[:, 0]]]
        order = np.argsort(pattern, kind="stable")
        self.indices = context().buffer(triangles[order].astype(np.int32).tobytes())
        kinds, starts, counts = np.unique(pattern[order], return_index=True, return_counts=True)
        self._runs = [(int(k), int(s), int(c)) for k, s, c in zip(kinds, starts, counts, strict=True)]
        self._arrays: list[tuple[Any, int, int, bool]] = []

    def arrays(self, shader: str, buffers: list[tuple[Any, ...]], cull: bool) -> None:
        """Say which shader and vertex buffers are used, and whether the insides of meshes are left out."""
        names = tuple((name.upper(), number) for number, name in enumerate(PATTERNS))
        for kind, start, count in self._runs:
            made = program(
                shader, "finish.glsl", "light.glsl", f"{shader}.frag", defines=(*names, ("PATTERN", kind))
            )
            solid = cull and PATTERNS[kind] not in _TWO_SIDED
            self._arrays.append((vertex_array(made, buffers, self.indices), start, count, solid))

    def draw(self, painter: Painter, uniforms: dict[str, Any]) -> None:
        """Draw all of it."""
        gl = context()
        gl.front_face = _OUTSIDE
        for array, start, count, solid in self._arrays:
            painter.claim(array.program)
            set_uniforms(array.program, uniforms)
            (gl.enable if solid else gl.disable)(gl.CULL_FACE)
            array.render(vertices=3 * count, first=3 * start)
        gl.disable(gl.CULL_FACE)


def _corners(points_m: FloatArray) -> FloatArray:
    """(8, 3) corners of the box around points."""
    low, high = points_m.min(axis=0), points_m.max(axis=0)
    return np.array(list(product(*zip(low, high, strict=True))), np.float32)


def _shadow_map(gl: Any, size_px: int) -> tuple[Any, Any]:
    texture = gl.depth_texture((size_px, size_px))
    texture.compare_func = "<="
    texture.repeat_x = texture.repeat_y = False
    return texture, gl.framebuffer(depth_attachment=texture)


def _table(finishes: Sequence[Finish]) -> FloatArray:
    """(F, 12) what the shader reads of each finish."""
    rows = [
        (*f.colour, PATTERNS.index(f.pattern), *f.second, f.size_m, f.strength, f.gloss, 0.0, 0.0)
        for f in finishes
    ]
    return np.array(rows, np.float32)


def _projection(lens: Intrinsics) -> Array:
    """(4, 4) from camera space to OpenGL's clip space, with row 0 of the image at the buffer's row 0.

    The centre of the first pixel lies at (0, 0) here and at (0.5, 0.5) in OpenGL.
    """
    near, far = _NEAR_M, _FAR_M
    return np.array(
        [
            [2 * lens.fx / lens.width, 0, 2 * (lens.cx + 0.5) / lens.width - 1, 0],
            [0, 2 * lens.fy / lens.height, 2 * (lens.cy + 0.5) / lens.height - 1, 0],
            [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, 1, 0],
        ]
    )


def _rigid(view: Viewpoint) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = view.camera_from_world
    matrix[:3, 3] = -view.camera_from_world @ view.position_m
    return matrix


def _light_matrix(towards: FloatArray, centre: Array, span_m: float, size_px: int) -> tuple[bytes, float]:
    """The key light's parallel projection of a sphere, in steps of whole texels; and a texel's size."""
    forward = -np.asarray(towards, np.float64)
    right = np.cross(forward, [0.0, 1.0, 0.0] if abs(forward[1]) < 0.99 else [1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    texel_m = span_m / size_px
    at = axes @ np.asarray(centre, np.float64)
    at[:2] = np.round(at[:2] / texel_m) * texel_m
    matrix = np.eye(4)
    scale = np.array([2 / span_m, 2 / span_m, 2 / _LIGHT_DEPTH_M])
    matrix[:3, :3] = axes * scale[:, None]
    matrix[:3, 3] = -at * scale
    return _columns(matrix), texel_m


def _extent(place: Surface, view: Viewpoint) -> tuple[Array, float]:
    """The middle and size of what is near enough to cast shadows that are seen."""
    flat = place.points_m[(np.abs(place.points_m - view.position_m) < 15.0).all(axis=1)]
    if not len(flat):
        return view.position_m, 10.0
    low, high = flat.min(axis=0), flat.max(axis=0)
    return (low + high) / 2, float(np.linalg.norm(high - low)) + 0.5


def _columns(matrix: Array) -> bytes:
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()
